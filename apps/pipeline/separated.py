"""Records of fields that something separates: CSV in the forms that spreadsheets, databases and people write."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from apps.pipeline.errors import DataError

SEPARATORS = (",", "\t", ";", "|")
_SAMPLE = 200  # records that tell the separator
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")  # ends at CR, LF or CRLF, and keeps them
_SEPARATOR_LINE = re.compile(r"\"?sep=(.)\"?\s*", re.IGNORECASE)  # Excel's, before the header
_QUOTINGS: dict[str, dict[str, Any]] = {  # strict: a stray quote must not swallow lines
    "doubled": {"strict": True, "skipinitialspace": True},
    "escaped": {"strict": True, "skipinitialspace": True, "doublequote": False, "escapechar": "\\"},
    "none": {"quoting": csv.QUOTE_NONE},
}

Record = tuple[int, list[str]]  # the number of the line in which it begins, and its fields


def records(text: str, name: str, usual: str = ",") -> list[Record]:
    """The records of a text, without blank ones.

    Args:
        name: of the file, for sentences.
        usual: what separates fields where several could.

    Raises:
        DataError: quotes that fit nothing, with the line.
    """
    csv.field_size_limit(2**31 - 1)  # a text may be longer than the default, 131,072 characters
    before = 0
    separator = _SEPARATOR_LINE.fullmatch(next(_lines(text), ""))
    if separator is not None:
        before, chosen = 1, separator[1]
    else:
        chosen = _separator_of(text, usual)
    wrong = None
    for quoting, options in _QUOTINGS.items():
        if quoting == "escaped" and '\\"' not in text:
            continue
        try:
            found = _parsed(text, before, chosen, options)
        except _Quotes as error:
            wrong = wrong or error
            continue
        if wrong is None or quoting != "none" or _without_quotes(found, chosen):
            return found
    raise DataError(
        f"{name}, line {wrong.line}: expected fields that contain quotes or line breaks to be in quotes, with the "
        f"quotes inside doubled, got {wrong}"
    ) from None


class _Quotes(Exception):
    def __init__(self, line: int, reason: object):
        super().__init__(str(reason))
        self.line = line


def _lines(text: str) -> Iterator[str]:
    """One after the other: a list of them would be as large as the text, which may be of hundreds of megabytes."""
    return (found[0] for found in _LINE.finditer(text))


def _parsed(text: str, before: int, separator: str, options: dict[str, Any]) -> list[Record]:
    reader, found = csv.reader(islice(_lines(text), before, None), delimiter=separator, **options), []
    while True:
        line = before + reader.line_num + 1  # where the record begins: it may have line breaks inside quotes
        try:
            fields = next(reader)
        except StopIteration:
            return found
        except csv.Error as error:
            raise _Quotes(line, error) from None
        if any(field.strip() for field in fields):
            found.append((line, fields))


def _without_quotes(found: Sequence[Record], separator: str) -> bool:
    """Whether quotes are letters like others in this file: each record has as many fields as the first, and none is
    in quotes where quotes were to hide separators."""
    widths = {len(fields) for _, fields in found}
    hidden = separator != "\t" and any(
        len(field) > 1 and field[0] == field[-1] == '"' for _, fields in found for field in fields
    )
    return len(widths) == 1 and not hidden


def _separator_of(text: str, usual: str) -> str:
    """The one that gives most records as many fields as the first has."""

    def share(separator: str) -> float:
        best = 0.0
        for options in _QUOTINGS.values():
            reader = csv.reader(_lines(text), delimiter=separator, **{**options, "strict": False})
            try:
                widths = [len(fields) for fields in islice(reader, _SAMPLE) if fields]
            except csv.Error:
                continue
            if widths and widths[0] > 1:
                best = max(best, Counter(widths)[widths[0]] / len(widths))
        return best

    return max((usual, *SEPARATORS), key=share)  # the first of equally good ones
