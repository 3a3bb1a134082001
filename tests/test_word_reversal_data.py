"""The user's pairs, split."""

import pytest

from apps.pipeline.errors import DataError
from apps.word_reversal import data


def test_few_pairs_are_learned_by_heart():
    few = [(str(number), "x") for number in range(99)]
    assert data.split_pairs(few) == (few, few, few)


def test_many_pairs_are_split_by_their_first_column():
    many = [(str(number // 2), f"{number % 2}") for number in range(2000)]
    train, validation, test = parts = data.split_pairs(many)
    assert sum(map(len, parts)) == 2000 and 130 < len(validation) < 270 and 130 < len(test) < 270
    words = [{word for word, _ in part} for part in parts]
    assert sum(map(len, words)) == 1000
    assert data.split_pairs(many[::-1])[0] == train[::-1]
    with pytest.raises(DataError, match="expected pairs with many different first columns"):
        data.split_pairs([("a", str(number)) for number in range(200)])


def test_the_alphabet_is_that_of_both_columns():
    alphabet = data.alphabet_of([("né", "b"), ("a", "bcab")])
    assert alphabet.characters == "abcné"
    assert (alphabet.longest_word, alphabet.longest_answer) == (2, 4)
    assert alphabet.problem("bx") == "expected characters of the pairs it was trained on, got 'x' in place 2 of 'bx'"


def test_the_fingerprint_is_of_the_pairs_in_order():
    found = {data.fingerprint(one) for one in ([("a", "b"), ("c", "d")], [("c", "d"), ("a", "b")], [("a", "bc")], [])}
    assert len(found) == 4 and all(len(digest) == 64 for digest in found)
