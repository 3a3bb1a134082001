"""What gates do: how far back a gradient reaches without and with them, and when a trained LSTM opens each.

    SimpleRNN  d hidden_t / d hidden_{t-1} = (1 - hidden_t²) * W_hh
    LSTM       memory_t = forget_gate * memory_{t-1} + input_gate * candidate    hidden_t = output_gate * tanh(memory_t)
               d memory_t / d memory_{t-1} = forget_gate, and what goes by way of hidden

Vanishing gradients: Bengio, Simard & Frasconi (1994); LSTM: Hochreiter & Schmidhuber (1997), its forget gate: Gers,
Schmidhuber & Cummins (2000), the bias that opens it: Jozefowicz, Zaremba & Sutskever (2015).
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

import keras
import numpy as np
import tensorflow as tf

from apps.lessons.lesson import Checks, flags, run
from keras_rnn import LSTM, GRUCell, LSTMCell, SimpleRNNCell

if TYPE_CHECKING:
    from matplotlib.figure import Figure

UNITS, FEATURES, BATCH, STEPS_BACK, SEQUENCES, TIME, EPOCHS = 32, 4, 8, 100, 1024, 20, 15
SIMPLE, GRU, SHUT, OPEN = "SimpleRNN, spectral radius 0.9", "GRU", "LSTM, forget bias 1", "LSTM, forget bias 5"
ROWS = ("value", "write", "read", "input gate", "forget gate", "output gate", "memory", "output")


def build_cells(generator: np.random.Generator) -> dict[str, keras.layers.Layer]:
    """Untrained cells with Keras's initial weights, but for what their names say."""
    kinds, cells = {SIMPLE: SimpleRNNCell, GRU: GRUCell, SHUT: LSTMCell, OPEN: LSTMCell}, {}
    for name, kind in kinds.items():
        cells[name] = cell = kind(UNITS, dtype="float64")
        cell.build((None, FEATURES))
        kernel, recurrent_kernel, bias = cell.get_weights()
        if name == SIMPLE:
            recurrent_kernel = generator.normal(size=(UNITS, UNITS))
            recurrent_kernel *= 0.9 / np.abs(np.linalg.eigvals(recurrent_kernel)).max()
        if name == OPEN:
            bias[UNITS : 2 * UNITS] = 5.0
        cell.set_weights([kernel, recurrent_kernel, bias])
    return cells


def gradient_norms(cell: keras.layers.Layer, sequence: np.ndarray, direction: np.ndarray) -> np.ndarray:
    """The gradient of the last output, in a `direction` (batch, units), with regard to what each step began with: its
    norm, the last step's first and as 1. sequence: (time, batch, features)."""
    states, passed = cell.get_initial_state(batch_size=sequence.shape[1]), []
    with tf.GradientTape() as tape:
        for inputs in sequence:
            states = [tf.identity(state) for state in states]  # hidden apart from the memory that it was made of
            tape.watch(states)
            passed.append(states)
            output, states = cell(inputs, states)
        result = tf.reduce_sum(output * direction)
    norms = [np.sqrt(sum(np.sum(np.square(part)) for part in state)) for state in tape.gradient(result, passed)]
    return np.array(norms[::-1]) / norms[-1]


def write_and_read(generator: np.random.Generator, count: int, time: int) -> tuple[np.ndarray, np.ndarray]:
    """A task for gates: keep the value at the last write, and give it at a read, else 0.
    -> inputs (count, time, 3): value -1 or 1, write 0 or 1, read 0 or 1; targets (count, time, 1)."""
    value, what = generator.choice([-1.0, 1.0], (count, time)), generator.choice(5, (count, time))
    write, read, kept = what == 0, what == 1, np.zeros((count, time))
    for step in range(time):
        kept[:, step] = np.where(write[:, step], value[:, step], kept[:, step - 1] if step else 0.0)
    return np.stack([value, write, read], axis=-1), (kept * read)[..., np.newaxis]


def train(inputs: np.ndarray, targets: np.ndarray) -> list[np.ndarray]:
    """An LSTM of one unit learns the task -> its kernel, recurrent kernel and bias."""
    # From larger initial weights some runs learn to keep one of the two values only.
    small = {f"{name}_initializer": keras.initializers.RandomUniform(-0.2, 0.2) for name in ("kernel", "recurrent")}
    model = keras.Sequential([keras.Input((None, inputs.shape[-1])), LSTM(1, return_sequences=True, **small)])
    model.compile(keras.optimizers.Adam(0.1), "mean_squared_error")
    model.fit(inputs, targets, batch_size=64, epochs=EPOCHS, verbose=0)
    return [weight.astype(float) for weight in model.get_weights()]


def watch_gates(weights: list[np.ndarray], inputs: np.ndarray) -> np.ndarray:
    """An LSTM of one unit step by step -> input gate, forget gate, output gate, memory, output: (5, count, time)."""
    kernel, recurrent_kernel, bias = weights
    hidden, memory, seen = np.zeros((len(inputs), 1)), np.zeros((len(inputs), 1)), []
    for step in inputs.swapaxes(0, 1):
        total = step @ kernel + hidden @ recurrent_kernel + bias
        input_gate, forget_gate, _, output_gate = np.split(1.0 / (1.0 + np.exp(-total)), 4, axis=-1)
        memory = forget_gate * memory + input_gate * np.tanh(total[:, 2:3])  # of the candidate
        hidden = output_gate * np.tanh(memory)
        seen.append(np.concatenate([input_gate, forget_gate, output_gate, memory, hidden], axis=-1).T)
    return np.stack(seen, axis=-1)


def draw(norms: dict[str, np.ndarray], rows: np.ndarray) -> Figure:
    """The gradients against the steps back; the gates of the trained LSTM over a sequence."""
    from matplotlib.figure import Figure

    left, right = Figure(figsize=(15, 5.5), layout="constrained").subplots(1, 2, width_ratios=[2, 3])
    left.plot(np.transpose(list(norms.values())), label=list(norms))
    left.plot(0.9 ** np.arange(STEPS_BACK + 1), "k:", label="0.9^steps")
    left.set(xlabel="steps back", ylabel="norm, 1 for 0 steps", yscale="log", title="what is left of the gradient")
    left.legend()
    right.imshow(rows, cmap="RdBu", vmin=-1.0, vmax=1.0, aspect="auto")
    right.hlines([2.5, 5.5], -0.5, rows.shape[1] - 0.5, color="black")
    right.set_yticks(range(len(ROWS)), ROWS)
    right.set(xlabel="time step", title="one unit writes, keeps, reads: blue 1 or open, white 0 or shut, red -1")
    return right.figure


def teach(given: argparse.Namespace, checks: Checks) -> Figure | None:
    """Measures how gradients vanish; then trains a tiny LSTM and looks at its gates."""
    keras.utils.set_random_seed(given.seed)
    generator = np.random.default_rng(given.seed)
    sequence = generator.normal(size=(STEPS_BACK + 1, BATCH, FEATURES))
    direction = generator.normal(size=(BATCH, UNITS))
    norms = {name: gradient_norms(cell, sequence, direction) for name, cell in build_cells(generator).items()}
    print(f"what is left of the gradient after 10, 50 and {STEPS_BACK} steps back:")
    for name, values in norms.items():
        print(f"  {name:<30} {values[10]:8.1e} {values[50]:8.1e} {values[STEPS_BACK]:8.1e}")
    times = norms[OPEN][STEPS_BACK] / norms[SIMPLE][STEPS_BACK]
    checks.check(f"open forget gates keep at least 1,000 times the SimpleRNN's gradient: {times:.0e}", times >= 1000.0)

    weights = train(*write_and_read(generator, SEQUENCES, TIME))
    inputs, targets = write_and_read(generator, 200, 5 * TIME)
    seen = watch_gates(weights, inputs)
    write, read = inputs[..., 1] == 1.0, inputs[..., 2] == 1.0
    for name, gate in zip(ROWS[3:6], seen[:3], strict=True):
        means = [gate[where].mean() for where in (write, read, ~write & ~read)]
        print(f"{name:<12} at a write {means[0]:.3f}, at a read {means[1]:.3f}, else {means[2]:.3f}")
    input_gate, forget_gate, output_gate, _, output = seen
    right = np.mean(np.abs(output - targets[..., 0]) < 0.5)
    checks.check(f"{right:.2%} of the outputs right, in sequences 5 times as long as those it learned", right > 0.99)
    checks.check("a write opens the input gate", input_gate[write].mean() > 0.9)
    checks.check("a write shuts the forget gate", forget_gate[write].mean() < 0.1 < 0.9 < forget_gate[~write].mean())
    checks.check("a read opens the output gate", output_gate[read].mean() > 0.9 > 0.1 > output_gate[~read].mean())
    shown = np.argmax(np.count_nonzero(np.diff(np.sign(seen[3, :, :40])), axis=1))  # whose memory changes most often
    return draw(norms, np.concatenate([inputs[shown, :40].T, seen[:, shown, :40]])) if given.plot else None


def main(argv=None) -> int:
    """The command line -> its exit status."""
    return run(teach, flags(__file__), argv)


if __name__ == "__main__":
    sys.exit(main())
