"""A simple recurrent network with all weights 1, by hand: three steps, three activations, four ways to compute them.

    hidden  = activation(W_xh·inputs + W_hh·hidden)        hidden is 0 at first
    outputs = W_hy·hidden

Two inputs, two hidden units, two outputs, no bias. The network is that of Elman (1990), "Finding structure in time";
the sequence is the worked example of H.-Y. Lee's lectures (National Taiwan University, 2016).
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

import numpy as np
import tensorflow as tf

from apps.lessons.lesson import Checks, flags, run
from keras_rnn import SimpleRNN, SimpleRNNCell

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SEQUENCE = np.array([[1.0, 1.0], [1.0, 1.0], [2.0, 2.0]])  # (time, features)
ACTIVATIONS = {"linear": lambda x: x, "relu": lambda x: np.maximum(x, 0.0), "tanh": np.tanh}
LINEAR_STATES = [[2.0, 2.0], [6.0, 6.0], [16.0, 16.0]]
LINEAR_OUTPUTS = (4.0, 12.0, 32.0)
TANH_OUTPUTS = (1.9280551601516338, 1.9984510891336251, 1.9999753470497836)
KNOWN_OUTPUTS = {"linear": LINEAR_OUTPUTS, "relu": LINEAR_OUTPUTS, "tanh": TANH_OUTPUTS}

ALL_ONES = {"use_bias": False, "kernel_initializer": "ones", "recurrent_initializer": "ones"}
W_xh, W_hh, W_hy = np.ones((2, 2)), np.ones((2, 2)), np.ones((2, 2))


def by_hand(sequence: np.ndarray, activation: str, show: bool = False) -> np.ndarray:
    """The hidden states (time, 2) of `sequence` (time, 2), one product after the other; `show` prints each step."""
    hidden, states = np.zeros(2), []
    for number, inputs in enumerate(sequence, 1):
        before = hidden
        total = W_xh @ inputs + W_hh @ hidden
        hidden = ACTIVATIONS[activation](total)
        states.append(hidden)
        if show:
            print(f"  step {number}: inputs {inputs}, hidden {before} -> {activation}({total}) = {hidden}")
    return np.stack(states)


def with_our_cell(sequence: np.ndarray, activation: str) -> np.ndarray:
    """The same states, by a cell in a loop that we write."""
    cell = SimpleRNNCell(2, activation, dtype="float64", **ALL_ONES)
    hidden, states = tf.zeros((1, 2), tf.float64), []
    for inputs in sequence:
        output, [hidden] = cell(inputs[np.newaxis], [hidden])
        states.append(output[0])
    return np.stack(states)


def with_our_layer(sequence: np.ndarray, activation: str) -> np.ndarray:
    """The same states, by a layer: its loop is inside."""
    layer = SimpleRNN(2, activation, return_sequences=True, dtype="float64", **ALL_ONES)
    return layer(sequence[np.newaxis])[0].numpy()


def with_pytorch(sequence: np.ndarray, activation: str) -> np.ndarray | None:
    """The same states by `torch.nn.RNN`, which has tanh and relu; None, and a sentence, where PyTorch can't."""
    if activation not in ("tanh", "relu"):
        print(f"  torch.nn.RNN has no {activation} activation")
        return None
    try:
        import torch
    except ImportError:
        print("  PyTorch isn't installed: it would be the fourth way")
        return None
    layer = torch.nn.RNN(2, 2, nonlinearity=activation, bias=False, batch_first=True, dtype=torch.float64)
    with torch.no_grad():
        for weight in layer.parameters():
            weight.fill_(1.0)
        return layer(torch.tensor(sequence[np.newaxis]))[0][0].numpy()


def draw(states: dict[str, np.ndarray]) -> Figure:
    """The network unrolled, a panel for each activation: inputs below, hidden states, outputs above, with values."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 8.8), layout="constrained")
    for axis, (activation, hidden) in zip(figure.subplots(len(states)), states.items(), strict=True):
        _draw_node(axis, 0, 1, np.zeros(2), "#eeeeee")
        for step, values in enumerate(zip(SEQUENCE, hidden, hidden @ W_hy.T, strict=True), 1):
            for height, colour in enumerate(["#dceefb", "#fdebc8", "#dff2d8"]):
                _draw_node(axis, step, height, values[height], colour)
            _draw_arrow(axis, (step, 0), (step, 1), "W_xh")
            _draw_arrow(axis, (step - 1, 1), (step, 1), "W_hh")
            _draw_arrow(axis, (step, 1), (step, 2), "W_hy")
        axis.set(xlim=(-0.4, 3.4), ylim=(-0.5, 2.5), xlabel="time step", title=f"{activation}, all weights 1")
        axis.set_xticks(range(4), ["start", "1", "2", "3"])
        axis.set_yticks(range(3), ["inputs", "hidden", "outputs"])
    return figure


def _draw_node(axis, step: int, height: int, values: np.ndarray, colour: str) -> None:
    text, box = "\n".join(f"{value:.6g}" for value in values), {"boxstyle": "round,pad=0.5", "facecolor": colour}
    axis.text(step, height, text, ha="center", va="center", bbox=box)


def _draw_arrow(axis, start: tuple[int, int], end: tuple[int, int], weights: str) -> None:
    away = 48 if start[1] == end[1] else 26  # points between the middle of a node and the arrow
    colour = "tab:red" if start[1] == end[1] else "black"
    axis.annotate("", end, start, arrowprops={"arrowstyle": "->", "shrinkA": away, "shrinkB": away, "color": colour})
    axis.text((start[0] + end[0]) / 2 + 0.03, (start[1] + end[1]) / 2 + 0.06, weights, color=colour, fontsize=9)


def teach(given: argparse.Namespace, checks: Checks) -> Figure | None:
    """Prints every step by hand, and checks that the four ways reach the known outputs."""
    by_activation = {}
    for activation, known in KNOWN_OUTPUTS.items():
        print(f"{activation}:")
        by_activation[activation] = hidden = by_hand(SEQUENCE, activation, show=True)
        ways = {"NumPy": hidden, "our cell": with_our_cell(SEQUENCE, activation)}
        ways |= {"our layer": with_our_layer(SEQUENCE, activation), "PyTorch": with_pytorch(SEQUENCE, activation)}
        answer = f"{activation}: outputs {', '.join(format(value, '.17g') for value in known)}"
        for way, states in ways.items():
            if states is not None:
                reached = np.allclose(states @ W_hy.T, np.array(known)[:, np.newaxis], rtol=1e-14, atol=0.0)
                checks.check(f"{answer}, by {way}", reached)
    checks.check("linear: hidden states 2, 6, 16", np.array_equal(by_activation["linear"], LINEAR_STATES))
    return draw({name: by_activation[name] for name in ("linear", "tanh")}) if given.plot else None


def main(argv=None) -> int:
    """The command line -> its exit status."""
    return run(teach, flags(__file__), argv)


if __name__ == "__main__":
    sys.exit(main())
