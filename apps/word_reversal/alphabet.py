"""Words as ids, one a character, and back: in Python, with a sentence about what can't be spelled, and in the graph."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from apps.pipeline import json_files, model_folder
from apps.pipeline.errors import DataError
from whole_files import write_whole

PADDING, START, END = 0, 1, 2  # the first ids of every alphabet; characters start at 3
FIRST_CHARACTER = 3
IDS = {"padding": PADDING, "start": START, "end": END, "first character": FIRST_CHARACTER}  # as the file tells them
FILE = "vocabulary.json"


class Alphabet:
    """The characters that a network knows, `characters[i]` with id `i + 3`, and how long its words may be.

    Args:
        characters: distinct ones, Unicode code points.
        description: of the characters, for sentences.
        longest_word, longest_answer: in characters; no answer gets longer.
    """

    def __init__(self, characters: Iterable[str], description: str, longest_word: int, longest_answer: int):
        self.characters = "".join(characters)
        self.description = description
        self.longest_word, self.longest_answer = longest_word, longest_answer

    def __len__(self) -> int:
        """The number of ids: padding, start mark, end mark, characters."""
        return FIRST_CHARACTER + len(self.characters)

    @cached_property
    def _id_of(self) -> dict[str, int]:
        return {character: index for index, character in enumerate(self.characters, FIRST_CHARACTER)}

    def problem(self, word: str) -> str | None:
        """A sentence about what can't be spelled, with its place counted from 1; None if there is nothing."""
        shown = repr(word if len(word) <= 40 else f"{word[:40]}…")
        if not 1 <= len(word) <= self.longest_word:
            return f"expected a word of 1 to {self.longest_word} characters, got {len(word):,}" + (
                f": {shown}" if word else ""
            )
        for place, character in enumerate(word, 1):
            if character not in self._id_of:
                return f"expected {self.description}, got {character!r} in place {place} of {shown}"
        return None

    def ids(self, word: str) -> list[int]:
        """The start mark and the ids of a word's characters; DataError if it has one that isn't in the alphabet."""
        problem = self.problem(word)
        if problem:
            raise DataError(problem)
        return [START, *(self._id_of[character] for character in word)]

    def answer_ids(self, answer: str) -> list[int]:
        """The ids of an answer's characters and the end mark. It may be empty; KeyError: a character isn't known."""
        return [*(self._id_of[character] for character in answer), END]

    def text(self, ids: Sequence[int]) -> str:
        """The characters of `ids` up to the end mark."""
        letters = []
        for index in ids:
            if index == END:
                break
            letters.append(self.characters[index - FIRST_CHARACTER])
        return "".join(letters)

    @cached_property
    def tables(self) -> tuple[Any, Any]:
        """Character -> id, and id -> character, as TensorFlow lookup tables, which a module must own to save them."""
        import tensorflow as tf

        with tf.init_scope():  # a table made while a function is traced would belong to that function
            characters = tf.constant(list(self.characters))
            ids = tf.range(FIRST_CHARACTER, len(self), dtype=tf.int32)
            to_id = tf.lookup.KeyValueTensorInitializer(characters, ids, tf.string, tf.int32)
            to_character = tf.lookup.KeyValueTensorInitializer(ids, characters, tf.int32, tf.string)
            return tf.lookup.StaticHashTable(to_id, PADDING), tf.lookup.StaticHashTable(to_character, "")

    def ids_in_graph(self, words):
        """`ids` in TensorFlow operations: string (batch,) -> int32 (batch, time), padded on the right, and bool
        (batch,), whether there is no problem; with one, a word is nothing but the start mark."""
        import tensorflow as tf

        known = tf.strings.unicode_transcode(words, "UTF-8", "UTF-8", errors="replace")
        letters = tf.strings.unicode_split(known, "UTF-8")
        ids = tf.RaggedTensor.from_row_splits(self.tables[0].lookup(letters.values), letters.row_splits)
        lengths = ids.row_lengths()
        unknown = tf.reduce_any(ids == PADDING, axis=1)
        good = (lengths >= 1) & (lengths <= self.longest_word) & ~unknown
        ids = ids[:, : self.longest_word].to_tensor(default_value=PADDING)
        ids = tf.where(tf.expand_dims(good, 1), ids, PADDING)
        start = tf.fill([tf.shape(words)[0], 1], START)
        return tf.concat([start, ids], axis=1), good

    def texts_in_graph(self, ids):
        """`text` in TensorFlow operations: int32 (batch, time) -> string (batch,); nothing after an end mark."""
        import tensorflow as tf

        before_end = tf.cumsum(tf.cast(ids == END, tf.int32), axis=1) == 0
        letters = self.tables[1].lookup(tf.where(before_end, ids, PADDING))
        return tf.strings.reduce_join(letters, axis=1)

    def save(self, folder: Path) -> None:
        """Writes vocabulary.json."""
        content = {
            "ids": IDS,
            "characters": self.characters,
            "description": self.description,
            "longest_word": self.longest_word,
            "longest_answer": self.longest_answer,
        }
        write_whole(Path(folder) / FILE, json.dumps(content, ensure_ascii=False, indent=0) + "\n")

    @classmethod
    def load(cls, folder: Path) -> Alphabet:
        """Reads what `save` wrote; DataError if it isn't there or damaged."""
        from msgspec import Struct

        class Content(Struct):
            ids: dict[str, int]
            characters: str
            description: str
            longest_word: int
            longest_answer: int

        what = "an alphabet"
        content = model_folder.read_json(Path(folder), FILE, Content, what)
        distinct = len(set(content.characters)) == len(content.characters) > 0
        if not distinct or content.ids != IDS or min(content.longest_word, content.longest_answer) < 1:
            reason = "characters that aren't distinct, other ids, or a length of 0"
            raise json_files.damaged(Path(folder) / FILE, what, reason)
        return cls(content.characters, content.description, content.longest_word, content.longest_answer)
