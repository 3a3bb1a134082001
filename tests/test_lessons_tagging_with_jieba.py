"""The lesson tagging_with_jieba: words and tags, ids of known and unknown ones, scores by hand, its command line."""

import numpy as np
import pytest
from gensim.corpora import Dictionary
from PIL import Image

from apps.lessons import tagging_with_jieba


def test_words_and_tags_are_jiebas():
    words, tags = tagging_with_jieba.words_and_tags("他在山上看花。")
    assert words == ["他", "在", "山上", "看花", "。"] or "".join(words) == "他在山上看花。"
    assert len(words) == len(tags) and tags[0] == "r" and tags[-1] == "x"


def test_both_texts_are_as_long_as_they_should_be():
    assert 150 <= len(tagging_with_jieba.PARAGRAPH) <= 250
    assert 100 <= len(tagging_with_jieba.NEVER_SEEN) <= 250


def test_ids_of_known_and_unknown_words():
    dictionary = Dictionary([["花", "山", "花", "鸟"]])
    ids = tagging_with_jieba.ids_of(["山", "河", "鸟", "山", "花"], dictionary)
    assert ids.shape == (1, 5) and ids.dtype == np.int32
    assert ids[0, 1] == 0 and ids[0, 0] == ids[0, 3]
    assert sorted({ids[0, 0], ids[0, 2], ids[0, 4]}) == [1, 2, 3]


def test_kinds_and_scores_by_hand():
    dictionary = Dictionary([["花", "，"]])
    kind = tagging_with_jieba.kinds(["花", "，", "山", "。", "花"], ["n", "x", "n", "x", "v"], dictionary)
    assert kind.tolist() == ["known word", "punctuation", "unknown word", "punctuation", "known word"]
    scores = tagging_with_jieba.score(np.array([True, True, False, True, False]), kind)
    assert scores == {"all": (0.6, 5), "known word": (0.5, 2), "punctuation": (1.0, 2), "unknown word": (0.0, 1)}


@pytest.mark.slow
def test_the_command_line(tmp_path, capsys):
    assert tagging_with_jieba.main(["--plot", str(tmp_path / "plot.png")]) == 0
    out = capsys.readouterr().out
    own, new = (line for line in out.splitlines() if line.startswith("all: "))
    assert own.startswith("all: 100.0% of ") and "unknown word" not in own
    assert float(new[5:].split("%")[0]) < 80 and "unknown word: " in new
    assert "[爸爸/n]" in out or "爸爸/n" in out
    with Image.open(tmp_path / "plot.png") as picture:
        assert picture.format == "PNG" and np.array(picture).std() > 10


def test_a_missed_answer(monkeypatch, capsys):
    monkeypatch.setattr(tagging_with_jieba, "learn", lambda *arguments: lambda ids: np.zeros((*ids.shape, 30)))
    assert tagging_with_jieba.main([]) == 1
    out = capsys.readouterr().out
    assert "MISSED 100 % of its own paragraph" in out
    assert [line for line in out.splitlines() if line.startswith("all: 0.0%")]  # the id 0 is no tag: never right
