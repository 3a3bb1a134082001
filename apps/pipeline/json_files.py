"""JSON files that a model is made of, read with each field's type checked."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from apps.pipeline.errors import DataError

Content = TypeVar("Content")


def decoded(content: bytes, kind: type[Content], path: Path, what: str) -> Content:
    """The content of a JSON file as a msgspec.Struct; fields that it doesn't have are passed over.

    Args:
        content: of the file at `path`.
        what: the file is to be, for the sentence.

    Raises:
        DataError: the file, and which field is of another type, or that it isn't JSON.
    """
    import msgspec  # takes 10 ms, and not every verb reads such a file

    try:
        return msgspec.json.decode(content, type=kind)
    except RecursionError:
        reason = "nested too deeply"
    except UnicodeDecodeError:
        reason = "not UTF-8"
    except msgspec.MsgspecError as error:
        reason = str(error)
    raise damaged(path, what, reason)


def damaged(path: Path, what: str, reason: str) -> DataError:
    """The error of a file that isn't what it is to be, or whose fields don't fit each other."""
    return DataError(
        f"expected {what} as `train` writes it in {path}, got a damaged file ({reason}): export the model again"
    )
