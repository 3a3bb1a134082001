"""Which label gets which answer."""

import numpy as np
import pytest
from PIL import Image

from apps.pipeline import confusion

MATRIX = np.array([[8, 2, 0], [1, 4, 0], [0, 0, 0]])


def test_counts():
    labels, answers = np.array([0, 0, 1, 2]), np.array([0, 1, 1, 0])
    assert confusion.counted(labels, answers, 3).tolist() == [[1, 1, 0], [0, 1, 0], [1, 0, 0]]


def test_macro_f1_is_that_of_the_textbook():
    precision, recall = (8 / 9, 4 / 6), (8 / 10, 4 / 5)
    scores = [2 * p * r / (p + r) for p, r in zip(precision, recall, strict=True)]
    assert confusion.macro_f1(MATRIX) == pytest.approx(np.mean(scores))  # the label that isn't there doesn't count
    assert confusion.macro_f1(np.array([[5, 0], [5, 0]])) == pytest.approx(0.5 * 2 * 0.5 / 1.5)
    assert confusion.macro_f1(np.zeros((2, 2), int)) == 0.0


def test_the_table_has_a_row_for_each_label():
    lines = confusion.in_table(MATRIX, ("neg", "positive", "x")).splitlines()
    assert lines[0].split() == ["neg", "positive", "x", "answer"]
    assert lines[1].split() == ["neg", "8", "2", "."] and lines[3].split() == ["x", ".", ".", "."]
    assert len({len(line) for line in lines[1:]}) == 1
    assert confusion.in_table(np.zeros((99, 99), int), [""] * 99) == "(99 labels: too many for a table)"


def test_the_plot_is_a_picture(tmp_path):
    confusion.plot(MATRIX, ("neg", "positive and long " * 3, "x"), tmp_path / "out")
    with Image.open(tmp_path / "out") as picture:
        assert picture.format == "PNG" and len(np.unique(np.asarray(picture))) > 20
