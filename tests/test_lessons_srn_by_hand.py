"""The simple recurrent network by hand: its steps, the other three ways, the known answer, the picture."""

import sys

import numpy as np
import pytest
from PIL import Image

from apps.lessons import srn_by_hand
from keras_rnn import SimpleRNN


@pytest.mark.parametrize("activation", ["linear", "relu", "tanh"])
def test_the_steps_are_those_of_a_layer_with_any_weights(activation, monkeypatch):
    generator = np.random.default_rng(1)
    kernel, recurrent_kernel = generator.normal(size=(2, 2, 2))
    monkeypatch.setattr(srn_by_hand, "W_xh", kernel.T)
    monkeypatch.setattr(srn_by_hand, "W_hh", recurrent_kernel.T)
    sequence = generator.normal(size=(5, 2))
    layer = SimpleRNN(2, activation, use_bias=False, return_sequences=True, dtype="float64")
    layer.build((None, None, 2))
    layer.set_weights([kernel, recurrent_kernel])
    np.testing.assert_allclose(srn_by_hand.by_hand(sequence, activation), layer(sequence[None])[0], atol=1e-12)


@pytest.mark.parametrize("activation", ["linear", "relu", "tanh"])
def test_the_four_ways_agree_on_another_sequence(activation):
    sequence = np.random.default_rng(2).normal(size=(4, 2))
    expected = srn_by_hand.by_hand(sequence, activation)
    for way in (srn_by_hand.with_our_cell, srn_by_hand.with_our_layer):
        np.testing.assert_allclose(way(sequence, activation), expected, atol=1e-12)
    states = srn_by_hand.with_pytorch(sequence, activation)
    if states is not None:
        np.testing.assert_allclose(states, expected, atol=1e-12)


def test_it_reaches_the_known_answer_and_draws(tmp_path, capsys):
    assert srn_by_hand.main(["--plot", str(tmp_path / "plot.png")]) == 0
    out = capsys.readouterr().out
    assert "MISSED" not in out and "hidden [6. 6.] -> linear([16. 16.]) = [16. 16.]" in out
    for way in ("NumPy", "our cell", "our layer"):
        assert f"ok     tanh: outputs 1.9280551601516338, 1.9984510891336251, 1.9999753470497836, by {way}\n" in out
    with Image.open(tmp_path / "plot.png") as picture:
        assert picture.format == "PNG" and picture.width > 900


def test_a_wrong_recurrent_weight_is_noticed(monkeypatch, capsys):
    monkeypatch.setattr(srn_by_hand, "W_hh", np.array([[1.0, 1.0], [1.0, 0.999]]))
    assert srn_by_hand.main([]) == 1
    out = capsys.readouterr().out
    assert "MISSED tanh: outputs" in out and "MISSED linear: hidden states 2, 6, 16" in out


def test_without_pytorch_there_are_three_ways(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "torch", None)
    assert srn_by_hand.main([]) == 0
    out = capsys.readouterr().out
    assert "PyTorch isn't installed" in out and "by PyTorch" not in out
