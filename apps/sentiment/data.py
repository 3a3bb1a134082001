"""Texts and their labels: IMDB's, or those of the user's own file, read and checked."""

from __future__ import annotations

import contextlib
import csv
import gzip
import hashlib
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from apps.corpora import imdb
from apps.pipeline.errors import DataError, summary
from apps.pipeline.splits import say_held_out, split

_FILE_TYPES = {".csv": ",", ".tsv": "\t", ".jsonl": None, ".ndjson": None}  # extension: what separates the fields
_COLUMNS = ("text", "label")


@dataclass(frozen=True, eq=False)
class LabelledTexts:
    """Texts and their classes: `texts[i]` is of class `names[labels[i]]`; `labels` is int32 (texts,)."""

    kind: ClassVar[str] = "texts"
    texts: list[str]
    labels: np.ndarray
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.texts)

    def identities(self) -> list[str]:
        """What decides the side of each example in `split`: its text."""
        return self.texts

    def part(self, chosen: np.ndarray) -> LabelledTexts:
        """Those where `chosen`, bool (texts,), is true."""
        texts = [text for text, kept in zip(self.texts, chosen, strict=True) if kept]
        return LabelledTexts(texts, self.labels[chosen], self.names)

    def fingerprint(self) -> str:
        """SHA-256, as hexadecimal digits, of the texts with the names of their labels, in order."""
        digest = hashlib.sha256()
        for text, label in zip(self.texts, self.labels, strict=True):
            digest.update(json.dumps([text, self.names[label]]).encode() + b"\n")
        return digest.hexdigest()


def load_data(path: Path | None, seed: int) -> tuple[LabelledTexts, LabelledTexts, LabelledTexts, list[str]]:
    """-> train, validation, test and texts without a label: IMDB, or the file at `path`, of which a tenth each is
    validation and test."""
    if path is None:
        train, validation = split(reviews("train"), 0.1, seed)
        return train, validation, reviews("test"), imdb.unlabelled()
    train, test = split(labelled_file(path), 0.1, seed)
    train, validation = split(train, 0.1, seed + 1)
    return train, validation, test, []


def load_test_data(path: Path | None, trained: dict[str, Any] | None = None) -> LabelledTexts:
    """What `evaluate` counts: IMDB's test reviews, or the texts in the file `path`; of these what `train` holds out, if
    they are those that the model was trained on (`publishing.own_data`)."""
    if path is None:
        return reviews("test")
    texts = labelled_file(path)
    if trained is not None:
        with contextlib.suppress(DataError):  # too few to be split: they aren't what was trained on
            train, _, test, _ = load_data(path, trained["recipe"]["seed"])
            if train.fingerprint() == trained["data_sha256"]:
                say_held_out(len(test), len(texts), texts.kind, "by the hash of each")
                return test
    return texts


def reviews(part: str) -> LabelledTexts:
    """IMDB's of the split "train" or "test"; see `imdb.labelled`."""
    return LabelledTexts(*imdb.labelled(part), imdb.LABELS)


def labelled_file(path: str | Path) -> LabelledTexts:
    """The user's own texts of two classes, in the file's order.

    Ids follow the alphabetical order of the labels, which puts neg before pos, negative before positive, 0 before 1
    and false before true. Spaces around a label don't count. Blank lines are skipped, lone surrogates replaced.

    Args:
        path: a .csv or .tsv file whose first line names its columns (fields quoted as spreadsheets do), or a .jsonl or
            .ndjson file with an object on each line; any of them may end in .gz. UTF-8, with or without a byte-order
            mark. There must be columns `text` and `label`; others are ignored.

    Raises:
        DataError: names the file, the line, what was expected and what came.
    """
    path = Path(path)
    extension = Path(path.stem if path.suffix.lower() == ".gz" else path.name).suffix.lower()
    if extension not in _FILE_TYPES:
        raise DataError(f"expected a file ending in {', '.join(_FILE_TYPES)} (or one of these and .gz), got {path}")
    separator = _FILE_TYPES[extension]
    rows = _json_rows(path) if separator is None else _separated_rows(path, separator)
    texts, row_labels, first_line = [], [], {}
    for line, text, label in rows:
        if not isinstance(text, str) or not text.strip():
            raise DataError(f"{path}, line {line}: expected a text, got {_shown(text)}")
        if isinstance(label, bool | int | float):
            label = json.dumps(label)  # as the file spells it: true, 1, 0.5
        if not isinstance(label, str) or not label.strip():
            raise DataError(f"{path}, line {line}: expected a label, got {_shown(label)}")
        label = label.strip().encode("utf-8", "replace").decode()
        first_line.setdefault(label, line)
        texts.append(text.encode("utf-8", "replace").decode())
        row_labels.append(label)
    if not texts:
        raise DataError(f"{path}: expected texts and labels, got none")
    if len(first_line) != 2:
        listed = ", ".join(_shown(label) for label in list(first_line)[:5]) + (", ..." if len(first_line) > 5 else "")
        third = f"; the third is first in line {list(first_line.values())[2]}" if len(first_line) > 2 else ""
        raise DataError(f"{path}: expected two different labels, got {len(first_line)}: {listed}{third}")
    names = tuple(sorted(first_line))
    return LabelledTexts(texts, np.array([names.index(label) for label in row_labels], np.int32), names)


def _shown(value: object) -> str:
    """A value for an error's sentence, shortened."""
    shown = repr(value)
    return shown if len(shown) <= 60 else shown[:57] + "..."


def _lines(path: Path) -> Iterator[str]:
    """The lines of a UTF-8 file, perhaps compressed, each with its line break and all without a byte-order mark."""
    number = 0
    try:
        with gzip.open(path) if path.suffix.lower() == ".gz" else path.open("rb") as file:
            for number, line in enumerate(file, 1):
                if b"\0" in line:
                    raise DataError(f"{path}, line {number}: expected text in UTF-8, got a NUL byte")
                # Line by line, because a decoder of the whole file doesn't tell in which line it stopped.
                yield line.decode("utf-8-sig" if number == 1 else "utf-8")
    except UnicodeDecodeError as error:
        byte, place = error.object[error.start], error.start + 1
        raise DataError(
            f"{path}, line {number}: expected text in UTF-8, got the byte 0x{byte:02x} in place {place} of the line"
        ) from None
    except FileNotFoundError:
        raise DataError(f"expected a file with texts and labels, got {path}, which doesn't exist") from None
    except IsADirectoryError:
        raise DataError(f"expected a file with texts and labels, got {path}, which is a folder") from None
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: expected a file that can be read, got {summary(error)}") from error


def _separated_rows(path: Path, separator: str) -> Iterator[tuple[int, str, str]]:
    """The line number, text and label of each record of a CSV or TSV file."""
    csv.field_size_limit(2**31 - 1)  # a text may be longer than the default, 131,072 characters
    reader = csv.reader(_lines(path), delimiter=separator, strict=True)  # strict: a stray quote must not swallow lines
    header = None
    while True:
        line = reader.line_num + 1  # where the record begins: it may have line breaks inside quotes
        try:
            fields = next(reader)
        except StopIteration:
            break
        except csv.Error as error:
            raise DataError(
                f"{path}, line {line}: expected fields that contain quotes or line breaks to be in quotes, with the "
                f"quotes inside doubled, got {error}"
            ) from None
        if not fields:
            continue
        if header is None:
            header = [name.strip() for name in fields]
            _check_columns(header, f"{path}, line {line}")
            text_field, label_field = (header.index(name) for name in _COLUMNS)
        elif len(fields) != len(header):
            raise DataError(f"{path}, line {line}: expected {len(header)} fields as in the header, got {len(fields)}")
        else:
            yield line, fields[text_field], fields[label_field]
    if header is None:
        raise DataError(f"{path}: expected a header with the columns 'text' and 'label', got an empty file")


def _json_rows(path: Path) -> Iterator[tuple[int, object, object]]:
    """The line number, text and label of each line of a JSONL file."""
    for number, line in enumerate(_lines(path), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise DataError(f"{path}, line {number}: expected one JSON object, got {summary(error)}") from None
        if not isinstance(row, dict):
            raise DataError(f"{path}, line {number}: expected one JSON object, got {_shown(row)}")
        _check_columns(list(row), f"{path}, line {number}")
        yield number, row["text"], row["label"]


def _check_columns(columns: list[str], place: str) -> None:
    for name in _COLUMNS:
        if columns.count(name) != 1:
            listed = ", ".join(_shown(column) for column in columns) or "none"
            raise DataError(
                f"{place}: expected one column {name!r}, got {columns.count(name)}; the columns are {listed}"
            )
