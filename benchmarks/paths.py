"""The paths that a layer can take, each at the same shapes: where one overtakes the other, on this machine.

`keras_rnn/fast_paths/choice.py` takes XLA up to some numbers a step and blocks beyond them. What holds here says
`python -m benchmarks paths`: a row for each layer, purpose and shape, with the milliseconds of all paths, and whether
the one that is taken is the fastest of them, or within a tenth of it.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path as Folder

import keras
import numpy as np
import tensorflow as tf

import keras_rnn
from benchmarks import layers, tables, timing
from keras_rnn.fast_paths import choice
from keras_rnn.fast_paths.choice import Path

COMPARED = (Path.XLA, Path.BLOCKS, Path.ONE_BLOCK)
SHAPES = [  # batch, steps, features, units: by the numbers a step
    (4, 100, 64, 64),
    (8, 100, 64, 64),
    (16, 100, 64, 64),
    (32, 100, 64, 64),
    (64, 100, 64, 64),
    (16, 100, 64, 256),
    (128, 50, 64, 128),
]
TOLERATED = 1.1  # times the fastest


@dataclass(frozen=True)
class Row:
    """Median milliseconds of `repeats` calls, by path; `taken` is the path that a layer takes by itself."""

    case: str
    what: str
    numbers: int
    taken: str
    repeats: int
    milliseconds: dict[str, float] = field(default_factory=dict)

    def loses(self) -> bool:
        return self.milliseconds[self.taken] > TOLERATED * min(self.milliseconds.values())


def measured(case: layers.Case, repeats: int, budget: float) -> list[Row]:
    """A row for the training step and one for the inference."""
    batch, steps, features, units = case.shape
    inputs = tf.constant(np.random.default_rng(0).normal(size=(batch, steps, features)).astype("float32"))
    calls = {}
    for path in COMPARED:
        calls[path] = layers.steps_of(layers.made(case, keras_rnn), inputs)
        with choice.taking(path):  # when it is traced
            for call in calls[path].values():
                call()
    rows = []
    for what in ("training", "inference"):
        medians, done = timing.interleaved({path: each[what] for path, each in calls.items()}, repeats, budget=budget)
        taken = layers.path_of(case, what)
        rows.append(Row(str(case), what, batch * units, taken, done, {str(path): ms for path, ms in medians.items()}))
    keras.backend.clear_session()
    return rows


def run(output: Folder, repeats: int, budget: float, only: str) -> None:
    """Measures the cases with `only` in their names, all with "", and writes paths.md and paths.json."""
    rows = []
    for layer in ("LSTM", "GRU", "SimpleRNN"):
        for shape in SHAPES:
            case = layers.Case(layer, shape)
            if only in str(case):
                rows += measured(case, repeats, budget)
                print(markdown(rows[-2:]), flush=True)
    tables.write(output, "paths", markdown(rows), {"rows": [asdict(row) for row in rows]})


def markdown(rows: list[Row]) -> str:
    """A line for each row; where another path than the one taken is faster by more than a tenth, it says so."""
    header = ["ms", "batch x units", *COMPARED, "calls", "taken", ""]
    lines = [
        [
            f"{row.case}, {row.what}",
            str(row.numbers),
            *(f"{row.milliseconds[path]:.2f}" for path in COMPARED),
            str(row.repeats),
            row.taken,
            "slower" if row.loses() else "",
        ]
        for row in rows
    ]
    return tables.table(header, lines)
