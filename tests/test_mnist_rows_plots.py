"""The plots show the numbers that they are given."""

import numpy as np
import pytest
from matplotlib import pyplot

from apps.mnist_rows import plots as mnist_rows_plots
from apps.mnist_rows.plots import Belief, Mistake, plot_beliefs, plot_confusion


@pytest.fixture
def figures(monkeypatch):
    """The figures that were drawn, kept open."""
    kept = []
    close = pyplot.close
    monkeypatch.setattr(pyplot, "close", kept.append)
    yield kept
    for figure in kept:
        close(figure)


def axes_of(figure):
    return [axis for part in figure.subfigs for axis in axes_of(part)] + figure.axes if figure.subfigs else figure.axes


def is_png(path):
    return path.read_bytes().startswith(b"\x89PNG\r\n") and path.stat().st_size > 5000


def test_the_confusion_matrix_and_the_surest_mistakes(tmp_path, figures):
    matrix = np.array([[50, 3, 0], [0, 60, 1], [0, 0, 1234]])
    mistakes = [Mistake(np.eye(28), "a", "b", 0.5 + 0.004 * n) for n in range(60)]
    mistakes.insert(7, Mistake(np.eye(28), "b", "c", 0.999))
    plot_confusion(matrix, ("a", "b", "c"), mistakes, tmp_path / "out")
    assert is_png(tmp_path / "out")
    (left, right) = figures[0].subfigs
    (axis,) = left.axes
    texts = {text.get_position(): text.get_text() for text in axis.texts}
    assert texts == {(0, 0): "50", (1, 0): "3", (1, 1): "60", (2, 1): "1", (2, 2): "1234"}  # column, row
    assert axis.get_title() == "1,344 of 1,348 right"
    assert (axis.get_ylabel(), axis.get_xlabel()) == ("class", "answer")
    titles = [axis.get_title() for axis in right.axes]
    assert len(titles) == mnist_rows_plots.MOST_MISTAKES == 48
    assert titles[:3] == ["b → c 100%", "a → b 74%", "a → b 73%"]
    assert right.get_suptitle() == "the surest 48 of 61 mistakes: class → answer, probability"


def test_a_model_without_mistakes(tmp_path, figures):
    plot_confusion(np.diag([5, 6]), ("cat", "dog"), [], tmp_path / "out.png")
    assert is_png(tmp_path / "out.png")
    assert not any(axis.get_title() or axis.images for axis in figures[0].subfigs[1].axes)


@pytest.mark.parametrize("count", [1, 3, 9])
def test_beliefs_from_row_to_row(tmp_path, figures, count):
    """A belief in "a" turns to one in "b" after row 10; "c" is never likely."""
    probabilities = np.zeros((29, 3))
    probabilities[:11] = 0.9, 0.06, 0.04
    probabilities[11:] = 0.05, 0.92, 0.03
    beliefs = [Belief(f"picture {n}", np.eye(28), probabilities) for n in range(count)]
    plot_beliefs(beliefs, ("a", "b", "c"), tmp_path / "out.png")
    assert is_png(tmp_path / "out.png")
    shown = [axis for axis in figures[0].axes if axis.axison]
    assert [axis.get_title() for axis in shown[::2]] == [f"picture {n}" for n in range(count)]
    for picture, belief in zip(shown[::2], shown[1::2], strict=True):
        assert picture.get_ylim() == belief.get_ylim() == (28, 0)  # the same row at the same height
        names = {text.get_text(): text.get_position() for text in belief.texts}
        assert names.keys() == {"a", "b"}
        assert names["a"][1] <= 10 < names["b"][1]
        assert names["a"][0] == pytest.approx(0.45) and names["b"][0] == pytest.approx(0.05 + 0.46)
        assert len(belief.collections) == 3 and belief.get_xlim() == (0, 1)


def test_many_classes_have_different_colours(tmp_path, figures):
    probabilities = np.full((29, 30), 1 / 30)
    plot_beliefs([Belief("x", np.eye(28), probabilities)], [f"class {n}" for n in range(30)], tmp_path / "out.png")
    colours = {tuple(band.get_facecolor()[0]) for band in figures[0].axes[1].collections}
    assert len(colours) == 30


def test_where_no_file_can_be(tmp_path, figures):
    with pytest.raises(OSError, match="none"):
        plot_confusion(np.diag([5, 6]), ("cat", "dog"), [], tmp_path / "none" / "out.png")
