"""Which symbol comes next: drawn from the logits, by the same numbers in NumPy (for LiteRT) and in a graph.

Random numbers are a hash of (seed, row, number of the draw), which any language can repeat.
"""

from __future__ import annotations

import numpy as np

from apps.shakespeare.symbols import UNKNOWN

_MASK = 0xFFFFFFFF


def mixed(number):
    """The finaliser of MurmurHash3 (Appleby 2011): mixes 32 bits. Of a Python int, or of an int64 tensor."""
    for shift, factor in ((1 << 16, 0x85EBCA6B), (1 << 13, 0xC2B2AE35)):
        number = ((number ^ (number // shift)) * factor) & _MASK
    return number ^ (number // (1 << 16))


def random_number(seed, row, number):
    """The whole numbers, 0 to 2**32 - 1, of the draws `number` in the rows `row`.

    Args:
        seed, row, number: Python ints, or int64 tensors.
    """
    return mixed((mixed((mixed(seed & _MASK) + row) & _MASK) + number) & _MASK)


def choose(logits: np.ndarray, draw: int, temperature: float, top_k: int = 0, top_p: float = 1.0) -> int:
    """An id drawn from logits (ids,), never UNKNOWN.

    Args:
        draw: of `random_number`.
        temperature: the logits are divided by it; at 0 the likeliest is taken, of equal ones the one with the lower id.
        top_k: only so many, the likeliest, are drawn from; 0 is all.
        top_p: of these only the fewest that together have this part of their probability.
    """
    order, chances = ranked(logits, temperature or 1.0)
    if temperature <= 0.0:
        return int(order[0])
    kept = kept_chances(chances, top_k, top_p)
    reached = np.cumsum(kept)
    place = reached.searchsorted((draw + 0.5) / 2**32 * reached[-1], side="right")
    if place == len(kept) or not kept[place]:  # by rounding
        place = np.count_nonzero(kept) - 1
    return int(order[place])


def ranked(logits: np.ndarray, temperature: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """The ids from likely to unlikely, UNKNOWN left out, and their probabilities."""
    logits = logits.astype(np.float64)
    logits[UNKNOWN] = -np.inf
    order = np.argsort(-logits, kind="stable")[:-1]
    chances = np.exp((logits[order] - logits[order[0]]) / temperature)
    return order, chances / chances.sum()


def kept_chances(chances: np.ndarray, top_k: int, top_p: float) -> np.ndarray:
    """The sorted probabilities with 0 in place of those that aren't drawn from."""
    if not top_k and top_p >= 1.0:
        return chances
    if top_k:
        chances = np.where(np.arange(len(chances)) < top_k, chances, 0.0)
    before = np.cumsum(chances) - chances
    return np.where((before < top_p * chances.sum()) | (np.arange(len(chances)) == 0), chances, 0.0)


def choose_in_graph(logits, draws, temperature, top_k, top_p):
    """`choose` in TensorFlow operations, for each row: logits (batch, ids), draws int64 (batch,) -> int32 (batch,)."""
    import tensorflow as tf

    count = logits.shape[-1] - 1  # all but UNKNOWN, the first
    known, order = tf.math.top_k(tf.cast(logits[:, UNKNOWN + 1 :], tf.float64), k=count)
    warm = temperature > 0.0
    divisor = tf.cast(tf.where(warm, temperature, 1.0), tf.float64)
    chances = tf.exp((known - known[:, :1]) / divisor)
    chances /= tf.reduce_sum(chances, axis=-1, keepdims=True)
    zeros, place = tf.zeros_like(chances), tf.range(count)
    chances = tf.where((top_k <= 0) | (place < top_k), chances, zeros)
    before = tf.cumsum(chances, axis=-1) - chances
    part = tf.cast(top_p, tf.float64) * tf.reduce_sum(chances, axis=-1, keepdims=True)
    kept = tf.where((before < part) | (place == 0), chances, zeros)
    reached = tf.cumsum(kept, axis=-1)
    aim = tf.expand_dims((tf.cast(draws, tf.float64) + 0.5) / 2**32, -1) * reached[:, -1:]
    chosen = tf.reduce_sum(tf.cast(reached <= aim, tf.int32), axis=-1)
    last = tf.math.count_nonzero(kept, axis=-1, dtype=tf.int32) - 1
    chosen = tf.where(warm, tf.minimum(chosen, last), 0)
    return tf.gather(order, chosen, batch_dims=1) + (UNKNOWN + 1)
