"""Tiny Shakespeare (Karpathy 2015): 1,115,394 characters of the plays."""

from __future__ import annotations

from apps.corpora.prepared import Corpus, prepared_batches

LICENCE = "plays of William Shakespeare, in the selection of Karpathy (2015): public domain"
_CORPUS = Corpus(
    "tiny_shakespeare:1.0.0",
    "text of Tiny Shakespeare",
    ("https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt",),
    {"train": 1, "validation": 1, "test": 1},
)


def text() -> str:
    """All of it; its last tenth is what others hold out too.

    The first call downloads 1 MB. DataError if that fails or what is on disk is damaged.
    """
    return "".join(_part(name) for name in ("train", "validation", "test"))


def held_out() -> tuple[str, str]:
    """The two halves of the last tenth of `text`."""
    return _part("validation"), _part("test")


def _part(name: str) -> str:
    return prepared_batches(_CORPUS, name)[0]["text"][0].decode("utf-8")
