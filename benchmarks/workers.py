"""What a second process gains in training, each on a core of its own: python -m benchmarks workers.

The networks and batches are the apps' own; texts are random ones of the usual length. Each process does what it does
in `train --workers`: makes its part of each batch, computes, and sums the gradient with the others over the loopback.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from apps.pipeline.workers import ALONE, Workers
from benchmarks import tables

STEPS = 30  # of an epoch
CASES = ("shakespeare", "sentiment")


def learning(case: str):
    """(a model, its batches, what `learn` takes besides, the recipe) of an app's own sizes."""
    import keras

    generator = np.random.default_rng(0)
    if case == "shakespeare":
        from apps.shakespeare import learning, model

        recipe = model.Recipe()
        ids = generator.integers(1, 65, STEPS * recipe.window * recipe.batch_size + 1, dtype=np.int32)
        learning.SHORTEST_EPOCH = STEPS
        batches = learning.window_batches(ids, recipe.window, recipe.batch_size, recipe.sampling, 0.0, 1)
        network = model.build_model(65, recipe.units, recipe.layers, recipe.dropout)
        reader = learning.WindowReader(network, recipe.batch_size)
        validation = learning.validation_batches(ids[: 4 * recipe.window])
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        return reader, batches, validation, {"loss": loss}, recipe
    from apps.sentiment import learning, model

    recipe = model.Recipe()
    rows = [generator.integers(2, recipe.words, 240).astype(np.int32) for _ in range(STEPS * recipe.batch_size)]
    labels = generator.integers(0, 2, len(rows))
    batches = learning.text_batches((rows, labels), recipe.batch_size, 0.0, 1, shuffle=True)
    validation = learning.text_batches((rows[:64], labels[:64]), 64, 0.0, 1, shuffle=False)
    network = model.build_model(recipe.words + 2, recipe.units)
    return network, batches, validation, {"loss": keras.losses.BinaryCrossentropy(from_logits=True)}, recipe


def measured(case: str, workers: Workers) -> dict[str, Any]:
    """Seconds of the second epoch, in which no graph is built, and what is summed in each of its steps."""
    import dataclasses

    from apps.pipeline import training
    from apps.pipeline.checkpoints import Checkpoints
    from apps.pipeline.runs import Stage

    seconds: list[float] = []

    class Timed(Checkpoints):
        def on_test_begin(self, logs=None):
            import time

            seconds.append(time.perf_counter() - self.started)

    training.Checkpoints = Timed
    training.set_up(1, workers)
    model, batches, validation, options, recipe = learning(case)
    recipe = dataclasses.replace(recipe, epochs=2, patience=None)
    with tempfile.TemporaryDirectory() as folder:
        training.learn(model, batches, validation, Stage(recipe, Path(folder) / "a.npz", {}, False, workers), **options)
    summed = sum(int(np.prod(each.shape)) for each in model.trainable_variables) + 2  # and the loss, and its count
    return {"seconds": seconds[-1], "steps": len(batches), "bytes": 4 * summed}


def of_processes(case: str, count: int) -> dict[str, Any]:
    """What the first of so many processes measures."""
    with socket.socket() as first, socket.socket() as second:
        for each in (first, second):
            each.bind(("127.0.0.1", 0))
        addresses = [f"127.0.0.1:{each.getsockname()[1]}" for each in (first, second)][:count]
    cores = sorted(os.sched_getaffinity(0))
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "benchmarks.workers", case, str(number), *addresses],
            preexec_fn=lambda number=number: os.sched_setaffinity(0, {cores[number]}),
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(count)
    ]
    printed = [process.communicate()[0] for process in processes]
    return json.loads(printed[0].splitlines()[-1])


def run(output: Path, repeats: int, budget: float, only: str) -> None:
    """Writes workers.md and workers.json; `only`: a case."""
    results, rows = {}, []
    for case in (each for each in CASES if only in each):
        one, two = of_processes(case, 1), of_processes(case, 2)
        results[case] = {"1": one, "2": two}
        rows.append(
            [
                case,
                str(one["steps"]),
                *(f"{each['seconds']:.1f}" for each in (one, two)),
                f"{one['seconds'] / two['seconds']:.2f}",
                f"{one['bytes'] / 1e6:.2f}",
            ]
        )
    header = ["app", "steps", "1 process, s", "2 processes, s", "times as fast", "MB summed a step"]
    tables.write(output, "workers", tables.table(header, rows), results)


if __name__ == "__main__":
    case, number, *addresses = sys.argv[1:]
    workers = Workers(tuple(addresses), int(number)) if len(addresses) > 1 else ALONE
    print(json.dumps(measured(case, workers)))
