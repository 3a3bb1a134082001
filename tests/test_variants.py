"""The variants of LSTM and GRU: against their equations in NumPy, and against LSTM and GRU where they should be one."""

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
    ACTIVATIONS,
    BATCH,
    FEATURES,
    MASK,
    QUICK_VARIANT_ROWS,
    TIME,
    UNITS,
    VARIANT_ROWS,
    VARIANTS,
    Row,
    random_inputs,
    random_states,
    random_weights,
)

import keras_rnn
from keras_rnn.fast_paths import cudnn, formulas
from keras_rnn.interface import Interface

every_row = pytest.mark.parametrize("row", VARIANT_ROWS, ids=str)
every_variant = pytest.mark.parametrize("name", VARIANTS)
INPUTS = np.where(MASK[..., None], random_inputs(), 0).astype("float32")  # keras.layers.Masking makes MASK of it


def made(row, **more):
    """The layer of a row, or of a name in the table, with random weights."""
    row = Row(row, VARIANTS[row]) if isinstance(row, str) else row
    layer = row.ours(**more)
    layer.build((BATCH, TIME, FEATURES))
    layer.set_weights(random_weights(layer))
    return layer


def with_random_weights(model):
    model.set_weights([np.random.default_rng(7).normal(size=w.shape, scale=0.5) for w in model.get_weights()])
    return model


# The equations.


def normal(x, gamma):
    return (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-3) * gamma


def one_step(layer, x, states):
    """The new states, of which the first is the output; zoneout in inference."""
    name = type(layer).__name__
    weights = {w.name: w.numpy().astype("float64") for w in layer.cell.weights}
    activation, sigma = (
        ACTIVATIONS[keras.activations.serialize(f)] for f in (layer.activation, layer.recurrent_activation)
    )
    x, h = x.astype("float64"), states[0]
    W, U = weights["kernel"], weights["recurrent_kernel"]
    b = weights.get("bias", np.zeros((2, W.shape[1]) if "GRU" in name else W.shape[1]))
    if "GRU" in name:
        xW, hU = x @ W, h @ U
        if name == "LayerNormGRU":
            gates, last = slice(0, 2 * UNITS), slice(2 * UNITS, 3 * UNITS)
            g, k = weights["kernel_gamma"], weights["recurrent_gamma"]
            xW = np.concatenate([normal(xW[..., part], g[part]) for part in (gates, last)], -1)
            hU = np.concatenate([normal(hU[..., part], k[part]) for part in (gates, last)], -1)
        (xz, xr, xc), (hz, hr, hc) = np.split(xW + b[0], 3, -1), np.split(hU + b[1], 3, -1)
        z = sigma(xz + hz)
        new = [z * h + (1 - z) * activation(xc + sigma(xr + hr) * hc)]
        rates = [getattr(layer, "zoneout_hidden", 0)]
    else:
        c, p = states[1], weights.get("peephole_kernel", np.zeros((3, UNITS)))
        total = x @ W + h @ U + b
        if name == "LayerNormLSTM":
            total = normal(x @ W, weights["kernel_gamma"]) + normal(h @ U, weights["recurrent_gamma"]) + b
        if name == "CoupledLSTM":
            f, g, o = np.split(total, 3, -1)
            i = -f
        else:
            i, f, g, o = np.split(total, 4, -1)
        new_c = sigma(f + p[1] * c) * c
        new_c += (1 - sigma(f) if name == "CoupledLSTM" else sigma(i + p[0] * c)) * activation(g)
        shown = new_c
        if name == "LayerNormLSTM":
            shown = normal(new_c, weights["memory_gamma"]) + weights["memory_beta"]
        new_h = sigma(o + p[2] * new_c) * activation(shown)
        new = [new_h @ weights.get("projection_kernel", np.eye(UNITS)), new_c]
        rates = [getattr(layer, f"zoneout_{state}", 0) for state in ("hidden", "memory")]
    return [rate * old + (1 - rate) * now for rate, old, now in zip(rates, states, new, strict=True)]


@every_row
def test_one_step_equals_the_equations(row):
    layer = made(row)
    inputs, states = random_inputs(BATCH, FEATURES), random_states(layer)
    output, new_states = layer.cell(inputs, states)
    assert_close(new_states, one_step(layer, inputs, states))
    assert output is new_states[0]


@pytest.mark.parametrize(
    ("row", "mask"),
    [slow_unless(row in QUICK_VARIANT_ROWS, row, mask) for row in VARIANT_ROWS for mask in (None, MASK)],
    ids=lambda value: str(value) if isinstance(value, Row) else "unmasked" if value is None else "masked",
)
def test_outputs_and_states_equal_the_equations(row, mask):
    layer = made(row, return_state=True)
    inputs, states = random_inputs(), random_states(layer)
    expected = layer_table.by_the_equations(layer, inputs, states, mask, one_step)
    values = layer(inputs, initial_state=states, mask=mask)
    assert_close(values, expected)
    shapes = layer.compute_output_shape(inputs.shape)
    assert [tuple(value.shape) for value in values] == [tuple(shape) for shape in shapes]


@pytest.mark.parametrize(
    ("name", "mask"), grid(VARIANTS, [MASK, None]), ids=lambda value: "masked" if value is MASK else str(value)
)
def test_gradients_equal_finite_differences(name, mask):
    """Along a random direction of all weights, inputs and initial states together; in float64."""
    layer = made(name, return_sequences=True, return_state=True, dtype="float64")
    weights, rng = layer.trainable_weights, np.random.default_rng(3)
    values = [rng.normal(size=w.shape, scale=0.5) for w in weights] + [random_inputs(), *random_states(layer)]
    values = [tf.constant(value, tf.float64) for value in values]
    ways = [tf.constant(rng.normal(size=value.shape)) for value in values]

    def loss(values):
        for weight, value in zip(weights, values, strict=False):
            weight.assign(value)
        inputs, *states = values[len(weights) :]
        outputs = layer(inputs, initial_state=states, mask=mask)
        # A different factor for each number: a sum alone can't see which of two outputs a gradient comes from.
        return tf.add_n(
            [tf.reduce_sum(output * np.random.default_rng(1).normal(size=output.shape)) for output in outputs]
        )

    with tf.GradientTape() as tape:
        tape.watch(values)
        total = loss(values)
    sources = [*(weight.value for weight in weights), *values[len(weights) :]]
    gradients = tape.gradient(total, sources)
    assert all(np.abs(gradient).max() > 0 for gradient in gradients)
    along = sum(np.sum(gradient * way) for gradient, way in zip(gradients, ways, strict=True))
    ahead, behind = (loss([v + step * way for v, way in zip(values, ways, strict=True)]) for step in (1e-5, -1e-5))
    np.testing.assert_allclose((ahead - behind) / 2e-5, along, rtol=1e-6)


# LSTM and GRU where a variant should be one.


def same_as(variant, plain, change):
    """That `variant` and `plain` give the same, with the weights of `variant` changed and given to `plain`."""
    weights = change(dict(zip([w.name for w in variant.cell.weights], variant.get_weights(), strict=True)))
    plain.build((BATCH, TIME, FEATURES))
    for w in plain.cell.weights:
        w.assign(weights.get(w.name, w))
    for training in (True, False):  # Keras draws masks at inference too
        assert_close(
            variant(random_inputs(), mask=MASK, training=training), plain(random_inputs(), mask=MASK, training=training)
        )


def test_without_peepholes_it_is_an_lstm():
    layer = keras_rnn.PeepholeLSTM(UNITS, return_sequences=True)  # zeros at the beginning
    layer.build((BATCH, TIME, FEATURES))
    assert not np.any(layer.cell.peephole_kernel)
    same_as(layer, keras.layers.LSTM(UNITS, return_sequences=True), lambda weights: weights)


def test_with_an_identity_as_projection_it_is_an_lstm():
    layer = made(Row("ProjectedLSTM", {"projection": UNITS}))
    layer.cell.projection_kernel.assign(np.eye(UNITS))
    same_as(layer, keras.layers.LSTM(UNITS), lambda weights: weights)


def test_coupled_gates_are_those_of_an_lstm_with_opposite_weights():
    def with_opposite_input_gate(weights):
        return {name: np.concatenate([-w[..., :UNITS], w], -1) for name, w in weights.items() if "seed" not in name}

    same_as(made("CoupledLSTM"), keras.layers.LSTM(UNITS), with_opposite_input_gate)


@pytest.mark.parametrize("name", ["LSTM", "GRU"])
@pytest.mark.parametrize("options", [{}, {"dropout": 0.4, "recurrent_dropout": 0.3, "seed": 4}], ids=["", "dropout"])
def test_without_zoneout_it_is_the_plain_layer(name, options):
    rates = {rate: 0 for rate in VARIANTS[f"Zoneout{name}"]}
    layer = made(Row(f"Zoneout{name}", rates | options))
    same_as(layer, getattr(keras.layers, name)(UNITS, **options), lambda weights: weights)


def test_a_gru_that_resets_before_has_zoneout_too():
    layer = made(Row("ZoneoutGRU", {"zoneout_hidden": 0, "reset_after": False}))
    same_as(layer, keras.layers.GRU(UNITS, reset_after=False), lambda weights: weights)


@pytest.mark.parametrize("name", ["PeepholeLSTM", "ProjectedLSTM", "LayerNormLSTM", "ZoneoutLSTM"])
def test_the_forget_gate_begins_open(name):
    layer = getattr(keras_rnn, name)(UNITS, **VARIANTS[name])
    layer.build((BATCH, TIME, FEATURES))
    assert_close(layer.cell.bias, np.repeat([0, 1, 0, 0], UNITS), sums=0)


def test_the_coupled_forget_gate_begins_open():
    for options, forget in (({}, 1), ({"unit_forget_bias": False}, 0)):
        layer = keras_rnn.CoupledLSTM(UNITS, **options)
        layer.build((BATCH, TIME, FEATURES))
        assert_close(layer.cell.bias, np.repeat([forget, 0, 0], UNITS), sums=0)


# Dropout.


@every_variant
def test_dropout_is_that_of_inputs_and_hidden_state(name):
    """One mask for each gate; here the same, so that it is as if inputs and hidden state came with it."""
    layer = made(name, seed=1)
    cell, (inputs, *states) = layer.cell, map(tf.constant, (random_inputs(BATCH, FEATURES), *random_states(layer)))
    mask, hidden_mask = (cell.draw_masks(tf.ones_like(tensor), 0.5)[0] for tensor in (inputs, states[0]))
    projected = cell.project(inputs, [mask] * cell.gates)
    assert_close(projected, cell.project(inputs * mask))
    dropped, expected = (
        cell.step(projected, *arguments)[0]
        for arguments in ((states, [hidden_mask] * cell.gates), ([states[0] * hidden_mask, *states[1:]],))
    )
    if "GRU" in name or "Zoneout" in name:  # there the hidden state isn't only multiplied
        assert not np.allclose(dropped, cell.step(projected, states)[0])
    else:
        assert_close(dropped, expected)


@pytest.mark.parametrize("name", [name for name in VARIANTS if "Zoneout" not in name])
def test_dropout_in_our_loop_is_that_in_keras_rnn(name):
    options = {"dropout": 0.3, "recurrent_dropout": 0.4, "seed": 3}
    results = []
    for layer in (made(name, **options), keras.layers.RNN(made(name, **options).cell)):
        results.append([layer(random_inputs(), mask=MASK, training=training) for training in (True, True, False)])
    assert_close(*results)
    assert not np.allclose(results[0][0], results[0][1]) and not np.allclose(results[0][0], results[0][2])


# Zoneout in training.


@pytest.mark.parametrize("name", ["ZoneoutLSTM", "ZoneoutGRU"])
def test_zoneout_keeps_units_of_the_state_at_random(name):
    """One step: a unit is as it was, with its state's rate, or as without zoneout; on average as in inference."""
    rates = [0.3, 0.2][: len(VARIANTS[name])]
    layer, batch = made(name, seed=5, return_state=True), 4000
    inputs = np.repeat(random_inputs(1, 1, FEATURES), batch, 0)
    states = [tf.constant(np.repeat(state[:1], batch, 0)) for state in random_states(layer)]
    _, *drawn = layer(inputs, initial_state=states, training=True)
    _, *expected = layer(inputs, initial_state=states)
    plain = type(layer.cell).__bases__[0].step(layer.cell, layer.cell.project(tf.constant(inputs[:, 0])), states)[1]
    kept = []
    for rate, old, new, now, mean in zip(rates, states, plain, drawn, expected, strict=True):
        is_old, is_new = np.isclose(now, old, atol=1e-6), np.isclose(now, new, atol=1e-6)
        assert np.all(is_old ^ is_new)
        np.testing.assert_allclose(is_old.mean(0), rate, atol=0.04)
        np.testing.assert_allclose(np.mean(now, 0), mean[0], atol=0.04)
        kept.append(is_old[:, 0])
    assert len(kept) == 1 or not np.array_equal(*kept)


@pytest.mark.parametrize("of_keras", [False, True], ids=["our loop", "keras.layers.RNN"])
@pytest.mark.parametrize("graph", [False, True], ids=["eager", "graph"])
def test_zoneout_draws_anew_for_each_step_and_call(of_keras, graph):
    layer = made("ZoneoutGRU", seed=5, return_sequences=True, zoneout_hidden=0.5)
    layer = keras.layers.RNN(layer.cell, return_sequences=True) if of_keras else layer
    call = tf.function(layer) if graph else layer
    inputs = random_inputs(200, TIME, FEATURES)
    kept = []
    for _ in range(2):
        outputs = np.array(call(inputs, training=True))
        kept += list(outputs[:, 1:].swapaxes(0, 1) == outputs[:, :-1].swapaxes(0, 1))
    for number, units in enumerate(kept):
        assert 0.4 < units.mean() < 0.6
        assert all(0.3 < (units == other).mean() < 0.7 for other in kept[:number])


def test_zoneout_with_a_seed_draws_the_same_again():
    layers = [made("ZoneoutLSTM", seed=5) for _ in range(2)]
    assert_close(*(layer(random_inputs(), mask=MASK, training=True) for layer in layers), sums=0)


# Inside Keras.


@every_variant
def test_bidirectional_is_both_directions(name):
    options = VARIANTS[name] | {"return_sequences": True, "return_state": True}
    both = keras.layers.Bidirectional(getattr(keras_rnn, name)(UNITS, **options))
    both.build((BATCH, TIME, FEATURES))
    with_random_weights(both)
    outputs, *states = both(random_inputs(), mask=MASK)
    width = both.forward_layer.cell.output_size
    assert outputs.shape == both.compute_output_shape((BATCH, TIME, FEATURES))[0] == (BATCH, TIME, 2 * width)
    forward, *first = both.forward_layer(random_inputs(), mask=MASK)
    backward, *last = both.backward_layer(random_inputs(), mask=MASK)
    assert_close(outputs, np.concatenate([forward, backward[:, ::-1]], -1), sums=0)
    assert_close(states, [*first, *last], sums=0)


def test_stacked_cells_in_keras_rnn_equal_stacked_layers():
    """All variants in one stack: the cells step by step, and the layers one after another."""
    cells = [getattr(keras_rnn, f"{name}Cell")(UNITS + 1, **options) for name, options in VARIANTS.items()]
    stack = keras.layers.RNN(cells, return_sequences=True)
    stack.build((BATCH, TIME, FEATURES))
    with_random_weights(stack)
    outputs = random_inputs()
    for cell, (name, options) in zip(cells, VARIANTS.items(), strict=True):
        layer = getattr(keras_rnn, name)(UNITS + 1, return_sequences=True, **options)
        layer.build(outputs.shape)
        layer.set_weights(cell.get_weights())
        outputs = layer(outputs, mask=MASK)
    assert_close(stack(random_inputs(), mask=MASK)[MASK], outputs[MASK])


@every_variant
def test_stateful_goes_on_where_the_last_batch_ended(name):
    inputs, layer = random_inputs(), made(name, stateful=True, return_sequences=True)
    whole = layer(inputs)
    layer.reset_state()
    assert_close(np.concatenate([layer(inputs[:, :1]), layer(inputs[:, 1:])], 1), whole)


@every_variant
def test_graph_of_unknown_batch_and_time_equals_eager(name):
    layer = made(name, return_sequences=True)
    specs = tf.TensorSpec([None, None, FEATURES]), tf.TensorSpec([None, None], tf.bool)
    graph = tf.function(lambda inputs, mask: layer(inputs, mask=mask)).get_concrete_function(*specs)
    assert_close(graph(tf.constant(random_inputs()), tf.constant(MASK)), layer(random_inputs(), mask=MASK))


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
@every_variant
def test_mixed_precision(name, policy):
    layers = made(name), made(name, dtype=policy)
    exact, rounded = (layer(random_inputs(), mask=MASK) for layer in layers)
    assert rounded.dtype == policy.removeprefix("mixed_")
    assert {w.dtype for w in layers[1].trainable_weights} == {"float32"}
    assert_close(rounded, exact, sums=2 * TIME)  # sums are kept in float32: each step rounds its gates and states
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.cast(layers[1](random_inputs(), training=True), "float32"))
    assert all(np.isfinite(g).all() for g in tape.gradient(loss, layers[1].trainable_weights))


def test_layer_normalisation_of_large_numbers_in_half_precision():
    """Whose squares float16 doesn't hold."""
    exact, rounded = (
        made("LayerNormLSTM", dtype=dtype)(1000 * random_inputs()) for dtype in ("float32", "mixed_float16")
    )
    assert_close(rounded, exact, sums=2 * TIME)


def test_fit_and_a_file_that_loads_with_nothing_but_the_import(tmp_path):
    inputs = keras.Input((None, FEATURES))
    hidden, outputs = keras.layers.Masking()(inputs), []
    for name, options in VARIANTS.items():
        layer = getattr(keras_rnn, name)(UNITS, dropout=0.2, recurrent_dropout=0.1, seed=3, **options)
        layer = keras.layers.Bidirectional(layer) if name == "ProjectedLSTM" else layer
        outputs.append(layer(hidden))
    model = keras.Model(inputs, keras.layers.Dense(1)(keras.layers.Concatenate()(outputs)))
    model.compile(keras.optimizers.Adam(0.05), "mse", run_eagerly=True)
    before = [w.numpy() for w in model.trainable_weights]
    history = model.fit(INPUTS, np.arange(BATCH), epochs=2, verbose=0).history["loss"]
    assert history[-1] < history[0]
    assert all(not np.array_equal(old, new) for old, new in zip(before, model.trainable_weights, strict=True))
    model.save(tmp_path / "model.keras")
    assert_close(keras.models.load_model(tmp_path / "model.keras")(INPUTS), model(INPUTS))


# Arguments.


@every_variant
def test_no_argument_is_forgotten_by_the_config(name):
    by_name = {"units": 4, "projection": 5, "activation": "relu", "recurrent_activation": "hard_sigmoid", "seed": 11}
    by_name |= {"implementation": 1, "dtype": "float64", "trainable": False, "name": "other"}
    changed = {bool: lambda old: not old, float: lambda old: old + 0.25}
    arguments = {key: by_name[key] for key in ("dtype", "trainable", "name")}
    classes = [c for c in getattr(keras_rnn, f"{name}Cell").__mro__ if c.__module__.startswith("keras_rnn")]
    parameters = [p for c in classes[:2] for p in inspect.signature(c).parameters.values() if p.name != "kwargs"]
    assert any("initializer" in p.name for p in parameters)
    for parameter in parameters:
        if parameter.name == "reset_after" and name == "LayerNormGRU":
            continue
        elif parameter.name in by_name:
            arguments[parameter.name] = by_name[parameter.name]
        elif parameter.name.endswith("_initializer"):
            arguments[parameter.name] = keras.initializers.Constant(0.25)
        elif parameter.name.endswith("_regularizer"):
            arguments[parameter.name] = keras.regularizers.L2(0.5)
        elif parameter.name.endswith("_constraint"):
            arguments[parameter.name] = keras.constraints.MaxNorm(3)
        else:
            arguments[parameter.name] = changed[type(parameter.default)](parameter.default)
    arguments |= {"activity_regularizer": keras.regularizers.L1(0.5), "return_sequences": True, "stateful": True}
    layer, default = (getattr(keras_rnn, name)(**options) for options in (arguments, {"units": 9} | VARIANTS[name]))
    config = layer.get_config()
    assert [key for key in arguments if config[key] == default.get_config()[key]] == []
    assert type(layer).from_config(json.loads(json.dumps(config))).get_config() == config
    cell = layer.cell.get_config()
    assert type(layer.cell).from_config(json.loads(json.dumps(cell))).get_config() == cell
    assert all(getattr(layer, key) is getattr(layer.cell, key) for key in argument_names(layer))


def argument_names(layer):
    return [name for name in layer.cell.get_config() if name not in ("name", "trainable", "dtype")]


def test_regularizers_and_constraints_of_a_variants_own_weights():
    for name, kernel in (("PeepholeLSTM", "peephole"), ("ProjectedLSTM", "projection")):
        options = {f"{kernel}_initializer": "ones", f"{kernel}_regularizer": keras.regularizers.L1(0.5)}
        layer = getattr(keras_rnn, name)(UNITS, **VARIANTS[name] | options, **{f"{kernel}_constraint": "non_neg"})
        layer.build((BATCH, TIME, FEATURES))
        weight = getattr(layer.cell, f"{kernel}_kernel")
        assert_close(sum(layer.losses), 0.5 * np.prod(weight.shape))
        assert isinstance(weight.constraint, keras.constraints.NonNeg)


@pytest.mark.parametrize(
    ("name", "options", "sentence"),
    [
        ("ProjectedLSTM", {"projection": 0}, "ProjectedLSTMCell expected projection to be a positive integer, got 0."),
        (
            "ProjectedLSTM",
            {"projection": 2.5},
            "ProjectedLSTMCell expected projection to be a positive integer, got 2.5.",
        ),
        ("PeepholeLSTM", {"units": 0}, "PeepholeLSTMCell expected units to be a positive integer, got 0."),
        ("LayerNormGRU", {"reset_after": False}, "LayerNormGRUCell expected reset_after=True, got False."),
        (
            "ZoneoutLSTM",
            {"zoneout_memory": 1.0},
            "ZoneoutLSTMCell expected zoneout_memory to be 0 or more and less than 1, got 1.0.",
        ),
        (
            "ZoneoutGRU",
            {"zoneout_hidden": -0.1},
            "ZoneoutGRUCell expected zoneout_hidden to be 0 or more and less than 1, got -0.1.",
        ),
    ],
)
def test_bad_arguments_are_named(name, options, sentence):
    with pytest.raises(ValueError) as caught:
        getattr(keras_rnn, name)(**{"units": UNITS} | VARIANTS[name] | options)
    assert str(caught.value) == sentence


# Fast paths, streams, files.


@every_variant
def test_no_variant_takes_another_cells_fast_path(name, monkeypatch):
    layer = made(name)
    assert cudnn.mode(layer.cell) is None and formulas.formula_of(layer.cell) is None
    seen, project = [], type(layer.cell).project

    def recorded(cell, inputs, masks=None):
        seen.append(inputs.shape)
        return project(cell, inputs, masks)

    monkeypatch.setattr(type(layer.cell), "project", recorded)
    layer(random_inputs())
    assert seen == [(TIME, BATCH, FEATURES)], "one product of all inputs, before the loop"


@every_variant
def test_the_loop_reads_no_variables(name):
    """They are tensors before it: all that `weight_names` has."""
    layer = made(name)
    assert {w.name for w in layer.trainable_weights} == set(layer.cell.weight_names)
    spec = tf.TensorSpec([None, None, FEATURES])
    graph = tf.function(layer, autograph=False).get_concrete_function(spec).graph.as_graph_def()
    assert len(graph.library.function) > 0
    assert not [node.name for body in graph.library.function for node in body.node_def if node.op == "ReadVariableOp"]


def all_variants():
    """ids -> a stack of all variants, masked, of which the output and a few others are asked for."""
    ids = keras.Input((None,), dtype="int32", name="ids")
    hidden = keras.layers.Embedding(11, FEATURES, mask_zero=True)(ids)
    for name, options in VARIANTS.items():
        hidden = getattr(keras_rnn, name)(UNITS, return_sequences=True, name=name.lower(), **options)(hidden)
    last, *states = keras_rnn.ProjectedLSTM(UNITS, projection=2, return_state=True, name="last")(hidden)
    model = keras.Model(ids, {"sequence": hidden, "last": last, "memory": states[1]})
    return with_random_weights(model)


IDS = np.array([[3, 1, 4, 1, 0, 0], [0, 0, 5, 9, 2, 6], [5, 0, 3, 0, 0, 8]], np.int32)


def test_a_stream_of_all_variants():
    """Step by step, with masks anywhere, as the whole sequence."""
    model = all_variants()
    interface = Interface(model)
    widths = {name: state.shape[1] for name, state in interface.states.items()}
    assert widths["projectedlstm_hidden"] == 2 and widths["projectedlstm_memory"] == UNITS
    assert widths["layernormgru_hidden"] == UNITS and len(widths) == 14
    states = {name: np.zeros((len(IDS), width), np.float32) for name, width in widths.items()}
    step, whole, sequence = interface.step(None).function, model(IDS), []
    for now in range(IDS.shape[1]):
        found = step(ids=IDS[:, now], **states)
        states = {name: found[name] for name in states}
        sequence.append(found["sequence"])
    assert_close(np.stack(sequence, 1), whole["sequence"])
    assert_close([found["last"], found["memory"]], [whole["last"], whole["memory"]])


@pytest.mark.slow
def test_files_of_all_variants(tmp_path):
    """SavedModel and LiteRT: whole, padded, step; `export` itself compares what each runtime gives."""
    model = all_variants()
    exported = keras_rnn.export(model, tmp_path, step=True, length=6, inputs=[{"ids": IDS}])
    assert exported["litert"].signatures == ("serving_default", "padded", "step")
    loaded = tf.saved_model.load(str(tmp_path / "1")).signatures["serving_default"]
    assert_close(loaded(ids=tf.constant(IDS)), {name: np.array(value) for name, value in model(IDS).items()})
