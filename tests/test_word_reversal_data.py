"""The user's file of pairs: read, checked, split."""

import pytest

from apps.pipeline.errors import DataError
from apps.word_reversal import data


def written(tmp_path, content):
    path = tmp_path / "pairs.tsv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_pairs_are_read_in_order_once_each(tmp_path):
    path = written(tmp_path, "\ufeffman\twoman\r\n\nupp\tned\nman\twoman\n1.2.\t2 Jan\nman\tmen")
    assert data.read_pairs(path) == [("man", "woman"), ("upp", "ned"), ("1.2.", "2 Jan"), ("man", "men")]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("a\tb\nab\n", "line 2: expected two columns separated by a tab, got 1: 'ab'"),
        ("\n\na\tb\tc\n", "line 3: expected two columns separated by a tab, got 3: 'a\\tb\\tc'"),
        (f"a\tb\n{'x' * 1000}\n", f"line 2: expected two columns separated by a tab, got 1: '{'x' * 40}'"),
        ("a\tb\n\tb\n", "line 2: expected 1 to 200 characters in a column, got 0"),
        ("a\t\n", "line 1: expected 1 to 200 characters in a column, got 0"),
        (f"a\t{'b' * 201}\n", "line 1: expected 1 to 200 characters in a column, got 201"),
        ("a\tb\0\n", "line 1: expected 1 to 200 characters in a column, got a NUL character"),
        (b"a\tb\na\t\xff\n", "line 2: expected text in UTF-8, got the byte 0xff in place 3"),
    ],
)
def test_a_bad_line_is_named(tmp_path, content, sentence):
    path = written(tmp_path, content)
    with pytest.raises(DataError) as raised:
        data.read_pairs(path)
    assert str(raised.value) == f"{path}, {sentence}"


@pytest.mark.parametrize("content", ["", "\n\n", "\ufeff"])
def test_an_empty_file_is_refused(tmp_path, content):
    with pytest.raises(DataError, match="expected pairs, two columns separated by a tab, got none"):
        data.read_pairs(written(tmp_path, content))


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(DataError, match=r"expected a file of pairs.*, got .*none\.tsv, which doesn't exist"):
        data.read_pairs(tmp_path / "none.tsv")
    with pytest.raises(OSError):
        data.read_pairs(tmp_path)


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
