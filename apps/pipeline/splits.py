"""What is held out: a side for each labelled example, the same whatever the others are."""

from __future__ import annotations

import hashlib
import json
import sys
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


def split(data: Labelled, fraction: float, seed: int = 0) -> tuple[Labelled, Labelled]:
    """(the rest, about `fraction` of the data), both in the data's order.

    An example's side depends on nothing but the example and the seed: equal ones stay together, and neither the order
    nor the other examples matter.

    Raises:
        DataError: a side would lack a label.
    """
    if not 0 < fraction < 1:
        raise ValueError(f"expected a fraction between 0 and 1, got {fraction}")

    def position(key: str) -> float:
        return int.from_bytes(hashlib.sha256(json.dumps([seed, key]).encode()).digest()[:6]) / 2**48

    apart = np.array([position(key) < fraction for key in data.identities()], bool)
    for chosen in (~apart, apart):
        counts = np.bincount(data.labels[chosen], minlength=len(data.names))
        if not counts.all():
            found = " and ".join(f"{count} {name!r}" for name, count in zip(data.names, counts, strict=True))
            raise DataError(
                f"expected {data.kind} of every label in both parts when {fraction:g} of {len(data):,} {data.kind} are "
                f"held out, got {found} in one: add {data.kind} or change the fraction"
            )
    return data.part(~apart), data.part(apart)


def say_held_out(count: int, of: int, kind: str, how: str) -> None:
    """Says what `evaluate` measures of the data that a model was trained on."""
    told = f"measured on the {count:,} of {of:,} {kind} that `train` held out, {how}; --all measures all"
    print(told, file=sys.stderr, flush=True)
