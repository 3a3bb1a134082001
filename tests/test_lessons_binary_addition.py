"""Binary addition: bits, the gradient against two witnesses, what counts as exact, a short training."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from apps.lessons import binary_addition as lesson
from keras_rnn import SimpleRNN


def numbers(*values):
    return np.array(values, np.uint64)


def test_bits():
    np.testing.assert_array_equal(lesson.bits_of(numbers(6, 1), 4)[..., 0], [[0, 1], [1, 0], [1, 0], [0, 0]])
    largest = lesson.bits_of(numbers(2**64 - 1, 2**63), 64)[..., 0]
    np.testing.assert_array_equal(largest.sum(axis=0), [64, 1])
    assert largest[63, 1] == 1.0
    inputs, targets = lesson.problem(numbers(3, 5), numbers(1, 6), 4)
    np.testing.assert_array_equal(inputs[:, 0], [[1, 1], [1, 0], [0, 0], [0, 0]])
    np.testing.assert_array_equal(targets[:, :, 0].T, [[0, 0, 1, 0], [1, 1, 0, 1]])


@pytest.fixture
def some():
    """Random weights, inputs and targets."""
    generator = np.random.default_rng(1)
    weights = [generator.normal(size=size) for size in [(2, 3), (3, 3), (3,), (3, 1), (1,)]]
    a, b = generator.integers(0, 32, (2, 5), np.uint64)
    return weights, *lesson.problem(a, b, 6)


def test_the_gradient_is_that_of_our_layer_on_a_tape(some):
    weights, inputs, targets = some
    layer = SimpleRNN(3, return_sequences=True, dtype="float64")
    output = keras.layers.Dense(1, "sigmoid", dtype="float64")
    model = keras.Sequential([keras.Input((None, 2), dtype="float64"), layer, output])
    model.set_weights(weights)
    with tf.GradientTape() as tape:
        probabilities = model(inputs.swapaxes(0, 1))
        right = tf.abs(probabilities - (1.0 - targets.swapaxes(0, 1)))
        expected_loss = -tf.reduce_mean(tf.math.log(right))
    expected = tape.gradient(expected_loss, model.trainable_variables)
    gradients, loss = lesson.backward(weights, inputs, targets)
    assert loss == pytest.approx(float(expected_loss), abs=1e-12)
    for ours, theirs in zip(gradients, expected, strict=True):
        assert np.abs(ours).max() > 1e-3
        np.testing.assert_allclose(ours, theirs, atol=1e-12)
    np.testing.assert_allclose(lesson.forward(weights, inputs)[1], np.swapaxes(probabilities, 0, 1), atol=1e-12)


def test_the_gradient_is_that_of_finite_differences(some):
    weights, inputs, targets = some
    gradients, _ = lesson.backward(weights, inputs, targets)
    for weight, gradient in zip(weights, gradients, strict=True):
        for index, value in np.ndenumerate(weight):
            losses = []
            for change in (1e-5, -1e-5):
                weight[index] = value + change
                losses.append(lesson.backward(weights, inputs, targets)[1])
            weight[index] = value
            assert (losses[0] - losses[1]) / 2e-5 == pytest.approx(gradient[index], abs=1e-8)


def test_a_sum_is_exact_if_all_its_bits_are_right():
    a, b = numbers(1, 2, 3, 2**63 - 1), numbers(5, 6, 7, 1)
    _, targets = lesson.problem(a, b, 64)
    assert lesson.count_exact(lambda _: np.where(targets == 1.0, 0.6, 0.4), a, b, 64) == 4
    wrong = targets.copy()
    wrong[63, 1] = 1.0
    wrong[:3, 2] = 1.0 - wrong[:3, 2]
    assert lesson.count_exact(lambda _: wrong, a, b, 64) == 2


def test_adding_by_hand_is_learned_quickly(monkeypatch):
    monkeypatch.setattr(lesson, "STEPS", 150)
    a, b = np.random.default_rng(3).integers(0, 128, (2, 1000), np.uint64)
    weights, losses = lesson.train_by_hand(*lesson.problem(a, b, 8), seed=3)
    assert len(losses) == 150 and losses[0] > 0.5 and losses[-1] < 0.05
    long_a, long_b = np.random.default_rng(4).integers(0, 2**63, (2, 50), np.uint64)
    assert lesson.count_exact(lambda inputs: lesson.forward(weights, inputs)[1], long_a, long_b, 64) == 50


@pytest.mark.slow
def test_it_reaches_the_known_answer_and_draws(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(lesson, "STEPS", 320)
    assert lesson.main(["--seed", "1", "--plot", str(tmp_path / "plot.png")]) == 0
    out = capsys.readouterr().out
    for name in ("by hand", "our layer"):
        assert f"ok     {name}: 16,384 of 16,384 sums of 8 bits exact, 1,000 of them learned\n" in out
        assert f"ok     {name}: 1,000 of 1,000 random sums of 64 bits exact\n" in out
    with Image.open(tmp_path / "plot.png") as picture:
        assert picture.format == "PNG" and picture.width > 1000


@pytest.mark.slow
def test_who_has_not_learned_misses(capsys, monkeypatch):
    monkeypatch.setattr(lesson, "STEPS", 16)
    assert lesson.main([]) == 1
    assert capsys.readouterr().out.count("MISSED") == 4
