"""Chinese words by jieba, which is loaded when it is first asked for."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Iterator

from apps.pipeline.errors import DataError


def cut(text: str) -> Iterator[str]:
    """The words of a text, and what lies between them; DataError if jieba isn't installed."""
    return _loaded("jieba").cut(text)


def cut_and_tag(text: str) -> Iterator[tuple[str, str]]:
    """As `cut`, each word with its part of speech."""
    return ((word, tag) for word, tag in _loaded("jieba.posseg").cut(text))


def _loaded(module: str):
    try:
        with warnings.catch_warnings():  # of its regular expressions, and of pkg_resources
            warnings.simplefilter("ignore")
            found = importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise DataError(
            "expected the package jieba, which cuts Chinese text into words, got none: install it with "
            "pip install '.[chinese]' in the project's folder"
        ) from error
    importlib.import_module("jieba").setLogLevel("ERROR")  # it tells of its cache
    return found
