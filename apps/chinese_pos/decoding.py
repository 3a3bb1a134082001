"""Scores of labels -> words with tags, by the best of the sequences that are possible.

A label is a place in a word and a tag, place * number of tags + tag, with the places BIES. B begins a word, and I or E
of the same tag go on with it; E or S end one, and B or S come next. A sentence begins with B or S and ends with E or S.

Among equally good sequences the choice is: backwards from the end of the sentence, for each end of a word E before S
and then the first tag; for what comes before an I or E, B before I. NumPy (here) and TensorFlow (tagging_in_graph.py)
add the same float32 numbers in the same order, and so find the same sequence.
"""

from __future__ import annotations

import numpy as np

from apps.chinese_pos.lexicon import PLACES
from apps.chinese_pos.sentences import ENDS, GOES_ON

BEGIN, INSIDE, END, SINGLE = range(len(PLACES))


def decode(scores: np.ndarray, borders: np.ndarray) -> np.ndarray:
    """The best possible labels, int32 (characters,).

        opened[t, x]   best score of a sequence that ends in B or I of tag x at t; from_inside[t, x]: what came before
                       is I, not B
        closed[t]      best score of one that ends in E or S at t, and `closing[t]` is that label

    Args:
        scores: float32 (characters, places * tags) of a sentence, which are added up.
        borders: int32 (characters,), where words end for certain, and where none does; ENDS at the first.
    """
    time, tags = len(scores), scores.shape[1] // len(PLACES)
    scores = scores.reshape(time, len(PLACES), tags)
    may_begin, may_go_on = borders != GOES_ON, borders != ENDS
    closing, from_inside = np.zeros(time, np.int32), np.zeros((time, tags), bool)
    closed = np.float32(0.0)
    begun = inside = np.full(tags, -np.inf, np.float32)
    for t in range(time):
        from_inside[t] = inside > begun
        opened = np.maximum(begun, inside) if may_go_on[t] else np.full(tags, -np.inf, np.float32)
        before = closed if may_begin[t] else np.float32(-np.inf)
        begun, inside, ended, single = (
            before + scores[t, 0],
            opened + scores[t, 1],
            opened + scores[t, 2],
            before + scores[t, 3],
        )
        ways = np.concatenate([ended, single])
        closing[t] = ways.argmax()
        closed = ways[closing[t]]
    return followed(closing, from_inside)


def followed(closing: np.ndarray, from_inside: np.ndarray) -> np.ndarray:
    """The labels, found from the end backwards by what `decode` noted."""
    time, tags = from_inside.shape
    labels = np.zeros(time, np.int32)
    place, tag = SINGLE, 0
    for t in range(time - 1, -1, -1):
        if place in (BEGIN, SINGLE):  # of the character after this one
            ended, tag = divmod(int(closing[t]), tags)
            place = (END, SINGLE)[ended]
        else:
            place = INSIDE if from_inside[t + 1, tag] else BEGIN
        labels[t] = place * tags + tag
    return labels


def words_of(labels: np.ndarray, tags: int) -> list[tuple[int, int, int]]:
    """(first character, the one after the last, number of the tag) of each word of possible labels."""
    places = labels // tags
    firsts = np.flatnonzero((places == BEGIN) | (places == SINGLE))
    lasts = np.flatnonzero((places == END) | (places == SINGLE)) + 1
    return list(zip(firsts.tolist(), lasts.tolist(), (labels[firsts] % tags).tolist(), strict=True))
