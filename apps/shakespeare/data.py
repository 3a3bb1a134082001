"""A text of any size -> ids on disk, and what of it is held out: Tiny Shakespeare, or the user's own files."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from apps.corpora import tiny_shakespeare
from apps.pipeline.errors import DataError
from apps.pipeline.sources import texts_of
from apps.pipeline.splits import say_held_out
from apps.shakespeare.symbols import UNKNOWN, Symbols, most_frequent, split
from whole_files import whole

PIECE = 1 << 20  # ids in memory at once
SHORTEST = 40  # symbols of a text, or there is nothing to validate with
HELD_OUT = 0.1  # the last part of a text: the first half of it chooses, the second half tests
MOST_EVALUATED = 1 << 20  # symbols of the user's own text: the pass from its first to its last takes a step for each
Pieces = Callable[[], Iterable[str]]


def load_data(
    paths: Sequence[Path],
    encoding: str | None,
    level: str,
    most: int | None,
    file: Path,
    known: tuple[str, ...] = (),
) -> EncodedText:
    """The ids of Tiny Shakespeare, or of text files one after the other, on disk in `file`.

    known: symbols that have the first ids.
    """
    if not paths:
        return encode(lambda: [tiny_shakespeare.text()], level, most, file, known)
    return encode(lambda: texts_of(paths, encoding), level, most, file, known)


def symbols_from(folder: Path, level: str) -> tuple[str, ...]:
    """The symbols that the model in `folder` knows; DataError if they are of another level."""
    known = Symbols.load(folder)
    if known.level != level:
        raise DataError(f"expected --level {known.level}, as the model in {folder} has it, got {level}")
    return known.symbols


def held_out(
    folder: Path, paths: Sequence[Path], encoding: str | None, trained: dict[str, Any] | None
) -> list[np.ndarray]:
    """What `evaluate` reads, as ids of the folder's vocabulary: both halves of the last tenth of Tiny Shakespeare, or
    the user's own text from its beginning; if it is the one that the model was trained on (`publishing.own_data`), from
    where nothing was trained on or chosen by."""
    symbols = Symbols.load(folder)
    if not paths:
        return [np.array(symbols.ids(part), np.int32) for part in tiny_shakespeare.held_out()]
    ids: list[int] = []
    skipped = 0 if trained is None else _before_the_test(symbols, texts_of(paths, encoding), trained["data_sha256"])
    for piece in texts_of(paths, encoding):
        found = symbols.ids(piece)
        ids += found[skipped:]
        skipped = max(0, skipped - len(found))
        if len(ids) > MOST_EVALUATED:
            print(f"measured on the first {MOST_EVALUATED:,} symbols", file=sys.stderr)
            break
    return [np.array(ids[:MOST_EVALUATED], np.int32)]


def _before_the_test(symbols: Symbols, pieces: Iterable[str], sha256: str) -> int:
    """How many symbols of the text come before those that nothing was chosen by; 0 if it is another text."""
    digest, count = hashlib.sha256(), 0
    for piece in pieces:
        digest.update(piece.encode("utf-8"))
        count += len(symbols.ids(piece))
    if digest.hexdigest() != sha256:
        return 0
    before = (count + trained_on(count)) // 2
    say_held_out(count - before, count, "symbols", "the last of them")
    return before


@dataclass(frozen=True)
class EncodedText:
    """A text's ids, int32 (symbols,), on disk, and where its parts begin: the last tenth is held out."""

    ids: np.ndarray
    symbols: Symbols
    fingerprint: str  # SHA-256 of the text

    @property
    def train(self) -> np.ndarray:
        return self.ids[: trained_on(len(self.ids))]

    @property
    def validation(self) -> np.ndarray:
        """The first half of what is held out."""
        return self.ids[len(self.train) : (len(self.ids) + len(self.train)) // 2]

    @property
    def test(self) -> np.ndarray:
        """The second half, which chooses nothing."""
        return self.ids[(len(self.ids) + len(self.train)) // 2 :]


def trained_on(count: int) -> int:
    """How many of a text's symbols are trained on: all but the last tenth."""
    return int(count * (1 - HELD_OUT))


def encode(pieces: Pieces, level: str, most: int | None, file: Path, known: tuple[str, ...] = ()) -> EncodedText:
    """Writes the ids of a text to `file`; its symbols are those that are `known` already, and behind them those of the
    part that is trained on, at most `most`.

    Symbols are numbered as they come, and renumbered once it is known which there are.
    """
    numbers: dict[str, int] = {}
    digest = hashlib.sha256()
    with whole(file) as beside, open(beside, "wb") as target:
        for piece in pieces():
            digest.update(piece.encode("utf-8"))
            row = [numbers.setdefault(symbol, len(numbers)) for symbol in split(piece, level)]
            np.array(row, np.int32).tofile(target)
    count = file.stat().st_size // np.dtype(np.int32).itemsize
    if count < SHORTEST:
        raise DataError(f"expected a text of {SHORTEST} symbols or more to learn from, got {count}")
    ids = np.memmap(file, np.int32, "r+")
    counts = np.zeros(len(numbers), np.int64)
    end = trained_on(len(ids))
    for start in range(0, end, PIECE):
        counts += np.bincount(ids[start : min(start + PIECE, end)], minlength=len(numbers))
    there = set(known)
    new = [symbol for symbol in most_frequent(list(numbers), counts, level, most) if symbol not in there]
    symbols = Symbols(level, (*known, *new))
    final = np.full(len(numbers), UNKNOWN, np.int32)
    for number, symbol in enumerate(symbols.symbols, 1):
        if symbol in numbers:
            final[numbers[symbol]] = number
    for start in range(0, len(ids), PIECE):
        ids[start : start + PIECE] = final[ids[start : start + PIECE]]
    ids.flush()
    return EncodedText(ids, symbols, digest.hexdigest())
