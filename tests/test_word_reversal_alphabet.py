"""Words to ids and back: in Python, in the graph, and the sentences about what can't be spelled."""

import json

import numpy as np
import pytest
import tensorflow as tf

from apps.pipeline.errors import DataError
from apps.word_reversal.alphabet import END, PADDING, START, Alphabet

ALPHABET = Alphabet("abéß漢😀", "a, b and others", 5, 7)
GOOD = ["a", "ab", "éß漢😀b", "bbbbb"]
BAD = ["", "A", "abc", "a b", "ab\t", "aaaaaa", "é漢😀ß b", "e\u0301", "a\0"]


def test_ids_begin_with_the_start_mark_and_answers_end_with_the_end_mark():
    assert (PADDING, START, END) == (0, 1, 2)
    assert ALPHABET.ids("aé😀") == [1, 3, 5, 8]
    assert ALPHABET.answer_ids("aé😀") == [3, 5, 8, 2]
    assert ALPHABET.answer_ids("") == [2]
    assert len(ALPHABET) == 9
    with pytest.raises(KeyError):
        ALPHABET.answer_ids("x")


def test_text_ends_before_the_end_mark():
    assert ALPHABET.text([3, 5, 8]) == "aé😀"
    assert ALPHABET.text([3, 5, 2, 8]) == "aé"
    assert ALPHABET.text([2]) == ALPHABET.text([]) == ""


@pytest.mark.parametrize(
    ("word", "sentence"),
    [
        ("", "expected a word of 1 to 5 characters, got 0"),
        ("ababab", "expected a word of 1 to 5 characters, got 6: 'ababab'"),
        ("a" * 1_000_000, f"expected a word of 1 to 5 characters, got 1,000,000: '{'a' * 40}…'"),
        ("abBa", "expected a, b and others, got 'B' in place 3 of 'abBa'"),
        ("🦊a", "expected a, b and others, got '🦊' in place 1 of '🦊a'"),
        ("a\t", "expected a, b and others, got '\\t' in place 2 of 'a\\t'"),
        ("\udcff", "expected a, b and others, got '\\udcff' in place 1 of '\\udcff'"),
    ],
)
def test_what_cannot_be_spelled_is_named_with_its_place(word, sentence):
    assert ALPHABET.problem(word) == sentence
    with pytest.raises(DataError) as raised:
        ALPHABET.ids(word)
    assert str(raised.value) == sentence


def test_what_can_be_spelled_has_no_problem():
    assert [ALPHABET.problem(word) for word in GOOD] == [None] * len(GOOD)


def test_the_graph_gives_the_same_ids_and_refuses_the_same_words():
    words = GOOD + BAD
    ids, good = ALPHABET.ids_in_graph(tf.constant([word.encode() for word in words]))
    assert ids.dtype == tf.int32 and good.numpy().tolist() == [True] * len(GOOD) + [False] * len(BAD)
    for row, word in zip(ids.numpy(), words, strict=True):
        expected = [START] if word in BAD else ALPHABET.ids(word)
        assert row.tolist() == expected + [PADDING] * (len(row) - len(expected))
    assert not ALPHABET.ids_in_graph(tf.constant([b"a\xff"]))[1].numpy().any()
    for batch in ([], [""], [b"a" * 100_000]):
        ids, good = ALPHABET.ids_in_graph(tf.constant(batch, tf.string))
        assert ids.shape[0] == good.shape[0] == len(batch) and not good.numpy().any()
        assert (ids.numpy()[:, 0] == START).all() and (ids.numpy()[:, 1:] == PADDING).all()


def test_the_graph_gives_the_same_texts():
    rows = [[3, 5, 8], [3, 2, 2], [2, 4, 4], [6, 7, 2], [3, 2, 8]]
    found = ALPHABET.texts_in_graph(tf.constant(rows, tf.int32)).numpy()
    assert [text.decode() for text in found] == [ALPHABET.text(row) for row in rows] == ["aé😀", "a", "", "ß漢", "a"]
    assert ALPHABET.texts_in_graph(tf.zeros((2, 0), tf.int32)).numpy().tolist() == [b"", b""]


def test_saved_and_loaded_it_is_the_same(tmp_path):
    ALPHABET.save(tmp_path)
    loaded = Alphabet.load(tmp_path)
    assert vars(loaded) == {name: vars(ALPHABET)[name] for name in vars(loaded)}
    assert [loaded.ids(word) for word in GOOD] == [ALPHABET.ids(word) for word in GOOD]
    content = json.loads((tmp_path / "vocabulary.json").read_text(encoding="utf-8"))
    assert content["ids"] == {"padding": 0, "start": 1, "end": 2, "first character": 3}


GOOD_FILE = {
    "ids": {"padding": 0, "start": 1, "end": 2, "first character": 3},
    "characters": "ab",
    "description": "",
    "longest_word": 1,
    "longest_answer": 1,
}
DAMAGE = [{"ids": {"first character": 2}}, {"ids": {}}, {"characters": "aa"}, {"characters": 5}, {"longest_word": "1"}]


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"words": []}', *(json.dumps(GOOD_FILE | damage) for damage in DAMAGE)]
)
def test_another_file_is_refused(tmp_path, content):
    (tmp_path / "vocabulary.json").write_text(json.dumps(GOOD_FILE), encoding="utf-8")
    assert Alphabet.load(tmp_path).characters == "ab"
    (tmp_path / "vocabulary.json").write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match=r"expected an alphabet as `train` writes it in .*, got a damaged file"):
        Alphabet.load(tmp_path)


def test_no_file_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"expected a trained model in .*, got no vocabulary.json there"):
        Alphabet.load(tmp_path)


def test_ids_are_a_bijection():
    ids = [ALPHABET.ids(character)[1] for character in ALPHABET.characters]
    assert ids == list(range(3, len(ALPHABET))) and np.unique(ids).size == len(ids)
