"""Texts and labels as people have them -> those that can be used; what can't, or looks wrong, is counted and said."""

from __future__ import annotations

import json
import math
import re
import sys
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from apps.pipeline.errors import DataError
from apps.pipeline.printing import visible
from apps.sentiment.columns import Example, Unusable

NAMED = 3  # of what is said, how many are named
_NOTHING = ("", "nan", "<na>")  # what pandas writes where there is nothing


def usable(rows: Iterable[Example | Unusable], name: str) -> tuple[list[str], list[str]]:
    """The texts, and the label of each; rows without one of them are skipped, counted and said.

    name: of what they come from, for sentences. DataError if there is nothing else.
    """
    texts, labels, skipped = [], [], []
    for place, *cells in rows:
        wrong = cells[0] if len(cells) == 1 else None
        if wrong is None:
            text, label = _text(cells[0]), _label(cells[1])
            wrong = "no text" if text is None else "no label" if label is None else None
        if wrong is None:
            texts.append(text)
            labels.append(label)
        else:
            skipped.append(f"{place} ({wrong})")
    told = f"{', '.join(skipped[:NAMED])}{', ...' if len(skipped) > NAMED else ''}"
    if not texts:
        raise DataError(f"{name}: expected texts and labels, got none" + (f": {told}" if skipped else ""))
    if len(skipped) > len(texts):
        raise DataError(f"{name}: expected rows with a text and a label, got {len(skipped):,} others: {told}")
    if skipped:
        say(f"{name}: {_counted(len(skipped), 'row')} can't be used and {_is(skipped)} skipped: {told}")
    return texts, labels


def folded(labels: Sequence[str]) -> list[str]:
    """The labels, of which those that differ in case, in spaces or as 1 and 1.0 do are one, spelled as most are."""
    spellings: dict[str, Counter[str]] = defaultdict(Counter)
    for label, count in Counter(labels).items():
        spellings[key(label)][label] = count
    chosen = {each: max(counts, key=lambda label: (counts[label], label)) for each, counts in spellings.items()}
    several = [" and ".join(map(repr, sorted(counts))) for counts in spellings.values() if len(counts) > 1]
    if several:
        say(f"labels taken for one: {'; '.join(several[:NAMED])}; --exact-labels keeps them apart")
    return [chosen[key(label)] for label in labels]


def key(label: str) -> str:
    """The same for labels that a person takes for one."""
    same = " ".join(unicodedata.normalize("NFKC", label).casefold().split())
    try:
        number = float(same)
    except ValueError:
        return same
    return repr(number) if math.isfinite(number) else same


def ordered(labels: Iterable[str]) -> tuple[str, ...]:
    """The distinct labels: numbers by size, others by the alphabet, which puts negative before positive."""
    distinct = sorted(set(labels))
    try:
        return tuple(sorted(distinct, key=float))
    except ValueError:
        return tuple(distinct)


def say_repeated(texts: Sequence[str], labels: Sequence[str]) -> None:
    """Says how many texts are repeated, and how many have two labels."""
    of_text: dict[str, set[str]] = defaultdict(set)
    for text, label in zip(texts, labels, strict=True):
        of_text[text].add(label)
    if repeated := len(texts) - len(of_text):
        say(f"{_counted(repeated, 'text')} repeat{'s' if repeated == 1 else ''} another: equal ones stay on one side")
    contradictory = [text for text, found in of_text.items() if len(found) > 1]
    if contradictory:
        shown = ", ".join(f"{visible(' '.join(text.split())[:40])!r}" for text in contradictory[:NAMED])
        more = ", ..." if len(contradictory) > NAMED else ""
        say(f"{_counted(len(contradictory), 'text')} with two labels or more: {shown}{more}")


def say(sentence: str) -> None:
    """To the user, beside what is printed for machines."""
    print(visible(sentence), file=sys.stderr, flush=True)


def _text(cell: Any) -> str | None:
    if isinstance(cell, int | float) and not isinstance(cell, bool) and math.isfinite(cell):
        cell = json.dumps(cell)
    if not isinstance(cell, str) or cell.strip().casefold() in _NOTHING:
        return None
    return cell if cell.isascii() else cell.encode("utf-8", "replace").decode()  # half a character of a pair is none


def _label(cell: Any) -> str | None:
    if isinstance(cell, bool | int) or (isinstance(cell, float) and math.isfinite(cell)):
        return json.dumps(cell)  # as JSON spells it: true, 1, 0.5
    if not isinstance(cell, str) or cell.strip().casefold() in _NOTHING:
        return None
    return re.sub(r"\s+", " ", cell.strip()).encode("utf-8", "replace").decode()


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _is(things: Sequence[Any]) -> str:
    return "is" if len(things) == 1 else "are"
