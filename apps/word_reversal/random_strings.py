"""Strings to learn spelling from, made at random; each string's side, training, validation or test, is its own."""

from __future__ import annotations

import string
import zlib
from collections.abc import Callable

import numpy as np

CHARACTERS = string.ascii_lowercase + string.ascii_uppercase + string.digits + "'-"
LICENCE = "random strings, made while it trains: nobody's"
DESCRIPTION = "the letters a to z and A to Z, digits, ' and -"
LONGEST = 24
_SHORTEST_APART = 3  # characters; of shorter strings there are too few to keep some apart
_TRIES = 4  # strings made at once for each that is wanted


def side_of(word: str) -> str:
    """Half of all strings are "training", an eighth "validation", the rest "test": by their CRC-32, so that a test
    word, wherever it comes from, is never trained on. Those of one or two characters are all "training"."""
    eighth = zlib.crc32(word.encode()) % 8
    if len(word) < _SHORTEST_APART or eighth < 4:
        return "training"
    return "validation" if eighth == 4 else "test"


def uniform(count: int, generator: np.random.Generator) -> np.ndarray:
    """Any characters, as places in CHARACTERS, (count, LONGEST)."""
    return generator.integers(0, len(CHARACTERS), (count, LONGEST))


def few(count: int, generator: np.random.Generator) -> np.ndarray:
    """One to four different characters in each string."""
    chosen = generator.integers(0, 12, (count, LONGEST)) % generator.integers(1, 5, (count, 1))
    return np.take_along_axis(uniform(count, generator), chosen, axis=1)


def runs(count: int, generator: np.random.Generator) -> np.ndarray:
    """A character repeats or, with a chance that differs from string to string, a different one follows."""
    changes = generator.random((count, LONGEST)) < generator.uniform(0.05, 0.7, (count, 1))
    return np.take_along_axis(uniform(count, generator), np.cumsum(changes, axis=1) - changes[:, :1], axis=1)


def repeated(count: int, generator: np.random.Generator) -> np.ndarray:
    """Two to eight characters over and over."""
    places = np.arange(LONGEST) % generator.integers(2, 9, (count, 1))
    return np.take_along_axis(uniform(count, generator), places, axis=1)


def chained(count: int, generator: np.random.Generator) -> np.ndarray:
    """Small letters, of which some follow each other often, as in words: a Markov chain, a new one for each call."""
    follows = np.cumsum(generator.dirichlet(np.full(26, 0.2), 26), axis=1)
    letters = [generator.integers(0, 26, count)]
    for chance in generator.random((LONGEST - 1, count)):
        letters.append(np.minimum((follows[letters[-1]] < chance[:, None]).sum(axis=1), 25))
    return np.stack(letters, axis=1)


KINDS: tuple[Callable[[int, np.random.Generator], np.ndarray], ...] = (uniform, few, runs, repeated, chained)


def random_strings(
    side: str,
    lengths: np.ndarray,
    generator: np.random.Generator,
    kinds: tuple[Callable[[int, np.random.Generator], np.ndarray], ...] = KINDS,
) -> list[str]:
    """A string of each of the lengths, at most LONGEST, all of one side; the kind of each is drawn.

    ValueError: there is none, because it is too short.
    """
    lengths = np.asarray(lengths)
    if side != "training" and lengths.min(initial=_SHORTEST_APART) < _SHORTEST_APART:
        raise ValueError(f"expected lengths of {_SHORTEST_APART} or more for the side {side!r}, got {lengths.min()}")
    characters = np.array(list(CHARACTERS))
    found: dict[int, str] = {}
    while len(found) < len(lengths):
        missing = np.repeat([place for place in range(len(lengths)) if place not in found], _TRIES)
        of_kind = generator.integers(0, len(kinds), len(missing))
        for kind, make in enumerate(kinds):
            places = missing[of_kind == kind]
            for place, row in zip(places.tolist(), characters[make(len(places), generator)], strict=True):
                word = "".join(row[: lengths[place]].tolist())
                if place not in found and side_of(word) == side:
                    found[place] = word
    return [found[place] for place in range(len(lengths))]
