"""Rows to be answered, read by Apache Beam's connectors: text, JSON, CSV, Parquet and TFRecord files."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import apache_beam as beam
from apache_beam.coders import BytesCoder
from apache_beam.io import fileio
from apache_beam.io.filesystems import FileSystems
from apache_beam.metrics import Metrics

from apps.pipeline import examples
from apps.pipeline.errors import DataError, summary
from apps.pipeline.printing import visible

FORMATS = {  # of what a name ends in, perhaps with .gz or .bz2 after it
    "text": (".txt",),
    "jsonl": (".jsonl", ".ndjson"),
    "csv": (".csv", ".tsv"),
    "parquet": (".parquet",),
    "tfrecord": (".tfrecord", ".tfrecords"),
}
REJECTED = "rejected"
SHOWN = 1000  # characters of a rejected row
csv.field_size_limit(2**31 - 1)


@dataclass(frozen=True)
class Row:
    """A text to be answered, the other fields that came with it, and the file they are from."""

    text: str
    fields: dict[str, Any] = field(default_factory=dict)
    file: str = ""


def rejected(file: str, content: Any, reason: str) -> beam.pvalue.TaggedOutput:
    """What is written of a row that gets no answer."""
    Metrics.counter("scoring", REJECTED).inc()
    shown = content if isinstance(content, str) else repr(content)
    record = {"file": file, "row": shown[:SHOWN], "reason": reason}
    return beam.pvalue.TaggedOutput(REJECTED, record)


class Parsed(beam.DoFn):
    """What a connector gives -> a Row, or why it is none."""

    def __init__(self, form: str, column: str, file: str):
        self._form, self._column, self._file = form, column, file

    def process(self, element: Any) -> Iterator[Any]:
        try:
            if self._form == "text":
                yield Row(element.decode("utf-8", "replace").removesuffix("\r"), file=self._file)
                return
            fields = self._fields(element)
            if not isinstance(fields, dict):
                raise DataError(f"expected an object with the field {self._column!r}, got {type(fields).__name__}")
            if self._column not in fields:
                raise DataError(f"expected a field {self._column!r}, got {', '.join(map(repr, fields)) or 'none'}")
            text = fields.pop(self._column)
            if not isinstance(text, str):
                raise DataError(f"expected a text as {self._column!r}, got {type(text).__name__}")
            yield Row(text, {name: plain(value) for name, value in fields.items()}, self._file)
        except (ValueError, TypeError) as error:  # DataError is one, as JSON's and UTF-8's errors are
            shown = element.decode("utf-8", "replace") if isinstance(element, bytes) else element
            yield rejected(self._file, shown, str(error) if isinstance(error, DataError) else summary(error))

    def _fields(self, element: Any) -> Any:
        if self._form == "jsonl":
            return json.loads(element.decode("utf-8-sig"))
        return examples.decode(element) if self._form == "tfrecord" else dict(element)


def plain(value: Any) -> Any:
    """A field as JSON has it: a date as text, no number for one that isn't finite."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(name): plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    return value if value is None or isinstance(value, str | int | bool) else str(value)


class RowsOfCsv(beam.DoFn):
    """A CSV file -> its rows as dictionaries. It is read as a whole, as quoted fields may hold ends of lines."""

    def process(self, file: fileio.ReadableFile) -> Iterator[Any]:
        name = file.metadata.path
        delimiter = "\t" if Path(name).name.lower().endswith((".tsv", ".tsv.gz", ".tsv.bz2")) else ","
        with file.open() as content, io.TextIOWrapper(content, "utf-8-sig", "replace", newline="") as text:
            records = csv.reader(text, delimiter=delimiter)
            header = next(records, None)
            for record in records:
                if len(record) == len(header):
                    yield dict(zip(header, record, strict=True))
                elif record:
                    yield rejected(name, record, f"expected {len(header)} fields, got {len(record)}")


@dataclass(frozen=True)
class Read:
    """The rows of files, and what in them is none."""

    rows: Any
    rejected: Sequence[Any]


def format_of(pattern: str) -> str:
    """Which of FORMATS a file is in, by its name; DataError if that doesn't say it."""
    name = pattern.lower().removesuffix(".gz").removesuffix(".bz2")
    for form, endings in FORMATS.items():
        if name.endswith(endings):
            return form
    every = ", ".join(ending for endings in FORMATS.values() for ending in endings)
    raise DataError(f"expected files whose names end in {every}, perhaps with .gz, got {visible(pattern)}")


def expect_files(patterns: Sequence[str]) -> None:
    """DataError if a pattern fits no file, or files of no known format."""
    for pattern in patterns:
        format_of(pattern)
        try:
            found = FileSystems.match([pattern])[0].metadata_list
        except Exception as error:  # a file system's own, such as of a bucket that there isn't
            raise DataError(f"expected files at {visible(pattern)}, got {summary(error)}") from error
        if not found:
            raise DataError(f"expected files at {visible(pattern)}, got none")


def read(pipeline: beam.Pipeline, pattern: str, column: str) -> Read:
    """The rows of the files that fit a pattern.

    column: of tables and objects, which has the text.
    """
    form, refused = format_of(pattern), []
    if form in ("text", "jsonl"):
        found = pipeline | f"read {pattern}" >> beam.io.ReadFromText(pattern, coder=BytesCoder())
    elif form == "parquet":
        found = pipeline | f"read {pattern}" >> beam.io.ReadFromParquet(pattern)
    elif form == "tfrecord":
        found = pipeline | f"read {pattern}" >> beam.io.ReadFromTFRecord(pattern)
    else:
        files = pipeline | f"match {pattern}" >> fileio.MatchFiles(pattern) | f"open {pattern}" >> fileio.ReadMatches()
        parts = files | f"read {pattern}" >> beam.ParDo(RowsOfCsv()).with_outputs(REJECTED, main="rows")
        found, refused = parts["rows"], [parts[REJECTED]]
    parsed = beam.ParDo(Parsed(form, column, pattern)).with_outputs(REJECTED, main="rows")
    parts = found | f"rows of {pattern}" >> parsed
    return Read(parts["rows"], [*refused, parts[REJECTED]])
