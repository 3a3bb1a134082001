"""A text as symbols, characters or words, and their ids: nothing is lost, so that what is generated is text again.

Defined once and run by two engines that agree: plain Python, and TensorFlow's string operations inside a SavedModel.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

from apps.pipeline import chinese_words, json_files, model_folder
from apps.pipeline.text_files import CLEAN, MARK, clean

FILE = "vocabulary.json"
UNKNOWN = 0  # the id of every symbol that training hasn't seen; it is read, and never written
LEVELS = ("char", "word")
START = "\n"  # what an empty prompt counts as
BOUNDARY = "\u200b"  # Unicode's zero-width space: where a Chinese word ends; it is no symbol itself
_ALPHABETIC = "0-9A-Za-zªµºÀ-ÖØ-öø-῿"
_HAN = "㐀-䶿一-鿿豈-\ufaff\U00020000-\U0003ffff"
# A word has the space before it: " To be" and " or not" are two symbols each. Any other character is one by itself.
WORD = f" ?[{_ALPHABETIC}]+(?:['’][{_ALPHABETIC}]+)*| ?[{_HAN}]+|(?s:.)"


def split(text: str, level: str) -> list[str]:
    """The symbols of a clean text.

    >>> split("To be, 或不是\\n", "word")
    ['To', ' be', ',', ' 或', '不是', '\\n']
    """
    if level == "char":
        return list(text)
    return [symbol for symbol in re.findall(WORD, cut_chinese(text)) if symbol != BOUNDARY]


def cut_chinese(text: str) -> str:
    """The text with a BOUNDARY between its Chinese words, by jieba; a text without such characters as it is."""
    if not re.search(f"[{_HAN}]", text):
        return text
    return re.sub(f"[{_HAN}]+", lambda run: BOUNDARY.join(chinese_words.cut(run[0])), text)


@dataclass(frozen=True)
class Symbols:
    """The symbols of a model: `symbols[i]` has the id i + 1, and every other the id UNKNOWN."""

    level: str
    symbols: tuple[str, ...]

    def __len__(self) -> int:
        """How many ids there are."""
        return len(self.symbols) + 1

    @cached_property
    def _ids(self) -> dict[str, int]:
        return {symbol: number for number, symbol in enumerate(self.symbols, 1)}

    def ids(self, text: str) -> list[int]:
        return [self._ids.get(symbol, UNKNOWN) for symbol in split(clean(text), self.level)]

    def text(self, ids: Iterable[int]) -> str:
        """The symbols, one after the other; U+FFFD for UNKNOWN."""
        return "".join(self.symbols[number - 1] if number != UNKNOWN else "\ufffd" for number in ids)

    @cached_property
    def table(self):
        """What `ids_in_graph` looks symbols up in; a SavedModel must have it among its resources."""
        import tensorflow as tf

        ids = tf.range(1, len(self), dtype=tf.int64)
        return tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(tf.constant(self.symbols), ids), UNKNOWN)

    def ids_in_graph(self, texts):
        """`ids` in TensorFlow operations: strings (batch,) -> ragged int32 (batch, None).

        jieba isn't there: a run of Chinese characters is cut at BOUNDARY only.
        """
        import tensorflow as tf

        texts = tf.strings.unicode_transcode(texts, "UTF-8", "UTF-8", errors="replace")
        for pattern, replacement in CLEAN:
            texts = tf.strings.regex_replace(texts, pattern, replacement)
        if self.level == "char":
            symbols = tf.strings.unicode_split(texts, "UTF-8")
        else:
            symbols = tf.strings.split(tf.strings.regex_replace(texts, f"({WORD})", f"\\1{MARK}"), MARK)
            symbols = tf.ragged.boolean_mask(symbols, (symbols != "") & (symbols != BOUNDARY))
        return symbols.with_flat_values(tf.cast(self.table.lookup(symbols.flat_values), tf.int32))

    def texts_in_graph(self, ids):
        """`text` in TensorFlow operations: ids (batch, time) -> strings (batch,)."""
        import tensorflow as tf

        return tf.strings.reduce_join(tf.gather(tf.constant(["\ufffd", *self.symbols]), ids), axis=-1)

    def save(self, folder: Path) -> None:
        """Writes vocabulary.json: what a program in any language needs to know."""
        about = {"level": self.level, "unknown": UNKNOWN, "symbols": ["\ufffd", *self.symbols]}
        if self.level == "word":
            about |= {"pattern": WORD, "boundary": BOUNDARY}
        (folder / FILE).write_text(json.dumps(about, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Symbols:
        """The symbols of a model's folder; DataError if there are none or the file is damaged."""
        from msgspec import Struct

        class Content(Struct):
            level: Literal[LEVELS]
            unknown: int
            symbols: list[str]

        content = model_folder.read_json(folder, FILE, Content, "a vocabulary")
        symbols = content.symbols[1:]
        distinct = len(set(symbols)) == len(symbols) > 0 and all(symbols)
        if content.unknown != UNKNOWN or not distinct or (content.level == "char" and max(map(len, symbols)) > 1):
            reason = f"symbols of the level {content.level!r} that aren't distinct, or another id for unknown ones"
            raise json_files.damaged(folder / FILE, "a vocabulary", reason)
        return cls(content.level, tuple(symbols))


def most_frequent(found: Sequence[str], counts: Sequence[int], level: str, most: int | None) -> tuple[str, ...]:
    """Those symbols that occur, at most `most`: characters in Unicode's order, words from common to rare."""
    pairs = [(-int(count), symbol) for symbol, count in zip(found, counts, strict=True) if count]
    kept = [symbol for _, symbol in sorted(pairs)[:most]]
    return tuple(sorted(kept) if level == "char" else kept)
