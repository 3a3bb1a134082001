"""Gates: gradients against finite differences, the task, the steps of the LSTM against Keras's, what is missed."""

import keras
import numpy as np
import pytest
from PIL import Image

from apps.lessons import gates as lesson

NAMES = (lesson.SIMPLE, lesson.GRU, lesson.SHUT, lesson.OPEN)


@pytest.fixture
def cells(monkeypatch):
    monkeypatch.setattr(lesson, "UNITS", 3)
    keras.utils.set_random_seed(1)
    return lesson.build_cells(np.random.default_rng(1))


def test_the_cells_are_what_their_names_say(cells):
    assert tuple(cells) == NAMES
    recurrent_kernel = cells[lesson.SIMPLE].get_weights()[1]
    assert np.abs(np.linalg.eigvals(recurrent_kernel)).max() == pytest.approx(0.9)
    for name, bias in ((lesson.SHUT, 1.0), (lesson.OPEN, 5.0)):
        parts = np.split(cells[name].get_weights()[2], 4)
        np.testing.assert_array_equal([part.mean() for part in parts], [0.0, bias, 0.0, 0.0])
        assert all(np.ptp(part) == 0.0 for part in parts)


@pytest.mark.parametrize("name", NAMES)
def test_the_norms_are_those_of_finite_differences(name, cells):
    generator, cell = np.random.default_rng(2), cells[name]
    sequence, direction = generator.normal(size=(4, 1, lesson.FEATURES)), generator.normal(size=(1, lesson.UNITS))

    def result(states, start):
        for inputs in sequence[start:]:
            output, states = cell(inputs, states)
        return float(np.sum(output * direction))

    states, norms = [np.array(state) for state in cell.get_initial_state(batch_size=1)], []
    for start in range(len(sequence)):
        slopes = []
        for state in states:
            for unit in range(lesson.UNITS):
                value = state[0, unit]
                ends = []
                for change in (1e-5, -1e-5):
                    state[0, unit] = value + change
                    ends.append(result(states, start))
                state[0, unit] = value
                slopes.append((ends[0] - ends[1]) / 2e-5)
        norms.append(np.linalg.norm(slopes))
        _, states = cell(sequence[start], states)
        states = [np.array(state) for state in states]
    expected = np.array(norms[::-1]) / norms[-1]
    np.testing.assert_allclose(lesson.gradient_norms(cell, sequence, direction), expected, rtol=1e-6)


def test_the_task():
    inputs, targets = lesson.write_and_read(np.random.default_rng(3), 50, 30)
    assert inputs.shape == (50, 30, 3) and targets.shape == (50, 30, 1)
    assert set(np.unique(inputs[..., 0])) == {-1.0, 1.0} and not np.any(inputs[..., 1] * inputs[..., 2])
    for row, answers in zip(inputs, targets[..., 0], strict=True):
        kept = 0.0
        for (value, write, read), answer in zip(row, answers, strict=True):
            kept = value if write else kept
            assert answer == (kept if read else 0.0)
    assert 0.1 < inputs[..., 1].mean() < 0.3 and 0.1 < inputs[..., 2].mean() < 0.3


def test_the_gates_seen_are_those_of_keras():
    keras.utils.set_random_seed(4)
    layer = keras.layers.LSTM(
        1, return_sequences=True, return_state=True, bias_initializer="random_normal", dtype="float64"
    )
    inputs = np.random.default_rng(4).normal(size=(5, 7, 3))
    outputs, _, memory = layer(inputs)
    weights = layer.get_weights()
    seen = lesson.watch_gates(weights, inputs)
    assert seen.shape == (5, 5, 7)
    np.testing.assert_allclose(seen[4], outputs[..., 0], atol=1e-12)
    np.testing.assert_allclose(seen[3, :, -1], memory[:, 0], atol=1e-12)
    kernel, _, bias = weights  # at the first step the hidden state is 0
    total = inputs[:, 0] @ kernel + bias
    for gate, column in ((0, 0), (1, 1), (2, 3)):  # Keras's columns: input gate, forget gate, candidate, output gate
        np.testing.assert_allclose(seen[gate, :, 0], 1.0 / (1.0 + np.exp(-total[:, column])), atol=1e-12)


# One unit that does as it should: to write 10, else 10 shut; the candidate is 10 times the value; a read opens.
TAUGHT = [
    np.array([[0.0, 0.0, 10.0, 0.0], [20.0, -20.0, 0.0, 0.0], [0.0, 0.0, 0.0, 20.0]]),
    np.zeros((1, 4)),
    np.array([-10.0, 10.0, 0.0, -10.0]),
]


@pytest.mark.slow
def test_with_a_good_lstm_it_reaches_the_known_answer_and_draws(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(lesson, "train", lambda *_: TAUGHT)
    assert lesson.main(["--plot", str(tmp_path / "plot.png")]) == 0
    out = capsys.readouterr().out
    assert "MISSED" not in out and "100.00% of the outputs right" in out
    assert "forget gate  at a write 0.000, at a read 1.000, else 1.000" in out
    with Image.open(tmp_path / "plot.png") as picture:
        assert picture.format == "PNG" and picture.width > 1000


@pytest.mark.slow
def test_an_lstm_learns_the_task(monkeypatch):
    monkeypatch.setattr(lesson, "EPOCHS", 12)
    keras.utils.set_random_seed(1)
    generator = np.random.default_rng(1)
    weights = lesson.train(*lesson.write_and_read(generator, 768, 10))
    inputs, targets = lesson.write_and_read(generator, 50, 20)
    assert np.abs(lesson.watch_gates(weights, inputs)[4] - targets[..., 0]).max() < 0.8


def test_closed_gates_are_missed(monkeypatch, capsys):
    monkeypatch.setattr(lesson, "train", lambda *_: [0.0 * weight for weight in TAUGHT])
    monkeypatch.setattr(lesson, "STEPS_BACK", 60)
    monkeypatch.setattr(lesson, "gradient_norms", lambda *_: np.ones(61))
    assert lesson.main([]) == 1
    assert capsys.readouterr().out.count("MISSED") == 5
