"""The user's pairs of strings: a file of two columns separated by a tab, read, checked and split."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from apps.pipeline.errors import DataError
from apps.pipeline.publishing import digest
from apps.word_reversal.alphabet import Alphabet

LONGEST = 200  # characters of a string
SMALLEST_SPLIT = 100  # pairs; fewer are all learned by heart, and validated and tested on themselves

Pairs = list[tuple[str, str]]


def read_pairs(path: str | Path) -> Pairs:
    """The pairs of a UTF-8 file, in its order; a pair that comes again is left out, as are empty lines.

    DataError: names the file, the line, what was expected and what came.
    """
    path, found = Path(path), {}
    if not path.exists():
        raise DataError(f"expected a file of pairs, two columns separated by a tab, got {path}, which doesn't exist")
    with path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            try:
                text = line.decode("utf-8-sig" if number == 1 else "utf-8").removesuffix("\n").removesuffix("\r")
            except UnicodeDecodeError as error:
                byte, place = error.object[error.start], error.start + 1
                raise DataError(
                    f"{path}, line {number}: expected text in UTF-8, got the byte 0x{byte:02x} in place {place}"
                ) from None
            if not text:
                continue
            columns = text.split("\t")
            if len(columns) != 2:
                raise DataError(
                    f"{path}, line {number}: expected two columns separated by a tab, got {len(columns)}: {text[:40]!r}"
                )
            for column in columns:
                if not 1 <= len(column) <= LONGEST or "\0" in column:
                    got = "a NUL character" if "\0" in column else f"{len(column):,}"
                    raise DataError(f"{path}, line {number}: expected 1 to {LONGEST} characters in a column, got {got}")
            found.setdefault(tuple(columns))
    if not found:
        raise DataError(f"{path}: expected pairs, two columns separated by a tab, got none")
    return list(found)


def split_pairs(pairs: Pairs) -> tuple[Pairs, Pairs, Pairs]:
    """(train, validation, test): a tenth each are validation and test, decided by what is to be translated, so that the
    same never lies on two sides. Of fewer than SMALLEST_SPLIT pairs, all three are all."""
    if len(pairs) < SMALLEST_SPLIT:
        return pairs, pairs, pairs

    def tenth(word: str) -> int:
        return int.from_bytes(hashlib.sha256(word.encode()).digest()[:6]) * 10 >> 48

    parts = (
        [pair for pair in pairs if tenth(pair[0]) > 1],
        *([pair for pair in pairs if tenth(pair[0]) == chosen] for chosen in (0, 1)),
    )
    if not all(parts):
        raise DataError("expected pairs with many different first columns, got too few to hold some out for a test")
    return parts


def alphabet_of(pairs: Pairs) -> Alphabet:
    """All the characters of the pairs, and the lengths of the longest strings."""
    characters = sorted({character for pair in pairs for word in pair for character in word})
    longest_word, longest_answer = (max(map(len, column)) for column in zip(*pairs, strict=True))
    return Alphabet(characters, "characters of the pairs it was trained on", longest_word, longest_answer)


def fingerprint(pairs: Sequence[tuple[str, str]]) -> str:
    """SHA-256, as hexadecimal digits, of the pairs in order."""
    return digest("".join(json.dumps(pair) + "\n" for pair in pairs).encode())
