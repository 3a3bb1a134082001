"""What a network makes of pictures, drawn: which classes it confuses, and what it believes from row to row."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from apps.mnist_rows.evaluation import Mistake
from apps.pipeline import confusion

MOST_PLOTTED = 24  # pictures in one plot of beliefs
MOST_MISTAKES = 48


class Belief(NamedTuple):
    """A picture, (28, 28), its name, and the probabilities after 0, 1, ... 28 rows, (29, classes)."""

    name: str
    picture: np.ndarray
    probabilities: np.ndarray


def plot_confusion(matrix: np.ndarray, names: Sequence[str], mistakes: Sequence[Mistake], path: Path) -> None:
    """Draws how often a class (row) got an answer (column), and the worst mistakes, as a PNG.

    Args:
        matrix: counts, (classes, classes).
        mistakes: the surest of them is shown first.
    """
    pyplot = confusion.pyplot()
    figure = pyplot.figure(figsize=(14, 6.5), layout="constrained")
    left, right = figure.subfigures(1, 2)
    axis = left.subplots()
    confusion.draw(axis, matrix, names)
    worst = sorted(mistakes, key=lambda mistake: -mistake.probability)[:MOST_MISTAKES]
    right.suptitle(f"the surest {len(worst)} of {len(mistakes)} mistakes: class → answer, probability")
    for axis, mistake in zip(right.subplots(6, 8).flat, worst + [None] * (MOST_MISTAKES - len(worst)), strict=True):
        axis.axis("off")
        if mistake is not None:
            axis.imshow(mistake.picture, cmap="gray_r", vmin=0.0, vmax=1.0)
            axis.set_title(f"{mistake.label} → {mistake.answer} {mistake.probability:.0%}", fontsize=8)
    figure.savefig(path, dpi=100, format="png")
    pyplot.close(figure)


def plot_beliefs(beliefs: Sequence[Belief], names: Sequence[str], path: Path) -> None:
    """Draws each picture and beside it, on the same rows, the probabilities after so many rows, as a PNG."""
    pyplot = confusion.pyplot()
    colours = pyplot.get_cmap("tab10" if len(names) <= 10 else "turbo")(np.linspace(0.0, 1.0, len(names)))
    columns = 1 if len(beliefs) < 3 else 2 if len(beliefs) < 9 else 3
    lines = -(-len(beliefs) // columns)
    ratios = [1.0, 1.6] * columns
    figure, axes = pyplot.subplots(
        lines,
        2 * columns,
        figsize=(7.0 * columns, 2.8 * lines),
        width_ratios=ratios,
        layout="constrained",
        squeeze=False,
    )
    places = axes.reshape(-1, 2)
    for picture_axis, belief_axis in places[len(beliefs) :]:
        picture_axis.axis("off")
        belief_axis.axis("off")
    for (picture_axis, belief_axis), belief in zip(places, beliefs, strict=False):
        size = len(belief.picture)
        picture_axis.imshow(belief.picture, cmap="gray", vmin=0.0, vmax=1.0, extent=(0, size, size, 0))
        picture_axis.set(xticks=[], ylabel="rows read", title=belief.name[-40:])
        _draw_belief(belief_axis, belief.probabilities, names, colours)
    figure.savefig(path, dpi=100, format="png")
    pyplot.close(figure)


def _draw_belief(axis, probabilities: np.ndarray, names: Sequence[str], colours: np.ndarray) -> None:
    """Bands from left to right, one a class, as wide as its probability; a name stands where its band is widest."""
    rows = np.arange(len(probabilities))
    ends = np.cumsum(probabilities, axis=1)
    starts = ends - probabilities
    for number, name in enumerate(names):
        axis.fill_betweenx(rows, starts[:, number], ends[:, number], color=colours[number], linewidth=0)
        # Of several widest rows the middle one, and none at the edge where the letters would be cut.
        width = np.minimum(probabilities[2:-1, number], 0.98 * probabilities[2:-1, number].max())
        widest = np.flatnonzero(width == width.max()) + 2
        row = widest[len(widest) // 2]
        if probabilities[row, number] > 0.15:
            middle = (starts[row, number] + ends[row, number]) / 2
            axis.text(middle, row, name, ha="center", va="center", color="white", weight="bold", clip_on=True)
    axis.set(xlim=(0, 1), ylim=(rows[-1], 0), xlabel="probability", title="belief")
