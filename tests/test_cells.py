"""The cells by themselves, and inside the Keras layers that take a cell."""

import keras
import layer_table
import numpy as np
import pytest
import tensorflow as tf
from closeness import assert_close
from layer_table import BATCH, FEATURES, MASK, NAMES, ROWS, UNITS, random_inputs, random_states, random_weights

import keras_rnn

every_row = pytest.mark.parametrize("row", ROWS, ids=str)
every_cell = pytest.mark.parametrize("name", [f"{name}Cell" for name in NAMES])
DROPOUT = {"dropout": 0.3, "recurrent_dropout": 0.4, "seed": 3}


def cells(class_name, *sizes, **options):
    """Our cells and their twins, one of each size."""
    return [[getattr(module, class_name)(size, **options) for size in sizes] for module in (keras_rnn, keras.layers)]


@every_row
def test_one_step_equals_the_twin_and_the_equations(row):
    ours, twin = row.pair()
    inputs, states = random_inputs(BATCH, FEATURES), random_states(twin)
    output, new_states = ours.cell(inputs, states)
    assert_close([output, new_states], twin.cell(inputs, states))
    assert_close(new_states, layer_table.one_step(ours, inputs, states))
    assert output is new_states[0]


@every_row
def test_projecting_a_sequence_is_projecting_each_step(row):
    cell = row.pair()[0].cell
    inputs = random_inputs()
    projected = cell.project(tf.constant(inputs))
    assert projected.shape == (*inputs.shape[:2], cell.gates * UNITS)
    assert_close(projected, np.stack([cell.project(tf.constant(inputs[:, t])) for t in range(inputs.shape[1])], 1))


@pytest.mark.parametrize("name", ["SimpleRNNCell", "GRUCell"])  # the LSTM has two states
def test_a_lone_state_outside_a_list_comes_back_so(name):
    (ours,), (twin,) = cells(name, UNITS)
    for cell in (ours, twin):
        cell.build((None, FEATURES))
        cell.set_weights(random_weights(cell))
    arguments = random_inputs(BATCH, FEATURES), tf.ones([BATCH, UNITS])
    assert_close(ours(*arguments), twin(*arguments))
    assert tf.is_tensor(ours(*arguments)[1])


@every_cell
@pytest.mark.parametrize("sizes", [(UNITS,), (UNITS, UNITS + 1)], ids=["one cell", "stacked"])
def test_inside_keras_rnn_equals_the_twin(name, sizes):
    """keras.layers.RNN runs the loop here, with one dropout mask a sequence, a new one for the next sequence."""
    results = []
    for made in cells(name, *sizes, **DROPOUT):
        layer = keras.layers.RNN(made if len(made) > 1 else made[0], return_sequences=True)
        layer.build((BATCH, *random_inputs().shape[1:]))
        layer.set_weights(random_weights(layer))
        results.append([layer(random_inputs(), mask=MASK, training=training) for training in (True, True, False)])
    assert_close(*results)
    assert not np.allclose(results[0][0], results[0][1]), "a new sequence in training has a new mask"


@every_cell
def test_a_new_dropout_mask_only_after_a_reset(name):
    ((cell,), _) = cells(name, UNITS, **DROPOUT)
    inputs, states = tf.ones([BATCH, FEATURES]), cell.get_initial_state(BATCH)
    first = cell(inputs, states, training=True)[0]
    assert_close(cell(inputs, states, training=True)[0], first, sums=0)
    cell.reset_dropout_mask()
    assert not np.allclose(cell(inputs, states, training=True)[0], first)


@every_cell
def test_cell_config_round_trip(name):
    ((cell,), (twin,)) = cells(name, UNITS, use_bias=False, kernel_regularizer="l2", name="cell", **DROPOUT)
    config = cell.get_config()
    assert twin.get_config().items() <= config.items()
    again = type(cell).from_config(config)
    assert again.get_config() == config
    assert again.state_size == cell.state_size
