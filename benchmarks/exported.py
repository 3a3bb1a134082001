"""What other programs run: our SavedModel and ONNX file beside Keras's SavedModel and PyTorch's network, on a CPU.

All files take any batch and time. `keras.layers`' is written by `model.export`; PyTorch's network is called as it is.
Both have the same weights as ours, the masked row 30 % of padding at the end of its sequences.
"""

from __future__ import annotations

import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

import keras_rnn
from benchmarks import layers, tables, timing
from keras_rnn import runtimes

OTHERS = ("keras", "torch", "onnx")


@dataclass(frozen=True)
class Case:
    """`masked`: the network begins with Masking, and sequences end in padding."""

    case: layers.Case
    masked: bool = False

    def __str__(self):
        return f"{self.case}{', masked' if self.masked else ''}"


@dataclass(frozen=True)
class Row:
    """Median milliseconds of `repeats` calls, by what is called: ours and OTHERS."""

    case: str
    repeats: int
    milliseconds: dict[str, float] = field(default_factory=dict)

    def ratio(self, other: str) -> float | None:
        return self.milliseconds[other] / self.milliseconds["ours"] if other in self.milliseconds else None


GRID = [
    Case(layers.Case(layer, shape))
    for layer, shape in (
        ("LSTM", (1, 100, 64, 128)),
        ("LSTM", (1, 1000, 64, 64)),
        ("LSTM", (8, 250, 64, 256)),
        ("LSTM", (64, 200, 128, 128)),
        ("LSTM", (64, 1000, 64, 128)),
        ("LSTM", (32, 35, 256, 1024)),
        ("GRU", (64, 200, 128, 128)),
        ("SimpleRNN", (64, 200, 128, 128)),
    )
]
GRID += [Case(layers.Case("LSTM", (32, 100, 64, 64), "bidirectional"), masked) for masked in (False, True)]


def network(case: Case, module) -> keras.Model:
    """The case's network of any time, with the layers of `module`, keras.layers or keras_rnn."""
    keras.utils.set_random_seed(0)
    kind, (_, _, features, units) = getattr(module, case.case.layer), case.case.shape
    layer = kind(units, return_sequences=True)
    masking = [keras.layers.Masking()] if case.masked else []
    if case.case.around == "bidirectional":
        layer = keras.layers.Bidirectional(layer)
    return keras.Sequential([keras.Input((None, features), name="x"), *masking, layer])


def sequences(case: Case) -> np.ndarray:
    array = np.random.default_rng(0).normal(size=case.case.shape[:3]).astype("float32")
    if case.masked:
        array[:, int(0.7 * array.shape[1]) :] = 0
    return array


def measured(case: Case, repeats: int, budget: float) -> Row:
    array, inputs = sequences(case), tf.constant(sequences(case))
    ours, twin = (network(case, module) for module in (keras_rnn, keras.layers))
    twin.set_weights(ours.get_weights())
    with tempfile.TemporaryDirectory() as folder:
        keras_rnn.export(ours, Path(folder) / "ours", formats=["saved_model", "onnx"])
        twin.export(str(Path(folder) / "keras"), verbose=False)
        loaded = tf.saved_model.load(str(Path(folder) / "ours" / "1"))
        twins = tf.saved_model.load(str(Path(folder) / "keras"))
        run = runtimes.onnx(Path(folder) / "ours" / "model.onnx")
    serve = loaded.signatures["serving_default"]
    calls = {
        "ours": lambda: next(iter(serve(x=inputs).values())).numpy(),
        "keras": lambda: twins.serve(inputs).numpy(),
        "onnx": lambda: run({"x": array}),
    }
    if not case.masked and (torch := layers.steps_of_torch(case.case, array)):
        calls["torch"] = torch["inference"]
    return Row(str(case), *timing.interleaved(calls, repeats, budget=budget)[::-1])


def run(output: Path, repeats: int, budget: float, only: str) -> None:
    """Measures the cases with `only` in their names, all with "", and writes exported.md, exported.json."""
    rows = []
    for case in GRID:
        if only in str(case):
            rows.append(measured(case, repeats, budget))
            print(markdown(rows[-1:]), flush=True)
    tables.write(output, "exported", markdown(rows), {"rows": [asdict(row) for row in rows]})


def markdown(rows: list[Row]) -> str:
    """A line for each case: milliseconds, and each other one's over ours; geometric means of those."""
    header = ["SavedModel, ms", "ours", *(word for other in OTHERS for word in (other, f"{other} / ours")), "calls"]
    lines = []
    for row in rows:
        others = [
            word
            for other in OTHERS
            for word in (
                (f"{row.milliseconds[other]:.2f}", f"{row.ratio(other):.2f}") if other in row.milliseconds else ("", "")
            )
        ]
        lines.append([row.case, f"{row.milliseconds['ours']:.2f}", *others, str(row.repeats)])
    means = []
    for other in OTHERS:
        ratios = [row.ratio(other) for row in rows if row.ratio(other)]
        means += ["", f"{timing.geometric_mean(ratios):.2f}" if ratios else ""]
    return tables.table(header, [*lines, ["geometric mean", "", *means, ""]])
