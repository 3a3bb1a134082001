"""Scores of labels -> words with tags, by the best of the sequences that are possible.

A label is a place in a word and a tag, place * number of tags + tag, with the places BIES. B begins a word, and I or E
of the same tag go on with it; E or S end one, and B or S come next. A sentence begins with B or S and ends with E or S.

Among equally good sequences the choice is: backwards from the end of the sentence, for each end of a word E before S
and then the first tag; for what comes before an I or E, B before I. NumPy (here) and TensorFlow (in_graph.py) add the
same float32 numbers in the same order, and so find the same sequence.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from apps.chinese_pos.lexicon import PLACES
from apps.chinese_pos.sentences import ENDS, GOES_ON

BEGIN, INSIDE, END, SINGLE = range(len(PLACES))
TaggedSpan = tuple[int, int, int]  # the first character, the one after the last, the number of the tag


def decode(
    scores: np.ndarray, borders: np.ndarray, known_tags: np.ndarray, lengths: Sequence[int]
) -> list[list[TaggedSpan]]:
    """The words of the best possible labels of each sentence, all sentences one step at a time.

    The sentences are sorted by length, the longest first, so that those that have a character t are the first ones;
    their characters t stand together, and so do the numbers of `ways`, what ends a word, and `going`, what doesn't:

        state     best score of a sequence that goes to B or I of each tag, then of one that goes to E or S
        closing   the label of that E or S, tag for E, tags + tag for S
        inside    whether the I of each tag is better than the B, as what comes before the next character

    Args:
        scores: float32 (characters, places * tags) of all sentences, one after the other, which are added up.
        borders: int32 (characters,), where words end for certain, and where none does; ENDS at the first.
        known_tags: int32 (characters,), 1 + the number of the only tag that is possible, 0 where all are.
        lengths: how many characters each sentence has.
    """
    tags = scores.shape[1] // len(PLACES)
    scores = possible(scores.reshape(-1, len(PLACES), tags), borders, known_tags)
    lengths = np.asarray(lengths, np.intp)
    ranked = np.argsort(-lengths, kind="stable")
    times = np.concatenate([np.arange(length) for length in lengths[ranked]] or [np.zeros(0, np.intp)])
    firsts = (np.cumsum(lengths) - lengths)[ranked]
    order = (np.repeat(firsts, lengths[ranked]) + times)[np.argsort(times, kind="stable")]  # time after time
    stops = np.cumsum(np.bincount(times)).tolist() if len(times) else []
    ways = scores[order][:, [END, SINGLE]].reshape(-1, 2 * tags)
    going = scores[order][:, [INSIDE, BEGIN]].reshape(-1, 2 * tags)

    closing, inside = np.zeros(len(order), np.intp), np.zeros((len(order), tags), bool)
    state = np.full((len(lengths), 2 * tags), -np.inf, np.float32)
    state[:, tags:] = 0.0
    start = 0
    for stop in stops:
        state = state[: stop - start]
        ended, went = ways[start:stop] + state, going[start:stop] + state
        ended.argmax(1, out=closing[start:stop])
        np.greater(went[:, :tags], went[:, tags:], out=inside[start:stop])
        np.maximum(went[:, :tags], went[:, tags:], out=state[:, :tags])
        state[:, tags:] = ended.max(1, keepdims=True)
        start = stop
    back = np.argsort(order)
    closing, inside, stops = closing[back].tolist(), inside[back], np.cumsum(lengths).tolist()
    parts = (slice(stop - length, stop) for stop, length in zip(stops, lengths.tolist(), strict=True))
    return [followed(closing[part], inside[part], tags) for part in parts]


def possible(scores: np.ndarray, borders: np.ndarray, known_tags: np.ndarray) -> np.ndarray:
    """Scores (characters, places, tags), -inf for labels that borders or a known tag exclude."""
    scores = scores.copy()
    scores[borders == ENDS, INSIDE : END + 1] = -np.inf
    goes_on = borders == GOES_ON
    scores[goes_on, BEGIN] = scores[goes_on, SINGLE] = -np.inf
    rows = np.flatnonzero(known_tags)
    kept = scores[rows, :, known_tags[rows] - 1]
    scores[rows] = -np.inf
    scores[rows, :, known_tags[rows] - 1] = kept
    return scores


def followed(closing: Sequence[int], inside: np.ndarray, tags: int) -> list[TaggedSpan]:
    """The words, found from the end backwards by what `decode` noted of a sentence's characters."""
    words, place = [], len(closing) - 1
    while place >= 0:
        single, tag = divmod(closing[place], tags)
        last = place + 1
        if not single:
            place -= 1
            while inside[place, tag]:
                place -= 1
        words.append((place, last, tag))
        place -= 1
    return words[::-1]
