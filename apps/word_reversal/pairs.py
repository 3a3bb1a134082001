"""The user's own pairs of strings: two columns of a text file, or of CSV."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from apps.pipeline.errors import DataError
from apps.pipeline.separated import records
from apps.pipeline.sources import sources
from apps.pipeline.text_files import decoded

LONGEST_STRING = 200  # characters
HEADERS = frozenset(
    ["source", "target", "input", "output", "from", "to", "word", "answer", "question", "text", "translation", "x", "y"]
)

Pairs = list[tuple[str, str]]


def read_pairs(path: str | Path) -> Pairs:
    """The pairs of a file in any encoding, in its order; repeated pairs and empty lines are left out.

    path: lines of two columns with a tab between them, or CSV if it is called so. Further columns, such as Tatoeba's
    attribution, are passed over; so is a first row of CSV that names the columns.

    DataError: names the file, the line, what was expected and what came.
    """
    path, found = Path(path), {}
    for source in sources(path):
        text = decoded(source.read(), source.name)
        separated = source.suffix == ".csv"
        for number, columns in _of_csv(text, source.name) if separated else _of_lines(text):
            place = f"{source.name}, line {number}"
            if len(columns) < 2:
                how = "columns" if separated else "columns separated by a tab"
                raise DataError(f"{place}: expected two {how}, got {len(columns)}: {columns[0][:40]!r}")
            for column in columns[:2]:
                if not 1 <= len(column) <= LONGEST_STRING or "\0" in column:
                    got = "a NUL character" if "\0" in column else f"{len(column):,}"
                    raise DataError(f"{place}: expected 1 to {LONGEST_STRING} characters in a column, got {got}")
            found.setdefault((columns[0], columns[1]))
    if not found:
        raise DataError(f"{path}: expected pairs, two columns separated by a tab, got none")
    return list(found)


def _of_lines(text: str) -> Iterator[tuple[int, list[str]]]:
    for number, line in enumerate(text.split("\n"), 1):
        line = line.removesuffix("\r")
        if line:
            yield number, line.split("\t")


def _of_csv(text: str, name: str) -> Iterator[tuple[int, list[str]]]:
    for place, (number, fields) in enumerate(records(text, name)):
        named = {field.strip().casefold() for field in fields[:2]} <= HEADERS
        if place or not named:
            yield number, fields
