"""What is wrong with the user's data, in one sentence."""

from __future__ import annotations

import re


class DataError(ValueError):
    """The user's data is not as expected; the text is one sentence for the user."""


def summary(error: Exception) -> str:
    """The error's type and the beginning of its text, on one line and without TensorFlow's internal names."""
    text = " ".join(re.sub(r"\{\{.*?\}\}|\[Op:.*", "", str(error)).split())
    return f"{type(error).__name__} ({text[:200]})"


def sentence(error: Exception) -> str | None:
    """What to tell the user of an error that the user's input, disk or files cause: our own sentence, or the system's
    with the file it is about. None: it isn't one of these, but a fault of the program."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror.lower()}: {error.filename}" if error.filename else error.strerror.lower()
    if isinstance(error, DataError | OSError):
        return str(error)
    if isinstance(error, MemoryError):
        return "expected more memory, got no more: give it less at once, or a smaller file"
    kind = {"ExportError": str(error), "ResourceExhaustedError": "expected room on the disk and in memory, got no more"}
    return kind.get(type(error).__name__)  # of keras_rnn and of TensorFlow, which needn't be there
