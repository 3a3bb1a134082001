"""The lesson sine_to_cosine: its windows, states that flow, the error's place, and its command line."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from apps.lessons import sine_to_cosine


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(5)
    return sine_to_cosine.TwoLayers()


def test_windows_follow_each_other():
    sines, cosines = sine_to_cosine.windows(3, 4)
    assert sines.shape == cosines.shape == (4, 1, 20, 1)
    np.testing.assert_allclose(sines**2 + cosines**2, 1.0, atol=1e-6)
    np.testing.assert_allclose(sines.ravel(), np.sin(0.1 * np.arange(60, 140)), atol=1e-5)
    np.testing.assert_allclose(cosines.ravel()[:2], np.cos([6.0, 6.1]), atol=1e-5)


def test_flowing_states_make_windows_one_sequence(model):
    sines, _ = sine_to_cosine.windows(0, 3)
    zeros = sine_to_cosine.no_states()
    whole, _ = model(tf.constant(sines.reshape(1, 60, 1)), zeros)
    flowing = sine_to_cosine.predict(model, sines, zeros, flowing=True)
    np.testing.assert_allclose(flowing.ravel(), np.ravel(whole), atol=1e-5)
    anew = sine_to_cosine.predict(model, sines, zeros, flowing=False)
    np.testing.assert_allclose(anew[0], flowing[0], atol=1e-6)
    assert np.abs(anew[1, 0, 0] - flowing[1, 0, 0]).max() > 1e-3
    np.testing.assert_allclose(anew[1], model(tf.constant(sines[1]), zeros)[0], atol=1e-5)


@pytest.mark.slow
def test_training_hands_the_state_on(monkeypatch):
    """With a learning rate of 0 the losses are those of the untrained network, window after window."""
    monkeypatch.setattr(sine_to_cosine.keras.optimizers.schedules, "CosineDecay", lambda rate, count: 0.0)
    sines, cosines = sine_to_cosine.windows(0, 4)
    for flowing in (True, False):
        keras.utils.set_random_seed(1)
        model, losses, _ = sine_to_cosine.learn(4, flowing)
        predicted = sine_to_cosine.predict(model, sines, sine_to_cosine.no_states(), flowing)
        np.testing.assert_allclose(losses, ((predicted - cosines) ** 2).mean(axis=(1, 2, 3)), atol=1e-5)


def test_the_command_line(monkeypatch, tmp_path, capsys, model):
    """A network that learned nothing misses the target: exit status 1, and the picture all the same."""
    monkeypatch.setattr(sine_to_cosine, "learn", lambda *arguments: (model, [1.0], sine_to_cosine.no_states()))
    assert sine_to_cosine.main(["--plot", str(tmp_path / "plot.png")]) == 1
    assert "MISSED with flowing state" in capsys.readouterr().out
    with Image.open(tmp_path / "plot.png") as picture:
        assert picture.format == "PNG" and np.array(picture).std() > 10


def test_reached_answers(monkeypatch, capsys):
    """What the checks ask of the errors."""

    def predict(model, sines, states, flowing):
        return sine_to_cosine.windows(1000, 100)[1] + (0.02 if flowing else 0.2)

    monkeypatch.setattr(sine_to_cosine, "learn", lambda count, flowing: (None, [1.0], None))
    monkeypatch.setattr(sine_to_cosine, "predict", predict)
    assert sine_to_cosine.main([]) == 0
    assert "mean squared error 4.0e-04 under 1e-03" in capsys.readouterr().out
