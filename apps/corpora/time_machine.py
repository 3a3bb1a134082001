"""The Time Machine (H. G. Wells 1898): downloaded once from its official place, and checked."""

from __future__ import annotations

import hashlib
import http.client
import os
import re
import urllib.request
from pathlib import Path

from apps.pipeline.errors import DataError
from apps.pipeline.text_files import pieces_of
from whole_files import whole

_TIME_MACHINE = "https://d2l-data.s3-accelerate.amazonaws.com/timemachine.txt"  # where Dive into Deep Learning gets it
_SHA256 = "8424dbd9532ac81f7e5f0b6add90e6952baea29158309d7d1bf3884f4e12c516"  # of the file with that book's SHA-1


def letters(count: int, path: str | Path | None) -> str:
    """The first `count` of a text's letters a to z, in lower case, with a space for everything else between them.

    Args:
        path: of a text in any encoding; None: The Time Machine. DataError if the text is shorter.
    """
    text = "".join(pieces_of([Path(path)], None)) if path else the_time_machine()
    found = re.sub("[^a-z]+", " ", text.lower())
    if len(found) < count:
        raise DataError(f"expected a text of {count:,} letters a to z and spaces, got {len(found):,}")
    return found[:count]


def the_time_machine() -> str:
    """The 178,979 characters of H. G. Wells' novel (1898), as the book Dive into Deep Learning has it.

    The first call downloads them to ~/tensorflow_datasets, where the other corpora are. DataError if that fails or
    the file on disk is a different one.
    """
    root = Path(os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets").expanduser()
    path = root / "time_machine" / "timemachine.txt"
    if not path.exists():
        return _download(path).decode("utf-8")
    content = path.read_bytes()
    if not _is_the_time_machine(content):
        raise DataError(f"expected The Time Machine in {path}, got another text: delete it, then run this again")
    return content.decode("utf-8")


def _is_the_time_machine(content: bytes) -> bool:
    return hashlib.sha256(content).hexdigest() == _SHA256


def _download(path: Path) -> bytes:
    """What is at the official place, checked and written to `path`, whole or not at all."""
    try:
        with urllib.request.urlopen(_TIME_MACHINE, timeout=20) as answer:
            content = answer.read()
    except (OSError, http.client.HTTPException) as error:  # no network, a refusing server, a broken answer
        raise DataError(
            f"expected The Time Machine in {path} (TFDS_DATA_DIR names another place than {path.parents[1]}) or a "
            f"network to download it from {_TIME_MACHINE}, got {type(error).__name__} ({error}): get it on another "
            "machine and copy it there, or pass any text with --data"
        ) from error
    if not _is_the_time_machine(content):
        raise DataError(
            f"expected The Time Machine at {_TIME_MACHINE}, got another text of {len(content):,} bytes: pass any text "
            "with --data"
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole(path) as beside:
        beside.write_bytes(content)
    return content
