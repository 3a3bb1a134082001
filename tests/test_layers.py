"""Every row of the table against its Keras twin and against plain NumPy equations."""

import inspect
import json

import keras
import layer_table
import numpy as np
import pytest
import tensorflow as tf
from closeness import assert_close
from grids import grid, slow_unless
from layer_table import (
    BATCH,
    FEATURES,
    MASK,
    NAMES,
    QUICK_ROWS,
    ROWS,
    TIME,
    UNITS,
    VARIANTS,
    Row,
    random_inputs,
    random_states,
)

import keras_rnn

every_row = pytest.mark.parametrize("row", ROWS, ids=str)  # what is quick with each
every_layer = pytest.mark.parametrize("name", NAMES)
# Options that the cell doesn't see change the loop: these rows are checked without a mask too, which is other code.
LOOP_OPTIONS = {"return_sequences", "go_backwards", "zero_output_for_mask", "unroll"}
LOOP_ROWS = [row for row in ROWS if row.options.keys() <= LOOP_OPTIONS]
every_row_masked_and_loops_unmasked = pytest.mark.parametrize(
    ("row", "mask"),
    [
        slow_unless(row in QUICK_ROWS, row, mask)
        for row, mask in [(row, MASK) for row in ROWS] + [(row, None) for row in LOOP_ROWS]
    ],
    ids=lambda value: str(value) if isinstance(value, Row) else "unmasked" if value is None else "masked",
)


def values_and_gradients(layer, inputs, states, mask):
    """Outputs and last states in training, and the gradients by weights, inputs and initial states."""
    inputs, *states = (tf.convert_to_tensor(tensor) for tensor in (inputs, *states))
    sources = [*(w.value for w in layer.trainable_weights), inputs, *states]
    with tf.GradientTape() as tape:
        tape.watch(sources)
        values = layer(inputs, initial_state=states, mask=mask, training=True)
        # A different factor for each number: a sum alone can't see which of two outputs a gradient comes from.
        loss = tf.add_n([tf.reduce_sum(v * np.random.default_rng(1).normal(size=v.shape)) for v in values])
    return values, tape.gradient(loss, sources, unconnected_gradients="zero")


def test_every_public_layer_has_a_row():
    """A layer in keras_rnn.__all__ without a row in a table is a layer without a proof."""
    layers = [*NAMES, *VARIANTS]
    others = ["ExportError", "Exported", "Signature", "convert", "export", "export_functions"]
    assert sorted(keras_rnn.__all__) == sorted([*layers, *(f"{name}Cell" for name in layers), *others])


@every_row_masked_and_loops_unmasked
def test_outputs_states_and_gradients_equal_the_twin(row, mask):
    ours, twin = row.pair(return_state=True)
    inputs, states = random_inputs(), random_states(twin)
    values, gradients = values_and_gradients(ours, inputs, states, mask)
    twin_values, twin_gradients = values_and_gradients(twin, inputs, states, mask)
    assert_close(values, twin_values)
    assert_close(gradients, twin_gradients)


@every_row_masked_and_loops_unmasked
def test_outputs_and_states_equal_the_equations(row, mask):
    layer, _ = row.pair(return_state=True)
    inputs, states = random_inputs(), random_states(layer)
    expected = layer_table.by_the_equations(layer, inputs, states, mask)
    assert_close(layer(inputs, initial_state=states, mask=mask), expected)


@every_row
def test_weights_are_the_twins_in_name_shape_and_order(row):
    ours, twin = row.ours(name="rnn"), row.twin(name="rnn")
    for layer in (ours, twin):
        layer.build((BATCH, TIME, FEATURES))
    assert [(v.path, v.shape, v.dtype) for v in ours.weights] == [(v.path, v.shape, v.dtype) for v in twin.weights]
    assert [(v.name, v.shape, v.dtype) for v in ours.variables] == [(v.name, v.shape, v.dtype) for v in twin.variables]
    twin.set_weights(layer_table.random_weights(ours))
    ours.set_weights(twin.get_weights())
    assert_close(ours.get_weights(), layer_table.random_weights(twin))


@every_layer
def test_global_seed_gives_the_twins_initial_weights(name):
    weights = []
    for module in (keras_rnn, keras.layers):
        keras.utils.set_random_seed(3)
        layer = getattr(module, name)(UNITS, bias_initializer="uniform")
        layer.build((BATCH, TIME, FEATURES))
        weights.append(layer.get_weights())
    assert_close(*weights, sums=0)


@every_row
def test_config_survives_json_and_the_twin(row):
    layer = row.ours(name="rnn")
    config = json.loads(json.dumps(layer.get_config()))
    assert type(layer).from_config(dict(config)).get_config() == layer.get_config()
    twin = row.twin().from_config(dict(config))
    assert twin.get_config().items() <= layer.get_config().items()
    ours_from_twin = type(layer).from_config(twin.get_config())
    assert twin.get_config().items() <= ours_from_twin.get_config().items()


@pytest.mark.parametrize(
    ("name", "options", "mask"),
    grid(NAMES, [{}, {"return_sequences": True, "go_backwards": True}], [MASK, None]),
    ids=lambda value: "masked" if value is MASK else str(value),
)
def test_graph_of_unknown_batch_and_time_equals_eager(name, options, mask):
    layer, _ = Row(name, options).pair(return_state=True)
    graph = tf.function(lambda x, m: layer(x, mask=m))
    shape = [None, None]
    graph = graph.get_concrete_function(
        tf.TensorSpec([*shape, FEATURES]), None if mask is None else tf.TensorSpec(shape, tf.bool)
    )
    inputs = random_inputs()
    arguments = [tf.constant(inputs)] if mask is None else [tf.constant(inputs), tf.constant(mask)]
    assert_close(graph(*arguments), layer(inputs, mask=mask))


def test_xla_gives_the_same_gradients():
    layer, _ = Row("LSTM", {"return_sequences": True}).pair(return_state=True)
    inputs, states = random_inputs(), random_states(layer)
    compiled = tf.function(values_and_gradients, jit_compile=True, autograph=False)
    assert_close(compiled(layer, inputs, states, MASK), values_and_gradients(layer, inputs, states, MASK))


@every_layer
def test_every_argument_of_the_twin_is_there_with_its_default_and_position(name):
    for public_name in (name, f"{name}Cell"):
        ours, twin = (
            [(p.name, p.default) for p in inspect.signature(getattr(module, public_name)).parameters.values()]
            for module in (keras_rnn, keras.layers)
        )
        assert ours[: len(twin) - 1] == twin[:-1], public_name
        assert ours[-1] == twin[-1], public_name


@every_layer
def test_no_argument_is_forgotten_by_the_config(name):
    """Every constructor argument with a value that isn't its default comes back after a round trip."""
    changed = {bool: lambda old: not old, float: lambda old: old + 0.25, int: lambda old: 3 - old}
    by_name = {
        "units": UNITS,
        "activation": "relu",
        "recurrent_activation": "hard_sigmoid",
        "kernel_initializer": "ones",
        "recurrent_initializer": "zeros",
        "bias_initializer": "ones",
        "seed": 11,
        "use_cudnn": False,
        "implementation": 1,
        "zero_output_for_mask": True,
        "dtype": "float64",
        "trainable": False,
        "name": "other",
    }
    names = [n for n in inspect.signature(getattr(keras_rnn, name)).parameters if n != "kwargs"]
    defaults = {n: p.default for n, p in inspect.signature(getattr(keras_rnn, name)).parameters.items()}
    arguments = (
        dict(by_name) if name != "SimpleRNN" else {n: v for n, v in by_name.items() if n in names or n[0] in "zdtn"}
    )
    for argument in set(names) - set(by_name):
        if argument.endswith("_regularizer"):
            arguments[argument] = keras.regularizers.L2(0.5)
        elif argument.endswith("_constraint"):
            arguments[argument] = keras.constraints.MaxNorm(3)
        else:
            arguments[argument] = changed[type(defaults[argument])](defaults[argument])
    layer = getattr(keras_rnn, name)(**arguments)
    default_config = getattr(keras_rnn, name)(UNITS + 1).get_config()
    config = layer.get_config()
    assert [n for n in arguments if config[n] == default_config[n]] == []
    assert type(layer).from_config(json.loads(json.dumps(config))).get_config() == config
    assert (layer.cell.trainable, layer.cell.dtype) == (False, "float64")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"units": 0}, "expected units to be a positive integer, got 0"),
        ({"units": 2.5}, "expected units to be a positive integer, got 2.5"),
        ({"units": 3, "use_cudnn": "yes"}, "expected use_cudnn \"auto\", True or False, got 'yes'"),
    ],
)
def test_bad_arguments_are_named(options, sentence):
    with pytest.raises(ValueError, match=sentence):
        keras_rnn.LSTM(**options)


@every_layer
def test_no_time_steps_are_refused_in_one_sentence(name):
    with pytest.raises(ValueError, match="expected one time step or more"):
        getattr(keras_rnn, name)(UNITS)(np.zeros((BATCH, 0, FEATURES), "float32"))


def test_use_cudnn_true_without_cudnn_is_refused():
    with pytest.raises(ValueError, match=r"expected a GPU, .* for use_cudnn=True"):
        keras_rnn.GRU(UNITS, use_cudnn=True)(random_inputs())


@every_layer
@pytest.mark.parametrize("mask", [None, MASK[:0]], ids=["unmasked", "masked"])
def test_zero_length_batch(name, mask):
    """Keras's own LSTM fails here in eager mode, with "Biases must be 1D"."""
    layer, _ = Row(name, {"return_sequences": True}).pair(return_state=True)
    outputs, *states = layer(np.zeros((0, TIME, FEATURES), "float32"), mask=mask)
    assert outputs.shape == (0, TIME, UNITS)
    assert [state.shape for state in states] == [(0, UNITS)] * len(layer.state_size)
