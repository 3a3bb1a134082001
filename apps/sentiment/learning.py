"""The stages of learning: word vectors, the labels, then the labels together with opinions of unlabelled texts."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf

from apps.pipeline import training
from apps.pipeline.batches import Batches, grouped_by_length, padded, times_over
from apps.pipeline.runs import Run, Stage
from apps.pipeline.vocabulary import PADDING, UNKNOWN, Vocabulary
from apps.pipeline.word_vectors import pretrain_embedding
from apps.sentiment.language_model import pretrain_bidirectional
from apps.sentiment.model import outputs
from apps.sentiment.opinions import second_opinions

WORD_VECTORS = ("seed", "words", "units", "word_vector_epochs")  # of the recipe: what decides this stage
LANGUAGE_MODEL = {"learning_rate": 3e-3, "weight_decay": 0.0, "warm_up": 0.05, "keep": "val_loss"}  # of its recipe
SMALLEST_EPOCH_STARTED = 50  # the same, where another model's layers know most already
SMALLEST_EPOCH = 250  # batches: an epoch repeats fewer texts, or it would be too short to judge

Texts = tuple[Sequence[np.ndarray], np.ndarray]  # the ids of each text, and its targets as `text_batches` has them


def text_batches(
    texts: Texts, batch_size: int, unknown_rate: float, seed: int, shuffle: bool, weights: np.ndarray | None = None
) -> Batches:
    """Batches of (ids int32 (batch, time), targets float32 (batch, logits)), grouped by length.

    Args:
        texts: ids and targets: probabilities of the second label, (texts,), or of each of several, (texts, labels).
        unknown_rate: the share of words that are replaced by the unknown word, drawn afresh in each epoch.
        weights: how much each text counts, float32 (texts,), a third part of a batch then.
    """
    rows, targets = texts[0], np.asarray(texts[1], np.float32)
    columns = [targets if targets.ndim == 2 else targets[:, None], *([] if weights is None else [weights])]

    def assemble(indices: np.ndarray, generator: np.random.Generator) -> tuple[np.ndarray, ...]:
        ids = padded([rows[index] for index in indices])
        unknown = (generator.random(ids.shape) < unknown_rate) & (ids != PADDING)
        return np.where(unknown, UNKNOWN, ids).astype(np.int32), *(column[indices] for column in columns)

    draw = grouped_by_length(np.array([len(row) for row in rows]), batch_size, shuffle)
    kinds = [tf.TensorSpec((None, *column.shape[1:]), tf.float32) for column in columns]
    return Batches(draw, assemble, (tf.TensorSpec((None, None), tf.int32), *kinds), seed)


def targets_of(labels: np.ndarray, count: int) -> np.ndarray:
    """Numbers of labels, int (texts,) -> what `text_batches` takes."""
    return labels if outputs(count) == 1 else np.eye(count, dtype=np.float32)[labels]


def balancing(labels: np.ndarray, count: int) -> np.ndarray:
    """Weights of texts, float32 (texts,), by which each of `count` labels has the same; their mean is 1."""
    counts = np.bincount(labels, minlength=count)
    return (len(labels) / (np.count_nonzero(counts) * np.maximum(counts, 1)))[labels].astype(np.float32)


@keras.saving.register_keras_serializable(package="keras_rnn_apps")
def accuracy(targets, logits):
    """1 where the logits say what their targets, probabilities, do: (batch, 1), or (batch, labels) -> (batch,)."""
    if logits.shape[-1] == 1:
        return keras.ops.cast(keras.ops.equal(targets > 0.5, logits > 0.0), "float32")
    return keras.ops.cast(keras.ops.equal(keras.ops.argmax(targets, -1), keras.ops.argmax(logits, -1)), "float32")


def pretrain(model: keras.Model, sequences: Sequence[np.ndarray], vocabulary: Vocabulary, run: Run) -> None:
    """Gives `model` word vectors, then, if the recipe says so, trains it as two language models."""
    embedding, bidirectional = model.get_layer("embedding"), model.get_layer("bidirectional")
    epochs = run.recipe.word_vector_epochs
    stage = run.stage("word_vectors", WORD_VECTORS, epochs=epochs)
    run.finished("word vectors", pretrain_embedding(embedding, sequences, vocabulary, stage), epochs)
    if not run.recipe.language_model_epochs:
        return
    fields = (*WORD_VECTORS, "language_model_epochs")
    stage = run.stage("language_model", fields, **LANGUAGE_MODEL, epochs=run.recipe.language_model_epochs)
    fitted = pretrain_bidirectional(embedding, bidirectional, sequences, stage)
    if fitted.interrupted:
        raise KeyboardInterrupt
    result = f"validation loss {fitted.kept['val_loss']:.3f} nats (sampled)"
    run.finished("language models", fitted.seconds, len(fitted.history), result)


def learn_labels(
    model: keras.Model, sequences: Sequence[np.ndarray], labels: np.ndarray, validation_labels: np.ndarray, run: Run
) -> training.Fitted:
    """The labels, then the labels and opinions of the other texts -> the epochs of both.

    sequences: ids of the texts with `labels`, then of those to validate with, then of those without a label, which
        teach where there are two labels.
    """
    recipe, count = run.recipe, max(2, model.output_shape[-1])
    rows = [row[-recipe.keep_last :] for row in sequences]
    labelled, rest = rows[: len(labels)], rows[len(labels) :]
    validation, unlabelled = (rest[: len(validation_labels)], validation_labels), rest[len(validation_labels) :]
    fields = [field.name for field in dataclasses.fields(recipe)]
    smallest = SMALLEST_EPOCH_STARTED if recipe.started_from else SMALLEST_EPOCH
    times = times_over(len(labelled), recipe.batch_size, smallest)
    stage = run.stage("labels", [name for name in fields if name != "student_epochs"])
    fitted = fine_tune(model, (labelled * times, np.tile(labels, times)), validation, stage, count)
    report(run, "labels", fitted)
    if unlabelled and recipe.student_epochs and not fitted.interrupted:
        teacher = model.get_weights()
        try:
            opinions = second_opinions(model, (labelled, labels), unlabelled)
            everything = labelled + unlabelled, np.concatenate([labels, opinions])
            stage = run.stage("labels and opinions", fields, epochs=recipe.student_epochs)
            last = fine_tune(model, everything, validation, stage, count)
            report(run, "labels and opinions", last)
            fitted = dataclasses.replace(last, history=fitted.history + last.history)
        except KeyboardInterrupt:  # before the student has finished an epoch
            model.set_weights(teacher)
            fitted = dataclasses.replace(fitted, interrupted=True)
    return fitted


def report(run: Run, stage: str, fitted: training.Fitted) -> None:
    """Tells what one of the stages with labels has reached."""
    result = f"validation accuracy {fitted.kept['val_accuracy']:.2%}"
    run.finished(stage, fitted.seconds, len(fitted.history), result)


def fine_tune(model: keras.Model, texts: Texts, validation: Texts, stage: Stage, labels: int = 2) -> training.Fitted:
    """Trains all of `model`, ids (batch, time) -> logits of so many labels, and keeps the best epoch.

    Layers called "embedding" and "bidirectional" learn more slowly than those after them.

    texts, validation: ids, and numbers of labels, or of two labels the second one's probabilities.
    """
    recipe = stage.recipe

    def batches(part: Texts, unknown_rate: float, seed: int, shuffle: bool) -> Batches:
        rows, found = part
        weights = balancing(np.rint(found).astype(np.int32), labels) if recipe.balance else None
        return text_batches((rows, targets_of(found, labels)), recipe.batch_size, unknown_rate, seed, shuffle, weights)

    losses = keras.losses.BinaryCrossentropy if outputs(labels) == 1 else keras.losses.CategoricalCrossentropy
    return training.learn(
        model,
        batches(texts, recipe.unknown_rate, recipe.seed, shuffle=True),
        batches(validation, 0.0, 0, shuffle=False),
        stage,
        loss=losses(from_logits=True),
        **{"weighted_metrics" if recipe.balance else "metrics": [accuracy]},
        factors={"embedding": 0.5, "bidirectional": 0.7},
        without_decay=["embedding"],
    )
