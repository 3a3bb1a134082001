"""What it learns from: random strings and their reversals, or the user's own pairs, read, checked and split."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from apps.corpora import imdb
from apps.pipeline.errors import DataError
from apps.pipeline.publishing import digest
from apps.pipeline.splits import say_held_out
from apps.word_reversal.alphabet import Alphabet
from apps.word_reversal.pairs import Pairs, read_pairs
from apps.word_reversal.random_strings import CHARACTERS, DESCRIPTION, LONGEST, random_strings, side_of, uniform

TESTED = 10_000  # words, and as many random strings
SMALLEST_SPLIT = 100  # pairs; fewer are all learned by heart, and validated and tested on themselves


def _tenth(pair: tuple[str, str]) -> int:
    """0 to 9, by the hash of what is to be translated."""
    return int.from_bytes(hashlib.sha256(pair[0].encode()).digest()[:6]) * 10 >> 48


def split_pairs(pairs: Pairs) -> tuple[Pairs, Pairs, Pairs]:
    """(train, validation, test): a tenth each are validation and test. The string to translate decides, so that
    the same string is never on two sides. With fewer than SMALLEST_SPLIT pairs, each of the three is all of them."""
    if len(pairs) < SMALLEST_SPLIT:
        return pairs, pairs, pairs

    parts = (
        [pair for pair in pairs if _tenth(pair) > 1],
        *([pair for pair in pairs if _tenth(pair) == chosen] for chosen in (0, 1)),
    )
    if not all(parts):
        raise DataError("expected pairs with many different first columns, got too few to hold some out for a test")
    return parts


def alphabet_of(pairs: Pairs) -> Alphabet:
    """All the characters of the pairs, and the lengths of the longest strings."""
    characters = sorted({character for pair in pairs for word in pair for character in word})
    longest_word, longest_answer = (max(map(len, column)) for column in zip(*pairs, strict=True))
    return Alphabet(characters, "characters of the pairs it was trained on", longest_word, longest_answer)


def fingerprint(pairs: Sequence[tuple[str, str]]) -> str:
    """SHA-256, as hexadecimal digits, of the pairs in order."""
    return digest("".join(json.dumps(pair) + "\n" for pair in pairs).encode())


@dataclass(frozen=True)
class Data:
    """What is learned: the user's pairs, or random strings, for which `train` and `validation` are None."""

    alphabet: Alphabet
    train: Pairs | None
    validation: Pairs | None
    tests: dict[str, Pairs]  # by the names of their metrics

    def fingerprint(self) -> str:
        return "random strings" if self.train is None else fingerprint(self.train)


def load_data(path: Path | None) -> Data:
    """Random strings and the tests of reversal, or the pairs in the file `path`.

    Without the film reviews, which the English words come from, the random strings are the only test.
    """
    if path is not None:
        pairs = read_pairs(path)
        train, validation, test = split_pairs(pairs)
        return Data(alphabet_of(pairs), train, validation, {"exact match": test})
    try:
        tests = load_tests()
    except DataError as error:
        print(f"English words won't be measured: {error}", flush=True)
        tests = random_tests()
    return Data(Alphabet(CHARACTERS, DESCRIPTION, LONGEST, LONGEST), None, None, tests)


def english_words(count: int) -> list[str]:
    """The most frequent words of IMDB's test reviews, lower-cased, of 3 to 24 letters a to z, that lie on the side
    "test"; equally frequent ones in alphabetical order. What touches another letter, digit, apostrophe or hyphen isn't
    a word."""
    pattern = re.compile(rf"(?<![\w'-])[a-z]{{3,{LONGEST}}}(?![\w'-])")
    counts = Counter(word for text in imdb.labelled("test")[0] for word in pattern.findall(text.lower()))
    ranked = sorted(counts, key=lambda word: (-counts[word], word))
    return [word for word in ranked if side_of(word) == "test"][:count]


def random_tests() -> dict[str, Pairs]:
    """Strings of the greatest length, of any characters."""
    strings = random_strings("test", np.full(TESTED, LONGEST), np.random.default_rng(0), kinds=(uniform,))
    return {f"exact match, random strings of {LONGEST} characters": backwards(strings)}


def load_tests(path: Path | None = None, trained: dict[str, Any] | None = None) -> dict[str, Pairs]:
    """What `evaluate` counts, by the names of the metrics: English words and random strings, or the user's pairs; of
    these what `train` holds out, if they are those that the model was trained on (`publishing.own_data`)."""
    if path is not None:
        pairs = read_pairs(path)
        if trained is not None and len(pairs) >= SMALLEST_SPLIT:
            with contextlib.suppress(DataError):  # too few to be split: they aren't what was trained on
                train, _, test = split_pairs(pairs)
                if fingerprint(train) == trained["data_sha256"]:
                    say_held_out(len(test), len(pairs), "pairs", "by the hash of the first column")
                    return {"exact match": test}
        return {"exact match": pairs}
    return {"exact match, English words": backwards(english_words(TESTED)), **random_tests()}


def backwards(words: Iterable[str]) -> Pairs:
    """Each word with its reversal."""
    return [(word, word[::-1]) for word in words]
