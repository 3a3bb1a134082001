"""What is held out of labelled examples: the same part of each label."""

from __future__ import annotations

import hashlib
import json
import sys
from collections import Counter, defaultdict
from typing import ClassVar, Protocol, Self, TypeVar

import numpy as np

from apps.pipeline.errors import DataError


class LabelledData(Protocol):
    """What `split` needs to know of examples and their classes, `names[labels[i]]`."""

    kind: ClassVar[str]
    labels: np.ndarray
    names: tuple[str, ...]

    def __len__(self) -> int: ...

    def identities(self) -> list[str]: ...

    def part(self, chosen: np.ndarray) -> Self: ...


Labelled = TypeVar("Labelled", bound=LabelledData)


FEWEST = 4  # different examples of a label: two to learn from, one to validate with and one to test with


def split(data: Labelled, fraction: float, seed: int = 0) -> tuple[Labelled, Labelled]:
    """(the rest, `fraction` of the data), both in the data's order; of each label the same part, and never none.

    Equal examples stay together, on the side of those of the label that most of them have. Which are held out depends
    on the seed and on what there is, not on its order.

    Raises:
        DataError: of a label there are less than two different examples.
    """
    if not 0 < fraction < 1:
        raise ValueError(f"expected a fraction between 0 and 1, got {fraction}")
    apart: set[str] = set()
    for keys in _keys_of_labels(data, fewest=2):
        ranked = sorted(keys, key=lambda key: hashlib.sha256(json.dumps([seed, key]).encode()).digest())
        apart.update(ranked[: min(max(1, round(fraction * len(ranked))), len(ranked) - 1)])
    chosen = np.array([key in apart for key in data.identities()], bool)
    return data.part(~chosen), data.part(chosen)


def expect_enough(data: LabelledData) -> None:
    """DataError if there aren't FEWEST different examples of each label."""
    _keys_of_labels(data, FEWEST)


def _keys_of_labels(data: LabelledData, fewest: int) -> list[list[str]]:
    """The different examples of each label, by what decides their side; DataError if one has less than `fewest`."""
    counts: dict[str, Counter[int]] = defaultdict(Counter)
    for key, label in zip(data.identities(), data.labels.tolist(), strict=True):
        counts[key][label] += 1
    keys: list[list[str]] = [[] for _ in data.names]
    for key, labels in counts.items():
        keys[min(labels, key=lambda label: (-labels[label], label))].append(key)
    few = [f"{len(found)} of {name!r}" for name, found in zip(data.names, keys, strict=True) if len(found) < fewest]
    if few:
        listed = ", ".join(few[:5]) + (f" and {len(few) - 5:,} more labels like these" if len(few) > 5 else "")
        raise DataError(
            f"expected {fewest} different {data.kind} or more of each label, so that some can be held out, got {listed}"
        )
    return keys


def say_held_out(count: int, of: int, kind: str, how: str) -> None:
    """Says what `evaluate` measures of the data that a model was trained on."""
    told = f"measured on the {count:,} of {of:,} {kind} that `train` held out, {how}; --all measures all"
    print(told, file=sys.stderr, flush=True)
