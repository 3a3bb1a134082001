"""Batches: every example once an epoch, in an order that follows from seed and epoch alone."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from apps.pipeline.batches import Batches, grouped_by_length, padded, times_over


def indices_of(count, batch_size, shuffle=True, seed=0):
    """Batches that give the indices themselves, of examples whose lengths are in no order."""
    lengths = np.array([7 * index % 23 + 1 for index in range(count)])
    draw = grouped_by_length(lengths, batch_size, shuffle)
    return Batches(draw, lambda indices, _: indices, tf.TensorSpec((None,), tf.int64), seed), lengths


def listed(batches):
    return [batch.tolist() for batch in batches]


@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("count", [1, 12, 103])
def test_every_example_is_in_an_epoch_once(count, shuffle):
    batches, _ = indices_of(count, 4, shuffle)
    for batches.epoch in range(3):
        epoch = listed(batches)
        assert sorted(itertools.chain(*epoch)) == list(range(count))
        assert len(batches) == len(epoch) == -(-count // 4)


def test_the_order_follows_from_seed_and_epoch_alone():
    batches, _ = indices_of(103, 4, seed=5)
    first = listed(batches)
    batches.epoch = 1
    second = listed(batches)
    assert first != second
    batches.epoch = 0
    assert listed(batches) == first
    again, _ = indices_of(103, 4, seed=5)
    again.epoch = 1
    assert listed(again) == second
    assert listed(indices_of(103, 4, seed=6)[0]) != first


def test_the_data_set_gives_a_new_order_each_epoch():
    """Keras goes through the same data set again: the order mustn't freeze in it."""
    batches, _ = indices_of(20, 4)
    dataset = batches.dataset()
    assert len(dataset) == 5
    first = listed(dataset.as_numpy_iterator())
    batches.epoch = 1
    second = listed(dataset.as_numpy_iterator())
    assert first != second
    assert sorted(itertools.chain(*second)) == list(range(20))


def test_lengths_are_grouped_and_in_no_order():
    """Pools of 50 batches are sorted, so with 2 pools a batch's lengths differ by next to nothing."""
    batches, lengths = indices_of(800, 8)
    spread = [np.ptp(lengths[batch]) for batch in batches]
    assert np.mean(spread) < 1.0 < np.ptp(lengths) == 22
    means = [lengths[batch].mean() for batch in batches]
    assert means != sorted(means) and means != sorted(means, reverse=True)
    batches, lengths = indices_of(800, 8, shuffle=False)
    ordered = [lengths[index] for batch in batches for index in batch]
    assert ordered == sorted(ordered)


def test_what_is_assembled_has_random_numbers_of_its_epoch():
    def assemble(indices, generator):
        return generator.random(len(indices))

    batches = Batches(lambda generator: [np.arange(3)] * 2, assemble, tf.TensorSpec((None,), tf.float64), seed=1)
    first, second = batches
    assert first.tolist() != second.tolist()
    assert listed(batches) == [first.tolist(), second.tolist()]
    batches.epoch = 1
    assert next(iter(batches)).tolist() != first.tolist()


def test_padded():
    result = padded([np.array([3, 4, 5]), np.array([6]), np.array([], np.int32)])
    assert result.dtype == np.int32
    assert result.tolist() == [[3, 4, 5], [6, 0, 0], [0, 0, 0]]


def test_a_small_set_is_gone_over_several_times():
    assert [times_over(count, 8, 5) for count in (1, 39, 40, 1000)] == [40, 2, 1, 1]
