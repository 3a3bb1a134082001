"""Backpropagation through time: its gradient against two witnesses, truncation, the halving rate, the picture."""

import numpy as np
import pytest
from PIL import Image

from apps.lessons import backpropagation as lesson

FULL = lesson.INPUTS.shape[1]


@pytest.fixture
def weights():
    generator = np.random.default_rng(7)  # larger than at first: tanh bends, and the way back counts
    return [generator.normal(size=matrix.shape) for matrix in lesson.first_weights(1)]


def test_the_corpus():
    assert lesson.INPUTS.shape == lesson.TARGETS.shape == (2, 4) and len(lesson.CHARACTERS) == 10
    np.testing.assert_array_equal(lesson.INPUTS[:, 1:], lesson.TARGETS[:, :-1])
    first = [lesson.CHARACTERS[id] for id in lesson.INPUTS[:, 0]]
    assert [title[0] for title in lesson.TITLES] == first


@pytest.mark.parametrize("steps_back", range(1, FULL + 1))
def test_the_gradient_is_that_of_the_tape(weights, steps_back):
    hidden, probabilities, _ = lesson.forward(weights)
    gradients, arriving = lesson.backward(weights, hidden, probabilities, steps_back)
    expected = lesson.backward_by_tape(weights, hidden, steps_back)
    for ours, theirs in zip(gradients, expected, strict=True):
        assert np.abs(theirs).max() > 0.01
        np.testing.assert_allclose(ours, theirs, atol=1e-14)
    band = np.tril(np.ones((FULL, FULL))) - np.tril(np.ones((FULL, FULL)), -steps_back)
    np.testing.assert_array_equal(arriving > 0.0, band > 0.0)


def test_the_full_gradient_is_that_of_finite_differences(weights):
    before = [matrix.copy() for matrix in weights]
    hidden, probabilities, _ = lesson.forward(weights)
    gradients, _ = lesson.backward(weights, hidden, probabilities, FULL)
    for ours, theirs in zip(gradients, lesson.finite_differences(weights), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-8)
    truncated, _ = lesson.backward(weights, hidden, probabilities, FULL - 1)
    assert np.abs(truncated[0] - gradients[0]).max() > 1e-4  # the last step counts too
    for matrix, was in zip(weights, before, strict=True):
        np.testing.assert_array_equal(matrix, was)


def test_the_loss_and_the_probabilities(weights):
    _, probabilities, loss = lesson.forward([0.0 * matrix for matrix in weights])
    np.testing.assert_allclose(probabilities, 0.1)
    assert loss == pytest.approx(np.log(10.0))
    hidden, probabilities, loss = lesson.forward(weights)
    right = [[probabilities[time, title, lesson.TARGETS[title, time]] for title in range(2)] for time in range(FULL)]
    assert loss == pytest.approx(-np.mean(np.log(right)))
    np.testing.assert_allclose(probabilities.sum(axis=-1), 1.0)
    assert len(hidden) == FULL + 1 and not hidden[0].any()


def test_the_learning_rate_halves_when_the_loss_has_risen():
    _, losses, rates = lesson.train(lesson.first_weights(1), FULL)
    assert len(losses) == len(rates) == lesson.EPOCHS and rates[0] == lesson.FIRST_RATE
    for epoch in range(1, lesson.EPOCHS):
        assert rates[epoch] == rates[epoch - 1] / (2.0 if losses[epoch] > losses[epoch - 1] else 1.0)
    assert rates[-1] < rates[0]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_it_reaches_the_known_answer_and_draws(seed, tmp_path, capsys):
    plot = ["--plot", str(tmp_path / "plot.png")] if seed == 1 else []
    assert lesson.main(["--seed", str(seed), *plot]) == 0
    out = capsys.readouterr().out
    assert "MISSED" not in out and out.count("ok     ") == FULL + 1 + 2 * 2
    assert out.count("it goes on with 好李焕英 and 洛特烦恼\n") == 2
    if plot:
        with Image.open(tmp_path / "plot.png") as picture:
            assert picture.format == "PNG" and picture.width > picture.height > 400


def test_what_is_missed(monkeypatch, capsys):
    backward = lesson.backward

    def wrong(weights, hidden, probabilities, steps_back):
        (dW_xh, dW_hh, dW_hy), arriving = backward(weights, hidden, probabilities, steps_back)
        return [dW_xh, dW_hh + 2e-6, dW_hy], arriving

    monkeypatch.setattr(lesson, "backward", wrong)
    monkeypatch.setattr(lesson, "EPOCHS", 2)
    assert lesson.main([]) == 1
    out = capsys.readouterr().out
    assert out.count("MISSED 4 of 4 steps back: the gradient by ") == 2 and "ok     " not in out
