"""A trained model's folder, read: what is in its files is what was written, by the hashes in its results.json.

A folder without results.json, or whose results.json lists no hash of a file, is somebody's own: its files are checked
by what is in them alone.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from apps.pipeline import json_files, publishing
from apps.pipeline.errors import DataError

Content = TypeVar("Content")
Opened = TypeVar("Opened")


class Damaged(DataError):
    """A file isn't the one that was written: it is damaged, or the folder was replaced while it was read."""


def read(folder: Path, name: str) -> bytes:
    """The content of a file of the folder; DataError if there is none, Damaged if it isn't as results.json has it."""
    path = folder / name
    try:
        if not path.is_file() and path.exists():
            raise DataError(f"expected a file at {path}, got something else")
        content = path.read_bytes()
    except FileNotFoundError:
        raise DataError(f"expected a trained model in {folder}, got no {name} there") from None
    expected = publishing.hashes(publishing.read_results(folder)).get(name)
    if expected is not None and publishing.digest(content) != expected:
        raise _damaged(path)
    return content


def read_json(folder: Path, name: str, kind: type[Content], what: str) -> Content:
    """The content of a JSON file of the folder as a msgspec.Struct; what: the file is to be, for the sentence."""
    return json_files.decoded(read(folder, name), kind, folder / name, what)


def expect_whole(path: Path) -> None:
    """Damaged if the SavedModel in the folder `path` isn't as the results.json beside it has it."""
    expected = publishing.hashes(publishing.read_results(path.parent)).get(path.name)
    if expected is not None and publishing.fingerprint(path)["sha256"] != expected:
        raise _damaged(path)


def expect_app(folder: Path, app: str) -> None:
    """DataError if the folder's results.json says that it is another app's model."""
    found = publishing.read_results(folder).get("app", app)
    if found != app:
        raise DataError(f"expected a model of {app} in {folder}, got one of {found}")


def opened(folder: Path, app: str, make: Callable[[Path], Opened]) -> Opened:
    """What `make` makes of the files in a model's folder: all old or all new if it is replaced meanwhile.

    DataError: there is no such folder, it is another app's, or a file is missing or damaged.
    """
    while True:
        expect_app(folder, app)
        before = _results_of(folder)
        try:
            made = make(folder)
        except DataError:
            if _results_of(folder) == before:  # the folder is the same: it is damaged
                raise
        else:
            if _results_of(folder) == before:
                return made


def _results_of(folder: Path) -> bytes | None:
    try:
        return (folder / publishing.RESULTS).read_bytes()
    except OSError:
        return None


def _damaged(path: Path) -> Damaged:
    return Damaged(
        f"expected {path} as it was written, by the SHA-256 in the {publishing.RESULTS} beside it, got other bytes: "
        "the file is damaged or another model's; get the folder again, or export the model anew"
    )
