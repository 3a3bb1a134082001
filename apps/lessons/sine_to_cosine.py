"""Turns a sine into a cosine with two LSTM layers whose state flows from one window to the next.

    inputs  x_n = sin(0.1 n)      targets  y_n = cos(0.1 n)      loss = mean (LSTM_2(LSTM_1(x))_n - y_n)²

    window    | x_0 ... x_19 | x_20 ... x_39 | ...
    state   0 -> ........... -> ............ -> ...      gradients stop at the bars: truncated backpropagation

A single sin(t) doesn't tell cos(t): its sign is missing, sin² + cos² = 1 leaves two. What came before tells it. So a
network that begins each window with zeros guesses at each first step: at best 0, and (mean of cos²)/20 = 0.025 is lost.

A first exercise of many courses; truncated backpropagation: Williams & Peng (1990).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import keras
import numpy as np
import tensorflow as tf

from apps.lessons.lesson import Checks, flags, run
from keras_rnn import LSTM

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WINDOW, INTERVAL, UNITS = 20, 0.1, 32  # time steps, radians between two of them
TARGET = 1e-3


def windows(first: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """sin and cos of `count` windows from the one with number `first`, float32 (count, 1, WINDOW, 1)."""
    angles = INTERVAL * np.arange(first * WINDOW, (first + count) * WINDOW).reshape(count, 1, WINDOW, 1)
    return np.sin(angles).astype(np.float32), np.cos(angles).astype(np.float32)


class TwoLayers(keras.Model):
    """Two LSTMs and a Dense layer, called on a window (1, time, 1) and the states: -> predictions, new states."""

    def __init__(self):
        super().__init__()
        self.first, self.second = (LSTM(UNITS, return_sequences=True, return_state=True) for _ in range(2))
        self.last = keras.layers.Dense(1)

    def call(self, window, states):
        outputs, *first_state = self.first(window, initial_state=states[0])
        outputs, *second_state = self.second(outputs, initial_state=states[1])
        return self.last(outputs), [first_state, second_state]


def no_states() -> list[list[tf.Tensor]]:
    """Zeros: hidden state and memory of both layers, each (1, UNITS)."""
    return [[tf.zeros((1, UNITS)) for _ in range(2)] for _ in range(2)]


def learn(count: int, flowing: bool) -> tuple[TwoLayers, list[float], list]:
    """Trains on the first `count` windows, once -> the model, the loss of each window, and the states at the end.

    flowing: whether a window begins with the states that the one before it left, or with zeros.
    """
    model, states, losses = TwoLayers(), no_states(), []
    model(tf.zeros((1, WINDOW, 1)), states)
    optimizer = keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(0.01, count), global_clipnorm=1.0)
    optimizer.build(model.trainable_variables)

    @tf.function
    def step(sine, cosine, states):
        with tf.GradientTape() as tape:
            predicted, states = model(sine, states)
            loss = tf.reduce_mean((predicted - cosine) ** 2)
        optimizer.apply(tape.gradient(loss, model.trainable_variables), model.trainable_variables)
        return loss, states

    for sine, cosine in zip(*windows(0, count), strict=True):
        loss, states = step(tf.constant(sine), tf.constant(cosine), states if flowing else no_states())
        losses.append(float(loss))
    return model, losses, states


def predict(model: TwoLayers, sines: np.ndarray, states: list, flowing: bool) -> np.ndarray:
    """The predictions of windows one after the other, with unchanging weights, (count, 1, WINDOW, 1)."""
    predictions, call = [], tf.function(lambda sine, states: model(sine, states))
    for sine in sines:
        predicted, states = call(tf.constant(sine), states if flowing else no_states())
        predictions.append(predicted)
    return np.array(predictions)


def draw(cosines: np.ndarray, predictions: dict[str, np.ndarray]) -> Figure:
    """Four windows of each network, and its squared error at each place of a window."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 5), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1.6, 1))
    shown = 4 * WINDOW
    left.plot(cosines.ravel()[:shown], color="black", linewidth=5, alpha=0.25, label="cosine")
    for (name, predicted), style in zip(predictions.items(), ("-", "."), strict=True):
        left.plot(predicted.ravel()[:shown], style, label=name)
        error = ((predicted - cosines) ** 2).mean(axis=(0, 1, 3))
        right.plot(range(1, WINDOW + 1), error, "o-", label=f"{name}: mean {error.mean():.1e}")
    for bar in range(0, shown + 1, WINDOW):
        left.axvline(bar - 0.5, color="grey", linewidth=0.5)
    left.set(xlabel="time step; a bar is where a window begins", ylabel="cos", title="Windows it wasn't trained on")
    right.set(xlabel="time step in its window", ylabel="squared error", yscale="log", title="Where the error is")
    for axis in (left, right):
        axis.legend(loc="upper right")
    return figure


def teach(given: argparse.Namespace, checks: Checks, count: int = 1000) -> Figure | None:
    """Trains with and without the state's flow, then measures both on 100 windows that follow."""
    sines, cosines = windows(count, 100)
    predictions, errors = {}, {}
    for name, flowing in (("state flows", True), ("zeros in each window", False)):
        keras.utils.set_random_seed(given.seed)
        model, losses, states = learn(count, flowing)
        predictions[name] = predict(model, sines, states, flowing)
        errors[flowing] = float(((predictions[name] - cosines) ** 2).mean())
        print(f"{name}: loss of window 1 {losses[0]:.3f}, {count:,} {losses[-1]:.1e}; next 100: {errors[flowing]:.1e}")
    checks.check(f"with flowing state, mean squared error {errors[True]:.1e} under {TARGET:.0e}", errors[True] < TARGET)
    checks.check(f"without, {errors[False]:.3f}: no less than 0.02", errors[False] > 0.02)
    return draw(cosines, predictions) if given.plot else None


def main(argv: Sequence[str] | None = None) -> int:
    """The command line -> its exit status; see `--help`."""
    return run(teach, flags(__file__), argv)


if __name__ == "__main__":
    sys.exit(main())
