"""Text files in any encoding and of any size, read in pieces: never all of a text in memory at once."""

from __future__ import annotations

import bz2
import codecs
import contextlib
import gzip
import io
import lzma
import re
import sys
import unicodedata
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from apps.pipeline.errors import DataError

PIECE = 1 << 20  # characters in memory at once
LONGEST_WORD = 16 << 20  # characters without a space or the end of a line that are in memory at once
MARK = "\x1f"  # is left out of every text, and so is free to mark places in one
CLEAN = (("\r\n?", "\n"), (MARK, ""))  # pattern, replacement
_SAMPLE = 1 << 18  # bytes that tell the encoding
_STRANGE = 0.002  # the share of controls: some texts have form feeds; of what isn't text, a tenth or more are controls
_WIDE = ("utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be")  # without a mark
_NO_TEXTS = {  # what people mistake for texts, by its first bytes
    b"%PDF-": "a PDF file",
    b"PK\x03\x04": "a ZIP file or a document of Word, Excel or LibreOffice",
    b"\xd0\xcf\x11\xe0": "an old document of Word or Excel",
    b"{\\rtf": "a document in RTF",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
}
_COMPRESSED = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ\x00": lzma.open}  # by the first bytes
_DAMAGED = 0.1  # of the characters beyond ASCII: with fewer bytes that aren't UTF-8, it is UTF-8 with damage
_MARKS = {  # the byte-order marks, the longer ones first: UTF-32's begins with UTF-16's
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


def clean(text: str) -> str:
    """A text as it is read: line breaks become \\n, the bytes of a lone surrogate U+FFFD, and U+001F goes."""
    text = text.encode("utf-8", "surrogatepass").decode("utf-8", "replace")
    for pattern, replacement in CLEAN:
        text = re.sub(pattern, replacement, text)
    return text


@contextlib.contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """A file to be read, bytes; what gzip, bzip2 or xz compressed is unpacked. DataError if that fails meanwhile."""
    with open(path, "rb") as file:
        start = file.read(6)
    unpack = next((unpack for magic, unpack in _COMPRESSED.items() if start.startswith(magic)), None)
    try:
        with (unpack or open)(path, "rb") as file:
            yield file
    except (EOFError, zlib.error, gzip.BadGzipFile, lzma.LZMAError):
        raise _not_unpacked(path) from None
    except OSError as error:
        if unpack is None or error.errno is not None:  # bz2's own have no number
            raise
        raise _not_unpacked(path) from None


def _not_unpacked(path: Path) -> DataError:
    return DataError(f"expected a whole compressed file in {path}, got a damaged one, or one that was cut off")


@contextlib.contextmanager
def opened_text(path: Path, encoding: str) -> Iterator[io.TextIOBase]:
    """`opened`, as text; LookupError: there is no such encoding."""
    with opened(path) as file, io.TextIOWrapper(file, encoding) as text:
        yield text


def encoding_of(path: Path) -> str:
    """The encoding of a text file, by its byte-order mark, else UTF-8 if that fits, else what charset-normalizer finds.

    DataError if nothing fits: the file is no text.
    """
    try:
        with opened(path) as file:
            sample = file.read(_SAMPLE)
    except IsADirectoryError:
        raise DataError(f"expected a text file, got {path}, which is a folder: name the files in it") from None
    return _encoding_in(sample, path)


def _encoding_in(sample: bytes, name: object) -> str:
    """The encoding of a file by its beginning; DataError: it is no text."""
    if kind := next((kind for start, kind in _NO_TEXTS.items() if sample.startswith(start)), None):
        raise DataError(f"expected a text in {name}, got {kind}: save what is in it as plain text")
    encoding = _encoding_of(sample)
    if encoding is None:
        raise DataError(
            f"expected a text in {name}, got bytes that no encoding makes a text of: name one by --encoding"
        )
    return encoding


def decoded(content: bytes, name: str, encoding: str | None = None) -> str:
    """The text of a file that is in memory, in the encoding that is named, or else found by all of it.

    UTF-8 in which a few bytes are damaged stays UTF-8, and it is said how many. DataError if nothing fits.
    """
    sample = content[:_SAMPLE]
    marked = sample.startswith((*_MARKS, *_NO_TEXTS)) or 0 in sample
    try:
        if encoding is None:
            encoding = _encoding_in(sample, name) if marked else "utf-8"
        elif codecs.lookup(encoding).name != "utf-8":
            return content.decode(encoding)
        return content.decode("utf-8-sig" if encoding == "utf-8" else encoding)
    except LookupError:
        raise DataError(f"expected the name of an encoding, such as gb18030, got {encoding!r}") from None
    except UnicodeError as error:
        if encoding != "utf-8":
            raise DataError(f"expected {encoding} in {name}, got something else: name one by --encoding") from error
    text = content.decode("utf-8-sig", "replace")
    damaged = text.count("\ufffd")
    if damaged > _DAMAGED * len(re.findall(r"[^\x00-\x7f]", text)):
        lines = b"\n".join(line for line in content.splitlines() if not line.isascii())  # what tells encodings apart
        return content.decode(_encoding_in(lines[: _SAMPLE - 1], name), "replace")
    print(f"{name}: {damaged:,} bytes that aren't UTF-8 are read as U+FFFD", file=sys.stderr)
    return text


def _encoding_of(sample: bytes) -> str | None:
    """The encoding of a file that begins with `sample`; None: it isn't text in any."""
    for mark, encoding in _MARKS.items():
        if sample.startswith(mark):
            return encoding
    if zeros := sample.count(0):  # no text in another encoding has one
        if zeros < len(sample) / 5 and _is_text(sample.replace(b"\0", b""), "utf-8"):
            return None  # a text that has lost bytes
        return next((encoding for encoding in _WIDE if _is_text(sample, encoding)), None)
    if _is_text(sample, "utf-8"):
        return "utf-8"
    from charset_normalizer import from_bytes

    # The sample may end within a character, of up to 4 bytes.
    samples = [sample[: len(sample) - cut] for cut in range(4 if len(sample) == _SAMPLE else 1)]
    matches = next((found for found in map(from_bytes, samples) if found.best()), None)
    if matches is None or not _is_text(sample, matches.best().encoding):
        return None
    best = matches.best()
    if len(str(best)) == len(sample) and any("cp1252" in match.could_be_from_charset for match in matches):
        return "cp1252"  # a byte a character: where several fit, Western Europe's, which has all of Latin-1's letters
    # GB18030 has every character of GB2312 and GBK, and more.
    return "gb18030" if best.encoding in ("gb2312", "gbk", "hz") else best.encoding


def _is_text(sample: bytes, encoding: str) -> bool:
    """Whether the beginning of a file is one of a text in this encoding: hardly a character of it is a control, isn't
    in Unicode or is one half of a pair."""
    try:
        text = codecs.getincrementaldecoder(encoding)().decode(sample, final=len(sample) < _SAMPLE)
    except UnicodeError:
        return False
    strange = sum(unicodedata.category(c) in ("Cc", "Cn", "Co", "Cs") and c not in "\t\n\r\f\v\x85" for c in text)
    return strange <= len(text) * _STRANGE


def pieces_of(paths: Sequence[Path], encoding: str | None) -> Iterator[str]:
    """The clean text of files, one after the other, in pieces that end with a line or a word.

    DataError if a file isn't a text in the encoding, which is found for each file if it is None.
    """
    for path in paths:
        chosen = encoding or encoding_of(path)
        try:
            with opened_text(path, chosen) as file:
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
