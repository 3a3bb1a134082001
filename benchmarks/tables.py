"""What a run leaves: a Markdown table, JSON and a chart, in one folder."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from benchmarks import timing

OURS, OTHER = "#1f77b4", "#b0b0b0"


def write(folder: Path, name: str, table: str, results: dict[str, Any]) -> None:
    """`name`.md and `name`.json, both with the machine and the versions."""
    folder.mkdir(parents=True, exist_ok=True)
    machine = timing.machine()
    text = f"`python -m benchmarks {name}` on {machine}.\n\n{table}\n"
    (folder / f"{name}.md").write_text(text, encoding="utf-8")
    content = json.dumps({"machine": machine, **results}, indent=1)
    (folder / f"{name}.json").write_text(content + "\n", encoding="utf-8")
    print(text, flush=True)


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Markdown; the first column is text, the others are numbers."""
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def save(figure, path: Path) -> None:
    """A figure as a PNG of 64 colours, a quarter of the size: git keeps every version."""
    whole = io.BytesIO()
    figure.savefig(whole, dpi=90)
    Image.open(whole).convert("RGB").quantize(64).save(path, "PNG", optimize=True)


def bars(path: Path, title: str, panels: dict[str, dict[str, float]]) -> None:
    """A panel for each title, with a bar for each name: how many times as long the other takes. Right of 1 is faster.

    panels: in the first one all names; another has no bar for a name that it lacks.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot, ticker

    names = list(next(iter(panels.values())))[::-1]
    size = (4.2 + 3.6 * len(panels), 1.3 + 0.24 * len(names))
    figure, axes = pyplot.subplots(1, len(panels), figsize=size, sharey=True, squeeze=False, layout="constrained")
    for axis, (panel, ratios) in zip(axes[0], panels.items(), strict=True):
        measured = [name for name in names if name in ratios]
        values = [ratios[name] for name in measured]
        axis.barh(names, 0, left=1)  # every panel has a row for each name
        drawn = axis.barh(measured, [value - 1 for value in values], left=1, height=0.7)
        for bar, value in zip(drawn, values, strict=True):
            bar.set_color(OURS if value >= 1 else OTHER)
        axis.bar_label(drawn, [f"{value:.2g}" if value < 10 else f"{value:.0f}" for value in values], padding=3)
        axis.axvline(1, color="black", linewidth=0.8)
        axis.set_xscale("log")
        axis.set_xlim(min(0.5, *values) * 0.8, max(2.0, *values) * 1.6)
        axis.xaxis.set_major_locator(ticker.FixedLocator([0.25, 0.5, 1, 2, 5, 10, 20]))
        axis.xaxis.set_major_formatter(ticker.FormatStrFormatter("%g"))
        axis.xaxis.set_minor_locator(ticker.NullLocator())
        axis.set_title(panel, fontsize=10)
        axis.grid(axis="x", alpha=0.3)
        axis.set_axisbelow(True)
    figure.suptitle(title)
    save(figure, path)
    pyplot.close(figure)


def lines(
    path: Path, title: str, x: str, y: str, series: dict[str, tuple[list[float], list[float]]], log: bool
) -> None:
    """A line for each name, through points (x, y); both axes logarithmic with `log`."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axis = pyplot.subplots(figsize=(7, 4.2), layout="constrained")
    for name, points in series.items():
        axis.plot(*points, "o-", markersize=4, label=name)
    scale = "log" if log else "linear"
    axis.set(xlabel=x, ylabel=y, title=title, xscale=scale, yscale=scale)
    axis.grid(alpha=0.3)
    axis.legend()
    save(figure, path)
    pyplot.close(figure)
