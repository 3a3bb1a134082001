"""Two names change places, in one step where the system can do that."""

from __future__ import annotations

import os
import sys
from pathlib import Path

CURRENT_FOLDER, EXCHANGE = -100, 2  # AT_FDCWD and RENAME_EXCHANGE, as in Linux's headers


def exchange(first: Path, second: Path) -> None:
    """Exchanges two files or folders of one file system; elsewhere than on Linux, `second` is missing for a moment."""
    if sys.platform == "linux":
        import ctypes

        rename = getattr(ctypes.CDLL(None), "renameat2", None)
        names = os.fsencode(first), os.fsencode(second)
        if rename and rename(CURRENT_FOLDER, names[0], CURRENT_FOLDER, names[1], EXCHANGE) == 0:
            return
    between = first.with_name(f"{first.name}.between")
    os.rename(second, between)
    os.rename(first, second)
    os.rename(between, first)
