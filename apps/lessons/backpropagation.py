"""Backpropagation through time by hand, truncated and full, learns two film titles character by character.

    hidden_t = tanh(W_xh[character_t] + hidden_{t-1}·W_hh)      probabilities_t = softmax(hidden_t·W_hy)
    d_logits_t = (probabilities_t - one_hot(character_{t+1})) / count      d_hidden_t = d_logits_t·W_hyᵀ
    back in time, for s = t, t - 1, ...:      d_sum = d_hidden_s * (1 - hidden_s²)      d_hidden_{s-1} = d_sum·W_hhᵀ
        dW_xh[character_s] += d_sum      dW_hh += hidden_{s-1}ᵀ·d_sum      dW_hy += hidden_tᵀ·d_logits_t

The loss is the mean of -log of the right character's probability. Truncated to k steps, each t has k values of s at
most. Werbos (1990); truncated: Williams & Peng (1990). The titles are those of a Chinese textbook's example.
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

import numpy as np
import tensorflow as tf

from apps.lessons.lesson import Checks, flags, run
from keras_rnn import SimpleRNN

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLES = ("你好李焕英", "夏洛特烦恼")
CHARACTERS = sorted(set("".join(TITLES)))
IDS = np.array([[CHARACTERS.index(character) for character in title] for title in TITLES])  # (titles, time + 1)
INPUTS, TARGETS = IDS[:, :-1], IDS[:, 1:]
UNITS, EPOCHS, FIRST_RATE = 10, 40, 16.0
Arrays = list[np.ndarray]  # weights: W_xh (characters, units), W_hh (units, units), W_hy (units, characters)


def first_weights(seed: int) -> Arrays:
    """Random weights, the smaller the more of them are added up."""
    uniform, count = np.random.default_rng(seed).uniform, len(CHARACTERS)
    return [uniform(-1.0, 1.0, size) / size[0] ** 0.5 for size in [(count, UNITS), (UNITS, UNITS), (UNITS, count)]]


def forward(weights: Arrays) -> tuple[Arrays, np.ndarray, float]:
    """-> hidden states (titles, units), at first and after each; probabilities (time, titles, characters); loss."""
    W_xh, W_hh, W_hy = weights
    hidden = [np.zeros((len(TITLES), UNITS))]
    for characters in INPUTS.T:
        hidden.append(np.tanh(W_xh[characters] + hidden[-1] @ W_hh))
    powers = np.exp(np.stack(hidden[1:]) @ W_hy)
    probabilities = powers / powers.sum(axis=-1, keepdims=True)
    return hidden, probabilities, -np.log(np.take_along_axis(probabilities, TARGETS.T[..., np.newaxis], -1)).mean()


def backward(weights: Arrays, hidden: Arrays, probabilities: np.ndarray, steps_back: int) -> tuple[Arrays, np.ndarray]:
    """-> the gradient of the loss with regard to each weight, each error going back through `steps_back` steps at most;
    and how much of the error of each time (row) arrives at each step (column), a norm."""
    _, W_hh, W_hy = weights
    dW_xh, dW_hh, dW_hy = (np.zeros_like(matrix) for matrix in weights)
    d_logits = (probabilities - np.eye(len(CHARACTERS))[TARGETS.T]) / TARGETS.size
    arriving = np.zeros((len(d_logits), len(d_logits)))
    for time, d_logit in enumerate(d_logits):
        dW_hy += hidden[time + 1].T @ d_logit
        d_hidden = d_logit @ W_hy.T
        for step in range(time, max(-1, time - steps_back), -1):
            arriving[time, step] = np.linalg.norm(d_hidden)
            d_sum = d_hidden * (1.0 - hidden[step + 1] ** 2)
            np.add.at(dW_xh, INPUTS[:, step], d_sum)
            dW_hh += hidden[step].T @ d_sum
            d_hidden = d_sum @ W_hh.T
    return [dW_xh, dW_hh, dW_hy], arriving


def backward_by_tape(weights: Arrays, hidden: Arrays, steps_back: int) -> Arrays:
    """The same by TensorFlow: for each time our layer reads the last `steps_back` characters, from the state before."""
    layer, output = SimpleRNN(UNITS, use_bias=False, dtype="float64"), tf.Variable(weights[2])
    layer.build((None, None, len(CHARACTERS)))
    layer.set_weights(weights[:2])
    one_hot, loss = np.eye(len(CHARACTERS))[INPUTS], 0.0
    with tf.GradientTape() as tape:
        for time in range(INPUTS.shape[1]):
            start = max(0, time + 1 - steps_back)
            last = layer(one_hot[:, start : time + 1], initial_state=tf.constant(hidden[start]))
            loss += tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(TARGETS[:, time], last @ output))
    return [part.numpy() / INPUTS.shape[1] for part in tape.gradient(loss, [*layer.trainable_variables, output])]


def finite_differences(weights: Arrays, step: float = 1e-5) -> Arrays:
    """The full gradient by no calculus at all: each weight is changed a little, up and down."""
    gradients = [np.zeros_like(matrix) for matrix in weights]
    for matrix, gradient in zip(weights, gradients, strict=True):
        for index, value in np.ndenumerate(matrix):
            for sign in (1.0, -1.0, 0.0):  # the last leaves the weight as it was
                matrix[index] = value + sign * step
                gradient[index] += sign * forward(weights)[2] / (2.0 * step)
    return gradients


def train(weights: Arrays, steps_back: int) -> tuple[Arrays, list[float], list[float]]:
    """Gradient descent, the learning rate halved whenever the loss has risen -> weights, losses, learning rates."""
    losses, rates = [], [FIRST_RATE]
    for _ in range(EPOCHS):
        hidden, probabilities, loss = forward(weights)
        rates.append(rates[-1] / 2.0 if losses and loss > losses[-1] else rates[-1])
        losses.append(loss)
        gradients, _ = backward(weights, hidden, probabilities, steps_back)
        weights = [matrix - rates[-1] * gradient for matrix, gradient in zip(weights, gradients, strict=True)]
    return weights, losses, rates[1:]


def draw(arriving: np.ndarray, runs: dict[str, tuple[Arrays, list[float], list[float]]]) -> Figure:
    """How errors travel back in time before the training; the loss of each training and when its rate was halved."""
    from matplotlib.figure import Figure

    left, right = Figure(figsize=(11, 4.8), layout="constrained").subplots(1, 2)
    left.imshow(arriving, cmap="Blues", vmin=0.0, vmax=2.0 * arriving.max(), extent=(0.5, 4.5, 4.5, 0.5))
    for (time, step), norm in np.ndenumerate(arriving):
        left.text(step + 1, time + 1, f"{norm:.3f}" if step <= time else "", ha="center", va="center")
    left.locator_params(integer=True)
    left.set(title="norm of an error on its way back", xlabel="time step it has reached", ylabel="time step it is of")
    for name, (_, losses, rates) in runs.items():
        right.plot(losses, "o-", markevery=list(np.flatnonzero(np.diff(rates)) + 1), label=name)
    right.set(xlabel="epoch", ylabel="loss (nats a character)", yscale="log", title="dots: the learning rate is halved")
    right.legend()
    return left.figure


def teach(given: argparse.Namespace, checks: Checks) -> Figure | None:
    """Proves the gradient by two witnesses, truncated too, then learns the titles with it."""
    weights, full, runs = first_weights(given.seed), INPUTS.shape[1], {}
    hidden, probabilities, _ = forward(weights)
    tapes = [(steps, "GradientTape", backward_by_tape(weights, hidden, steps)) for steps in range(1, full + 1)]
    for steps, witness, theirs in [*tapes, (full, "finite differences", finite_differences(weights))]:
        ours, arriving = backward(weights, hidden, probabilities, steps)
        apart = max(np.abs(a - b).max() for a, b in zip(ours, theirs, strict=True))
        checks.check(f"{steps} of {full} steps back: the gradient by {witness}, {apart:.0e} apart", apart < 1e-6)
    for name, steps in {"full": full, "truncated to 1 step": 1}.items():
        learned, losses, rates = runs[name] = train(weights, steps)
        about = f"{losses[0]:.3f} -> {losses[-1]:.4f}, learning rate {rates[0]:g} halved to {rates[-1]:g}"
        checks.check(f"{name}: loss under 0.1 ({about})", losses[-1] < 0.1)
        written = ["".join(CHARACTERS[id] for id in ids) for ids in forward(learned)[1].argmax(axis=-1).T]
        checks.check(f"{name}: it goes on with {' and '.join(written)}", written == [title[1:] for title in TITLES])
    return draw(arriving, runs) if given.plot else None


def main(argv=None) -> int:
    """The command line -> its exit status."""
    return run(teach, flags(__file__), argv)


if __name__ == "__main__":
    sys.exit(main())
