"""LiteRT's latency against the length: our loop, our fused LSTM, Keras 2's fused LSTM and Keras 3's unrolled one.

One LSTM of 128 units over 64 features, batch 1, one thread, in the Interpreter. The ways are called in
rotation, so that other load affects them all equally.
"""

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

import keras_rnn
from benchmarks import tables
from keras_rnn.artifacts import Signature, litert

FEATURES, UNITS = 64, 128
LENGTHS = (10, 96, 100, 300, 960, 1000)
LONGEST_UNROLLED = 100  # steps, which are 1,400 operators
WEIGHTS = ("float32", "int8")
WAYS = ("loop", "fused", "Keras 2 fused", "Keras 3 unrolled")
BURST = 0.002  # seconds of calls that are timed together


@dataclass(frozen=True)
class Row:
    """The median time of a call, in milliseconds; None if it wasn't measured, for `reason`."""

    outputs: str  # "last" or "all"
    weights: str
    steps: int
    way: str
    milliseconds: float | None = None
    reason: str = ""


def run(output: Path, repeats: int, budget: float, only: str) -> None:
    """Measures and writes litert.md, litert.json, litert.png."""
    rows = all_rows(repeats)
    tables.write(output, "litert", markdown(rows), {"rows": [asdict(row) for row in rows]})
    chosen = [row for row in rows if (row.outputs, row.weights) == ("all", "float32") and row.milliseconds]
    points = {way: [(row.steps, row.milliseconds) for row in chosen if row.way == way] for way in WAYS}
    series = {way: tuple(map(list, zip(*pairs, strict=True))) for way, pairs in points.items() if pairs}
    title = f"LiteRT, LSTM({UNITS}) over {FEATURES} features, every output, float32, one thread"
    tables.lines(output / "litert.png", title, "time steps", "milliseconds", series, log=True)


def all_rows(repeats: int) -> list[Row]:
    """Every way at every length, with the last output or all of them, in float32 and int8."""
    rows = []
    for outputs in ("last", "all"):
        for weights in WEIGHTS:
            files = {way: write(outputs == "all", weights) for way, write in writers().items()}
            for steps in LENGTHS:
                rows += measured(files, outputs, weights, steps, repeats)
    return rows


def writers() -> dict[str, Callable[[bool, str], bytes | None]]:
    """For each way whose file takes every length: what makes the file, or None where its package is missing."""

    def keras_2(all_outputs, weights):
        try:
            import tf_keras
        except ImportError:
            return None
        return file_of(tf_keras.layers.LSTM(UNITS, return_sequences=all_outputs), tf_keras, weights)

    def ours(fused_lstm):
        def write(all_outputs, weights):
            layer = keras_rnn.LSTM(UNITS, return_sequences=all_outputs)
            return file_of(layer, keras, weights, fused_lstm=fused_lstm)

        return write

    return {"loop": ours(False), "fused": ours(True), "Keras 2 fused": keras_2}


def file_of(layer, package, weights: str, steps: int | None = None, fused_lstm: bool = False) -> bytes:
    """A LiteRT file of a model of the one layer, made by `package`."""
    inputs = package.Input((steps, FEATURES), name="inputs")
    model = package.Model(inputs, layer(inputs))
    specs = [tf.TensorSpec((1, steps, FEATURES), tf.float32, name="inputs")]
    signature = Signature(lambda inputs: {"output": model(inputs, training=False)}, specs)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.tflite"
        resources = [model if package is keras else tf.train.Checkpoint(model=model)]
        litert({"serving_default": signature}, resources, path, weights=weights, fused_lstm=fused_lstm)
        return path.read_bytes()


def measured(files: dict[str, bytes | None], outputs: str, weights: str, steps: int, repeats: int) -> Iterator[Row]:
    """A row for each way."""
    files, reasons = dict(files), {"Keras 2 fused": "tf_keras is missing"}
    if steps <= LONGEST_UNROLLED:
        layer = keras.layers.LSTM(UNITS, return_sequences=outputs == "all", unroll=True)
        files["Keras 3 unrolled"] = file_of(layer, keras, weights, steps)
    else:
        reasons["Keras 3 unrolled"] = f"more than {LONGEST_UNROLLED} steps"
    medians = interleaved({way: calls(file, steps) for way, file in files.items() if file}, repeats)
    for way in WAYS:
        yield Row(outputs, weights, steps, way, medians.get(way), "" if way in medians else reasons[way])


def calls(file: bytes, steps: int) -> Callable[[], None]:
    """One call of the file with inputs of so many steps, by one thread."""
    interpreter = Interpreter(model_content=file, num_threads=1)
    index = interpreter.get_input_details()[0]["index"]
    inputs = np.random.default_rng(0).normal(size=(1, steps, FEATURES)).astype("float32")
    interpreter.resize_tensor_input(index, inputs.shape)
    interpreter.allocate_tensors()
    interpreter.set_tensor(index, inputs)
    return interpreter.invoke


def interleaved(cases: dict[str, Callable[[], None]], repeats: int) -> dict[str, float]:
    """The median milliseconds of each, after a warm-up; they take turns in bursts of BURST seconds."""
    bursts = {name: max(1, round(BURST / min(seconds(call, 1) for _ in range(5)))) for name, call in cases.items()}
    times = {name: [] for name in cases}
    for _ in range(repeats):
        for name, call in cases.items():
            times[name].append(seconds(call, bursts[name]))
    return {name: 1000 * statistics.median(values) for name, values in times.items()}


def seconds(call: Callable[[], None], count: int) -> float:
    """Of one of `count` calls."""
    start = time.perf_counter()
    for _ in range(count):
        call()
    return (time.perf_counter() - start) / count


def markdown(rows: Sequence[Row]) -> str:
    """A table for the last and for all outputs, in float32 and int8: milliseconds by steps and way."""
    lines = []
    for outputs, weights in dict.fromkeys((row.outputs, row.weights) for row in rows):
        table = [row for row in rows if (row.outputs, row.weights) == (outputs, weights)]
        lines += ["", f"{outputs} output{'s' if outputs == 'all' else ''}, {weights}, ms a call", ""]
        lines += [f"| steps | {' | '.join(WAYS)} |", "| ---: |" + " ---: |" * len(WAYS)]
        for steps in dict.fromkeys(row.steps for row in table):
            cells = [row.reason or f"{row.milliseconds:.3f}" for row in table if row.steps == steps]
            lines.append(f"| {steps} | {' | '.join(cells)} |")
    return "\n".join(lines[1:])
