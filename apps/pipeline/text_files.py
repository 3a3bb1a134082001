"""Text files in any encoding and of any size -> ids in a file on disk, never all of a text in memory at once."""

from __future__ import annotations

import codecs
import hashlib
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from apps.corpora.prepared import Corpus, prepared_batches
from apps.pipeline.errors import DataError
from apps.shakespeare.symbols import UNKNOWN, Symbols, clean, most_frequent, split

PIECE = 1 << 20  # characters, or ids, in memory at once
LONGEST_WORD = 16 << 20  # characters without a space or the end of a line that are in memory at once
SHORTEST = 40  # symbols of a text, or there is nothing to validate with
HELD_OUT = 0.1  # the last part of a text: the first half of it chooses, the second half tests
_SAMPLE = 1 << 18  # bytes that tell the encoding
_MARKS = {  # the byte-order marks, the longer ones first: UTF-32's begins with UTF-16's
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_SHAKESPEARE = Corpus(
    "tiny_shakespeare:1.0.0",
    "text of Tiny Shakespeare",
    ("https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt",),
    {"train": 1, "validation": 1, "test": 1},
)

Pieces = Callable[[], Iterable[str]]


def tiny_shakespeare() -> str:
    """The 1,115,394 characters of Karpathy's corpus (2015); its last tenth is what others hold out too.

    The first call downloads 1 MB. DataError if that fails or what is on disk is damaged.
    """
    return "".join(_shakespeare(part) for part in ("train", "validation", "test"))


def held_out_shakespeare() -> tuple[str, str]:
    """The two halves of the last tenth of `tiny_shakespeare`."""
    return _shakespeare("validation"), _shakespeare("test")


def _shakespeare(part: str) -> str:
    return prepared_batches(_SHAKESPEARE, part)[0]["text"][0].decode("utf-8")


def encoding_of(path: Path) -> str:
    """The encoding of a text file, by its byte-order mark, else UTF-8 if that fits, else what charset-normalizer finds.

    DataError if nothing fits: the file is no text.
    """
    with open(path, "rb") as file:
        sample = file.read(_SAMPLE)
    for mark, encoding in _MARKS.items():
        if sample.startswith(mark):
            return encoding
    try:
        codecs.getincrementaldecoder("utf-8")().decode(sample, final=len(sample) < _SAMPLE)
        return "utf-8"
    except UnicodeDecodeError:
        pass
    from charset_normalizer import from_bytes

    # The sample may end within a character, of up to 4 bytes.
    samples = [sample[: len(sample) - cut] for cut in range(4 if len(sample) == _SAMPLE else 1)]
    matches = next((found for found in map(from_bytes, samples) if found.best()), None)
    if matches is None:
        raise DataError(
            f"expected a text in {path}, got bytes that no encoding makes a text of: name one by --encoding"
        )
    best = matches.best()
    if len(str(best)) == len(sample) and any("cp1252" in match.could_be_from_charset for match in matches):
        return "cp1252"  # a byte a character: where several fit, Western Europe's, which has all of Latin-1's letters
    # GB18030 has every character of GB2312 and GBK, and more.
    return "gb18030" if best.encoding in ("gb2312", "gbk", "hz") else best.encoding


def pieces_of(paths: Sequence[Path], encoding: str | None) -> Iterator[str]:
    """The clean text of files, one after the other, in pieces that end with a line or a word.

    DataError if a file isn't a text in the encoding, which is found for each file if it is None.
    """
    for path in paths:
        chosen = encoding or encoding_of(path)
        try:
            with open(path, encoding=chosen) as file:
                yield from _pieces(file)
        except LookupError:
            raise DataError(f"expected the name of an encoding, such as gb18030, got {chosen!r}") from None
        except UnicodeError as error:
            place = f" at byte {error.start:,}" if isinstance(error, UnicodeDecodeError) else ""
            raise DataError(f"expected {chosen} in {path}, got something else{place}: name one by --encoding") from None


def _pieces(file: io.TextIOBase) -> Iterator[str]:
    rest = ""
    while read := file.read(PIECE):
        text = rest + read
        end = max(text.rfind("\n") + 1, text.rfind(" "))  # a word has the space before it
        if end <= 0 and len(text) >= LONGEST_WORD:
            end = len(text)
        rest = text[max(0, end) :]
        if end > 0:
            yield clean(text[:end])
    if rest:
        yield clean(rest)


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
        """The second half, by which nothing is chosen."""
        return self.ids[(len(self.ids) + len(self.train)) // 2 :]


def trained_on(count: int) -> int:
    """How many of a text's symbols are trained on: all but the last tenth."""
    return int(count * (1 - HELD_OUT))


def encode(pieces: Pieces, level: str, most: int | None, file: Path) -> EncodedText:
    """Writes the ids of a text to `file`; its symbols are those of the part that is trained on, at most `most`.

    Symbols are numbered as they come, and renumbered once it is known which there are.
    """
    numbers: dict[str, int] = {}
    digest = hashlib.sha256()
    beside = file.with_name(f"{file.name}.partial")
    try:
        with open(beside, "wb") as target:
            for piece in pieces():
                digest.update(piece.encode("utf-8"))
                row = [numbers.setdefault(symbol, len(numbers)) for symbol in split(piece, level)]
                np.array(row, np.int32).tofile(target)
        beside.replace(file)
    finally:
        beside.unlink(missing_ok=True)
    count = file.stat().st_size // np.dtype(np.int32).itemsize
    if count < SHORTEST:
        raise DataError(f"expected a text of {SHORTEST} symbols or more to learn from, got {count}")
    ids = np.memmap(file, np.int32, "r+")
    counts = np.zeros(len(numbers), np.int64)
    end = trained_on(len(ids))
    for start in range(0, end, PIECE):
        counts += np.bincount(ids[start : min(start + PIECE, end)], minlength=len(numbers))
    symbols = Symbols(level, most_frequent(list(numbers), counts, level, most))
    final = np.full(len(numbers), UNKNOWN, np.int32)
    final[[numbers[symbol] for symbol in symbols.symbols]] = np.arange(1, len(symbols))
    for start in range(0, len(ids), PIECE):
        ids[start : start + PIECE] = final[ids[start : start + PIECE]]
    ids.flush()
    return EncodedText(ids, symbols, digest.hexdigest())
