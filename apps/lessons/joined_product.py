"""X·W_xh + H·W_hh is one product of joined matrices, and all four gates of an LSTM are one product too.

    X·W_xh + H·W_hh = [X H]·[W_xh]        (batch, features + hidden)·(features + hidden, units)
                            [W_hh]

A sum over the features and a sum over the hidden units are one sum over both. With the kernels of several gates side by
side the same holds for all gates at once: 8 products of an LSTM step become 1. This is the product of block matrices,
for the networks of Elman (1990) and of Hochreiter & Schmidhuber (1997).
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

import numpy as np

from apps.lessons.lesson import Checks, flags, run
from keras_rnn import LSTMCell, SimpleRNNCell

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BATCH, FEATURES, UNITS = 3, 1, 4
ROUND_OFF = 1e-12  # in double precision, of sums of a few numbers of about 1


def two_products(X: np.ndarray, W_xh: np.ndarray, H: np.ndarray, W_hh: np.ndarray) -> np.ndarray:
    """X·W_xh + H·W_hh: (batch, features), (features, units), (batch, hidden), (hidden, units) -> (batch, units)."""
    return X @ W_xh + H @ W_hh


def joined_product(X: np.ndarray, W_xh: np.ndarray, H: np.ndarray, W_hh: np.ndarray) -> np.ndarray:
    """The same in one product: inputs and hidden state side by side, their weights one above the other."""
    return np.concatenate([X, H], axis=1) @ np.concatenate([W_xh, W_hh], axis=0)


def sigmoid(x: np.ndarray) -> np.ndarray:
    """1 / (1 + e^-x), of each number."""
    return 1.0 / (1.0 + np.exp(-x))


def lstm_step(X: np.ndarray, H: np.ndarray, C: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A step of an LSTM, its four gates from one joined product -> hidden, memory.

    weights: (features + hidden, 4 * units), the columns of input gate, forget gate, candidate, output gate.
    """
    gates = np.concatenate([X, H], axis=1) @ weights
    input_gate, forget_gate, candidate, output_gate = np.split(gates, 4, axis=1)
    memory = sigmoid(forget_gate) * C + sigmoid(input_gate) * np.tanh(candidate)
    return sigmoid(output_gate) * np.tanh(memory), memory


def lstm_step_gate_by_gate(
    X: np.ndarray, H: np.ndarray, C: np.ndarray, kernels: list[np.ndarray], recurrent_kernels: list[np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """The same as textbooks write it: two products for each of input gate, forget gate, candidate, output gate."""
    input_gate = sigmoid(X @ kernels[0] + H @ recurrent_kernels[0])
    forget_gate = sigmoid(X @ kernels[1] + H @ recurrent_kernels[1])
    candidate = np.tanh(X @ kernels[2] + H @ recurrent_kernels[2])
    output_gate = sigmoid(X @ kernels[3] + H @ recurrent_kernels[3])
    memory = forget_gate * C + input_gate * candidate
    return output_gate * np.tanh(memory), memory


def draw(X: np.ndarray, W_xh: np.ndarray, H: np.ndarray, W_hh: np.ndarray) -> Figure:
    """Both ways with all their numbers, blue what belongs to the inputs, orange what belongs to the hidden state."""
    from matplotlib.figure import Figure

    blue, orange, green = "#cfe3f5", "#fbdcb5", "#d9efd2"
    x, w_xh, h, w_hh = [(X, blue)], [(W_xh, blue)], [(H, orange)], [(W_hh, orange)]
    above = [("", "X", x), ("·", "W_xh", w_xh), ("+", "H", h), ("·", "W_hh", w_hh)]
    below = [("", "[X H]", x + h), ("·", "[W_xh above W_hh]", w_xh + w_hh)]
    results = [two_products(X, W_xh, H, W_hh), joined_product(X, W_xh, H, W_hh)]
    titles = ["two products: X·W_xh + H·W_hh", "one product: [X H]·[W_xh above W_hh]"]
    figure = Figure(figsize=(12, 8), layout="constrained")
    for axis, row, result, title in zip(figure.subplots(2), [above, below], results, titles, strict=True):
        left = 0.0
        for sign, name, parts in [*row, ("=", "pre-activation", [(result, green)])]:
            axis.text(left - 0.6, 0, sign, ha="center", va="center", fontsize=24)
            left = _draw_joined(axis, left, name, parts, side_by_side=name == "[X H]") + 1.2
        axis.set(xlim=(-0.5, 22.3), ylim=(-3, 3.3), aspect="equal", title=title)
        axis.set_axis_off()
    return figure


def _draw_joined(axis, left: float, name: str, parts: list[tuple[np.ndarray, str]], side_by_side: bool) -> float:
    """Draws (matrix, colour) pairs as one matrix, side by side or one above the other -> its right edge."""
    from matplotlib.patches import Rectangle

    rows, columns = np.concatenate([matrix for matrix, _ in parts], axis=int(side_by_side)).shape
    axis.text(left, rows / 2 + 0.2, f"{name} {(rows, columns)}")
    x, y = left, rows / 2  # the upper left corner of a part
    for matrix, colour in parts:
        for (row, column), value in np.ndenumerate(matrix):
            axis.add_patch(Rectangle((x + column, y - row - 1), 1, 1, facecolor=colour, edgecolor="black"))
            axis.text(x + column + 0.5, y - row - 0.5, f"{value:.2f}", ha="center", va="center", fontsize=9)
        x, y = (x + matrix.shape[1], y) if side_by_side else (x, y - len(matrix))
    return left + columns


def teach(given: argparse.Namespace, checks: Checks) -> Figure | None:
    """Multiplies both ways, and checks them against each other and against our cells with the same weights."""
    generator = np.random.default_rng(given.seed)
    X, H, C = (generator.normal(size=(BATCH, size)) for size in (FEATURES, UNITS, UNITS))
    W_xh, W_hh = generator.normal(size=(FEATURES, UNITS)), generator.normal(size=(UNITS, UNITS))
    apart, joined = two_products(X, W_xh, H, W_hh), joined_product(X, W_xh, H, W_hh)
    print(f"X {X.shape}·W_xh {W_xh.shape} + H {H.shape}·W_hh {W_hh.shape} = {apart.shape}\n{apart}")
    print(f"[X H] {(BATCH, FEATURES + UNITS)}·[W_xh above W_hh] {(FEATURES + UNITS, UNITS)} = {joined.shape}\n{joined}")
    print(f"largest difference: {np.abs(apart - joined).max():.1e}")
    checks.check("the joined product equals the two products to round-off", np.allclose(apart, joined, 0.0, ROUND_OFF))
    cell = SimpleRNNCell(UNITS, activation="linear", use_bias=False, dtype="float64")
    cell.build(X.shape)
    cell.set_weights([W_xh, W_hh])
    checks.check("and is what our simple recurrent cell computes", np.allclose(cell(X, [H])[0], joined, 0.0, ROUND_OFF))

    kernels = [generator.normal(size=(FEATURES, UNITS)) for _ in range(4)]
    recurrent_kernels = [generator.normal(size=(UNITS, UNITS)) for _ in range(4)]
    kernel, recurrent_kernel = np.concatenate(kernels, axis=1), np.concatenate(recurrent_kernels, axis=1)
    hidden, memory = lstm_step(X, H, C, np.concatenate([kernel, recurrent_kernel], axis=0))
    by_gate = lstm_step_gate_by_gate(X, H, C, kernels, recurrent_kernels)
    checks.check("LSTM: 1 product equals the 8 of four gates", np.allclose([hidden, memory], by_gate, 0.0, ROUND_OFF))
    cell = LSTMCell(UNITS, use_bias=False, dtype="float64")
    cell.build(X.shape)
    cell.set_weights([kernel, recurrent_kernel])
    checks.check(
        "and is what our LSTM cell computes", np.allclose(cell(X, [H, C])[1], [hidden, memory], 0.0, ROUND_OFF)
    )
    return draw(X, W_xh, H, W_hh) if given.plot else None


def main(argv=None) -> int:
    """The command line -> its exit status."""
    return run(teach, flags(__file__), argv)


if __name__ == "__main__":
    sys.exit(main())
