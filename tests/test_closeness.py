"""The helper by which other tests compare numbers: it sees faults, and takes what rounding does."""

import ml_dtypes
import numpy as np
import pytest
from closeness import assert_close


def by_another_order(values: np.ndarray) -> np.ndarray:
    """Their sum over the first axis, from the last to the first."""
    total = np.zeros(values.shape[1:], values.dtype)
    for value in values[::-1]:
        total = total + value
    return total


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e6])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_sums_in_another_order_are_equal_whatever_their_size(dtype, scale):
    values = (scale * np.random.default_rng(1).normal(size=(200, 50))).astype(dtype)
    assert_close(by_another_order(values), values.sum(0), sums=200)


@pytest.mark.parametrize(
    ("got", "expected"),
    [
        (np.float32([1e6, 2e6]), np.float32([1e6, 2.0001e6])),
        ([np.zeros(3, "float32")], [np.zeros(3, "float32"), np.zeros(3, "float32")]),
        (np.zeros((3, 1), "float32"), np.zeros(3, "float32")),  # NumPy would repeat them
        ({"a": np.float32(1)}, {"b": np.float32(1)}),
        (np.int32([1, 2]), np.int32([1, 3])),
        (np.float32([np.nan]), np.float32([1])),
        (np.float64([1.0]), np.float64([1.0 + 1e-12])),
        (np.array([1.0], ml_dtypes.bfloat16), np.float32([1.9])),
    ],
    ids=["large", "number of arrays", "shape", "keys", "integers", "nan", "float64", "bfloat16"],
)
def test_what_differs_is_seen(got, expected):
    with pytest.raises(AssertionError):
        assert_close(got, expected, sums=8)


@pytest.mark.parametrize(
    ("got", "expected", "options"),
    [
        ([1.0, 2.0], np.float32([1.0, 2.0]), {}),
        ({"b": [1.0], "a": (2.0, 3.0)}, {"a": np.array([2.0, 3.0]), "b": np.array([1.0])}, {}),
        (np.float32([np.nan, np.inf]), np.float32([np.nan, np.inf]), {}),
        (np.array([1.0], ml_dtypes.bfloat16), np.float32([1.01]), {"sums": 2}),
        (0.1000001, 0.1, {"dtype": "float32"}),
        (np.float32([1e-2]), np.float32([2e-2]), {"size": 1e4}),
        (np.array([True]), np.array([True]), {}),
    ],
)
def test_what_is_equal_passes(got, expected, options):
    assert_close(got, expected, **options)
