"""What is wrong with the user's data, in one sentence."""

from __future__ import annotations

import re


class DataError(ValueError):
    """The user's data is not as expected; the text is one sentence for the user."""


def summary(error: Exception) -> str:
    """The error's type and the beginning of its text, on one line and without TensorFlow's internal names."""
    text = " ".join(re.sub(r"\{\{.*?\}\}|\[Op:.*", "", str(error)).split())
    return f"{type(error).__name__} ({text[:200]})"


def sentence(error: Exception) -> str:
    """What to tell the user: our own sentence, or the system's with the file it is about."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror.lower()}: {error.filename}" if error.filename else error.strerror.lower()
    return str(error)


def visible(text: str) -> str:
    """A text with its control characters as escapes: printed as they are, they could do things to a terminal."""
    return "".join(character if character.isprintable() else ascii(character)[1:-1] for character in text)
