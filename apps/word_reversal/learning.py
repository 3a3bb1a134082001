"""Learns to translate words letter by letter: from pairs of strings, or from random ones drawn afresh in each epoch."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf

from apps.pipeline import training
from apps.pipeline.batches import Batches, grouped_by_length, padded, times_over
from apps.pipeline.runs import Run
from apps.word_reversal.alphabet import END, PADDING, START, Alphabet
from apps.word_reversal.data import Data, Pairs
from apps.word_reversal.model import Recipe
from apps.word_reversal.random_strings import LONGEST, random_strings

SMALLEST_EPOCH = 40  # batches: an epoch goes over fewer pairs several times, or it would be too short to judge
VALIDATION = 32  # batches of random strings
_IDS = tf.TensorSpec((None, None), tf.int32)
_SIGNATURE = ({"ids": _IDS, "previous": _IDS}, _IDS)


def as_arrays(pairs: Sequence[tuple[str, str]], alphabet: Alphabet) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """What the network gets, "ids" and "previous", and what it is to give, int32 (batch, time): padded on the right.

    pairs     hey, yeh
    ids       START h e y
    previous  START y e h         what was written before each step: in training, what ought to have been
    targets   y     e h END
    """
    ids = padded([np.array(alphabet.ids(word)) for word, _ in pairs])
    targets = padded([np.array(alphabet.answer_ids(answer)) for _, answer in pairs])
    start = np.full((len(pairs), 1), START, np.int32)
    previous = np.concatenate([start, np.where(targets == END, PADDING, targets)[:, :-1]], axis=1)
    return {"ids": ids, "previous": previous}, targets


def string_batches(alphabet: Alphabet, batches: int, batch_size: int, seed: int, side: str) -> Batches:
    """(string, reversed string) pairs from one side of the split, drawn afresh in each epoch. Longer strings are drawn
    more often, so that every position is trained equally."""
    shortest = 1 if side == "training" else 3
    weights = np.arange(shortest, LONGEST + 1)
    count = batches * batch_size
    lengths = np.random.default_rng(seed).choice(weights, count, p=weights / weights.sum())

    def assemble(indices: np.ndarray, generator: np.random.Generator):
        words = random_strings(side, lengths[indices], generator)
        return as_arrays([(word, word[::-1]) for word in words], alphabet)

    return Batches(grouped_by_length(lengths, batch_size, side == "training"), assemble, _SIGNATURE, seed)


def pair_batches(pairs: Pairs, alphabet: Alphabet, batch_size: int, seed: int, shuffle: bool) -> Batches:
    """Batches of the pairs; shuffled, an epoch is SMALLEST_EPOCH batches or more."""
    batch_size = min(batch_size, max(len(pairs), 8))
    times = times_over(len(pairs), batch_size, SMALLEST_EPOCH) if shuffle else 1
    lengths = np.tile([len(word) for word, _ in pairs], times)

    def assemble(indices: np.ndarray, _: np.random.Generator):
        return as_arrays([pairs[index % len(pairs)] for index in indices], alphabet)

    return Batches(grouped_by_length(lengths, batch_size, shuffle), assemble, _SIGNATURE, seed)


@keras.saving.register_keras_serializable(package="keras_rnn_apps")
def exact_accuracy(targets, logits):
    """Whether each answer is right as a whole, float (batch,). With the right letters as `previous` that is the same as
    with the network's own: up to its first mistake they are equal."""
    found = keras.ops.cast(keras.ops.argmax(logits, axis=-1), targets.dtype)
    right = keras.ops.logical_or(keras.ops.equal(found, targets), keras.ops.equal(targets, PADDING))
    return keras.ops.cast(keras.ops.all(right, axis=1), "float32")


def batches_of(data: Data, recipe: Recipe) -> tuple[Batches, Batches]:
    """To train and to validate with: of random strings, or of the user's pairs."""
    if data.train is None:
        training_strings = string_batches(data.alphabet, recipe.batches, recipe.batch_size, recipe.seed, "training")
        return training_strings, string_batches(data.alphabet, VALIDATION, recipe.batch_size, recipe.seed, "validation")
    shuffled = pair_batches(data.train, data.alphabet, recipe.batch_size, recipe.seed, shuffle=True)
    return shuffled, pair_batches(data.validation, data.alphabet, recipe.batch_size, 0, shuffle=False)


def learn_pairs(model: keras.Model, data: Data, run: Run) -> training.Fitted:
    """Trains `model`, {"ids", "previous"} -> logits (batch, time, symbols), and keeps the epoch that validates best."""
    fitted = training.learn(
        model,
        *batches_of(data, run.recipe),
        run.stage("letters"),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=PADDING),
        metrics=[exact_accuracy],
    )
    result = f"validation exact match {fitted.kept['val_exact_accuracy']:.2%}"
    run.finished("letters", fitted.seconds, len(fitted.history), result)
    return fitted
