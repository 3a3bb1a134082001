"""Text <-> symbols: nothing is lost, and the graph reads what Python reads."""

import json
import random

import pytest
import tensorflow as tf

from apps.pipeline.errors import DataError
from apps.shakespeare.symbols import BOUNDARY, UNKNOWN, Symbols, clean, cut_chinese, most_frequent, split

TEXTS = [
    "",
    "To be, or not to be: that's the question.\n",
    "a\r\nb\rc\x1fd",
    "  two  spaces and\ttab",
    "今天天气很好，我们去公园散步。",
    f"今天{BOUNDARY}天气{BOUNDARY}",
    "naïve café’s Ελληνικά русский 😀\u0301 \ud800",
]


@pytest.mark.parametrize("level", ["char", "word"])
@pytest.mark.parametrize("text", TEXTS)
def test_the_symbols_of_a_text_are_the_text(level, text):
    expected = clean(text).replace(BOUNDARY, "") if level == "word" else clean(text)
    assert "".join(split(clean(text), level)) == expected


def test_words_have_the_space_before_them():
    assert split("To be, or  don't\n", "word") == ["To", " be", ",", " or", " ", " don't", "\n"]


def test_chinese_is_cut_into_words():
    assert cut_chinese("plain text") == "plain text"
    assert split("我们去公园。", "word") == ["我们", "去", "公园", "。"]


def test_clean():
    assert clean("a\r\nb\rc\x1fd\ud800") == "a\nb\ncd" + 3 * "\ufffd"


def test_ids_and_back():
    symbols = Symbols("char", ("a", "b", "é"))
    assert len(symbols) == 4
    assert symbols.ids("abé?") == [1, 2, 3, UNKNOWN]
    assert symbols.text([3, 1, UNKNOWN]) == "éa\ufffd"


@pytest.mark.parametrize("level", ["char", "word"])
def test_the_graph_reads_what_python_reads(level):
    generator = random.Random(1)
    letters = "ab é’' \n\r\t,.今天气\u200b\x1f\x00😀𠀀7"
    texts = TEXTS[:-1] + ["".join(generator.choices(letters, k=generator.randrange(12))) for _ in range(200)]
    found = sorted({symbol for text in texts for symbol in split(clean(text), level)})[::2]  # the others are unknown
    symbols = Symbols(level, tuple(found))
    cut = [cut_chinese(clean(text)) if level == "word" else text for text in texts]
    rows = symbols.ids_in_graph(tf.constant(cut)).to_list()
    assert rows == [symbols.ids(text) for text in texts]
    assert symbols.texts_in_graph(tf.constant([[1, 2, 0]])).numpy()[0].decode() == symbols.text([1, 2, 0])


def test_bytes_that_are_no_utf8_are_replaced_in_the_graph():
    symbols = Symbols("char", ("a", "\ufffd"))
    assert symbols.ids_in_graph(tf.constant([b"a\xffa"])).to_list() == [[1, 2, 1]]


def test_saved_and_loaded(tmp_path):
    symbols = Symbols("word", (" to", "\n", "中文"))
    symbols.save(tmp_path)
    assert Symbols.load(tmp_path) == symbols
    about = json.loads((tmp_path / "vocabulary.json").read_text(encoding="utf-8"))
    assert about["symbols"][about["unknown"]] == "\ufffd" and about["boundary"] == BOUNDARY


@pytest.mark.parametrize("content", ["", "[]", '{"level": "char"}', '{"level": "line", "symbols": ["a"]}', "\x00"])
def test_a_damaged_vocabulary_is_one_sentence(tmp_path, content):
    (tmp_path / "vocabulary.json").write_text(content, encoding="utf-8")
    with pytest.raises(
        DataError, match=r"expected a vocabulary as `train` writes it in .*vocabulary.json, got a damaged file"
    ) as error:
        Symbols.load(tmp_path)
    assert "\n" not in str(error.value)
    with pytest.raises(DataError, match=r"got no vocabulary.json there"):
        Symbols.load(tmp_path / "nowhere")


def test_the_most_frequent():
    assert most_frequent(["b", "a", "c", "d"], [3, 5, 3, 0], "word", None) == ("a", "b", "c")
    assert most_frequent(["b", "a", "c", "d"], [3, 1, 5, 0], "word", 2) == ("c", "b")
    assert most_frequent(["c", "b", "a"], [1, 2, 3], "char", 2) == ("a", "b")
