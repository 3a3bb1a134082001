"""Learning from labelled pictures: other ones in each epoch, by distortion, and a moving average of the weights."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from apps.mnist_rows.data import LabelledPictures
from apps.mnist_rows.distortion import Distortion, distort
from apps.mnist_rows.pictures import SIZE
from apps.pipeline.training import AdamW, Batches, Fitted, cosine_with_warm_up, fit, grouped_by_length

SMALLEST_EPOCH = 100  # batches: an epoch goes over fewer pictures several times, or it would be too short to judge
PATIENCE = 12  # epochs: at high learning rates the validation loss can rest for that long


def picture_batches(data: LabelledPictures, batch_size: int, seed: int, distortion: Distortion | None) -> Batches:
    """Batches of (pictures float32 (batch, 28, 28), labels int32 (batch,)), shuffled and distorted, or neither."""
    shuffle = distortion is not None
    times = -(-SMALLEST_EPOCH * batch_size // len(data)) if shuffle else 1

    def assemble(indices: np.ndarray, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        indices = indices % len(data)
        pictures = data.pictures[indices].astype(np.float32) / 255
        return pictures if distortion is None else distort(pictures, distortion, generator), data.labels[indices]

    draw = grouped_by_length(np.full(times * len(data), SIZE), batch_size, shuffle)
    signature = (tf.TensorSpec((None, SIZE, SIZE), tf.float32), tf.TensorSpec((None,), tf.int32))
    return Batches(draw, assemble, signature, seed)


def learn_pictures(
    model: keras.Model,
    data: LabelledPictures,
    validation: LabelledPictures,
    checkpoint: Path,
    *,
    epochs: int,
    batch_size: int,
    distortion: Distortion,
    learning_rate: float,
    weight_decay: float,
    averaging: float,
    settings: dict,
    resume: bool,
) -> Fitted:
    """Trains `model`, pictures (batch, 28, 28) -> logits (batch, classes), and keeps the epoch that validates best.

    Args:
        learning_rate: at its highest; it climbs for a tenth of the steps and falls to 0 along a cosine.
        averaging: the part of all steps over which the moving average of the weights, which validates, reaches back.
    """
    batches = picture_batches(data, batch_size, settings["seed"], distortion)
    steps = len(batches) * epochs
    optimizer = AdamW(
        cosine_with_warm_up(learning_rate, steps),
        weight_decay=weight_decay,
        global_clipnorm=1.0,
        use_ema=True,
        ema_momentum=1.0 - 1.0 / max(1.0, averaging * steps),
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer, loss, metrics=["accuracy"], jit_compile=False)  # XLA took twice the time on 2 cores
    return fit(
        model,
        batches,
        picture_batches(validation, 250, 0, None),
        checkpoint,
        epochs=epochs,
        settings=settings,
        patience=PATIENCE,
        resume=resume,
        log_folder=checkpoint.parent / "logs" / checkpoint.stem,
    )
