"""A cell in a loop, stacks and two directions: other sizes, the witnesses, the known shapes, the picture."""

import sys

import keras
import numpy as np
import pytest
from PIL import Image

from apps.lessons import cell_and_layer as lesson
from keras_rnn import LSTM

TIME, BATCH, FEATURES, UNITS = 4, 2, 5, 3


@pytest.fixture
def sequence():
    keras.utils.set_random_seed(1)
    return np.random.default_rng(1).normal(size=(TIME, BATCH, FEATURES))


def layers_of(count):
    return [LSTM(UNITS, **lesson.EVERYTHING) for _ in range(count)]


@pytest.mark.parametrize("count", [1, 2, 3])
def test_loop_layers_keras_and_pytorch_agree(count, sequence):
    layers = layers_of(count)
    answer = outputs, hidden, memory = lesson.through_layers(layers, sequence)
    assert (outputs.shape, hidden.shape, memory.shape) == ((TIME, BATCH, UNITS), *[(count, BATCH, UNITS)] * 2)
    assert lesson.equal(lesson.loop_over_cells([layer.cell for layer in layers], sequence), answer)
    twins = [keras.layers.LSTM(UNITS, **lesson.EVERYTHING) for _ in layers]
    inputs = sequence.swapaxes(0, 1)
    for number, (twin, layer) in enumerate(zip(twins, layers, strict=True)):
        twin.build(inputs.shape)
        twin.set_weights(layer.get_weights())
        inputs, *states = twin(inputs)
        np.testing.assert_allclose(np.stack(states), [hidden[number], memory[number]], atol=1e-12)
    np.testing.assert_allclose(inputs, outputs.swapaxes(0, 1), atol=1e-12)
    theirs = lesson.through_pytorch(layers, sequence)
    assert theirs is None or lesson.equal(theirs, answer)


def test_two_directions(sequence):
    there, back = layers_of(2)
    answer = outputs, hidden, memory = lesson.there_and_back(there, back, sequence)
    assert outputs.shape == (TIME, BATCH, 2 * UNITS) and hidden.shape == memory.shape == (2, BATCH, UNITS)
    assert lesson.equal(lesson.bidirectional(there, back, sequence), answer)
    first = outputs.copy()
    changed = sequence.copy()
    changed[-1] += 1.0  # the first output of the way there can't know the last input, that of the way back does
    outputs, _, _ = lesson.there_and_back(there, back, changed)
    np.testing.assert_array_equal(outputs[:-1, :, :UNITS], first[:-1, :, :UNITS])
    assert np.all(outputs[0, :, UNITS:] != first[0, :, UNITS:])


def test_what_is_not_equal(sequence):
    answer = lesson.through_layers(layers_of(1), sequence)
    outputs, hidden, memory = answer
    assert lesson.equal(answer, [outputs, hidden, memory])
    assert not lesson.equal(answer, [outputs, memory, hidden])
    assert not lesson.equal(answer, [outputs + 1e-9, hidden, memory])
    assert not lesson.equal(answer, [outputs, hidden[0], memory])


def test_it_reaches_the_known_answer_and_draws(tmp_path, capsys):
    assert lesson.main(["--plot", str(tmp_path / "plot.png"), "--seed", "3"]) == 0
    out = capsys.readouterr().out
    assert "MISSED" not in out and "four layers     outputs (10, 3, 20)  hidden (4, 3, 20)  memory (4, 3, 20)" in out
    assert "two directions  outputs (10, 3, 40)  hidden (2, 3, 20)" in out
    with Image.open(tmp_path / "plot.png") as picture:
        assert picture.format == "PNG" and picture.height > picture.width > 900


def test_a_loop_that_starts_anew_is_noticed(monkeypatch, capsys):
    loop = lesson.loop_over_cells

    def forgetful(cells, sequence):
        answers = [loop(cells, step[np.newaxis]) for step in sequence]
        return [np.concatenate([outputs for outputs, _, _ in answers]), *answers[-1][1:]]

    monkeypatch.setattr(lesson, "loop_over_cells", forgetful)
    monkeypatch.setitem(sys.modules, "torch", None)
    assert lesson.main([]) == 1
    out = capsys.readouterr().out
    assert "MISSED a cell in a loop is a layer" in out and "PyTorch isn't installed" in out
