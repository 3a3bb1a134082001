"""The best possible sequence of labels, against all of them."""

import itertools

import numpy as np
import pytest

from apps.chinese_pos.decoding import BEGIN, END, INSIDE, SINGLE, decode
from apps.chinese_pos.sentences import ENDS, FREE, GOES_ON

TAGS = 2


def is_possible(labels, borders):
    """By the definition, not by the search."""
    inside = None  # the tag of a word that has begun
    for label, border in zip(labels, borders, strict=True):
        place, tag = divmod(label, TAGS)
        if place in (BEGIN, SINGLE):
            if inside is not None or border == GOES_ON:
                return False
        elif inside != tag or border == ENDS:
            return False
        inside = tag if place in (BEGIN, INSIDE) else None
    return inside is None


def all_possible(borders):
    return [s for s in itertools.product(range(4 * TAGS), repeat=len(borders)) if is_possible(s, borders)]


def best(scores, borders, known_tags=None):
    """The labels of the best words of one sentence."""
    known_tags = np.zeros(len(borders), np.int32) if known_tags is None else np.array(known_tags)
    (words,) = decode(scores, np.array(borders, np.int32), known_tags, [len(borders)])
    return labels_of(words)


def labels_of(words):
    labels = []
    for first, last, tag in words:
        assert first == len(labels)
        places = [SINGLE] if last - first == 1 else [BEGIN, *[INSIDE] * (last - first - 2), END]
        labels += [place * TAGS + tag for place in places]
    return labels


def total(scores, labels):
    return sum(scores[place, label] for place, label in enumerate(labels))


@pytest.mark.parametrize("borders", [[ENDS], [ENDS, FREE], [ENDS, FREE, FREE, FREE], [ENDS, GOES_ON, FREE, ENDS]])
def test_nothing_possible_is_better(borders):
    generator = np.random.default_rng(len(borders))
    ways = all_possible(borders)
    for _ in range(40):
        scores = generator.normal(size=(len(borders), 4 * TAGS)).astype(np.float32)
        found = best(scores, borders)
        assert tuple(found) in ways
        assert total(scores, found) == pytest.approx(max(total(scores, way) for way in ways), abs=1e-5)


def test_equally_good_sequences():
    """E before S, then the first tag; B before I."""
    assert best(np.zeros((1, 8), np.float32), [ENDS]) == [SINGLE * TAGS]
    zeros = np.zeros((3, 8), np.float32)
    labels = best(zeros, [ENDS, FREE, FREE])
    assert labels == [SINGLE * TAGS, BEGIN * TAGS, END * TAGS]
    tag_1 = zeros.copy()
    tag_1[:, 1::2] = 1.0
    assert best(tag_1, [ENDS, FREE, FREE]) == [label + 1 for label in labels]


def test_likeliest_labels_that_are_impossible_are_not_taken():
    scores = np.full((3, 8), -5.0, np.float32)
    scores[0, BEGIN * TAGS] = scores[1, SINGLE * TAGS + 1] = scores[2, INSIDE * TAGS] = 5.0
    found = best(scores, [ENDS, FREE, FREE])
    assert is_possible(found, [ENDS, FREE, FREE])


def test_huge_scores_stay_possible():
    scores = np.full((4, 8), 1e30, np.float32)
    scores[:, ::3] = -1e30
    assert is_possible(best(scores, [ENDS, FREE, GOES_ON, FREE]), [ENDS, FREE, GOES_ON, FREE])


def test_known_borders_decide():
    scores = np.random.default_rng(0).normal(size=(6, 8)).astype(np.float32)
    borders = np.array([ENDS, GOES_ON, ENDS, ENDS, GOES_ON, GOES_ON])
    (words,) = decode(scores, borders, np.zeros(6, np.int32), [6])
    assert [(first, last) for first, last, _ in words] == [(0, 2), (2, 3), (3, 6)]


def test_known_tags_decide():
    generator = np.random.default_rng(1)
    borders, known_tags = [ENDS, FREE, FREE, FREE], [0, 2, 0, 1]
    ways = [way for way in all_possible(borders) if way[1] % TAGS == 1 and way[3] % TAGS == 0]
    for _ in range(20):
        scores = generator.normal(size=(4, 8)).astype(np.float32)
        found = best(scores, borders, known_tags)
        assert tuple(found) in ways
        assert total(scores, found) == pytest.approx(max(total(scores, way) for way in ways), abs=1e-5)


def test_sentences_together_are_as_each_alone():
    generator = np.random.default_rng(2)
    lengths = [3, 0, 7, 1, 3, 12]
    scores = generator.normal(size=(sum(lengths), 8)).astype(np.float32)
    borders = generator.integers(0, 3, sum(lengths)).astype(np.int32)
    stops = np.cumsum(lengths)
    borders[[stop - length for stop, length in zip(stops, lengths, strict=True) if length]] = ENDS
    known_tags = (generator.random(sum(lengths)) < 0.2).astype(np.int32)
    found = decode(scores, borders, known_tags, lengths)
    for words, stop, length in zip(found, stops, lengths, strict=True):
        part = slice(stop - length, stop)
        assert [words] == decode(scores[part], borders[part], known_tags[part], [length])
        assert len(labels_of(words)) == length


def test_no_sentence_and_no_character_have_no_words():
    nothing = np.zeros((0, 8), np.float32), np.zeros(0, np.int32), np.zeros(0, np.int32)
    assert decode(*nothing, []) == [] and decode(*nothing, [0]) == [[]]
