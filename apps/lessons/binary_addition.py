"""Learns to add 8-bit numbers bit by bit, by hand-written gradients and by our layer, and then adds 64-bit numbers.

    hidden_t = tanh([a_t b_t]·W_xh + hidden_{t-1}·W_hh + b_h)      probability that bit t of the sum is 1 =
    p_t = sigmoid(hidden_t·W_hy + b_y)                                       loss = mean of -log of the right bit's
    back in time, from the last bit:      d_sum_t = (d_logit_t·W_hyᵀ + d_sum_{t+1}·W_hhᵀ) * (1 - hidden_t²)

The lowest bit comes first. What must be remembered is one bit, the carry. Learned are 1,000 of the 16,384 sums of two
numbers below 128. After A. Trask's program "Anyone can learn to code an LSTM-RNN in Python" (2015).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

import keras
import numpy as np

from apps.lessons.lesson import Checks, flags, run
from keras_rnn import SimpleRNN

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BITS, UNITS, LEARNED, BATCH, STEPS, RATE, MOMENTUM = 8, 8, 1000, 64, 600, 0.5, 0.9
Arrays = list[np.ndarray]  # W_xh (2, units), W_hh (units, units), b_h (units,), W_hy (units, 1), b_y (1,)


def bits_of(numbers: np.ndarray, bits: int) -> np.ndarray:
    """(count,) of uint64 -> (bits, count, 1) of 0.0 and 1.0, the lowest bit first."""
    return (numbers >> np.arange(bits, dtype=np.uint64)[:, np.newaxis] & np.uint64(1))[..., np.newaxis].astype(float)


def problem(a: np.ndarray, b: np.ndarray, bits: int) -> tuple[np.ndarray, np.ndarray]:
    """-> inputs (bits, count, 2) and the right answers (bits, count, 1)."""
    return np.concatenate([bits_of(a, bits), bits_of(b, bits)], axis=-1), bits_of(a + b, bits)


def forward(weights: Arrays, inputs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """-> hidden states (bits + 1, count, units), zeros first; probabilities (bits, count, 1)."""
    W_xh, W_hh, b_h, W_hy, b_y = weights
    hidden = [np.zeros((inputs.shape[1], len(b_h)))]
    for pair in inputs:
        hidden.append(np.tanh(pair @ W_xh + hidden[-1] @ W_hh + b_h))
    return np.stack(hidden), 1.0 / (1.0 + np.exp(-(np.stack(hidden[1:]) @ W_hy + b_y)))


def backward(weights: Arrays, inputs: np.ndarray, targets: np.ndarray) -> tuple[Arrays, float]:
    """-> the gradient of the loss with regard to each weight, by backpropagation through time; and the loss."""
    _, W_hh, _, W_hy, _ = weights
    hidden, probabilities = forward(weights, inputs)
    d_logits = (probabilities - targets) / targets.size
    d_sum, d_sums = np.zeros_like(hidden[0]), np.zeros_like(hidden[1:])
    for time in reversed(range(len(inputs))):
        d_sums[time] = d_sum = (d_logits[time] @ W_hy.T + d_sum @ W_hh.T) * (1.0 - hidden[time + 1] ** 2)
    gradients = [np.einsum("tni,tnj->ij", left, d_sums) for left in (inputs, hidden[:-1])] + [d_sums.sum(axis=(0, 1))]
    gradients += [np.einsum("tni,tnj->ij", hidden[1:], d_logits), d_logits.sum(axis=(0, 1))]
    return gradients, -np.log(np.where(targets == 1.0, probabilities, 1.0 - probabilities)).mean()


def train_by_hand(inputs: np.ndarray, targets: np.ndarray, seed: int) -> tuple[Arrays, list[float]]:
    """Gradient descent with momentum -> weights, and the loss of each batch."""
    generator, losses = np.random.default_rng(seed), []
    weights = [generator.uniform(-1.0, 1.0, size) / size[0] ** 0.5 for size in [(2, UNITS), (UNITS, UNITS)]]
    weights += [np.zeros(UNITS), generator.uniform(-1.0, 1.0, (UNITS, 1)) / UNITS**0.5, np.zeros(1)]
    velocities = [np.zeros_like(weight) for weight in weights]
    for _ in range(STEPS):
        chosen = generator.choice(inputs.shape[1], BATCH)
        gradients, loss = backward(weights, inputs[:, chosen], targets[:, chosen])
        losses.append(loss)
        for weight, velocity, gradient in zip(weights, velocities, gradients, strict=True):
            velocity[...] = MOMENTUM * velocity - RATE * gradient
            weight += velocity
    return weights, losses


def train_layer(inputs: np.ndarray, targets: np.ndarray) -> tuple[keras.Model, list[float]]:
    """The same recipe with our layer -> a model, (count, bits, 2) -> (count, bits, 1), and the loss of each epoch."""
    recurrent, output = SimpleRNN(UNITS, return_sequences=True), keras.layers.Dense(1, "sigmoid")
    model = keras.Sequential([keras.Input((None, 2)), recurrent, output])
    model.compile(keras.optimizers.SGD(RATE, MOMENTUM), "binary_crossentropy")
    inputs, targets = inputs.swapaxes(0, 1), targets.swapaxes(0, 1)
    return model, model.fit(inputs, targets, BATCH, STEPS * BATCH // len(inputs), verbose=0).history["loss"]


def count_exact(adder: Callable[[np.ndarray], np.ndarray], a: np.ndarray, b: np.ndarray, bits: int) -> int:
    """How many of the sums a + b are right in every bit. adder: inputs -> probabilities."""
    inputs, targets = problem(a, b, bits)
    return int(np.all((adder(inputs) > 0.5) == targets, axis=(0, 2)).sum())


def draw(weights: Arrays, losses: dict[str, list[float]], a: np.ndarray, b: np.ndarray) -> Figure:
    """The losses; the state while two numbers are added; and all states in two dimensions, coloured by the carry."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(15, 4.8), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    for name, values in losses.items():
        left.plot(np.linspace(0.0, STEPS, len(values)), values, label=name)
    left.set(xlabel="batch", ylabel="loss (nats a bit)", yscale="log", title="learning")
    left.legend()
    inputs, targets = problem(a, b, BITS)
    hidden = forward(weights, inputs)[0][1:]
    carry = bits_of(a ^ b ^ (a + b), BITS + 1)[1:]  # where the sum isn't a ^ b, a carry has come in
    rows = np.concatenate([inputs[:, 0].T, targets[:, 0].T, carry[:, 0].T, hidden[:, 0].T])
    middle.imshow(rows, cmap="RdBu", vmin=-1.0, vmax=1.0, aspect="auto")
    middle.set_yticks(range(len(rows)), ["a", "b", "sum", "carry", *(f"unit {unit}" for unit in range(1, UNITS + 1))])
    middle.set(xlabel="bit, the lowest first", title=f"{a[0]} + {b[0]} = {a[0] + b[0]}: blue is 1, red is -1")
    states = hidden.reshape(-1, UNITS) - hidden.mean(axis=(0, 1))
    plane = states @ np.linalg.svd(states, full_matrices=False)[2][:2].T
    right.scatter(*plane.T, s=6, c=np.where(carry.ravel() == 1.0, "tab:blue", "tab:orange"))
    right.set(xlabel="first principal component", ylabel="second", title="hidden states, blue where there is a carry")
    return figure


def teach(given: argparse.Namespace, checks: Checks) -> Figure | None:
    """Trains both networks, and counts the sums that they get right in every bit."""
    keras.utils.set_random_seed(given.seed)
    generator = np.random.default_rng(given.seed)
    every_a, every_b = (grid.ravel().astype(np.uint64) for grid in np.indices((128, 128)))
    learned = generator.choice(len(every_a), LEARNED, replace=False)
    inputs, targets = problem(every_a[learned], every_b[learned], BITS)
    weights, losses = train_by_hand(inputs, targets, given.seed)
    model, layer_losses = train_layer(inputs, targets)
    adders = {
        "by hand": lambda inputs: forward(weights, inputs)[1],
        "our layer": lambda inputs: np.swapaxes(model(inputs.swapaxes(0, 1)), 0, 1),
    }
    long_a, long_b = generator.integers(0, 2**63, (2, 1000), dtype=np.uint64)
    for name, adder in adders.items():
        exact = count_exact(adder, every_a, every_b, BITS)
        checks.check(f"{name}: {exact:,} of 16,384 sums of 8 bits exact, {LEARNED:,} of them learned", exact == 16_384)
        exact = count_exact(adder, long_a, long_b, 64)
        checks.check(f"{name}: {exact:,} of 1,000 random sums of 64 bits exact", exact == 1000)
        exact = count_exact(adder, np.array([2**63 - 1], np.uint64), np.array([1], np.uint64), 64)
        print(f"       {name}: 2^63 - 1 + 1, whose carry goes through all bits: {'exact' if exact else 'wrong'}")
    curves = {"by hand": losses, "our layer": layer_losses}
    return draw(weights, curves, every_a[learned], every_b[learned]) if given.plot else None


def main(argv=None) -> int:
    """The command line -> its exit status."""
    return run(teach, flags(__file__), argv)


if __name__ == "__main__":
    sys.exit(main())
