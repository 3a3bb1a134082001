"""Which columns of a table are the text and its label: those that are named, or those with a usual name."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from apps.pipeline.errors import DataError
from apps.sentiment.formats import Row, Table

FLAGS = ("--text-column", "--label-column")
# fmt: off
USUAL = (  # names in lower case, words joined by _; where several fit, the first of them counts
    ("text", "texts", "review", "sentence", "content", "tweet", "comment", "body", "message", "document",
     "review_text", "reviewtext", "tweet_text", "comment_text", "text_review", "full_text", "cleaned_text",
     "clean_text", "review_body", "review_content", "sms", "post", "description", "headline", "title",
     "phrase", "utterance", "question", "query", "answer", "feedback", "opinion", "statement", "文本", "内容",
     "评论", "正文", "句子"),
    ("label", "labels", "sentiment", "class", "classes", "rating", "target", "category", "stars", "star",
     "score", "polarity", "overall", "sentiment_label", "review_score", "review_rating", "star_rating",
     "airline_sentiment", "emotion", "intent", "tag", "topic", "y", "output", "annotation", "标签", "类别", "情感",
     "分类", "评分"),
)
# fmt: on

Example = tuple[str, Any, Any]  # where it is, a text and a label as they are there
Unusable = tuple[str, str]  # where a row is, and what is wrong with it


def examples(table: Table, text_column: str | None, label_column: str | None) -> Iterator[Example | Unusable]:
    """The text and label of each row of a table.

    text_column, label_column: their names, or their numbers from 1, where there may be no header; None: usual ones.

    DataError if there are no such columns: names those that there are.
    """
    places, rows = _columns(table, (text_column, label_column))
    for place, cells in rows:
        if len(cells) != len(table.columns):
            cells = _without_empty_ends(cells, len(table.columns))
        if len(cells) != len(table.columns):
            yield place, f"{len(cells)} fields in place of {len(table.columns)}"
        else:
            yield place, cells[places[0]], cells[places[1]]


def _without_empty_ends(cells: Sequence[Any], width: int) -> Sequence[Any]:
    return cells[:width] if len(cells) > width and not any(cells[width:]) else cells


def _columns(table: Table, named: Sequence[str | None]) -> tuple[list[int], list[Row]]:
    """(the places of text and label, the rows that are data)."""
    found = [_place(table, name, usual) for name, usual in zip(named, USUAL, strict=True)]
    by_number = [place is None and name is not None for place, name in zip(found, named, strict=True)]
    if any(by_number) and all(name is not None for name in named):
        numbered = [_number(table, name) if place is None else place for place, name in zip(found, named, strict=True)]
        if None not in numbered and len(set(numbered)) == 2:
            return numbered, _with_first_row(table) if all(by_number) else table.rows
    if None in found or found[0] == found[1]:
        raise _no_columns(table, named, found)
    names = [table.columns[place] for place in found]
    if named == (None, None) and [_key(name) for name in names] != ["text", "label"]:
        print(f"{table.name}: texts are in the column {names[0]!r}, labels in {names[1]!r}", file=sys.stderr)
    return found, table.rows


def _with_first_row(table: Table) -> list[Row]:
    """The rows of a table whose columns have numbers: what would be their names is a row, unless they are names."""
    names = {name for usual in USUAL for name in usual}
    if not table.header or any(_key(column) in names for column in table.columns):
        return table.rows
    return [(table.header, table.columns), *table.rows]


def _place(table: Table, name: str | None, usual: Sequence[str]) -> int | None:
    """Of the column with this name, in any case, or with the first of the usual ones; None if there is none or two."""
    keys = [_key(column) for column in table.columns]
    for wanted in usual if name is None else [_key(name)]:
        if keys.count(wanted) == 1:
            return keys.index(wanted)
        if name is not None and table.columns.count(name.strip()) == 1:
            return table.columns.index(name.strip())
    return None


def _number(table: Table, name: str) -> int | None:
    return int(name) - 1 if name.isascii() and name.isdigit() and 1 <= int(name) <= len(table.columns) else None


def _key(column: str) -> str:
    return re.sub(r"[\s_.-]+", "_", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", column).strip().casefold())


def _no_columns(table: Table, named: Sequence[str | None], found: Sequence[int | None]) -> DataError:
    place = f"{table.name}, {table.header}" if table.header else table.name
    shown = [column if len(column) <= 40 else f"{column[:37]}..." for column in table.columns]
    listed = ", ".join(map(repr, shown[:20])) or "none"
    missing = [
        f"a column {name!r}"
        if name
        else f"a column for the {what} of a usual name, such as {usual[0]!r} or {usual[1]!r}"
        for name, what, usual, place in zip(named, ("texts", "labels"), USUAL, found, strict=True)
        if place is None
    ]
    expected = " and ".join(missing) or "two columns, one for the texts and one for the labels"
    return DataError(
        f"{place}: expected {expected}, got the columns {listed}: name them by {' and '.join(FLAGS)}, or where the "
        "file has no header by their numbers, such as --text-column 1 --label-column 2"
    )
