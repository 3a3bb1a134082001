"""What a sequence length costs that wasn't there before, and what stays behind of a model that is dropped.

Each figure is of a process of its own, which has built nothing before: `python -m benchmarks.lengths MAKER WHAT COUNT`.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import keras
import numpy as np
import tensorflow as tf

import keras_rnn

MAKERS = {"ours": keras_rnn, "keras": keras.layers}
SHAPE = (16, 32, 64)  # batch, features, units of an LSTM that meets new lengths
FIRST_LENGTH = 10
COUNTS = {"training": 30, "inference": 30, "many lengths": 200, "models": 100}
WARM = 4  # models before the first one that counts
TEXT = {
    "training": "seconds of training steps at 30 lengths in turn",
    "inference": "seconds of inferences at 30 lengths in turn",
    "many lengths": "megabytes that inferences at 200 lengths add",
    "models": "megabytes that stay behind of each of 100 models, trained and dropped",
}


def call_of(maker: str, what: str) -> Callable[[tf.Tensor], tf.Tensor]:
    """A training step or an inference of an LSTM, in a tf.function that is traced for each length."""
    _, features, units = SHAPE
    keras.utils.set_random_seed(0)
    layer = MAKERS[maker].LSTM(units, return_sequences=True)
    layer.build((None, None, features))
    weights = [weight.value for weight in layer.trainable_weights]

    @tf.function(autograph=False)
    def train(inputs):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(layer(inputs, training=True)))
        return tape.gradient(loss, weights)[0]

    @tf.function(autograph=False)
    def infer(inputs):
        return layer(inputs, training=False)

    return train if what == "training" else infer


def sequences(count: int) -> Iterator[tf.Tensor]:
    batch, features, _ = SHAPE
    return (tf.ones((batch, FIRST_LENGTH + number, features)) for number in range(count))


def seconds(maker: str, what: str, count: int) -> float:
    """Of `count` calls, each of another length, with all that is built for it."""
    call = call_of(maker, what)
    start = time.perf_counter()
    for inputs in sequences(count):
        call(inputs).numpy()
    return time.perf_counter() - start


def megabytes() -> float:
    """What this process has in memory."""
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def added_by_lengths(maker: str, count: int) -> float:
    call = call_of(maker, "inference")
    call(next(sequences(1)))
    before = megabytes()
    for inputs in sequences(count):
        call(inputs)
    gc.collect()
    return megabytes() - before


def kept_of_models(maker: str, count: int) -> float:
    """Megabytes of each model, of what a search for hyper-parameters leaves."""
    inputs, targets = np.zeros((8, 10, 4), "float32"), np.zeros((8, 1), "float32")
    for number in range(WARM + count):
        if number == WARM:
            before = megabytes()
        keras.backend.clear_session()
        model = keras.Sequential([keras.Input((10, 4)), MAKERS[maker].LSTM(8), keras.layers.Dense(1)])
        model.compile("sgd", "mse")
        model.train_on_batch(inputs, targets)
        model.predict_on_batch(inputs)
        del model
        gc.collect()
    return (megabytes() - before) / count


def figure(maker: str, what: str, count: int) -> float:
    """What `TEXT` says of `what`, here and now."""
    if what == "models":
        return kept_of_models(maker, count)
    return added_by_lengths(maker, count) if what == "many lengths" else seconds(maker, what, count)


def measured(counts: dict[str, int] | None = None) -> dict[str, dict[str, float]]:
    """Figures by what `TEXT` has, and by maker; those of memory only where the system tells it."""
    found = {}
    for what, count in (counts or COUNTS).items():
        if what in ("many lengths", "models") and not os.path.exists("/proc/self/statm"):
            continue
        found[what] = {}
        for maker in MAKERS:
            words = [sys.executable, "-m", "benchmarks.lengths", maker, what, str(count)]
            printed = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True).stdout
            found[what][maker] = json.loads(printed.splitlines()[-1])
    return found


def markdown(found: dict[str, dict[str, float]]) -> str:
    """A line for each figure."""
    lines = [
        f"{TEXT[what].capitalize()}: ours {by['ours']:.1f}, keras.layers {by['keras']:.1f}"
        f" (keras / ours {by['keras'] / by['ours']:.2f})."
        for what, by in found.items()
    ]
    return "\n\n".join(lines)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("maker", choices=MAKERS)
    parser.add_argument("what", choices=TEXT)
    parser.add_argument("count", type=int)
    print(json.dumps(figure(**vars(parser.parse_args(arguments)))))


if __name__ == "__main__":
    main()
