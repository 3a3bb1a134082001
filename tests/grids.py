"""Grids of tests: every value of every axis is tried always, all combinations of them in the slow run."""

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import pytest


def slow_unless(quick: bool, *values: Any) -> Any:
    """A row of a test's parameters."""
    return pytest.param(*values, marks=[] if quick else pytest.mark.slow)


def rows_of(rows: Sequence[Any], quick: Callable[[Any], bool]) -> list[Any]:
    """Rows of one parameter; those that aren't `quick` are slow."""
    return [slow_unless(quick(row), row) for row in rows]


def grid(*axes: Sequence[Any]) -> list[Any]:
    """All combinations, of which a diagonal, which has each value of each axis, isn't slow.

    a b c      the first axis goes on with each number, the others too, and begin again at their end:
    0 1 2      a0 b1 c2 d0 e1
    """
    axes = [list(axis) for axis in axes]
    places = itertools.product(*(range(len(axis)) for axis in axes))
    diagonal = {tuple(number % len(axis) for axis in axes) for number in range(max(map(len, axes)))}
    return [
        slow_unless(place in diagonal, *(axis[index] for axis, index in zip(axes, place, strict=True)))
        for place in places
    ]
