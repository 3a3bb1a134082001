"""A model's folder for those who read it: one whole model, also while another takes its place."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

Read = TypeVar("Read")

JOURNAL = "placing.json"  # in a folder while its files are replaced: where all the new ones are
NEW = "new"  # the folder of these, in the one that the journal names
ATTEMPTS = 50


def newest(folder: Path) -> Path:
    """The folder to read a model's files from: `folder`, or the one whose files are taking their places in it.

    OSError in one sentence if a replacement was interrupted and can't be finished.
    """
    folder = Path(folder)
    try:
        journal = json.loads((folder / JOURNAL).read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return folder
    except ValueError:
        journal = None
    name = journal.get("from") if isinstance(journal, dict) else None
    # A name alone: the journal of a stranger's folder is no way into another one.
    if isinstance(name, str) and name and os.sep not in name and name not in (os.curdir, os.pardir):
        new = folder / name / NEW
        if new.is_dir():
            return new
        if not (folder / JOURNAL).exists():  # it was finished meanwhile
            return folder
    raise OSError(
        f"{folder / JOURNAL}: expected the name of the folder whose files were taking their places here when that was "
        "interrupted, got no such folder: write the model again, by export or train"
    )


def identity(folder: Path) -> tuple:
    """What changes when another model takes the place of the one in `folder`."""
    entries = []
    with os.scandir(folder) as found:
        for entry in found:
            if ".partial" in entry.name:  # somebody's who is still writing
                continue
            status = entry.stat(follow_symlinks=False)
            changes = () if entry.is_dir() else (status.st_size, status.st_mtime_ns)  # training/ may be written to
            entries.append((entry.name, status.st_ino, changes))
    return str(folder), sorted(entries)


def read_whole(folder: Path, read: Callable[[Path], Read]) -> Read:
    """What `read` returns for a folder with one whole model; repeated if another one took its place meanwhile.

    Args:
        read: opens the files in the folder it is given, and keeps none of its paths for later.
    """
    folder = Path(folder)
    for attempt in range(ATTEMPTS):
        here = newest(folder)
        try:
            before = identity(here)
        except FileNotFoundError:
            if here == folder:
                return read(folder)  # which says what it misses
            continue
        try:
            value = read(here)
        except Exception:
            if is_as(before, folder) or attempt == ATTEMPTS - 1:
                raise
            continue
        if is_as(before, folder):
            return value
    raise OSError(f"{folder}: expected a model that stays the same while it is read, got another one each time")


def is_as(before: tuple, folder: Path) -> bool:
    """Whether the model in `folder` is the one whose identity is `before`."""
    try:
        return identity(newest(folder)) == before
    except OSError:
        return False
