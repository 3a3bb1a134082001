"""Rows that can't be used, labels that are one, texts that are repeated."""

import pytest

from apps.pipeline.errors import DataError
from apps.sentiment.cleaning import folded, ordered, say_repeated, usable

GOOD = [("line 1", "good", "pos"), ("line 2", "bad", "neg")] * 3


def test_rows_without_a_text_or_label_are_skipped_and_said(capsys):
    rows = [
        *GOOD,
        ("line 7", " \t", "pos"),
        ("line 8", "fine", ""),
        ("line 9", "fine", "NaN"),
        ("line 10", None, "pos"),
        ("line 11", "3 fields in place of 2"),
    ]
    assert usable(rows, "a.csv") == (["good", "bad"] * 3, ["pos", "neg"] * 3)
    said = "a.csv: 5 rows can't be used and are skipped: line 7 (no text), line 8 (no label), line 9 (no label), ...\n"
    assert capsys.readouterr().err == said
    usable([*GOOD, ("line 7", "nan", "pos")], "a.csv")
    assert capsys.readouterr().err == "a.csv: 1 row can't be used and is skipped: line 7 (no text)\n"


def test_labels_and_texts_of_other_types():
    labels = [1, 0, True, 1.5, "  a \n b ", float("nan"), None, ["x"]]
    rows = [(f"line {number}", "text", label) for number, label in enumerate(labels)]
    assert usable(rows, "a")[1] == ["1", "0", "true", "1.5", "a b"]
    texts = [5, "cut \ud83d", True, float("nan")]
    rows = [*GOOD, *((f"line {number}", text, "pos") for number, text in enumerate(texts))]
    assert usable(rows, "a")[0][6:] == ["5", "cut ?"]


def test_nothing_that_can_be_used():
    with pytest.raises(DataError, match=r"a.csv: expected texts and labels, got none: line 2 \(no label\)$"):
        usable([("line 2", "good", "")], "a.csv")
    with pytest.raises(DataError, match=r"a.csv: expected texts and labels, got none$"):
        usable([], "a.csv")
    with pytest.raises(DataError, match=r"expected rows with a text and a label, got 7 others: line 3 \(no text\), "):
        usable([*GOOD, *[("line 3", "", "pos")] * 7], "a.csv")


def test_labels_that_a_person_takes_for_one(capsys):
    assert folded(["Pos", "pos", "ＰＯＳ", "pos", "neg"]) == ["pos"] * 4 + ["neg"]
    assert capsys.readouterr().err.startswith("labels taken for one: 'Pos' and 'pos' and 'ＰＯＳ'; --exact-labels")
    assert folded(["1", "1.0", "0", "1"]) == ["1", "1", "0", "1"]
    assert folded(["1234567", "1234568"]) == ["1234567", "1234568"]
    capsys.readouterr()
    assert folded(["pos", "neg"]) == ["pos", "neg"] and not capsys.readouterr().err


def test_the_order_of_labels():
    assert ordered(["pos", "neg", "pos", "neutral"]) == ("neg", "neutral", "pos")
    assert ordered(["10", "9", "1"]) == ("1", "9", "10")
    assert ordered(["10", "9", "none"]) == ("10", "9", "none")


def test_repeated_and_contradictory_texts_are_said(capsys):
    say_repeated(["a", "b", "a", "c\x1b", "c\x1b"], ["p", "n", "p", "p", "n"])
    said = capsys.readouterr().err.splitlines()
    assert said[0] == "2 texts repeat another: equal ones stay on one side"
    assert said[1].startswith("1 text with two labels or more: ") and "\x1b" not in said[1]
    say_repeated(["a", "b"], ["p", "n"])
    assert not capsys.readouterr().err
