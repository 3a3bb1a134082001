"""Trains on pictures that are distorted afresh in each epoch."""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf

from apps.mnist_rows.data import LabelledPictures
from apps.mnist_rows.distortion import Distortion, distort
from apps.mnist_rows.pictures import SIZE
from apps.pipeline import training
from apps.pipeline.batches import Batches, grouped_by_length, times_over
from apps.pipeline.runs import Run

SMALLEST_EPOCH = 100  # batches: an epoch repeats fewer pictures, or it would be too short to judge


def picture_batches(data: LabelledPictures, batch_size: int, seed: int, distortion: Distortion | None) -> Batches:
    """Batches of (pictures float32 (batch, 28, 28), labels int32 (batch,)), shuffled and distorted, or neither."""
    shuffle = distortion is not None
    times = times_over(len(data), batch_size, SMALLEST_EPOCH) if shuffle else 1

    def assemble(indices: np.ndarray, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        indices = indices % len(data)
        pictures = data.pictures[indices].astype(np.float32) / 255
        return pictures if distortion is None else distort(pictures, distortion, generator), data.labels[indices]

    draw = grouped_by_length(np.full(times * len(data), SIZE), batch_size, shuffle)
    signature = (tf.TensorSpec((None, SIZE, SIZE), tf.float32), tf.TensorSpec((None,), tf.int32))
    return Batches(draw, assemble, signature, seed)


def learn_pictures(
    model: keras.Model, data: LabelledPictures, validation: LabelledPictures, run: Run
) -> training.Fitted:
    """Trains `model`, pictures (batch, 28, 28) -> logits (batch, classes), and keeps the epoch that validates best."""
    recipe = run.recipe
    fitted = training.learn(
        model,
        picture_batches(data, recipe.batch_size, recipe.seed, recipe.distortion),
        picture_batches(validation, 250, 0, None),
        run.stage("labels"),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    result = f"validation accuracy {fitted.kept['val_accuracy']:.2%}"
    run.finished("labels", fitted.seconds, len(fitted.history), result)
    return fitted
