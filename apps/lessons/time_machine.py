"""A language model of The Time Machine from scratch: it learns its text by heart, and not the text that comes after.

    h_t = tanh(x_t·W_xh + h_{t-1}·W_hh + b_h)      x_t: one-hot       p_t = softmax(h_t·W_hq + b_q)
    perplexity = exp(-mean_t log p_t[x_{t+1}])     1: sure and right; 27: a guess among 26 letters and the space
    clipping     g <- g min(1, 1 / |g|)            |g|: the norm of all gradients together

Sequential sampling: a window begins with the state that the one before it left. Random sampling: any order and zeros,
so its first characters cost more. After Zhang et al., Dive into Deep Learning (2020); clipping: Pascanu et al. (2013).
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

import keras
import numpy as np
import tensorflow as tf

from apps.corpora import time_machine
from apps.lessons.lesson import Checks, flags, run
from keras_rnn import GRU, LSTM, SimpleRNN

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SYMBOLS, WINDOW = " abcdefghijklmnopqrstuvwxyz", 35  # time steps
ORDERS, GOALS = ("sequential", "random"), (1.1, 1.6)  # training ends at such a perplexity


class FromScratch:
    """The recurrence above, made and called as our layers are."""

    def __init__(self, units: int, return_sequences: bool = True, return_state: bool = True):
        self.units, shapes = units, [(len(SYMBOLS), units), (units, units), (units,)]
        self.trainable_variables = [tf.Variable(tf.random.normal(shape, stddev=0.01)) for shape in shapes]

    def __call__(self, one_hot, initial_state=None):
        W_xh, W_hh, b_h = self.trainable_variables
        [hidden], outputs = initial_state or [tf.zeros((one_hot.shape[0], self.units))], []
        for inputs in tf.unstack(one_hot, axis=1):
            hidden = tf.tanh(inputs @ W_xh + hidden @ W_hh + b_h)
            outputs.append(hidden)
        return tf.stack(outputs, axis=1), hidden


class LanguageModel:
    """A layer and output weights. Called on ids (batch, time), states: -> logits (batch, time, 27), new states."""

    def __init__(self, layer: type, units: int):
        self.units, self.layer = units, layer(units, return_sequences=True, return_state=True)
        self.output = tf.Variable(tf.random.normal((units, 27), stddev=0.01)), tf.Variable(tf.zeros(27))
        self(np.zeros((1, 1), np.int32), None)  # so that the layer makes its weights
        self.variables = [*self.layer.trainable_variables, *self.output]

    def __call__(self, ids, states):
        outputs, *states = self.layer(tf.one_hot(ids, len(SYMBOLS)), initial_state=states)
        return outputs @ self.output[0] + self.output[1], states

    def step(self, optimizer: keras.optimizers.Optimizer | None, ids, states):
        """-> the loss of a batch in nats a character, and the new states; trains if there is an optimizer."""
        with tf.GradientTape() as tape:
            logits, states = self(ids[:, :-1], states)
            loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(ids[:, 1:], logits))
        if optimizer is not None:
            optimizer.apply(tf.clip_by_global_norm(tape.gradient(loss, self.variables), 1.0)[0], self.variables)
        return loss, states


def windows(ids: np.ndarray, batch_size: int, random: bool) -> Iterator[np.ndarray]:
    """Ids (batch_size, WINDOW + 1), in random order, or each row goes on in the same row of the next batch."""
    starts = np.arange(np.random.randint(WINDOW), len(ids) - WINDOW, WINDOW)
    starts = starts[: len(starts) // batch_size * batch_size]
    starts = np.random.permutation(starts) if random else starts.reshape(batch_size, -1).T
    return (ids[rows + np.arange(WINDOW + 1)] for rows in starts.reshape(-1, batch_size, 1))


def perplexity(step: Callable, ids: np.ndarray, batch_size: int, random: bool) -> float:
    """Of a pass over the ids by `step`, a LanguageModel's with its optimizer or None."""
    states, losses = None, []
    for batch in windows(ids, batch_size, random):
        loss, states = step(tf.constant(batch), None if random else states)
        losses.append(float(loss))
    return float(np.exp(np.mean(losses)))


def learn(network: LanguageModel, ids: tuple, batch_size: int, random: bool, epochs: int) -> np.ndarray:
    """Trains on the first ids to the goal or for `epochs` -> (epoch, perplexity, perplexity of the second) of each."""
    optimizer, started, curve = keras.optimizers.Adam(1 / network.units), time.perf_counter(), []
    optimizer.build(network.variables)
    train, measure = (tf.function(partial(network.step, chosen)) for chosen in (optimizer, None))
    while not curve or (curve[-1][1] > GOALS[random] and len(curve) < epochs):
        training = perplexity(train, ids[0], batch_size, random)
        curve.append((len(curve) + 1, training, perplexity(measure, ids[1], batch_size, False)))
    speed, (epoch, _, last) = len(curve) * len(ids[0]) / (time.perf_counter() - started), curve[-1]
    best = min(held_out for *_, held_out in curve)
    print(f"{epoch} epochs, {speed:,.0f} characters/s, perplexity {training:.3f}, held out {last:.1f}, best {best:.1f}")
    return np.array(curve)


def continuation(network: LanguageModel, prefix: str = "time traveller", count: int = 60) -> str:
    """`prefix`, which warms the state up, and the likeliest `count` characters after it."""
    states, text = None, prefix
    for position in range(len(prefix) + count - 1):
        logits, states = network(tf.constant([[SYMBOLS.index(text[position])]]), states)
        text += SYMBOLS[np.argmax(logits)] if position == len(text) - 1 else ""
    return text


def draw(curves: dict[str, np.ndarray]) -> Figure:
    """Both perplexities of each run against the epochs: of the text that it learned, and of what came after it."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13, 4.5), layout="constrained")
    for axis, (name, curve) in zip(figure.subplots(1, len(curves), sharey=True), curves.items(), strict=True):
        axis.plot(curve[:, 0], curve[:, 1:], label=["training", "held out"])
        axis.set(title=name, xlabel="epoch", ylabel="perplexity", yscale="log")
    axis.legend()
    return figure


def teach(given: argparse.Namespace, checks: Checks, epochs: int = 300) -> Figure | None:
    """From scratch in both orders, then our layers with half the units, all on the beginning of the text."""
    count, units, batch_size = (2_000, (256, 128), 8) if given.quick else (10_000, (512, 256), 32)
    text, curves = time_machine.letters(2 * count, given.data), {}
    ids = np.array([SYMBOLS.index(letter) for letter in text], np.int32)
    for layer, random in ((FromScratch, False), (FromScratch, True), (SimpleRNN, False), (GRU, False), (LSTM, False)):
        keras.utils.set_random_seed(given.seed)
        name, network = f"{layer.__name__}, {ORDERS[random]}", LanguageModel(layer, units[layer is not FromScratch])
        curves[name] = learn(network, (ids[:count], ids[count:]), batch_size, random, epochs)
        print(continuation(network))
        if layer is FromScratch:
            checks.check(f"{name}: training perplexity at most {GOALS[random]}", curves[name][-1, 1] <= GOALS[random])
    return draw(curves) if given.plot else None


def main(argv: Sequence[str] | None = None) -> int:
    """The command line -> its exit status; see `--help`."""
    parser = flags(__file__)
    parser.add_argument("--quick", action="store_true", help="2,000 characters and 256 units: two minutes")
    parser.add_argument("--data", metavar="FILE", help="any text in place of the novel")
    return run(teach, parser, argv)


if __name__ == "__main__":
    sys.exit(main())
