"""Joined products: equal to the products apart at any size, to Keras's layers, and what is noticed."""

import keras
import numpy as np
import pytest
from PIL import Image

from apps.lessons import joined_product as lesson


@pytest.mark.parametrize(("batch", "features", "units"), [(1, 1, 1), (3, 1, 4), (2, 5, 3), (4, 4, 4)])
def test_any_size(batch, features, units):
    generator = np.random.default_rng(1)
    X, H = generator.normal(size=(batch, features)), generator.normal(size=(batch, units))
    W_xh, W_hh = generator.normal(size=(features, units)), generator.normal(size=(units, units))
    expected = [
        [
            sum(x * w for x, w in zip([*row, *hidden], [*W_xh[:, unit], *W_hh[:, unit]], strict=True))
            for unit in range(units)
        ]
        for row, hidden in zip(X, H, strict=True)
    ]
    for product in (lesson.two_products, lesson.joined_product):
        np.testing.assert_allclose(product(X, W_xh, H, W_hh), expected, atol=1e-12)


def test_the_step_of_an_lstm_is_that_of_keras():
    generator = np.random.default_rng(2)
    batch, features, units = 2, 3, 5
    X, H, C = (generator.normal(size=(batch, size)) for size in (features, units, units))
    kernel, recurrent_kernel = generator.normal(size=(features, 4 * units)), generator.normal(size=(units, 4 * units))
    twin = keras.layers.LSTMCell(units, use_bias=False, dtype="float64")
    twin.build(X.shape)
    twin.set_weights([kernel, recurrent_kernel])
    _, expected = twin(X, [H, C])
    joined = lesson.lstm_step(X, H, C, np.concatenate([kernel, recurrent_kernel]))
    np.testing.assert_allclose(joined, expected, atol=1e-12)
    parts = (np.split(matrix, 4, axis=1) for matrix in (kernel, recurrent_kernel))
    np.testing.assert_allclose(lesson.lstm_step_gate_by_gate(X, H, C, *parts), expected, atol=1e-12)


def test_it_reaches_the_known_answer_and_draws(tmp_path, capsys):
    assert lesson.main(["--plot", str(tmp_path / "plot.png"), "--seed", "2"]) == 0
    out = capsys.readouterr().out
    assert out.count("ok     ") == 4 and "[X H] (3, 5)·[W_xh above W_hh] (5, 4) = (3, 4)" in out
    with Image.open(tmp_path / "plot.png") as picture:
        assert picture.format == "PNG" and picture.width > 900


def test_weights_joined_in_the_wrong_order_are_noticed(monkeypatch, capsys):
    def wrong(X, W_xh, H, W_hh):
        return np.concatenate([X, H], axis=1) @ np.concatenate([W_hh, W_xh], axis=0)

    monkeypatch.setattr(lesson, "joined_product", wrong)
    assert lesson.main([]) == 1
    assert "MISSED the joined product equals the two products to round-off" in capsys.readouterr().out


def test_round_off_is_no_excuse(monkeypatch, capsys):
    step = lesson.lstm_step
    monkeypatch.setattr(lesson, "lstm_step", lambda *arguments: [state + 1e-9 for state in step(*arguments)])
    assert lesson.main([]) == 1
    assert "MISSED LSTM: 1 product equals the 8 of four gates" in capsys.readouterr().out
