"""Cells that aren't as keras_rnn has them: subclassed, changed or replaced, and run as they are."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from closeness import assert_close
from grids import grid, rows_of
from layer_table import BATCH, FEATURES, MASK, TIME, UNITS, random_inputs, random_weights

import keras_rnn

INPUTS = random_inputs()


class OwnCall(keras_rnn.LSTMCell):
    def call(self, inputs, states, training=False):
        output, states = super().call(inputs, states, training=training)
        return output / 2, states


class OwnStep(keras_rnn.GRUCell):
    """Its output isn't its state; `super` finds the cell."""

    def step(self, projected, states, masks=None):
        output, states = super().step(projected, states, masks)
        return 1 - output, states


class OwnProject(keras_rnn.SimpleRNNCell):
    def project(self, inputs, masks=None):
        return super().project(inputs, masks) + 1


class OwnBuild(keras_rnn.GRUCell):
    """Its kernel is a product of two."""

    weight_names = ("first", "second", "recurrent_kernel", "bias")

    def build(self, input_shape):
        self.first = self.add_weight((input_shape[-1], 1))
        self.second = self.add_weight((1, 3 * self.units))
        self.recurrent_kernel = self.add_weight((self.units, 3 * self.units))
        self.bias = self.add_weight((2, 3 * self.units))

    def project(self, inputs, masks=None):
        return tf.matmul(tf.matmul(inputs, self.first), self.second) + self.bias[0]


class OwnWeights(keras_rnn.SimpleRNNCell):
    """A leaky integrator, of its own weights only."""

    def build(self, input_shape):
        self.leak = self.add_weight((self.units,))

    def call(self, inputs, states, training=False):
        hidden = states[0] * self.leak + inputs[:, : self.units]
        return hidden, [hidden]


class OwnStart(keras_rnn.GRUCell):
    def get_initial_state(self, batch_size=None):
        return [tf.ones((batch_size, self.units))]


class OwnDropout(keras_rnn.LSTMCell):
    def get_dropout_mask(self, step_input):
        return (tf.ones_like(step_input) * 3,)


CELLS = {
    OwnCall: keras_rnn.LSTM,
    OwnStep: keras_rnn.GRU,
    OwnProject: keras_rnn.SimpleRNN,
    OwnBuild: keras_rnn.GRU,
    OwnWeights: keras_rnn.SimpleRNN,
    OwnStart: keras_rnn.GRU,
    OwnDropout: keras_rnn.LSTM,
    keras.layers.LSTMCell: keras_rnn.LSTM,
}


def layer_with(cell, layer_class, **options):
    layer = layer_class(UNITS, **options)
    layer.cell = cell
    layer.build((BATCH, TIME, FEATURES))
    layer.set_weights(random_weights(layer))
    return layer


CALLS = {
    "masked, training": {"mask": MASK, "training": True},
    "inference": {"mask": None, "training": False},
    "training": {"mask": None, "training": True},
    "masked, inference": {"mask": MASK, "training": False},
}


@pytest.mark.parametrize(
    ("cell_class", "call"),
    grid(CELLS, CALLS),
    ids=lambda value: value if isinstance(value, str) else f"{value.__module__.split('.')[0]}.{value.__name__}",
)
def test_layer_does_what_its_cell_does(cell_class, call):
    options = {"return_sequences": True, "return_state": True}
    layer = layer_with(cell_class(UNITS), CELLS[cell_class], **options)
    expected = keras.layers.RNN(layer.cell, **options)(INPUTS, **CALLS[call])
    assert_close(layer(INPUTS, **CALLS[call]), list(expected))
    assert_close(tf.function(layer)(INPUTS, **CALLS[call]), list(expected))


@pytest.mark.parametrize("method", ["call", "step"])
def test_method_given_to_one_cell_is_taken(method):
    layer = layer_with(keras_rnn.LSTMCell(UNITS), keras_rnn.LSTM)
    before, whole = layer(INPUTS), getattr(layer.cell, method)

    def halved(*arguments, **keywords):
        output, states = whole(*arguments, **keywords)
        return output / 2, states

    setattr(layer.cell, method, halved)
    assert_close(layer(INPUTS), before / 2)


@pytest.mark.parametrize("cell_class", rows_of([OwnCall, OwnStep], lambda cell_class: cell_class is OwnStep))
def test_own_cell_learns(cell_class):
    layer = layer_with(cell_class(UNITS, dropout=0.3, recurrent_dropout=0.2, seed=1), CELLS[cell_class])
    model = keras.Sequential([keras.Input((TIME, FEATURES)), layer])
    model.compile(keras.optimizers.Adam(0.05), "mse")
    losses = model.fit(INPUTS, np.zeros((BATCH, UNITS)), epochs=10, verbose=0).history["loss"]
    assert losses[-1] < losses[0]


def test_two_cells_in_one_layer():
    """layer.cell replaced by keras.layers.StackedRNNCells: nested states."""
    cells = keras.layers.StackedRNNCells([keras_rnn.LSTMCell(UNITS), OwnCall(UNITS)])
    layer = layer_with(cells, keras_rnn.LSTM)
    assert_close(layer(INPUTS), keras.layers.RNN(cells)(INPUTS))


def test_own_cell_is_exported(tmp_path):
    for number, cell_class in enumerate((OwnCall, OwnStep)):
        layer = layer_with(cell_class(UNITS), CELLS[cell_class], return_sequences=True)
        model = keras.Sequential([keras.Input((None, FEATURES)), layer])
        files = keras_rnn.export(model, tmp_path / str(number), formats=["saved_model"], step=True)
        assert files["saved_model"].difference < 1e-5


def test_use_cudnn_true_is_refused_for_an_own_call():
    with pytest.raises(ValueError, match="expected a cell of keras_rnn for use_cudnn=True, got OwnCall"):
        layer_with(OwnCall(UNITS), keras_rnn.LSTM, use_cudnn=True)(INPUTS)
