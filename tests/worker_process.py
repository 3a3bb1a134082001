"""python worker_process.py FOLDER EPOCHS NUMBER ADDRESS,...: one of several processes that train a small model."""

import sys
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

import keras_rnn
from apps.pipeline import training
from apps.pipeline.batches import Batches
from apps.pipeline.errors import DataError
from apps.pipeline.runs import Recipe, Stage
from apps.pipeline.workers import ALONE, Workers

ROWS, STEPS, CLASSES, BATCH = 19, 3, 4, 6  # the last batch has one row


def problem() -> tuple[keras.Model, Batches]:
    """A layer, normalisation over the batch, and targets of which some, 0, don't count."""
    generator = np.random.default_rng(0)
    inputs = generator.normal(size=(ROWS, STEPS, 2)).astype("float32")
    targets = generator.integers(0, CLASSES, (ROWS, STEPS)).astype("int32")

    def draw(generator):
        order = generator.permutation(ROWS)
        return [order[start : start + BATCH] for start in range(0, ROWS, BATCH)]

    signature = ({"rows": tf.TensorSpec((None, STEPS, 2))}, tf.TensorSpec((None, STEPS), tf.int32))
    batches = Batches(draw, lambda rows, _: ({"rows": inputs[rows]}, targets[rows]), signature, seed=1)
    rows = keras.Input((STEPS, 2), name="rows")
    hidden = keras_rnn.LSTM(8, return_sequences=True)(rows)
    logits = keras.layers.Dense(CLASSES)(keras.layers.BatchNormalization()(hidden))
    return keras.Model({"rows": rows}, logits), batches


def train(folder: Path, epochs: int, workers: Workers = ALONE) -> training.Fitted:
    """Trains, or goes on, with the checkpoint in a folder."""
    training.set_up(1, workers)
    model, batches = problem()
    recipe = Recipe(epochs=epochs, batch_size=BATCH, averaging=0.5, patience=None, learning_rate=0.01, warm_up=0.0)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=0)
    stage = Stage(recipe, folder / "small.npz", {"epochs": epochs}, True, workers)
    return training.learn(model, batches, batches, stage, loss=loss, metrics=["accuracy"])


if __name__ == "__main__":
    try:
        train(Path(sys.argv[1]), int(sys.argv[2]), Workers(tuple(sys.argv[4].split(",")), int(sys.argv[3])))
    except DataError as error:
        sys.exit(str(error))
