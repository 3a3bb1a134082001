"""Our layers, those of Keras and PyTorch's: a training step and an inference, over a grid of shapes.

A training step is the outputs of all steps, the mean of their squares, and its gradients by weights and inputs, in a
tf.function; an inference is the outputs alone. PyTorch does the same; it may be missing. All on the GPU if there is one
that TensorFlow sees, and the result is brought back from it each time.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

import keras_rnn
from benchmarks import lengths as new_lengths
from benchmarks import tables, timing
from keras_rnn.fast_paths import choice

SHAPES = [  # batch, steps, features, units
    (1, 100, 64, 64),
    (1, 100, 64, 256),
    (16, 500, 64, 64),
    (128, 28, 28, 128),
    (64, 200, 128, 128),
    (256, 100, 128, 256),
    (32, 35, 256, 1024),
]
LSTM_SHAPES = [(1, 1000, 64, 64), (8, 250, 64, 256), (64, 1024, 128, 128), (1, 10_000, 64, 64)]
LENGTHS = (100, 300, 1000, 3000)
MEMORY_SHAPE = (64, 1000, 128, 128)


OTHERS = ("keras", "torch")


@dataclass(frozen=True)
class Case:
    """A layer, or what is made of two: `around` is "", "bidirectional" or "two layers"."""

    layer: str
    shape: tuple[int, int, int, int]
    around: str = ""

    def __str__(self):
        batch, steps, features, units = self.shape
        return f"{' '.join(filter(None, [self.around, self.layer]))} {batch} x {steps} x {features} -> {units}"


@dataclass(frozen=True)
class Row:
    """Median milliseconds of `repeats` calls, by who made the layer; `path` is the one ours took."""

    case: str
    what: str
    path: str
    repeats: int
    milliseconds: dict[str, float] = field(default_factory=dict)

    def ratio(self, other: str) -> float | None:
        return self.milliseconds[other] / self.milliseconds["ours"] if other in self.milliseconds else None


GRID = [Case(layer, shape) for layer in ("LSTM", "GRU", "SimpleRNN") for shape in SHAPES]
GRID += [Case("LSTM", shape) for shape in LSTM_SHAPES]
GRID += [Case("LSTM", (32, 100, 64, 64), "bidirectional"), Case("GRU", (1, 100, 64, 128), "bidirectional")]
GRID += [Case("LSTM", (32, 100, 64, 128), "two layers"), Case("GRU", (1, 100, 64, 128), "two layers")]


def made(case: Case, module) -> keras.Model:
    """The case's network with the layers of `module`, keras.layers or keras_rnn; random weights, the same for both."""
    keras.utils.set_random_seed(0)
    _, steps, features, units = case.shape
    layers = [
        getattr(module, case.layer)(units, return_sequences=True) for _ in range(1 + (case.around == "two layers"))
    ]
    if case.around == "bidirectional":
        layers = [keras.layers.Bidirectional(layers[0])]
    return keras.Sequential([keras.layers.Input((steps, features)), *layers])


def steps_of(model: keras.Model, inputs: tf.Tensor) -> dict[str, Callable[[], object]]:
    """A training step and an inference."""
    weights = [weight.value for weight in model.trainable_weights]

    @tf.function(autograph=False)
    def train(inputs):
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            loss = tf.reduce_mean(tf.square(model(inputs, training=True)))
        return tape.gradient(loss, [*weights, inputs])

    @tf.function(autograph=False)
    def infer(inputs):
        return model(inputs, training=False)

    return {"training": lambda: train(inputs)[-1].numpy(), "inference": lambda: infer(inputs).numpy()}


def steps_of_torch(case: Case, array: np.ndarray) -> dict[str, Callable[[], object]]:
    """The same by PyTorch, with one thread or all, whichever a first try finds faster: its threads wait for each other
    so eagerly that next to other programs it can take a hundred times as long with two. None if it isn't installed."""
    try:
        import torch
    except ImportError:
        return {}
    _, _, features, units = case.shape
    kind = {"LSTM": torch.nn.LSTM, "GRU": torch.nn.GRU, "SimpleRNN": torch.nn.RNN}[case.layer]
    layers, both = 1 + (case.around == "two layers"), case.around == "bidirectional"
    device = "cuda" if timing.gpu() else "cpu"
    network = kind(features, units, num_layers=layers, bidirectional=both, batch_first=True).to(device)
    inputs = torch.from_numpy(array).to(device).requires_grad_()

    def train():
        network.zero_grad()
        inputs.grad = None
        network(inputs)[0].square().mean().backward()
        inputs.grad.cpu()

    def infer():
        with torch.no_grad():
            network(inputs)[0].cpu()

    def seconds(threads: int) -> float:
        torch.set_num_threads(threads)
        train()
        return timing.seconds(train)

    torch.set_num_threads(min((1, timing.cores()), key=seconds))
    return {"training": train, "inference": infer}


def path_of(case: Case, what: str) -> str:
    """The path that our layers take."""
    batch, steps, features, units = case.shape
    cell = getattr(keras_rnn, f"{case.layer}Cell")(units)
    return choice.here(cell, tf.TensorSpec((steps, batch, features)), choice.Purpose(what))


def measured(case: Case, repeats: int, budget: float) -> list[Row]:
    """A row for the training step and one for the inference."""
    array = np.random.default_rng(0).normal(size=case.shape[:3]).astype("float32")
    inputs = tf.constant(array)
    by_maker = {
        "ours": steps_of(made(case, keras_rnn), inputs),
        "keras": steps_of(made(case, keras.layers), inputs),
        "torch": steps_of_torch(case, array),
    }
    rows = []
    for what in ("training", "inference"):
        calls = {maker: steps[what] for maker, steps in by_maker.items() if steps}
        medians, done = timing.interleaved(calls, repeats, budget=budget)
        rows.append(Row(str(case), what, path_of(case, what), done, medians))
    return rows


def lengths(repeats: int) -> dict[str, float]:
    """Microseconds a time step of a training step takes, by the number of steps: LSTM, 32 x steps x 64 -> 128."""
    calls = {}
    for steps in LENGTHS:
        case = Case("LSTM", (32, steps, 64, 128))
        calls[str(steps)] = steps_of(made(case, keras_rnn), tf.random.normal(case.shape[:3]))["training"]
    medians, _ = timing.interleaved(calls, repeats, budget=20)
    return {steps: 1000 * milliseconds / int(steps) for steps, milliseconds in medians.items()}


def memory() -> dict[str, float]:
    """Megabytes that a training step adds to a process that has done a short one: LSTM, MEMORY_SHAPE."""

    def peak(maker: str, steps: int) -> float:
        return statistics.median(timing.process(["-m", "benchmarks.layers", maker, str(steps)])[1] for _ in range(3))

    return {maker: peak(maker, MEMORY_SHAPE[1]) - peak(maker, 2) for maker in ("ours", "keras")}


def train_once(maker: str, steps: int) -> None:
    """What `memory` measures, in a process of its own."""
    batch, _, features, units = MEMORY_SHAPE
    case = Case("LSTM", (batch, steps, features, units))
    module = keras_rnn if maker == "ours" else keras.layers
    for _ in range(2):
        steps_of(made(case, module), tf.random.normal(case.shape[:3]))["training"]()


def run(output: Path, repeats: int, budget: float, only: str) -> None:
    """Measures the cases with `only` in their names, all with "", and writes layers.md, layers.json, layers.png."""
    rows = []
    for case in GRID:
        if only in str(case):
            rows += measured(case, repeats, budget)
            print(markdown(rows[-2:]), flush=True)
    text = markdown(rows)
    whole = {}
    if not only and not timing.gpu():  # where a kernel has the loop, and the memory isn't the process's
        whole = {"microseconds_a_step_by_length": lengths(repeats), "megabytes": memory()}
        by_length = ", ".join(
            f"{value:.0f} at {steps}" for steps, value in whole["microseconds_a_step_by_length"].items()
        )
        text += f"\n\nMicroseconds a time step of a training step, LSTM 32 x steps x 64 -> 128: {by_length} steps.\n"
        by_maker = ", ".join(f"{maker} {value:.0f}" for maker, value in whole["megabytes"].items())
        batch, steps, features, units = MEMORY_SHAPE
        text += f"\nMegabytes that a training step adds, LSTM {batch} x {steps} x {features} -> {units}: {by_maker}."
        whole["new_lengths_and_models"] = new_lengths.measured()
        text += "\n\n" + new_lengths.markdown(whole["new_lengths_and_models"])
    tables.write(output, "layers", text, {"rows": [asdict(row) for row in rows], **whole})
    names = {what: [row for row in rows if row.what == what] for what in ("training", "inference")}
    ratios = {what: {row.case: row.ratio("keras") for row in chosen} for what, chosen in names.items()}
    tables.bars(output / "layers.png", "keras.layers' time / ours", ratios)


def markdown(rows: Sequence[Row]) -> str:
    """A table of the training steps and one of the inferences, with the geometric means of the ratios."""
    text = []
    for what in ("training", "inference"):
        chosen = [row for row in rows if row.what == what]
        others = [other for other in OTHERS if all(other in row.milliseconds for row in chosen)]
        header = [f"{what}, ms", "ours", *(word for o in others for word in (o, f"{o} / ours")), "calls", "path"]
        lines = []
        for row in chosen:
            ratios = [word for o in others for word in (f"{row.milliseconds[o]:.2f}", f"{row.ratio(o):.2f}")]
            lines.append([row.case, f"{row.milliseconds['ours']:.2f}", *ratios, str(row.repeats), row.path])
        means = [timing.geometric_mean(row.ratio(o) for row in chosen) for o in others]
        lines.append(["geometric mean", "", *(word for mean in means for word in ("", f"{mean:.2f}")), "", ""])
        text.append(tables.table(header, lines))
        if "torch" not in others:
            text[-1] += "\n\nPyTorch isn't installed: `pip install '.[benchmarks]'` adds its columns."
    return "\n\n".join(text)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("maker", choices=["ours", "keras"])
    parser.add_argument("steps", type=int)
    train_once(**vars(parser.parse_args()))
