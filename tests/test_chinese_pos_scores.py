"""Precision, recall and F1 of words, counted by hand."""

import pytest

from apps.chinese_pos.data import TaggedText, Word, slashed_line
from apps.chinese_pos.scores import Scores, in_table, score, with_corpus_tags

TEXTS = [slashed_line("中国/ns 人民/n 很/d 好/a"), slashed_line("你/r 好/a")]
FOUND = [
    [Word(0, 4, "n"), Word(4, 5, "d"), Word(5, 6, "v")],  # 中国人民/n 很/d 好/v
    [Word(0, 1, "r"), Word(1, 2, "a")],
]
KNOWN = {"中国", "人民", "好", "你"}


@pytest.fixture
def scores():
    return score(TEXTS, FOUND, KNOWN)


def test_words_and_words_with_tags(scores):
    assert (scores.segmentation.expected, scores.segmentation.found, scores.segmentation.right) == (6, 5, 4)
    assert (scores.joint.expected, scores.joint.found, scores.joint.right) == (6, 5, 3)
    found = scores.as_dictionary()
    assert found["segmentation"] == {"precision": 4 / 5, "recall": 4 / 6, "F1": pytest.approx(8 / 11)}
    assert found["joint"] == {"precision": 3 / 5, "recall": 3 / 6, "F1": pytest.approx(6 / 11)}


def test_known_and_unknown_words(scores):
    assert scores.accuracies() == {
        "known": {"words": 5, "segmented": 3 / 5, "segmented and tagged": 2 / 5},
        "unknown": {"words": 1, "segmented": 1.0, "segmented and tagged": 1.0},
    }


def test_confused_tags_come_commonest_first(scores):
    scores.add(TaggedText("好", (Word(0, 1, "a"),)), [Word(0, 1, "d")], KNOWN)
    scores.add(TaggedText("好", (Word(0, 1, "a"),)), [Word(0, 1, "d")], KNOWN)
    rows = scores.as_dictionary()["confused"]
    assert rows == [{"tag": "a", "found": "d", "words": 2}, {"tag": "a", "found": "v", "words": 1}]
    assert len(scores.as_dictionary(most=1)["confused"]) == 1


def test_a_word_is_right_in_its_own_place_only():
    found = score([slashed_line("好/a 好/a")], [[Word(0, 2, "a")]], KNOWN)
    assert found.segmentation.right == 0


def test_nothing_expected_and_nothing_found():
    found = score([TaggedText("", ())], [[]], KNOWN).as_dictionary()
    assert found["joint"] == {"precision": 0.0, "recall": 0.0, "F1": 0.0} == Scores().joint.as_dictionary()


def test_as_many_texts_as_answers():
    with pytest.raises(ValueError):
        score(TEXTS, FOUND[:1], KNOWN)


def test_the_table_names_everybody(scores):
    table = in_table({"litert": scores.as_dictionary(), "jieba": scores.as_dictionary()})
    assert "litert, segmentation      80.00%    66.67%    72.73%" in table
    assert "jieba, 1 unknown words: 100.00% segmented" in table
    assert "most confused tags: a as v 1" in table


def test_jieba_tags_become_those_of_the_corpus():
    words = [Word(0, 1, tag) for tag in ("x", "uj", "eng", "ng", "n", "strange")]
    assert [word.tag for word in with_corpus_tags(words)] == ["w", "u", "nx", "Ng", "n", "strange"]
