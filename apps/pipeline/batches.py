"""Examples in batches, in an order that a resumed run repeats."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import tensorflow as tf


class Batches:
    """Examples in batches, in an order that depends on the seed and the epoch alone.

    Args:
        draw: generator of random numbers -> list of index arrays, one a batch; every example is in one of them.
        assemble: (indices, generator of random numbers) -> what the model gets: an array or a tuple of arrays.
        signature: the tf.TensorSpec of what `assemble` gives.
        common: which of these, in the order of tf.nest.flatten, all rows of a batch share; the others are by row.
    """

    def __init__(
        self,
        draw: Callable[[np.random.Generator], list[np.ndarray]],
        assemble: Callable[[np.ndarray, np.random.Generator], Any],
        signature: Any,
        seed: int = 0,
        common: Sequence[int] = (),
    ):
        self.draw, self.assemble, self.signature, self.seed = draw, assemble, signature, seed
        self.common = frozenset(common)
        self.epoch = 0

    def __len__(self) -> int:
        return len(self.draw(np.random.default_rng(0)))

    def __iter__(self) -> Iterator[Any]:
        generator = np.random.default_rng([self.seed, self.epoch])
        for indices in self.draw(generator):
            yield self.assemble(indices, generator)

    def dataset(self) -> tf.data.Dataset:
        dataset = tf.data.Dataset.from_generator(self.__iter__, output_signature=self.signature)
        return dataset.apply(tf.data.experimental.assert_cardinality(len(self))).prefetch(4)

    def shares(self, count: int, wanted: Sequence[int]) -> tf.data.Dataset:
        """Of each batch those of `count` shares that are wanted, one after another.

        A share is rows in their order; the shares differ by a row at most, and of a small batch some have none.
        """

        def rows(array: np.ndarray, share: int) -> np.ndarray:
            return array[len(array) * share // count : len(array) * (share + 1) // count]

        def generate() -> Iterator[Any]:
            for batch in self:
                for share in wanted:
                    yield self._by_row(lambda array, share=share: rows(np.asarray(array), share), batch)

        signature = self._by_row(lambda spec: tf.TensorSpec((None, *spec.shape[1:]), spec.dtype), self.signature)
        dataset = tf.data.Dataset.from_generator(generate, output_signature=signature)
        return dataset.apply(tf.data.experimental.assert_cardinality(len(self) * len(wanted)))

    def _by_row(self, change: Callable[[Any], Any], batch: Any) -> Any:
        """A batch, or its signature, with what is by row changed."""
        parts = [part if i in self.common else change(part) for i, part in enumerate(tf.nest.flatten(batch))]
        return tf.nest.pack_sequence_as(batch, parts)


def grouped_by_length(lengths: np.ndarray, batch_size: int, shuffle: bool) -> Callable:
    """A `draw` for `Batches`: sequences of similar length share a batch, so that little time is spent on padding."""

    def draw(generator: np.random.Generator) -> list[np.ndarray]:
        if not shuffle:
            order = np.argsort(lengths, kind="stable")
            return [order[start : start + batch_size] for start in range(0, len(order), batch_size)]
        order = generator.permutation(len(lengths))
        pools = [order[start : start + 50 * batch_size] for start in range(0, len(order), 50 * batch_size)]
        order = np.concatenate([pool[np.argsort(lengths[pool], kind="stable")] for pool in pools])
        batches = [order[start : start + batch_size] for start in range(0, len(order), batch_size)]
        return [batches[index] for index in generator.permutation(len(batches))]

    return draw


def padded(rows: Sequence[np.ndarray]) -> np.ndarray:
    """Ids of several lengths -> int32 (batch, time), padded on the right with 0."""
    result = np.zeros((len(rows), max(map(len, rows))), np.int32)
    for target, row in zip(result, rows, strict=True):
        target[: len(row)] = row
    return result


def times_over(examples: int, batch_size: int, smallest_epoch: int) -> int:
    """How many times an epoch repeats all examples, so that it has at least `smallest_epoch` batches."""
    return -(-smallest_epoch * batch_size // examples)
