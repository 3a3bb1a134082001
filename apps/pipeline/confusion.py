"""Which label gets which answer, counted: macro-F1, and the counts as text and drawn."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

MOST_SHOWN = 30  # labels in a table of text


def counted(labels: np.ndarray, answers: np.ndarray, count: int) -> np.ndarray:
    """How often each label (row) got each answer (column), int (count, count)."""
    matrix = np.zeros((count, count), int)
    np.add.at(matrix, (labels, answers), 1)
    return matrix


def macro_f1(matrix: np.ndarray) -> float:
    """The mean F1 of the labels that are there or were answered: each label counts equally, however rare."""
    there, answered, right = matrix.sum(axis=1), matrix.sum(axis=0), matrix.diagonal()
    either = there + answered > 0
    return float(np.mean(2.0 * right[either] / (there + answered)[either])) if either.any() else 0.0


def in_table(matrix: np.ndarray, names: Sequence[str]) -> str:
    """A row for each label, a column for each answer; a dot is none."""
    if len(names) > MOST_SHOWN:
        return f"({len(names):,} labels: too many for a table)"
    width = max(5, len(f"{matrix.max():,}") + 1, *(len(name) + 1 for name in names))
    lines = [f"{'':>{width}}" + "".join(f"{name:>{width}}" for name in names) + "   answer"]
    lines += [
        f"{name:>{width}}" + "".join(f"{count or '.':>{width}}" for count in row)
        for name, row in zip(names, matrix, strict=True)
    ]
    return "\n".join(lines)


def pyplot():
    """matplotlib's, which draws into files."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    return pyplot


def draw(axis, matrix: np.ndarray, names: Sequence[str]) -> None:
    """On a matplotlib axis."""
    axis.imshow(np.log1p(matrix), cmap="Blues")
    axis.set(xlabel="answer", ylabel="class", title=f"{matrix.trace():,} of {matrix.sum():,} right")
    axis.set_xticks(range(len(names)), names, rotation=90 if max(map(len, names)) > 2 else 0)
    axis.set_yticks(range(len(names)), names)
    dark = np.log1p(matrix) > np.log1p(matrix).max() / 2
    for row, column in zip(*np.nonzero(matrix), strict=True):
        colour = "white" if dark[row, column] else "black"
        axis.text(column, row, matrix[row, column], ha="center", va="center", color=colour, fontsize=8)


def plot(matrix: np.ndarray, names: Sequence[str], path: Path) -> None:
    """Draws the counts alone, as a PNG."""
    plots = pyplot()
    side = min(14.0, 3.0 + 0.4 * len(names))
    figure, axis = plots.subplots(figsize=(side + 1.0, side), layout="constrained")
    draw(axis, matrix, [name if len(name) <= 20 else f"{name[:19]}…" for name in names])
    figure.savefig(path, dpi=100, format="png")
    plots.close(figure)
