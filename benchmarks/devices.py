"""SavedModels written on a machine without a GPU, run on one that may have one: ours and those of Keras's layers."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import keras
import tensorflow as tf

import keras_rnn
from benchmarks import tables, timing

LAYERS = ("LSTM", "GRU", "SimpleRNN")
BATCH, STEPS, FEATURES, UNITS = 64, 200, 128, 128


def write(folder: Path) -> None:
    """A SavedModel of each layer, by whose layers it is: folder/ours/LSTM, folder/keras/LSTM, ..."""
    for layer in LAYERS:
        for maker, module in (("ours", keras_rnn), ("keras", keras.layers)):
            keras.utils.set_random_seed(0)
            inputs = keras.Input((None, FEATURES), name="inputs")
            model = keras.Model(inputs, getattr(module, layer)(UNITS, return_sequences=True)(inputs))
            if maker == "ours":
                keras_rnn.export(model, folder / maker / layer, formats=["saved_model"], length=10)
            else:
                model.export(folder / maker / layer / "1", verbose=False)


def run(output: Path, repeats: int, budget: float, only: str) -> None:
    """Measures and writes devices.md, devices.json, devices.png."""
    with tempfile.TemporaryDirectory() as name:
        environment = os.environ | {"CUDA_VISIBLE_DEVICES": ""}
        subprocess.run([sys.executable, "-m", "benchmarks.devices", name], check=True, env=environment)
        found = {layer: measured(Path(name), layer, repeats, budget) for layer in LAYERS if only in layer}
    device = timing.gpu() or "CPU"
    rows = [
        [layer, f"{times['ours']:.2f}", f"{times['keras']:.2f}", f"{times['keras'] / times['ours']:.2f}"]
        for layer, times in found.items()
    ]
    shape = f"{BATCH} x {STEPS} x {FEATURES} -> {UNITS}"
    table = tables.table([f"SavedModels of {shape}, run on {device}, ms", "ours", "keras", "keras / ours"], rows)
    tables.write(output, "devices", table, {"device": device, "shape": shape, "milliseconds": found})
    ratios = {device: {layer: times["keras"] / times["ours"] for layer, times in found.items()}}
    tables.bars(output / "devices.png", "keras.layers' time / ours", ratios)


def measured(folder: Path, layer: str, repeats: int, budget: float) -> dict[str, float]:
    """Milliseconds a call, by whose layers."""
    inputs = tf.random.normal((BATCH, STEPS, FEATURES), seed=1)

    def call(maker: str):
        loaded = tf.saved_model.load(str(folder / maker / layer / "1"))
        serve = loaded.signatures["serving_default"]
        return lambda: (loaded, next(iter(serve(inputs=inputs).values())).numpy())

    return timing.interleaved({maker: call(maker) for maker in ("ours", "keras")}, repeats, budget=budget)[0]


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    write(parser.parse_args().folder)
