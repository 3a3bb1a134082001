"""The same draws in NumPy and in a graph, with the probabilities that were asked for."""

import numpy as np
import pytest
import tensorflow as tf

from apps.shakespeare.sampling import choose, choose_in_graph, kept_chances, mixed, random_number, ranked


def test_the_hash_is_murmurs():
    assert [mixed(number) for number in (0, 1, 2, 0xFFFFFFFF)] == [0, 0x514E28B7, 0x30F4C306, 0x81F16F39]


def test_random_numbers_are_alike_in_a_graph():
    seeds, rows, places = (np.array(values) for values in ([0, 1, 2**32 - 1, 7], [0, 5, 1, 2], [0, 9, 10**6, 3]))
    expected = [random_number(int(s), int(r), int(p)) for s, r, p in zip(seeds, rows, places, strict=True)]
    found = random_number(*(tf.constant(values, tf.int64) for values in (seeds, rows, places)))
    assert found.numpy().tolist() == expected
    assert random_number(-1, 0, 0) == int(random_number(tf.constant(-1, tf.int64), 0, 0))


def test_random_numbers_are_even():
    numbers = np.array([random_number(seed, row, n) for seed in (0, 1) for row in (0, 1) for n in range(5000)])
    assert len(set(numbers.tolist())) > 19_990
    counts = np.bincount(numbers >> 28, minlength=16)
    assert abs(counts - 1250).max() < 150
    assert abs(np.corrcoef(numbers[:-1], numbers[1:])[0, 1]) < 0.03


@pytest.mark.parametrize(
    ("temperature", "top_k", "top_p"), [(1.0, 0, 1.0), (0.5, 0, 1.0), (1.0, 3, 1.0), (2.0, 4, 0.7)]
)
def test_symbols_come_as_often_as_they_should(temperature, top_k, top_p):
    logits = np.array([9.0, 1.0, 0.0, 2.0, -1.0, 1.5], np.float32)
    drawn = [choose(logits, random_number(3, 0, n), temperature, top_k, top_p) for n in range(20_000)]
    chances = np.exp(logits.astype(float) / temperature)
    chances[0] = 0.0  # unknown
    order = np.argsort(-chances)
    kept = order[: top_k or 5]
    chances[np.setdiff1d(range(6), kept)] = 0.0
    chances /= chances.sum()
    reached = np.cumsum(chances[order]) - chances[order]
    chances[order[reached >= top_p]] = 0.0
    chances /= chances.sum()
    np.testing.assert_allclose(np.bincount(drawn, minlength=6) / 20_000, chances, atol=0.012)


def test_at_temperature_0_the_likeliest_is_taken_the_first_of_equals():
    logits = np.array([5.0, 1.0, 2.0, 2.0], np.float32)
    assert choose(logits, 2**32 - 1, 0.0) == 2
    assert choose_in_graph(tf.constant([logits]), tf.constant([2**32 - 1]), 0.0, 0, 1.0).numpy().tolist() == [2]


def test_the_graph_chooses_the_same():
    generator = np.random.default_rng(1)
    logits = generator.normal(size=(300, 40)).astype(np.float32) * 3
    logits[::3] = logits[::3].round()  # many that are equal
    draws = generator.integers(2**32, size=300)
    draws[:2] = 0, 2**32 - 1
    for temperature, top_k, top_p in [
        (1.0, 0, 1.0),
        (0.7, 5, 1.0),
        (1.5, 0, 0.6),
        (1.0, 7, 0.5),
        (0.0, 0, 1.0),
        (1e-3, 99, 1e-9),
    ]:
        found = choose_in_graph(
            tf.constant(logits), tf.constant(draws), tf.constant(temperature), top_k, tf.constant(top_p)
        )
        top = float(np.float32(top_p))
        expected = [
            choose(row, int(d), float(np.float32(temperature)), top_k, top)
            for row, d in zip(logits, draws, strict=True)
        ]
        assert found.numpy().tolist() == expected
        assert 0 not in expected


def test_something_is_always_kept():
    chances = np.array([0.5, 0.3, 0.2])
    assert kept_chances(chances, 0, 1e-12).tolist() == [0.5, 0.0, 0.0]
    assert kept_chances(chances, 2, 1.0).tolist() == [0.5, 0.3, 0.0]
    assert kept_chances(chances, 0, 0.6).tolist() == [0.5, 0.3, 0.0]
    order, chances = ranked(np.array([9.0, 0.0, 1.0], np.float32))
    assert order.tolist() == [2, 1] and np.isclose(chances.sum(), 1.0)
