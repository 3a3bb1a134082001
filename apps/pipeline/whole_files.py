"""Files that are whole or not there: written beside their place, then renamed."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Where to write what `path` is to hold: it takes that name at the end, and goes away if anything fails."""
    beside = path.with_name(f"{path.stem}.partial{path.suffix}")
    try:
        yield beside
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Writes a text in UTF-8."""
    with whole(path) as beside:
        beside.write_text(text, encoding="utf-8")
