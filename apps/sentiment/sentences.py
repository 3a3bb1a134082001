"""Texts cut into sentences: what is judged where people ask about one."""

from __future__ import annotations

import hashlib
import re

_END = re.compile(r"(?<=[.!?…])\s+|(?<=[.!?…]['\"’”)])\s+|(?<=[。！？])|<br\s*/?>|\n")


def sentences(text: str) -> list[str]:
    """The sentences of a text, in order, without white space around them; none of them is empty.

    >>> sentences("Well made. Is it? <br />Yes!")
    ['Well made.', 'Is it?', 'Yes!']
    """
    return [part for part in map(str.strip, _END.split(text)) if part]


def one_sentence(text: str, shortest: int = 8) -> str:
    """A sentence of a text, the same one whenever it is asked for: drawn by the text's hash among those that have so
    many characters, or if none has, all of it."""
    found = [sentence for sentence in sentences(text) if len(sentence) >= shortest]
    drawn = int.from_bytes(hashlib.sha256(text.encode("utf-8", "replace")).digest()[:8])
    return found[drawn % len(found)] if found else text
