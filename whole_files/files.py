"""A file that is written whole or not at all."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from whole_files import claims


@contextlib.contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Where to write what `path` is to hold: it takes that name in the end, and is gone if anything fails."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    claims.sweep(path, path.parent)
    with claims.naming(path), claims.claimed(path, path.parent) as beside:
        try:
            with claims.naming(path, passing=beside):
                yield beside
                claims.flush(beside)
                os.replace(beside, path)
                claims.flush(path.parent)
        finally:
            claims.remove(beside)


def write_whole(path: Path, content: bytes | str) -> None:
    """Writes bytes, or a text in UTF-8, in the place of what was there, or leaves that."""
    with whole(path) as beside:
        beside.write_bytes(content.encode() if isinstance(content, str) else content)
