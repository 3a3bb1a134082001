"""The strings that reversal is learned from and tested with."""

import itertools
import zlib

import numpy as np
import pytest

from apps.word_reversal import random_strings
from apps.word_reversal.random_strings import CHARACTERS, KINDS, LONGEST, side_of, uniform


def made(side, lengths, seed=0, **options):
    return random_strings.random_strings(side, np.array(lengths), np.random.default_rng(seed), **options)


def test_the_alphabet_is_letters_digits_apostrophe_and_hyphen():
    assert len(set(CHARACTERS)) == len(CHARACTERS) == 26 + 26 + 10 + 2
    assert set("azAZ09'-") <= set(CHARACTERS)


def test_each_string_has_one_side():
    words = ["the", "film", "Hello", "don't", "aaa", "x1-"] * 3 + [f"word{number}" for number in range(1000)]
    sides = [side_of(word) for word in words]
    assert sides[:6] == sides[6:12]
    for word, side in zip(words, sides, strict=True):
        remainder = zlib.crc32(word.encode()) % 8  # as the model card says
        assert side == ("training" if remainder < 4 else "validation" if remainder == 4 else "test")
    assert {side_of(word) for word in ("a", "no", "I", "Zz")} == {"training"}


@pytest.mark.parametrize("side", ["training", "validation", "test"])
def test_strings_have_their_lengths_and_their_side(side):
    lengths = np.arange(3, LONGEST + 1).repeat(5)
    words = made(side, lengths)
    assert [len(word) for word in words] == lengths.tolist()
    assert {side_of(word) for word in words} == {side} and set("".join(words)) <= set(CHARACTERS)
    assert words == made(side, lengths) != made(side, lengths, seed=1)


def test_short_strings_are_for_training_only():
    assert [len(word) for word in made("training", [1, 2, 1])] == [1, 2, 1]
    with pytest.raises(ValueError, match="expected lengths of 3 or more for the side 'test', got 2"):
        made("test", [5, 2])
    assert made("test", []) == []


def test_every_kind_is_what_it_is_called():
    generator = np.random.default_rng(0)
    rows = {make.__name__: make(400, generator) for make in KINDS}
    assert all(found.shape == (400, LONGEST) for found in rows.values())
    different = {name: np.array([len(set(row)) for row in found]) for name, found in rows.items()}
    assert np.unique(rows["uniform"]).size == len(CHARACTERS) and different["uniform"].mean() > 18
    assert set(different["few"]) == {1, 2, 3, 4}
    same_as_before = (rows["runs"][:, 1:] == rows["runs"][:, :-1]).mean()
    assert 0.5 < same_as_before < 0.8 and np.unique(rows["runs"][:, 0]).size == len(CHARACTERS)
    periods = [
        next(step for step in range(1, LONGEST) if (row[step:] == row[:-step]).all()) for row in rows["repeated"]
    ]
    assert set(range(2, 9)) <= set(periods) <= set(range(1, 9))
    assert rows["chained"].max() < 26
    pairs = {name: len({tuple(pair) for row in rows[name] % 26 for pair in itertools.pairwise(row)}) for name in rows}
    assert pairs["chained"] < pairs["uniform"] * 0.8


def test_all_kinds_are_drawn_and_one_can_be_asked_for():
    words = made("training", [LONGEST] * 500)
    assert sum(len(set(word)) <= 2 for word in words) > 40 and sum(len(set(word)) > 15 for word in words) > 50
    assert min(len(set(word)) for word in made("test", [LONGEST] * 500, kinds=(uniform,))) > 10
