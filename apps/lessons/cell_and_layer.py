"""A cell in a loop is a layer, stacked cells are stacked layers, two directions are two layers; and every shape.

    for each time step, for each layer from below:    inputs, states[layer] = cell[layer](inputs, states[layer])

    outputs            of the last layer, at every time step     (time, batch, units)
    hidden, memory     of every layer, at the last time step     (layers, batch, units) each; PyTorch's h_n and c_n

Time comes first here, as in PyTorch; our layers take and give (batch, time, ...), as Keras's. LSTM: Hochreiter &
Schmidhuber (1997); two directions: Schuster & Paliwal (1997). The sizes are those of PyTorch's nn.LSTM(100, 20, 4).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import keras
import numpy as np

from apps.lessons.lesson import Checks, flags, run
from keras_rnn import LSTM, LSTMCell

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TIME, BATCH, FEATURES, UNITS, LAYERS = 10, 3, 100, 20, 4
PYTORCHS = [(10, 3, 20), (4, 3, 20), (4, 3, 20)]  # shapes of output, h_n and c_n
EVERYTHING = {"return_sequences": True, "return_state": True, "dtype": "float64", "bias_initializer": "random_normal"}
Answer = list[np.ndarray]  # outputs, hidden, memory; in the shapes above


def loop_over_cells(cells: Sequence[LSTMCell], sequence: np.ndarray) -> Answer:
    """The loop written out: at each time step up through all cells. sequence: (time, batch, features)."""
    outputs, states = [], [cell.get_initial_state(batch_size=sequence.shape[1]) for cell in cells]
    for inputs in sequence:
        for number, cell in enumerate(cells):
            inputs, states[number] = cell(inputs, states[number])
        outputs.append(inputs)
    return [np.stack(outputs), *np.swapaxes(states, 0, 1)]


def through_layers(layers: Sequence[LSTM], sequence: np.ndarray) -> Answer:
    """The same in another order: each layer reads the whole sequence before the next one begins."""
    outputs, states = sequence.swapaxes(0, 1), []
    for layer in layers:
        outputs, *last = layer(outputs)
        states.append(last)
    return [np.swapaxes(outputs, 0, 1), *np.swapaxes(states, 0, 1)]


def there_and_back(there: LSTM, back: LSTM, sequence: np.ndarray) -> Answer:
    """One layer reads the sequence, one its reverse; their outputs stand side by side, each at its own time step."""
    first, second = through_layers([there], sequence), through_layers([back], sequence[::-1])
    outputs = np.concatenate([first[0], second[0][::-1]], axis=-1)
    return [outputs, np.concatenate([first[1], second[1]]), np.concatenate([first[2], second[2]])]


def bidirectional(there: LSTM, back: LSTM, sequence: np.ndarray) -> Answer:
    """The same by `keras.layers.Bidirectional`, with the weights of the two."""
    layer = keras.layers.Bidirectional(LSTM(there.units, **EVERYTHING), dtype="float64")
    layer.build((None, None, sequence.shape[-1]))
    layer.set_weights(there.get_weights() + back.get_weights())
    outputs, *states = layer(sequence.swapaxes(0, 1))
    return [np.swapaxes(outputs, 0, 1), np.stack(states[0::2]), np.stack(states[1::2])]


def through_pytorch(layers: Sequence[LSTM], sequence: np.ndarray) -> Answer | None:
    """The same by `torch.nn.LSTM` with the weights of our layers; None where PyTorch isn't installed."""
    try:
        import torch
    except ImportError:
        print("PyTorch isn't installed: its nn.LSTM(100, 20, 4) would be one more witness")
        return None
    theirs = torch.nn.LSTM(sequence.shape[-1], layers[0].units, len(layers), dtype=torch.float64)
    with torch.no_grad():
        for number, layer in enumerate(layers):  # PyTorch's gates stand in the same order
            kernel, recurrent_kernel, bias = layer.get_weights()
            weights = [kernel.T, recurrent_kernel.T, bias, 0.0 * bias]
            for parameter, weight in zip(theirs.all_weights[number], weights, strict=True):
                parameter.copy_(torch.tensor(weight))
        outputs, states = theirs(torch.tensor(sequence))
    return [outputs.numpy(), *(state.numpy() for state in states)]


def equal(first: Answer, second: Answer) -> bool:
    """Whether two ways give the same shapes and, to round-off, the same numbers."""
    return all(a.shape == b.shape and np.allclose(a, b, 0.0, 1e-12) for a, b in zip(first, second, strict=True))


def draw(answers: dict[str, Answer]) -> Figure:
    """Each network unrolled, a square for each cell and time step; what it returns as outputs and as last states."""
    from matplotlib.figure import Figure

    arrows = {"angles": "xy", "scale_units": "xy", "scale": 1, "width": 0.003, "zorder": 1}
    figure = Figure(figsize=(9, 11), layout="constrained")
    panels = figure.subplots(len(answers), height_ratios=[len(hidden) + 1 for _, hidden, _ in answers.values()])
    for axis, (name, (outputs, hidden, _)) in zip(panels, answers.items(), strict=True):
        time, count, two = len(outputs), len(hidden), outputs.shape[-1] > hidden.shape[-1]
        rows, steps = np.indices((count, time))
        back, is_output = two & (rows == 1), two | (rows == count - 1)
        is_last = (steps == np.where(back, 0, time - 1)).ravel()
        axis.quiver(steps, rows, np.where(back, -0.75, 0.75), 0.0 * rows, **arrows)
        axis.quiver(steps, rows, 0.0 * rows, 0.0 * rows + 0.65 * (not two), **arrows)
        colours, edges = np.where(is_output, "#bcdcf5", "#fdebc8").ravel(), np.where(is_last, "red", "black")
        axis.scatter(steps, rows, 800, c=colours, marker="s", edgecolors=edges, linewidths=1 + 2.5 * is_last)
        title = f"{name}: outputs {outputs.shape} in blue, hidden and memory {hidden.shape} framed in red"
        axis.set(xlim=(-1, time), ylim=(-0.6, count - 0.3), xlabel="time step", ylabel="layer", title=title)
        axis.set_xticks(range(time), range(1, time + 1))
        axis.set_yticks(range(count), ["there", "back"] if two else range(1, count + 1))
    return figure


def teach(given: argparse.Namespace, checks: Checks) -> Figure | None:
    """Runs one sequence through every network in every way; checks that all agree and the shapes are known."""
    keras.utils.set_random_seed(given.seed)
    sequence = np.random.default_rng(given.seed).normal(size=(TIME, BATCH, FEATURES))
    *layers, back = [LSTM(UNITS, **EVERYTHING) for _ in range(LAYERS + 1)]
    cells = [layer.cell for layer in layers]  # a layer is a cell and the loop
    one, two, four = (through_layers(layers[:count], sequence) for count in (1, 2, 4))
    both = there_and_back(layers[0], back, sequence)
    answers = {"one layer": one, "two layers": two, "four layers": four, "two directions": both}
    for name, (outputs, hidden, memory) in answers.items():
        print(f"{name:<15} outputs {outputs.shape!s:<12} hidden {hidden.shape!s:<11} memory {memory.shape}")
    checks.check("a cell in a loop is a layer", equal(loop_over_cells(cells[:1], sequence), one))
    checks.check("two cells in a loop are two layers", equal(loop_over_cells(cells[:2], sequence), two))
    checks.check("Bidirectional is two layers", equal(bidirectional(layers[0], back, sequence), both))
    checks.check("four layers: outputs (10, 3, 20), states (4, 3, 20)", [array.shape for array in four] == PYTORCHS)
    ends = np.array_equal(both[0][-1, :, :UNITS], both[1][0]) and np.array_equal(both[0][0, :, UNITS:], both[1][1])
    checks.check("there, the last output is the last hidden state; back, the first output is", ends)
    pytorch = through_pytorch(layers, sequence)
    if pytorch:
        checks.check("PyTorch's nn.LSTM(100, 20, 4) gives the shapes and numbers of our four", equal(pytorch, four))
    return draw(answers) if given.plot else None


def main(argv=None) -> int:
    """The command line -> its exit status."""
    return run(teach, flags(__file__), argv)


if __name__ == "__main__":
    sys.exit(main())
