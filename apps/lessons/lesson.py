"""What all lessons share: their flags, the check against the known answer, the picture."""

from __future__ import annotations

import argparse
import ast
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from apps.pipeline import command_line
from apps.pipeline.errors import DataError
from whole_files import whole

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Checks:
    """The known answers of a lesson and whether it reached them."""

    def __init__(self):
        self.missed = 0

    def check(self, answer: str, reached: bool) -> None:
        """Prints the known answer, and whether the lesson reached it."""
        self.missed += not reached
        print(f"{'ok    ' if reached else 'MISSED'} {answer}")


def summary(file: Path) -> str:
    """The first line of a Python file's docstring."""
    return (ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or "").split("\n")[0]


def flags(file: str) -> argparse.ArgumentParser:
    """The parser of the lesson in `file`, with `--plot` and `--seed`; a lesson adds its own."""
    name = f"python -m apps.lessons.{Path(file).stem}"
    parser = argparse.ArgumentParser(name, description=summary(Path(file)), allow_abbrev=False)
    parser.add_argument("--plot", type=Path, metavar="FILE.png", help="draw the picture of the lesson")
    parser.add_argument("--seed", type=command_line.seed, default=1, help="of every random number (%(default)s)")
    return parser


def run(
    teach: Callable[[argparse.Namespace, Checks], Figure | None],
    parser: argparse.ArgumentParser,
    argv: Sequence[str] | None = None,
) -> int:
    """Runs a lesson -> the exit status: 1 if it misses a known answer, 2 if the user's input is at fault.

    Args:
        teach: prints what is learned, checks it, and returns the picture if `--plot` is there.
    """
    given = parser.parse_args(argv)

    def work():
        if given.plot:
            _can_be_written(given.plot)
        checks = Checks()
        figure = teach(given, checks)
        if given.plot:
            _save(figure, given.plot)
            print(f"wrote {given.plot}")
        return 1 if checks.missed else 0

    return command_line.exit_status(parser.prog, work)


def _save(figure: Figure, plot: Path) -> None:
    with whole(plot) as beside:
        figure.savefig(beside, dpi=120, format="png")


def _can_be_written(plot: Path) -> None:
    """An error now, not after minutes of training."""
    command_line.need("matplotlib")
    if plot.suffix != ".png":
        raise DataError(f"expected a file name that ends in .png, got {plot}")
    if not plot.parent.is_dir():
        raise DataError(f"expected a folder to write {plot.name} into, got {plot.parent}")
