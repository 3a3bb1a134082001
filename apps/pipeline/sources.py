"""What the user named by `--data`, as files: one, those in a folder, or those in a ZIP archive."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath

from apps.pipeline.errors import DataError, summary
from apps.pipeline.text_files import PIECE, clean, decoded, opened, pieces_of

_ZIP = b"PK\x03\x04"
_OFFICE = ("[Content_Types].xml", "mimetype")  # what documents of Office, which are ZIP archives too, have in them
_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/{1,2}(?=[^/])(.*)", re.DOTALL)  # Path makes one slash of two


@dataclass(frozen=True)
class Source:
    """A file with content.

    Attributes:
        name: for sentences.
        folder: the name of the one it lies in, below what the user named; "" if it lies in none.
        read: -> what is in it; what gzip, bzip2 or xz compressed is unpacked.
    """

    name: str
    folder: str
    read: Callable[[], bytes]

    @property
    def suffix(self) -> str:
        """The extension in lower case, without that of a compression: ".csv"."""
        name = PurePosixPath(self.name)
        return PurePosixPath(name.stem if name.suffix.lower() in (".gz", ".bz2", ".xz") else name).suffix.lower()


def refuse_addresses(paths: Sequence[Path]) -> None:
    """DataError if a path is the address of something on the network."""
    for path in paths:
        if address := _ADDRESS.fullmatch(str(path)):
            shown = f"{address[1]}://{address[2]}"
            raise DataError(f"expected a file or folder of this machine, got the address {shown}: download it first")


def sources(path: Path) -> list[Source]:
    """The files that `path` stands for, in the order of their names; hidden ones don't count.

    DataError: there is nothing, or an archive is damaged or needs a password.
    """
    if path.is_dir():
        below = sorted(file for file in path.rglob("*") if file.is_file())
        inside = [(file, file.relative_to(path)) for file in below]
        shown = [(file, parts) for file, parts in inside if not any(part.startswith(".") for part in parts.parts)]
        return [Source(str(file), parts.parent.name, partial(_content, file)) for file, parts in shown]
    if not path.exists():
        raise DataError(f"expected a file or folder, got {path}, which doesn't exist")
    if _content(path, len(_ZIP)) == _ZIP and (members := _members(path, _content(path))) is not None:
        return members
    return [Source(str(path), "", partial(_content, path))]


def texts_of(paths: Sequence[Path], encoding: str | None) -> Iterator[str]:
    """The clean text of files, folders and ZIP archives, one after the other, in pieces; see `text_files.pieces_of`.

    In a folder or an archive files called .txt count, or all if there are none. Those of an archive are in memory one
    at a time.
    """
    for path in paths:
        if path.is_dir():
            yield from pieces_of([Path(source.name) for source in _texts(sources(path), path)], encoding)
        elif zipfile.is_zipfile(path) and (found := sources(path))[0].name != str(path):
            for source in _texts(found, path):
                text = clean(decoded(source.read(), source.name, encoding))
                yield from (text[start : start + PIECE] for start in range(0, len(text), PIECE))
        else:
            yield from pieces_of([path], encoding)


def _texts(found: Sequence[Source], path: Path) -> Sequence[Source]:
    """Those of a folder or an archive that are texts by their names."""
    if not found:
        raise DataError(f"expected texts in {path}, got none")
    return [source for source in found if source.suffix == ".txt"] or found


def _content(path: Path, size: int = -1) -> bytes:
    """All of a file, or its first bytes."""
    try:
        with opened(path) as file:
            return file.read(size)
    except OSError as error:
        raise DataError(f"{path}: expected a file that can be read, got {summary(error)}") from error


def _members(path: Path, content: bytes) -> list[Source] | None:
    """What is in a ZIP archive; None if that is a document of Office."""
    try:
        archive = zipfile.ZipFile(io.BytesIO(content))
    except zipfile.BadZipFile:
        if path.suffix.lower() != ".zip":
            return None
        raise DataError(f"expected a whole ZIP archive in {path}, got a damaged one") from None
    names = [name for name in sorted(archive.namelist()) if not name.endswith("/")]
    if any(office in names for office in _OFFICE):
        return None
    names = [name for name in names if not any(part.startswith((".", "__MACOSX")) for part in name.split("/"))]
    parents = [PurePosixPath(name).parent.name for name in names]
    return [
        Source(f"{path}, {name}", parent, partial(_member, path, archive, name))
        for name, parent in zip(names, parents, strict=True)
    ]


def _member(path: Path, archive: zipfile.ZipFile, name: str) -> bytes:
    try:
        return archive.read(name)
    except (RuntimeError, NotImplementedError, zipfile.BadZipFile, OSError, EOFError) as error:
        raise DataError(f"{path}: expected a ZIP archive that can be unpacked, got {summary(error)}") from error
