"""The picture of where a decoder looked: as many squares as letters, with their names."""

import matplotlib
import numpy as np
import pytest
from PIL import Image

from apps.word_reversal.plots import MOST_PLOTTED, Look, plot_attention

matplotlib.use("Agg")


def drawn(looks, path, monkeypatch):
    """The axes of the picture."""
    from matplotlib import pyplot

    figures = []
    monkeypatch.setattr(pyplot, "close", figures.append)
    plot_attention(looks, path)
    monkeypatch.undo()
    (figure,) = figures
    axes = [axis for axis in figure.axes if axis.images]
    pyplot.close(figure)
    return axes


def look(word, answer, rows):
    return Look(word, answer, np.random.default_rng(0).dirichlet(np.ones(len(word) + 1), rows))


def test_every_letter_has_its_row_and_column(tmp_path, monkeypatch):
    looks = [look("a$b", "b$a", 4), look("abcd", "dcba", 4), look("x", "", 1)]
    axes = drawn(looks, tmp_path / "plot.png", monkeypatch)
    assert [len(axes), *(axis.images[0].get_array().shape for axis in axes)] == [3, (4, 4), (4, 5), (1, 2)]
    names = [
        [[label.get_text() for label in labels()] for labels in (axis.get_xticklabels, axis.get_yticklabels)]
        for axis in axes
    ]
    assert names == [
        [["▸", "a", "$", "b"], ["b", "$", "a", "end"]],
        [["▸", "a", "b", "c", "d"], ["d", "c", "b", "a"]],  # the bound came before the end mark
        [["▸", "x"], ["end"]],
    ]
    np.testing.assert_array_equal(axes[0].images[0].get_array(), looks[0].attention)
    assert axes[0].images[0].get_clim() == (0.0, 1.0)
    with Image.open(tmp_path / "plot.png") as picture:
        assert picture.format == "PNG" and picture.width > picture.height


@pytest.mark.slow
def test_as_many_as_there_may_be(tmp_path):
    path = tmp_path / "plot.jpg"  # whatever it is called, it is a PNG
    plot_attention([look("a" * 24, "b" * 24, 24)] * MOST_PLOTTED, path)
    with Image.open(path) as picture:
        assert picture.format == "PNG" and 1000 < picture.width < 3000 and 1000 < picture.height < 3000
