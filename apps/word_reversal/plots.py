"""Where a decoder looked as it wrote, as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

MOST_PLOTTED = 12


@dataclass(frozen=True)
class Look:
    """A word, its answer and the attention, (letters of the answer and the end mark if it came, start mark and letters
    of the word)."""

    word: str
    answer: str
    attention: np.ndarray


def plot_attention(looks: Sequence[Look], path: Path) -> None:
    """A square for each letter written (down) and each letter read (across), the darker the more it counted."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    columns = min(len(looks), 3)
    rows = -(-len(looks) // columns)
    figure, axes = pyplot.subplots(rows, columns, figsize=(4.2 * columns, 4.2 * rows), squeeze=False)
    figure.set_layout_engine("constrained")
    for axis in axes.flat[len(looks) :]:
        axis.set_axis_off()
    for axis, look in zip(axes.flat, looks, strict=False):
        image = axis.imshow(look.attention, cmap="Blues", vmin=0.0, vmax=1.0)
        written = [*look.answer, "end"][: len(look.attention)]
        size = min(10, 200 / max(look.attention.shape))  # points
        for set_ticks, labels in ((axis.set_xticks, ["▸", *look.word]), (axis.set_yticks, written)):
            set_ticks(range(len(labels)), labels, fontsize=size, parse_math=False)
        axis.tick_params(top=True, labeltop=True, bottom=False, labelbottom=False, length=0)
        axis.set(xlabel="read, after the start mark ▸", ylabel="written")
    figure.colorbar(image, ax=axes, label="attention", shrink=0.6)
    figure.savefig(path, dpi=100, format="png")
    pyplot.close(figure)
