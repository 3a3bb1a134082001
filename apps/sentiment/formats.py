"""Files of texts and labels, whatever their format, as tables: names of columns and rows of cells."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from apps.pipeline.errors import DataError, summary
from apps.pipeline.separated import records
from apps.pipeline.sources import Source, sources
from apps.pipeline.text_files import decoded

FASTTEXT = "__label__"  # before a label
_PARQUET = b"PAR1"
_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")  # Excel's and LibreOffice's
_JSON = (".json", ".jsonl", ".ndjson")
_TABLES = (".csv", ".tsv", ".tab", *_JSON, ".parquet", ".pq", ".xlsx", ".xls", ".xlsb", ".ods")

Row = tuple[str, Sequence[Any]]  # where it is, as "line 3", and its cells


@dataclass(frozen=True)
class Table:
    """Rows of cells.

    Attributes:
        name: of the file, for sentences.
        columns: their names.
        header: where these are, if they are a row that may as well be the first of the data; else "".
    """

    name: str
    columns: list[str]
    rows: list[Row]
    header: str = ""


def tables(path: Path, encoding: str | None = None) -> Iterator[Table]:
    """What is in a file, in the files of a folder or ZIP archive, or in a folder of texts for each label.

    Args:
        path: CSV in any form, JSON, a JSON object a line, fastText's lines, Parquet or a workbook; each may be
            compressed.
        encoding: of texts; None: it is found.

    Raises:
        DataError: names the file, what was expected and what came.
    """
    found = sources(path)
    if len(found) == 1 and found[0].name == str(path):
        yield table(found[0], encoding)
    elif tabular := [source for source in found if source.suffix in _TABLES]:
        for source in tabular:
            yield table(source, encoding)
    elif len({source.folder for source in found if source.folder}) > 1:
        yield _folders(str(path), found, encoding)
    elif found:
        for source in found:
            yield table(source, encoding)
    else:
        raise DataError(f"expected files with texts and labels in {path}, got none")


def table(source: Source, encoding: str | None) -> Table:
    """What is in one file."""
    content = source.read()
    if content.startswith(_PARQUET) or source.suffix in (".parquet", ".pq"):
        return _frame(source.name, "read_parquet", content)
    if content.startswith(_WORKBOOKS):
        return _frame(source.name, "read_excel", content)
    text = decoded(content, source.name, encoding)
    del content  # which may be as large
    start = text.lstrip()[:200]
    if source.suffix in _JSON or start.startswith(("{", "[{")):
        return _json(source.name, text)
    if start.startswith(FASTTEXT):
        return _fasttext(source.name, text)
    found = records(text, source.name, "\t" if source.suffix in (".tsv", ".tab") else ",")
    if not found:
        raise DataError(f"{source.name}: expected texts and labels, got an empty file")
    (line, names), *rest = found
    columns = [name.strip() for name in names]
    return Table(source.name, columns, [(f"line {number}", cells) for number, cells in rest], f"line {line}")


def _frame(name: str, reader: str, content: bytes) -> Table:
    """A Parquet file or the first sheet of a workbook."""
    try:
        import fastexcel  # noqa: F401  (polars reads workbooks by it)
        import polars
    except ModuleNotFoundError as error:
        raise DataError(
            f"expected the packages that read {name}, got no {error.name}: install them with pip install '.[tables]' "
            "in the project's folder, or save the table as CSV"
        ) from None
    kind = "a Parquet file" if reader == "read_parquet" else "a workbook of Excel or LibreOffice"
    try:
        frame = getattr(polars, reader)(content)
    except Exception as error:  # damage shows as errors of polars, fastexcel, Arrow, ...
        raise DataError(f"expected {kind} in {name}, got one that can't be read: {summary(error)}") from None
    rows = [(f"row {number}", cells) for number, cells in enumerate(frame.iter_rows(), 2)]
    return Table(name, list(frame.columns), rows)


def _json(name: str, text: str) -> Table:
    """An object a line, an array of objects, an object of columns, or one with an array of objects in it."""
    try:
        whole = json.loads(text)
    except (ValueError, RecursionError):
        return _of_objects(name, _json_lines(name, text))
    if isinstance(whole, dict):
        inside = [value for value in whole.values() if isinstance(value, list) and value and isinstance(value[0], dict)]
        columns = [_cells(value) for value in whole.values()]
        if len(inside) == 1:
            whole = inside[0]
        elif all(columns) and len(columns) > 1 and len(set(map(len, columns))) == 1:
            rows = [(f"entry {number}", cells) for number, cells in enumerate(zip(*columns, strict=True), 1)]
            return Table(name, list(whole), rows)
        else:
            whole = [whole]
    if not isinstance(whole, list):
        raise DataError(f"{name}: expected an array of JSON objects, or an object a line, got {text.strip()[:60]!r}")
    return _of_objects(name, [(f"entry {number}", entry) for number, entry in enumerate(whole, 1)])


def _cells(column: Any) -> list[Any]:
    """Of a column of JSON, a list or an object by the rows' numbers; [] if it is neither."""
    return list(column.values()) if isinstance(column, dict) else column if isinstance(column, list) else []


def _json_lines(name: str, text: str) -> Iterator[tuple[str, Any]]:
    for number, line in enumerate(text.split("\n"), 1):  # others, such as U+2028, may stand in a JSON string
        if not line.strip():
            continue
        try:
            yield f"line {number}", json.loads(line)
        except (ValueError, RecursionError) as error:
            raise DataError(f"{name}, line {number}: expected one JSON object, got {summary(error)}") from None


def _of_objects(name: str, entries: Any) -> Table:
    columns: dict[str, None] = {}
    found = []
    for place, entry in entries:
        if not isinstance(entry, dict):
            raise DataError(f"{name}, {place}: expected one JSON object, got {str(entry)[:60]!r}")
        columns |= dict.fromkeys(entry)
        found.append((place, entry))
    if not found:
        raise DataError(f"{name}: expected texts and labels, got an empty file")
    rows = [(place, [entry.get(column) for column in columns]) for place, entry in found]
    return Table(name, list(columns), rows)


def _fasttext(name: str, text: str) -> Table:
    """`__label__pos The text.`: a line with several labels has a list of them."""
    rows = []
    for number, line in enumerate(text.split("\n"), 1):
        words = line.split()
        labels = [word.removeprefix(FASTTEXT) for word in words if word.startswith(FASTTEXT)]
        said = " ".join(word for word in words if not word.startswith(FASTTEXT))
        if words:
            rows.append((f"line {number}", [said, labels[0] if len(labels) == 1 else labels or None]))
    return Table(name, ["text", "label"], rows)


def _folders(name: str, found: Sequence[Source], encoding: str | None) -> Table:
    """A text a file; the folder that it lies in has the name of its label."""
    inside = [source for source in found if source.folder]
    rows = [(source.name, [decoded(source.read(), source.name, encoding), source.folder]) for source in inside]
    return Table(name, ["text", "label"], rows)
