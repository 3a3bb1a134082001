"""Equal but for rounding: the one comparison of floating-point numbers that the tests use."""

from collections.abc import Iterator, Mapping
from typing import Any

import ml_dtypes
import numpy as np


def leaves(structure: Any) -> Iterator[np.ndarray]:
    """The arrays in nested lists, tuples and dictionaries (with the sorted keys); a list of numbers is one array."""
    if isinstance(structure, Mapping):
        for key in sorted(structure):
            yield np.asarray(key)
            yield from leaves(structure[key])
    elif isinstance(structure, list | tuple) and not all(np.isscalar(value) for value in structure):
        for value in structure:
            yield from leaves(value)
    else:
        yield np.asarray(structure)


def rounding(expected: np.ndarray, sums: int, dtype: Any, size: float) -> float:
    """How far apart two right results may be.

    Each sum rounds by up to half a unit in the last place of the largest number in it, and another kernel sums in
    another order: after `sums` of them in a row, two results differ by up to so many units. The largest number is
    taken to be the largest one expected, or `size` where that is more.
    """
    largest = np.abs(expected.astype("float64")).max(where=np.isfinite(expected), initial=size)
    return sums * float(ml_dtypes.finfo(dtype).eps) * largest


def assert_close(got: Any, expected: Any, *, sums: int = 100, dtype: Any = None, size: float = 1.0, what: str = ""):
    """Checks that two structures of arrays hold the same numbers, but for `rounding`; shapes and others are equal.

    Args:
        sums: that follow one another on the way to a result: n in a product over n numbers, `time * (features + units
            + 1)` in a recurrent layer, twice that in its gradient. 0: bit by bit. By default enough for the sizes of
            layer_table.
        dtype: in which they were computed, the coarser one of `got` and `expected` by default. To be given where the
            results were converted afterwards, as by JSON.
        size: of the numbers on the way, where they cancel to smaller ones: 1 for gates, probabilities, normal inputs.
        what: is compared, for the message.
    """
    got, expected = list(leaves(got)), list(leaves(expected))
    assert len(got) == len(expected), f"{what}: expected {len(expected)} arrays, got {len(got)}"
    for ours, other in zip(got, expected, strict=True):
        assert ours.shape == other.shape, f"{what}: expected shape {other.shape}, got {ours.shape}"
        kinds = [array.dtype for array in (ours, other) if ml_dtypes_float(array.dtype)]
        if not kinds:
            np.testing.assert_array_equal(ours, other, err_msg=what)
            continue
        coarsest = dtype or max(kinds, key=lambda kind: ml_dtypes.finfo(kind).eps)
        atol = rounding(other, sums, coarsest, size)
        np.testing.assert_allclose(ours.astype("float64"), other.astype("float64"), rtol=0, atol=atol, err_msg=what)


def ml_dtypes_float(dtype: np.dtype) -> bool:
    """Whether it is a floating-point type, NumPy's or one such as bfloat16 that NumPy doesn't know."""
    return dtype.kind == "f" or dtype == ml_dtypes.bfloat16
