"""Spells ohlol from hello by every kind of recurrent network, and shows that without memory it can't be done.

    h_t = f(x_t, h_{t-1})          what is remembered: cell, layer, LSTM, GRU, ... are different f
    p_t = softmax(V·h_t + c)       the next letter;  loss = -1/5 sum_t log p_t[y_t]

The two l want different letters, and only what came before tells them apart. Without h_{t-1} both get the same p, at
best half and half: the loss stays above 2/5·ln 2. The first exercise of many courses; simple recurrent networks: Elman
(1990), LSTM: Hochreiter & Schmidhuber (1997), GRU: Cho et al. (2014).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import keras
import numpy as np

from apps.lessons.lesson import Checks, flags, run
from keras_rnn import GRU, LSTM, SimpleRNN, SimpleRNNCell

if TYPE_CHECKING:
    from matplotlib.figure import Figure

READ, SPELLED = "hello", "ohlol"
LETTERS = "ehlo"
UNITS, EVERY_STEP = 8, {"return_sequences": True}
FLOOR = 2 / 5 * np.log(2)  # nats a letter, without memory
WITHOUT_MEMORY = "no memory"


class SharedGatesCell(keras.layers.Layer):
    """An LSTM whose gates and candidate share one kernel: all four are made of one z = x·W + h·U + b.

    inputs (batch, features), states [hidden, memory], each (batch, units) -> hidden, [hidden, memory]
    """

    def __init__(self, units: int, **kwargs):
        super().__init__(**kwargs)
        self.units, self.state_size, self.output_size = units, [units, units], units

    def build(self, shape):
        self.joined = keras.layers.Dense(self.units, name="joined")
        self.joined.build((None, shape[-1] + self.units))

    def call(self, inputs, states):
        hidden, memory = states
        z = self.joined(keras.ops.concatenate([inputs, hidden], axis=-1))
        gate = keras.ops.sigmoid(z)  # input, forget and output gate in one
        memory = gate * memory + gate * keras.ops.tanh(z)
        hidden = gate * keras.ops.tanh(memory)
        return hidden, [hidden, memory]


def loop_over_cell(letters):
    """A cell in a loop written by hand: (batch, time, features) -> (batch, time, units)."""
    cell, states, outputs = SimpleRNNCell(UNITS), [keras.ops.zeros((letters.shape[0], UNITS))], []
    for time in range(letters.shape[1]):
        output, states = cell(letters[:, time], states)
        outputs.append(output)
    return keras.ops.stack(outputs, axis=1)


# Each from letters (1, time, features) to what is remembered at each step, (1, time, units).
NETWORKS: dict[str, Callable] = {
    "cell": loop_over_cell,
    "layer": lambda letters: SimpleRNN(UNITS, **EVERY_STEP)(letters),
    "embedding + two layers": lambda letters: SimpleRNN(UNITS, **EVERY_STEP)(SimpleRNN(UNITS, **EVERY_STEP)(letters)),
    "LSTM, shared gates": lambda letters: keras.layers.RNN(SharedGatesCell(UNITS), **EVERY_STEP)(letters),
    "LSTM": lambda letters: LSTM(UNITS, **EVERY_STEP)(letters),
    "embedding + LSTM": lambda letters: LSTM(UNITS, **EVERY_STEP)(letters),
    "GRU": lambda letters: GRU(UNITS, **EVERY_STEP)(letters),
    WITHOUT_MEMORY: lambda letters: keras.layers.Dense(UNITS, activation="tanh")(letters),
}


def ids_of(word: str) -> np.ndarray:
    """The ids of a word's letters, int32 (1, time)."""
    return np.array([[LETTERS.index(letter) for letter in word]], np.int32)


def build(name: str) -> keras.Model:
    """One of NETWORKS with its output layer: ids (1, time) -> logits (1, time, letters)."""
    ids = keras.Input((len(READ),), batch_size=1, dtype="int32")
    embedded = name.startswith("embedding")  # a learned vector for each letter; else a single 1 in each row
    letters = keras.layers.Embedding(len(LETTERS), 10)(ids) if embedded else keras.ops.one_hot(ids, len(LETTERS))
    return keras.Model(ids, keras.layers.Dense(len(LETTERS))(NETWORKS[name](letters)))


def learn(model: keras.Model, steps: int) -> list[float]:
    """The loss before each of `steps` steps of Adam, in nats a letter."""
    model.compile(keras.optimizers.Adam(0.05), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    losses = []
    for _ in range(steps):
        model.reset_metrics()  # train_on_batch gives the mean since then
        losses.append(float(model.train_on_batch(ids_of(READ), ids_of(SPELLED))))
    return losses


def spell(model: keras.Model) -> str:
    """What the model makes of READ: the likeliest letter at each time step."""
    return "".join(LETTERS[i] for i in np.argmax(model(ids_of(READ)), axis=-1)[0])


def draw(curves: dict[str, list[float]]) -> Figure:
    """The loss of each network against the steps; cell and layer lie on each other."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 5), layout="constrained")
    axis = figure.subplots()
    styles = {"cell": {"linewidth": 6, "alpha": 0.35}, WITHOUT_MEMORY: {"color": "black", "linewidth": 2.5}}
    for name, losses in curves.items():
        axis.plot(losses, label=name, **styles.get(name, {}))
    axis.axhline(FLOOR, color="red", linestyle=":", label="2/5 ln 2: one answer for both l")
    axis.set(xlabel="steps of Adam", ylabel="loss (nats a letter)", yscale="log", title=f"{READ} -> {SPELLED}")
    figure.legend(loc="outside right upper")
    return figure


def teach(given: argparse.Namespace, checks: Checks, steps: int = 100) -> Figure | None:
    """Trains each network on the one word and lets it spell."""
    curves = {}
    for name in NETWORKS:
        keras.utils.set_random_seed(given.seed)
        model = build(name)
        curves[name] = learn(model, steps)
        spelled, count = spell(model), model.count_params()
        print(f"{name:<22} {count} weights, loss {curves[name][0]:.3f} -> {curves[name][-1]:.4f}: {READ} -> {spelled}")
        if name == WITHOUT_MEMORY:
            right = sum(a == b for a, b in zip(spelled, SPELLED, strict=True))
            checks.check(f"{name}: 4 of 5 letters, loss above {FLOOR:.3f}", right == 4 and min(curves[name]) > FLOOR)
        else:
            checks.check(f"{name} spells {SPELLED}", spelled == SPELLED)
    return draw(curves) if given.plot else None


def main(argv: Sequence[str] | None = None) -> int:
    """The command line -> its exit status; see `--help`."""
    return run(teach, flags(__file__), argv)


if __name__ == "__main__":
    sys.exit(main())
