"""Learning to translate words letter by letter: from pairs of strings, or from strings made anew in each epoch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from apps.pipeline.training import AdamW, Batches, Fitted, cosine_with_warm_up, fit, grouped_by_length, padded
from apps.word_reversal.alphabet import END, PADDING, START, Alphabet
from apps.word_reversal.data import Pairs
from apps.word_reversal.random_strings import LONGEST, random_strings

SMALLEST_EPOCH = 40  # batches: an epoch goes over fewer pairs several times, or it would be too short to judge
PATIENCE = 12  # epochs: at high learning rates the validation loss can rest for that long
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
    """Batches of random strings of a side and the same backwards, other ones in each epoch; the longer, the more often:
    each letter's place counts alike."""
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
    times = -(-SMALLEST_EPOCH * batch_size // len(pairs)) if shuffle else 1
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


def learn_pairs(
    model: keras.Model,
    batches: Batches,
    validation: Batches,
    checkpoint: Path,
    *,
    epochs: int,
    learning_rate: float,
    weight_decay: float,
    averaging: float,
    settings: dict,
    resume: bool,
) -> Fitted:
    """Trains `model`, {"ids", "previous"} -> logits (batch, time, symbols), and keeps the epoch that validates best.

    Args:
        learning_rate: at its highest; it climbs for a twentieth of the steps and falls to 0 along a cosine.
        averaging: the part of all steps over which the moving average of the weights, which validates, reaches back.
    """
    steps = len(batches) * epochs
    optimizer = AdamW(
        cosine_with_warm_up(learning_rate, steps, 0.05),
        weight_decay=weight_decay,
        global_clipnorm=1.0,
        use_ema=True,
        ema_momentum=1.0 - 1.0 / max(1.0, averaging * steps),
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=PADDING)
    model.compile(optimizer, loss, metrics=[exact_accuracy], jit_compile=False)  # XLA would compile for every length
    return fit(
        model,
        batches,
        validation,
        checkpoint,
        epochs=epochs,
        settings=settings,
        patience=PATIENCE,
        resume=resume,
        log_folder=checkpoint.parent / "logs" / checkpoint.stem,
    )
