"""The minimal language model, all in NumPy: by characters, by Chinese words, and then the same program with our layer.

    h_t = tanh(W[x_t] + h_{t-1}·U + b)      p_t = softmax(h_t·V + c)      loss = -sum_t log p_t[y_t]
    backwards:   dz_t = p_t - onehot(y_t)   dh_t = dz_t·V' + da_{t+1}·U'   da_t = (1 - h_t²) dh_t
    clipping:    g <- min(5, max(-5, g))    Adagrad:   s <- s + g²,   w <- w - 0.1 g / sqrt(s + 1e-8)

Karpathy's min-char-rnn (2015); Adagrad: Duchi et al. (2011). Weights: W (symbols, units), U (units, units), b (units,),
V (units, symbols), c (symbols,). The smoothed loss, 0.999 old + 0.001 new, starts at that of a guess, ln(symbols).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
import tensorflow as tf

from apps.corpora import tiny_shakespeare
from apps.lessons.lesson import Checks, flags, run
from apps.pipeline import chinese_words
from keras_rnn import SimpleRNN

if TYPE_CHECKING:
    from matplotlib.figure import Figure

UNITS, WINDOW = 100, 25
PARAGRAPH = (
    "清晨，爷爷推着小车去集市卖豆腐。豆腐是奶奶半夜磨的，白得像雪，嫩得像云。邻居听见吆喝，都端着碗跑出来。有人买一块，"
    "有人买两块，还有人先尝一口再买。太阳升起，小车空了。爷爷给我买了一个风车，给奶奶买了一块花布。风车转，我也跑。"
)


def forward(weights: list[np.ndarray], inputs: np.ndarray, hidden: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """ids (time,) and the state before them -> the states (time + 1, units), that one first; p (time, symbols)."""
    kernel, recurrent_kernel, bias, output_kernel, output_bias = weights
    states = [hidden]
    for projected in kernel[inputs] + bias:  # a one-hot row times a matrix is a row of the matrix
        states.append(np.tanh(projected + states[-1] @ recurrent_kernel))
    scores = np.array(states[1:]) @ output_kernel + output_bias
    scores = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.array(states), scores / scores.sum(axis=1, keepdims=True)


def by_hand(weights: list[np.ndarray], inputs: np.ndarray, targets: np.ndarray, hidden: np.ndarray) -> tuple:
    """-> the loss of a window in nats, its gradients in the order of the weights, and the state after it."""
    kernel, recurrent_kernel, _, output_kernel, _ = weights
    states, probabilities = forward(weights, inputs, hidden)
    steps = np.arange(len(inputs))
    loss = -np.log(probabilities[steps, targets]).sum()
    probabilities[steps, targets] -= 1  # dz
    inner, from_later = probabilities @ output_kernel.T, 0.0  # dh without what comes from later steps
    for t in reversed(steps):
        inner[t] = (1 - states[t + 1] ** 2) * (inner[t] + from_later)  # da
        from_later = inner[t] @ recurrent_kernel.T
    of_inputs = [np.eye(len(kernel))[inputs].T @ inner, states[:-1].T @ inner, inner.sum(axis=0)]
    return loss, [*of_inputs, states[1:].T @ probabilities, probabilities.sum(axis=0)], states[-1]


def by_layer(weights: list[np.ndarray], inputs: np.ndarray, targets: np.ndarray, hidden: np.ndarray) -> tuple:
    """The same by our SimpleRNN and TensorFlow's gradients."""
    layer = SimpleRNN(len(weights[1]), return_sequences=True, return_state=True, dtype="float64")
    layer.build((1, None, len(weights[0])))
    layer.set_weights(weights[:3])
    output_kernel, output_bias = map(tf.Variable, weights[3:])
    with tf.GradientTape() as tape:
        outputs, last = layer(np.eye(len(weights[0]))[np.newaxis, inputs], initial_state=tf.constant([hidden]))
        scores = outputs[0] @ output_kernel + output_bias
        loss = tf.reduce_sum(tf.nn.sparse_softmax_cross_entropy_with_logits(targets, scores))
    gradients = tape.gradient(loss, [*layer.trainable_variables, output_kernel, output_bias])
    return float(loss), [gradient.numpy() for gradient in gradients], last[0].numpy()


def train(weights: list[np.ndarray], ids: np.ndarray, gradients_of: Callable = by_hand) -> Iterator[tuple]:
    """Trains in place, window after window; yields before each step its loss, its first id and the state before it."""
    squares = [np.zeros_like(weight) for weight in weights]
    while True:
        hidden = np.zeros(len(weights[1]))
        for start in range(0, len(ids) - WINDOW, WINDOW):
            inputs, targets, before = ids[start : start + WINDOW], ids[start + 1 : start + WINDOW + 1], hidden
            loss, gradients, hidden = gradients_of(weights, inputs, targets, before)
            yield loss, inputs[0], before
            for weight, square, gradient in zip(weights, squares, gradients, strict=True):
                clipped = np.clip(gradient, -5, 5)
                square += clipped**2
                weight -= 0.1 * clipped / np.sqrt(square + 1e-8)


def sample(weights: list[np.ndarray], first: int, hidden: np.ndarray, generator: np.random.Generator) -> list[int]:
    """The ids of 100 symbols, each drawn from p given `first` and those before it."""
    ids = [first]
    for _ in range(100):
        (_, hidden), [probabilities] = forward(weights, np.array(ids[-1:]), hidden)
        ids.append(generator.choice(len(probabilities), p=probabilities))
    return ids[1:]


def learn(text: Sequence[str], steps: int, seed: int, checks: Checks) -> tuple[np.ndarray, dict]:
    """Trains on characters or words -> the smoothed losses, in nats a symbol, and {symbols read: sample}, printed."""
    generator = np.random.default_rng(seed)
    symbols, ids = np.unique(list(text), return_inverse=True)
    shapes = [(len(symbols), UNITS), (UNITS, UNITS), (UNITS,), (UNITS, len(symbols)), (len(symbols),)]
    weights = [0.01 * generator.normal(size=shape) if len(shape) == 2 else np.zeros(shape) for shape in shapes]
    both = (train([weight.copy() for weight in weights], ids, way) for way in (by_hand, by_layer))
    apart = max(abs(hand[0] - layer[0]) for hand, layer in islice(zip(*both, strict=True), 5))
    checks.check(f"5 steps with our layer lose the same, {apart:.0e} nats apart", apart < 1e-6)
    smooth, written = [np.log(len(symbols))], {}
    for step, (loss, first, hidden) in enumerate(islice(train(weights, ids), steps + 1)):
        if step % (steps // 3) == 0:
            text = written[step * WINDOW] = "".join(symbols[sample(weights, first, hidden, generator)])
            print(f"--- {step * WINDOW:,} read, smoothed loss {smooth[-1]:.3f} nats\n{text}", flush=True)
        smooth.append(0.999 * smooth[-1] + 0.001 * loss / WINDOW)
    checks.check(f"smoothed loss {smooth[-1]:.3f}, under 60 % of {smooth[0]:.3f}", smooth[-1] < 0.6 * smooth[0])
    return np.array(smooth), written


def draw(curves: dict[str, np.ndarray], written: dict[int, str]) -> Figure:
    """The smoothed losses in per cent of their starts, and beside them what the character model wrote on the way."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 5))
    axis = figure.add_axes((0.06, 0.11, 0.45, 0.85), xlabel="symbols read (thousands)", ylim=(0, 105))
    for name, losses in curves.items():
        axis.plot(np.arange(len(losses)) * WINDOW / 1000, 100 * losses / losses[0], label=name)
    axis.axhline(60, color="grey", linestyle=":")
    axis.set_ylabel("smoothed loss (% of its start)")
    axis.legend()
    texts = "\n\n".join(f"=== after {read:,} characters ===\n{text}" for read, text in written.items())
    figure.text(0.53, 0.97, texts.replace("$", r"\$"), va="top", family="monospace", fontsize=8)
    return figure


def teach(given: argparse.Namespace, checks: Checks, steps: int = 12_000) -> Figure | None:
    """The characters of Tiny Shakespeare, then the words of a paragraph."""
    words = [word for word, _ in chinese_words.cut_and_tag(PARAGRAPH) if word.strip()]
    characters, written = learn(tiny_shakespeare.text(), steps, given.seed, checks)
    curves = {"characters": characters, "words": learn(words, steps // 6, given.seed, checks)[0]}
    return draw(curves, written) if given.plot else None


def main(argv: Sequence[str] | None = None) -> int:
    """The command line -> its exit status; see `--help`."""
    return run(teach, flags(__file__), argv)


if __name__ == "__main__":
    sys.exit(main())
