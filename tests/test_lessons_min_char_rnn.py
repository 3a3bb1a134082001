"""The lesson min_char_rnn: its gradients against finite differences and our layer, Adagrad, windows, command line."""

from itertools import islice

import numpy as np
import pytest
from PIL import Image

from apps.lessons import min_char_rnn
from apps.lessons.lesson import Checks

SYMBOLS, UNITS = 5, 4


@pytest.fixture
def weights():
    generator = np.random.default_rng(3)
    shapes = [(SYMBOLS, UNITS), (UNITS, UNITS), (UNITS,), (UNITS, SYMBOLS), (SYMBOLS,)]
    return [generator.normal(size=shape) for shape in shapes]


@pytest.fixture
def window():
    """ids with a repetition, the ids after them, a state."""
    return np.array([3, 0, 0, 4, 1, 3]), np.array([0, 0, 4, 1, 3, 2]), np.array([0.3, -0.9, 0.1, 0.7])


def test_gradients_by_finite_differences(weights, window):
    _, gradients, _ = min_char_rnn.by_hand(weights, *window)
    assert [gradient.shape for gradient in gradients] == [weight.shape for weight in weights]
    for weight, gradient in zip(weights, gradients, strict=True):
        for place in np.ndindex(weight.shape):
            losses = []
            for step in (1e-5, -2e-5):
                weight[place] += step
                losses.append(min_char_rnn.by_hand(weights, *window)[0])
            weight[place] += 1e-5
            assert gradient[place] == pytest.approx((losses[0] - losses[1]) / 2e-5, abs=1e-6)


def test_by_hand_is_by_layer(weights, window):
    loss, gradients, hidden = min_char_rnn.by_hand(weights, *window)
    layer_loss, layer_gradients, layer_hidden = min_char_rnn.by_layer(weights, *window)
    assert loss == pytest.approx(layer_loss, abs=1e-9)
    np.testing.assert_allclose(hidden, layer_hidden, atol=1e-12)
    for gradient, layer_gradient in zip(gradients, layer_gradients, strict=True):
        np.testing.assert_allclose(gradient, layer_gradient, atol=1e-9)


def test_the_forward_pass_by_its_formula(weights, window):
    inputs, _, hidden = window
    states, probabilities = min_char_rnn.forward(weights, inputs, hidden)
    W, U, b, V, c = weights
    for t, symbol in enumerate(inputs):
        hidden = np.tanh(np.eye(SYMBOLS)[symbol] @ W + hidden @ U + b)
        np.testing.assert_allclose(states[t + 1], hidden, atol=1e-12)
        scores = np.exp(hidden @ V + c)
        np.testing.assert_allclose(probabilities[t], scores / scores.sum(), atol=1e-12)


def test_steps_of_adagrad_with_clipping(weights):
    before = [weight.copy() for weight in weights]

    def gradients_of(weights, inputs, targets, hidden):
        return 1.0, [np.full_like(weight, -9.0) for weight in weights], hidden

    steps = min_char_rnn.train(weights, np.zeros(60, int), gradients_of)
    next(steps), next(steps)
    for weight, old in zip(weights, before, strict=True):
        np.testing.assert_allclose(weight - old, 0.1)  # 0.1 · 5 / sqrt(25)
    next(steps)
    np.testing.assert_allclose(weights[1] - before[1], 0.1 + 0.1 / np.sqrt(2))


def test_windows_follow_each_other_and_begin_again(weights):
    read = []

    def gradients_of(weights, inputs, targets, hidden):
        read.append((inputs.tolist(), targets.tolist(), hidden[0]))
        return 0.0, [np.zeros_like(weight) for weight in weights], hidden + 1

    list(islice(min_char_rnn.train(weights, np.arange(60), gradients_of), 3))
    first, second = list(range(25)), list(range(25, 50))
    assert read[0] == (first, list(range(1, 26)), 0.0)
    assert read[1] == (second, list(range(26, 51)), 1.0)
    assert read[2] == read[0]


def test_samples_are_drawn_from_the_model(weights):
    weights[3][:], weights[4][:] = 0.0, np.log([0.5, 0.25, 0.25, 1e-9, 1e-9])
    generator = np.random.default_rng(1)
    ids = np.concatenate([min_char_rnn.sample(weights, 4, np.zeros(UNITS), generator) for _ in range(30)])
    assert len(ids) == 3000
    np.testing.assert_allclose(np.bincount(ids, minlength=5) / 3000, [0.5, 0.25, 0.25, 0, 0], atol=0.04)


@pytest.mark.slow
def test_the_command_line(monkeypatch, tmp_path, capsys):
    teach = min_char_rnn.teach
    monkeypatch.setattr(min_char_rnn.tiny_shakespeare, "text", lambda: "to be or not to be\n$" * 20)
    monkeypatch.setattr(min_char_rnn, "PARAGRAPH", "有人买一块，还有人先尝一口。" * 9)
    monkeypatch.setattr(min_char_rnn, "UNITS", 20)
    monkeypatch.setattr(min_char_rnn, "teach", lambda given, checks: teach(given, checks, steps=6000))
    assert min_char_rnn.main(["--plot", str(tmp_path / "plot.png")]) == 0
    out = capsys.readouterr().out
    assert out.count("ok     5 steps with our layer") == 2 and out.count("--- ") == 8
    assert "not to be" in out.split("150,000 read")[1]
    with Image.open(tmp_path / "plot.png") as picture:
        assert picture.format == "PNG" and np.array(picture).std() > 10


def test_a_missed_answer(monkeypatch, capsys):
    checks = Checks()
    monkeypatch.setattr(min_char_rnn, "by_layer", min_char_rnn.by_hand)
    noise = [chr(number) for number in np.random.default_rng(1).integers(40, 120, 2000)]  # nothing to learn
    min_char_rnn.learn(noise, 3, 1, checks)
    assert checks.missed == 1 and "MISSED smoothed loss" in capsys.readouterr().out


def test_a_layer_that_differs_is_a_missed_answer(monkeypatch, capsys):
    def by_layer(*window):
        loss, gradients, hidden = min_char_rnn.by_hand(*window)
        return loss, [1.1 * gradient for gradient in gradients], hidden + 1e-3

    monkeypatch.setattr(min_char_rnn, "by_layer", by_layer)
    min_char_rnn.learn("abracadabra" * 9, 3, 1, Checks())
    assert "MISSED 5 steps with our layer" in capsys.readouterr().out
