"""Text to ids, defined once and run by two engines that agree: plain Python (for LiteRT) and TensorFlow's string
operations (inside a SavedModel, where no Python is).

The definition is a list of regular expressions in the syntax that Python's `re` and TensorFlow's RE2 share: each is
applied in order, and what is left is split at spaces. The rules travel in `vocabulary.json`, so that a program in any
language can repeat them.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import Any

from apps.pipeline import json_files, model_folder
from apps.pipeline.errors import DataError

FILE = "vocabulary.json"
PADDING, UNKNOWN = 0, 1  # the first two ids of every vocabulary; words start at 2
FIRST_WORD = 2

# Letters and digits of the alphabetic scripts (after lower-casing). Ideographs, kana, Hangul, emoji, punctuation and
# symbols are not here: each of those characters is a token of its own.
_WORD = "0-9a-zªµºÀ-ÖØ-öø-῿"

_BEFORE_LOWER = (
    # Nothing to see: soft hyphen, zero-width characters and marks of direction, variation selectors, byte-order mark.
    ("[\u00ad\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff]", ""),
    # White space, controls, the mark of undecodable bytes, and the few letters whose lower case depends on the version
    # of Unicode (Glagolitic, Vithkuqi, Garay, Beria Erfe and late additions to Latin and Cyrillic).
    (
        "[\\x00-\\x20\\x7f-\u00a0\u1680\u1c89\u1c8a\u2000-\u200a\u2028\u2029\u202f\u205f\u2c2f\u2c5f\u3000"
        "\ua7c0-\ua7dc\ufffd\U00010570-\U000105bc\U00010d50-\U00010d8f"
        "\U00016ea0-\U00016ed3]+",
        " ",
    ),
    # Which sigma ends a word depends on its neighbours, and so on the version of Unicode too.
    ("[Σς]", "σ"),
)
_AFTER_LOWER = (
    ("</?[a-z][^<>]*>", " "),  # HTML tags
    ("[‘’`´＇]", "'"),
    (f"([{_WORD}])'([{_WORD}])", r"\1 ’\2"),  # don't -> don ’t
    (r"\.[. ]*\.", " … "),
    (f"([^{_WORD}’ ])", r" \1 "),  # every other character stands alone
)

RULES = {
    "before lower-casing": [list(rule) for rule in _BEFORE_LOWER],
    "after lower-casing": [list(rule) for rule in _AFTER_LOWER],
    "then": "split at spaces",
    "ids": {"padding": PADDING, "unknown": UNKNOWN, "first word": FIRST_WORD},
}  # as vocabulary.json tells them


def tokenize(text: str) -> list[str]:
    """The tokens of `text`: lower-cased words, and every other visible character by itself.

    >>> tokenize("It isn't <br />GREAT... 7/10!")
    ['it', 'isn', '’t', 'great', '…', '7', '/', '10', '!']
    """
    text = text.encode("utf-8", "surrogatepass").decode("utf-8", "replace")
    for pattern, replacement in _BEFORE_LOWER:
        text = re.sub(pattern, replacement, text)
    text = text.lower()
    for pattern, replacement in _AFTER_LOWER:
        text = re.sub(pattern, replacement, text)
    return text.split()


def tokenize_in_graph(texts):
    """`tokenize` in TensorFlow operations: string tensor (batch,) -> ragged string tensor (batch, None).

    Bytes that are not UTF-8 are white space, as in `bytes.decode("utf-8", "replace")` followed by `tokenize`.
    """
    import tensorflow as tf

    texts = tf.strings.unicode_transcode(texts, "UTF-8", "UTF-8", errors="replace")
    for pattern, replacement in _BEFORE_LOWER:
        texts = tf.strings.regex_replace(texts, pattern, replacement)
    texts = tf.strings.lower(texts, encoding="utf-8")
    for pattern, replacement in _AFTER_LOWER:
        texts = tf.strings.regex_replace(texts, pattern, replacement)
    return tf.strings.split(texts)


class Vocabulary:
    """The words a model knows, commonest first; word `words[i]` has id `i + 2`.

    Args:
        words: distinct tokens.
        keep_last: how many tokens of a text a model reads: its last ones.
        labels: the names of the classes, in the order of the model's outputs.
    """

    def __init__(self, words: Iterable[str], keep_last: int, labels: Iterable[str] = ()):
        self.words = tuple(words)
        self.keep_last = keep_last
        self.labels = tuple(labels)

    @classmethod
    def from_texts(cls, texts: Iterable[str], size: int, keep_last: int, labels: Iterable[str] = ()) -> Vocabulary:
        """The `size` commonest tokens of `texts`; equally common ones in alphabetical order."""
        counts = Counter(token for text in texts for token in tokenize(text))
        ranked = sorted(counts, key=lambda token: (-counts[token], token))
        return cls(ranked[:size], keep_last, labels)

    def __len__(self) -> int:
        """The number of ids, padding and unknown included."""
        return FIRST_WORD + len(self.words)

    @cached_property
    def _id_of(self) -> dict[str, int]:
        return {word: index for index, word in enumerate(self.words, FIRST_WORD)}

    def ids(self, text: str) -> list[int]:
        """The ids of the last `keep_last` tokens of `text`; one unknown token if it has none."""
        return self.all_ids(text)[-self.keep_last :]

    def all_ids(self, text: str) -> list[int]:
        """The ids of all tokens of `text`, for pretraining; one unknown token if it has none."""
        return [self._id_of.get(token, UNKNOWN) for token in tokenize(text)] or [UNKNOWN]

    @cached_property
    def table(self):
        """The ids as a TensorFlow lookup table. A module that is saved with `ids_in_graph` in it must have this table
        as an attribute, because TensorFlow saves only the tables it finds there.
        """
        import tensorflow as tf

        with tf.init_scope():  # a table made while a function is traced would belong to that function
            ids = tf.range(FIRST_WORD, len(self), dtype=tf.int32)
            initializer = tf.lookup.KeyValueTensorInitializer(list(self.words), ids, tf.string, tf.int32)
            return tf.lookup.StaticHashTable(initializer, default_value=UNKNOWN)

    def ids_in_graph(self, texts):
        """`ids` in TensorFlow operations: string (batch,) -> int32 (batch, time), padded on the right with 0."""
        import tensorflow as tf

        ids = self.table.lookup(tokenize_in_graph(texts)[:, -self.keep_last :]).to_tensor(default_value=PADDING)
        ids = tf.pad(ids, [[0, 0], [0, tf.maximum(1 - tf.shape(ids)[1], 0)]])  # a batch without a token: time is 1
        first = tf.where(ids[:, :1] == PADDING, UNKNOWN, ids[:, :1])
        return tf.concat([first, ids[:, 1:]], axis=1)

    def save(self, folder: Path) -> None:
        """Writes vocabulary.json: the words, the labels and the rules that make tokens."""
        content = {"labels": self.labels, "keep_last": self.keep_last, "rules": RULES, "words": self.words}
        (Path(folder) / FILE).write_text(json.dumps(content, ensure_ascii=False, indent=0), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Vocabulary:
        """What `save` wrote into a model's folder; DataError if there is none, or it is damaged or of other rules."""
        from msgspec import Struct

        class Content(Struct):
            labels: list[str]
            keep_last: int
            rules: dict[str, Any]
            words: list[str]

        path = Path(folder) / FILE
        what = "a vocabulary"
        content = model_folder.read_json(Path(folder), FILE, Content, what)
        if content.rules != RULES:
            raise DataError(
                f"expected the rules of this version in {path}, got others: train or export the model again"
            )
        if content.keep_last < 1 or len(set(content.words)) != len(content.words):
            raise json_files.damaged(path, what, "words that aren't distinct, or a keep_last of 0")
        return cls(content.words, content.keep_last, content.labels)
