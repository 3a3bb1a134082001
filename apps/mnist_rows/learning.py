"""Trains on pictures that are distorted afresh in each epoch."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from apps.mnist_rows import artifacts
from apps.mnist_rows.data import LabelledPictures, load_data
from apps.mnist_rows.distortion import Distortion, distort
from apps.mnist_rows.model import Recipe
from apps.mnist_rows.pictures import SIZE
from apps.mnist_rows.refusal import HIDDEN, LAYERS, Refusal
from apps.mnist_rows.strange import strange_pictures
from apps.mnist_rows.use import load
from apps.pipeline import publishing, training
from apps.pipeline.batches import Batches, grouped_by_length, times_over
from apps.pipeline.errors import DataError
from apps.pipeline.runs import Run

STRANGE = 10_000  # pictures of what isn't to be answered, and twice as many of what is, by which refusing is learned
REFUSED = 0.0065  # of the validation pictures: where refusing begins
MEASURED = 2_000  # strange pictures that say how many are accepted
FAMILIAR = Distortion(shift=0.5, turn=10.0, scaling=0.05, shear=0.1, waves=0.5)  # still a picture of its class
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


def learn_refusal(
    answers: Callable[[np.ndarray], np.ndarray], data: LabelledPictures, validation: LabelledPictures, seed: int
) -> Refusal:
    """A network that tells pictures of the classes from others, and the score that divides them on `validation`.

    answers: pictures float32 (pictures, 28, 28) -> probabilities (pictures, classes) of the model that it stands by.
    """
    generator = np.random.default_rng([seed, 2])
    chosen = generator.integers(0, len(data), (2, STRANGE))
    plain, varied = data.pictures[chosen].astype(np.float32) / 255
    strange = strange_pictures(STRANGE + MEASURED, data.pictures, data.names, data.box(), seed)
    strange, measured = strange[:-MEASURED], strange[-MEASURED:]
    pictures = np.concatenate([plain, distort(varied, FAMILIAR, generator), strange])
    weights = fitted_refusal(pictures, np.repeat([0.0, 0.0, 1.0], [STRANGE, STRANGE, len(strange)]), seed)
    own = validation.pictures.astype(np.float32) / 255
    if len(own) < 1000:  # few: one of them would decide
        own = distort(np.tile(own, (-(-1000 // len(own)), 1, 1)), FAMILIAR, generator)
    refusal = Refusal(weights, 0.0)
    threshold = float(np.quantile(refusal.scores(own, answers(own)), 1.0 - REFUSED))
    accepted = float(np.mean(refusal.scores(measured, answers(measured)) <= threshold)) if len(measured) else 0.0
    about = {"refused of validation": REFUSED, "accepted of strange": round(accepted, 4), "strange": len(measured)}
    return Refusal(weights, round(threshold, 4), about)


def refusal_of(model: keras.Model, data: LabelledPictures, validation: LabelledPictures, run: Run) -> Refusal:
    """What a trained network isn't to answer; that which an earlier run left, if it was learned for these weights."""
    weights = publishing.digest(b"".join(np.ascontiguousarray(weight).tobytes() for weight in model.get_weights()))
    left = Refusal.load(run.folder) if run.resume else None
    if left is not None and left.about.get("model") == weights:
        return left
    found = learn_refusal(answers_of(model), data, validation, run.recipe.seed)
    found = dataclasses.replace(found, about=found.about | {"model": weights})
    found.save(run.folder)
    return found


def write_refusal(folder: Path, data: Path | None, command: str) -> None:
    """Learns what the model in a folder isn't to answer, and writes that there."""
    recogniser = load(folder)
    seed = publishing.read_results(folder).get("training", {}).get("recipe", {}).get("seed", Recipe.seed)
    labelled, validation, test = load_data(data, seed)
    if labelled.names != recogniser.labels.names:
        raise DataError(f"expected pictures of {', '.join(recogniser.labels.names)}, got {', '.join(labelled.names)}")

    def answers(pictures: np.ndarray) -> np.ndarray:
        return np.stack([recogniser.probabilities(picture) for picture in pictures])

    refusal = learn_refusal(answers, labelled, validation, seed)
    refusal = refusal.measured(test.pictures.astype(np.float32) / 255, answers, command)
    artifacts.write_refusal(refusal, folder)
    print(f"{folder}: {refusal.in_words()}")


def answers_of(model: keras.Model) -> Callable[[np.ndarray], np.ndarray]:
    """What a trained network says of pictures, as `learn_refusal` wants it."""
    return lambda pictures: np.array(keras.ops.softmax(model.predict(pictures, batch_size=250, verbose=0)))


def fitted_refusal(pictures: np.ndarray, strange: np.ndarray, seed: int) -> list[np.ndarray]:
    """The weights of the network of `refusal`, trained on pictures, of which 1 in `strange` marks the others."""
    keras.utils.set_random_seed(seed)
    layers: list[keras.Layer] = [keras.Input((SIZE, SIZE, 1))]
    layers += [keras.layers.Conv2D(channels, side, strides=2, activation="relu") for side, channels in LAYERS]
    layers += [keras.layers.Flatten(), keras.layers.Dropout(0.3), keras.layers.Dense(HIDDEN, activation="relu")]
    network = keras.Sequential([*layers, keras.layers.Dense(1)])
    rate = keras.optimizers.schedules.CosineDecay(3e-3, 8 * -(-len(pictures) // 128))
    network.compile(keras.optimizers.Adam(rate), keras.losses.BinaryCrossentropy(from_logits=True))
    network.fit(pictures[..., None], strange, batch_size=128, epochs=8, verbose=0)
    return [np.array(weight) for weight in network.get_weights()]
