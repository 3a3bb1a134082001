"""The best possible sequence of labels, against all of them."""

import itertools

import numpy as np
import pytest

from apps.chinese_pos.decoding import BEGIN, END, INSIDE, SINGLE, decode, words_of
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


def total(scores, labels):
    return sum(scores[place, label] for place, label in enumerate(labels))


@pytest.mark.parametrize("borders", [[ENDS], [ENDS, FREE], [ENDS, FREE, FREE, FREE], [ENDS, GOES_ON, FREE, ENDS]])
def test_nothing_possible_is_better(borders):
    generator = np.random.default_rng(len(borders))
    ways = all_possible(borders)
    for _ in range(40):
        scores = generator.normal(size=(len(borders), 4 * TAGS)).astype(np.float32)
        found = decode(scores, np.array(borders))
        assert tuple(found) in ways
        assert total(scores, found) == pytest.approx(max(total(scores, way) for way in ways), abs=1e-5)


def test_equally_good_sequences():
    """E before S, then the first tag; B before I."""
    assert decode(np.zeros((1, 8), np.float32), np.array([ENDS])).tolist() == [SINGLE * TAGS]
    zeros = np.zeros((3, 8), np.float32)
    labels = decode(zeros, np.array([ENDS, FREE, FREE])).tolist()
    assert labels == [SINGLE * TAGS, BEGIN * TAGS, END * TAGS]
    tag_1 = zeros.copy()
    tag_1[:, 1::2] = 1.0
    assert decode(tag_1, np.array([ENDS, FREE, FREE])).tolist() == [label + 1 for label in labels]


def test_likeliest_labels_that_are_impossible_are_not_taken():
    scores = np.full((3, 8), -5.0, np.float32)
    scores[0, BEGIN * TAGS] = scores[1, SINGLE * TAGS + 1] = scores[2, INSIDE * TAGS] = 5.0
    found = decode(scores, np.array([ENDS, FREE, FREE]))
    assert is_possible(found, [ENDS, FREE, FREE])


def test_huge_scores_stay_possible():
    scores = np.full((4, 8), 1e30, np.float32)
    scores[:, ::3] = -1e30
    assert is_possible(decode(scores, np.array([ENDS, FREE, GOES_ON, FREE])), [ENDS, FREE, GOES_ON, FREE])


def test_known_borders_decide():
    scores = np.random.default_rng(0).normal(size=(6, 8)).astype(np.float32)
    borders = [ENDS, GOES_ON, ENDS, ENDS, GOES_ON, GOES_ON]
    words = words_of(decode(scores, np.array(borders)), TAGS)
    assert [(first, last) for first, last, _ in words] == [(0, 2), (2, 3), (3, 6)]


def test_words_of_labels():
    labels = np.array([BEGIN, INSIDE, END, SINGLE, BEGIN, END]) * TAGS + [1, 1, 1, 0, 0, 0]
    assert words_of(labels, TAGS) == [(0, 3, 1), (3, 4, 0), (4, 6, 0)]
    assert words_of(np.zeros(0, np.int32), TAGS) == []


def test_no_character_has_no_label():
    assert decode(np.zeros((0, 8), np.float32), np.zeros(0, np.int32)).tolist() == []
