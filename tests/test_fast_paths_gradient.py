"""The gradient by hand against the plain loop that TensorFlow differentiates, on random numbers."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf
from closeness import assert_close

import keras_rnn
from keras_rnn import fast_paths
from keras_rnn.cells import with_weights
from keras_rnn.fast_paths import blocks, choice, gradient, shared
from keras_rnn.fast_paths.choice import Path, Purpose
from keras_rnn.fast_paths.formulas import formula_of
from keras_rnn.sequence import scan

BATCH, FEATURES, UNITS = 3, 2, 4
CELLS = {
    "SimpleRNN": keras_rnn.SimpleRNNCell(UNITS),
    "relu": keras_rnn.SimpleRNNCell(UNITS, activation="relu"),
    "LSTM": keras_rnn.LSTMCell(UNITS),
    "GRU": keras_rnn.GRUCell(UNITS),
    "LSTM without bias": keras_rnn.LSTMCell(UNITS, use_bias=False),
    "GRU without bias": keras_rnn.GRUCell(UNITS, use_bias=False),
}
OPTIONS = [
    {},
    {"return_all_outputs": False},
    {"go_backwards": True},
    {"zero_output_for_mask": True},
    {"zero_output_for_mask": True, "return_all_outputs": False, "go_backwards": True},
]
QUICK = [
    ("SimpleRNN", "unknown shapes", True),
    ("relu", "blocks", False),
    ("LSTM", "blocks", True),
    ("LSTM", "unknown shapes", False),
    ("GRU", "unknown shapes", True),
]
WHOLE_OR_MASKED = {False: "whole", True: "masked"}
every_cell_way_and_mask = pytest.mark.parametrize(
    ("cell", "way", "masked"),
    [  # quick: each cell and each way with one kind of mask
        pytest.param(
            CELLS[name],
            way,
            masked,
            id=f"{name}-{way}-{WHOLE_OR_MASKED[masked]}",
            marks=[] if (name, way, masked) in QUICK else pytest.mark.slow,
        )
        for name, way, masked in itertools.product(CELLS, ("blocks", "unknown shapes"), WHOLE_OR_MASKED)
    ],
)
masked_or_not = pytest.mark.parametrize("masked", [False, True], ids=["whole", "masked"])


@pytest.fixture(autouse=True)
def short_blocks(monkeypatch):
    monkeypatch.setattr(blocks, "STEPS", 4)


def data(cell, time, masked):
    """Inputs, initial states, weights and mask; one row of the mask is masked throughout, another one begins late."""
    if not cell.built:
        cell.build((BATCH, FEATURES))
    rng = np.random.default_rng(time)
    weights = {name: getattr(cell, name) for name in ("kernel", "recurrent_kernel", "bias")}
    for name, weight in weights.items():
        weights[name] = None if weight is None else tf.constant(rng.normal(size=weight.shape, scale=0.7), tf.float32)
    inputs = tf.constant(rng.normal(size=(time, BATCH, FEATURES)), tf.float32)
    states = [tf.constant(rng.normal(size=(BATCH, UNITS)), tf.float32) for _ in cell.state_names]
    mask = rng.random((time, BATCH)) < 0.6
    mask[:, 0], mask[: time // 2, 1] = False, False
    return inputs, states, weights, tf.constant(mask) if masked else None


def plain(cell, inputs, states, weights, mask, **options):
    fixed = with_weights(cell, **weights)
    return scan(lambda now, states: fixed.step(now, states)[1], fixed.project(inputs), states, mask, **options)


def tensors_of(structure):
    return [tensor for tensor in tf.nest.flatten(structure) if tensor is not None]


def loss_of(values):
    """Another factor for each number, without which two gradients could be swapped, and squares for the second."""
    numbers = tf.concat([tf.reshape(value, [-1]) for value in values], 0)
    factors = tf.sin(1.7 * tf.range(tf.cast(tf.size(numbers), tf.float32)))
    return tf.reduce_sum(factors * (numbers + tf.square(numbers)))


def values_and_gradients(run, cell, inputs, states, weights, mask, **options):
    sources = tensors_of((inputs, states, weights))
    with tf.GradientTape() as tape:
        tape.watch(sources)
        values = tensors_of(run(cell, inputs, states, weights, mask, **options))
        loss = loss_of(values)
    return values, tape.gradient(loss, sources, unconnected_gradients="zero")


PATHS = {"blocks": Path.BLOCKS, "one block by XLA": Path.XLA, "one block": Path.ONE_BLOCK, "blocks in XLA": Path.BLOCKS}


def by(way, function, cell, inputs, states, weights, mask, **options):
    """`function` of these, by the path and in the kind of graph that `way` says."""
    if way == "eager":
        return function(gradient.run, cell, inputs, states, weights, mask, **options)

    def hidden(tensor, sizes):  # of a tensor, those sizes that aren't weights'
        return tf.raw_ops.PlaceholderWithDefault(input=tensor, shape=sizes) if way == "unknown shapes" else tensor

    @tf.function(jit_compile=way == "blocks in XLA", autograph=False)
    def graph(inputs, states, weights, mask):
        inputs = hidden(inputs, [None, None, FEATURES])
        states = [hidden(state, [None, UNITS]) for state in states]
        mask = None if mask is None else hidden(mask, [None, None])
        return function(gradient.run, cell, inputs, states, weights, mask, **options)

    with choice.taking(PATHS.get(way)):
        return graph(inputs, states, weights, mask)


@every_cell_way_and_mask
def test_values_and_gradients_are_the_plain_loops(cell, way, masked):
    arguments = data(cell, 11, masked)
    expected = values_and_gradients(plain, cell, *arguments)
    assert_close(by(way, values_and_gradients, cell, *arguments), expected)


@pytest.mark.parametrize(
    ("name", "way", "masked"),
    [
        ("SimpleRNN", "one block by XLA", False),
        ("GRU", "one block by XLA", False),
        ("LSTM", "one block by XLA", True),
        ("LSTM", "blocks in XLA", True),
    ],
)
def test_xla_gives_the_plain_loops_numbers(name, way, masked, monkeypatch):
    monkeypatch.setattr(blocks, "STEPS", 2)
    arguments = data(CELLS[name], 5, masked)
    expected = values_and_gradients(plain, CELLS[name], *arguments)
    assert_close(by(way, values_and_gradients, CELLS[name], *arguments), expected)


@every_cell_way_and_mask
def test_inference_is_the_plain_loops_and_so_is_its_gradient(cell, way, masked):
    arguments = data(cell, 6, masked)
    expected = values_and_gradients(plain, cell, *arguments)
    assert_close(by(way, values_and_gradients, cell, *arguments, purpose=Purpose.INFERENCE), expected)


@masked_or_not
@pytest.mark.parametrize("least", [0, BATCH * UNITS + 1], ids=["in the steps", "before them"])
@pytest.mark.parametrize("name", ["LSTM", "GRU"])
def test_the_inputs_product_is_made_where_it_is_faster(name, least, masked, monkeypatch):
    monkeypatch.setattr(choice, "IN_LOOP_NUMBERS", dict.fromkeys([formula_of(CELLS[name])], least))
    arguments = data(CELLS[name], 6, masked)
    expected = values_and_gradients(plain, CELLS[name], *arguments)
    options = {"purpose": Purpose.INFERENCE}
    assert_close(by("unknown shapes", values_and_gradients, CELLS[name], *arguments, **options), expected)


@masked_or_not
@pytest.mark.parametrize("purpose", [Purpose.TRAINING, Purpose.INFERENCE])
def test_shapes_after_the_first_few_are_the_plain_loops_and_not_compiled(purpose, masked, monkeypatch):
    """One graph of any shape for all of them."""
    monkeypatch.setattr(shared, "_shapes", {})
    monkeypatch.setattr(shared, "SHAPES", 0)
    monkeypatch.setattr(shared, "compiled", None)  # not called
    monkeypatch.setattr(shared, "_traced", set())
    for steps in (5, 9):
        arguments = data(CELLS["GRU"], steps, masked)
        expected = values_and_gradients(plain, CELLS["GRU"], *arguments)
        got = by("any", values_and_gradients, CELLS["GRU"], *arguments, purpose=purpose)
        assert_close(got, expected)
    assert len(shared._traced) == 1


@pytest.mark.parametrize("options", [{}, {"return_all_outputs": False}], ids=str)
@pytest.mark.parametrize("way", ["one block by XLA", "blocks in XLA", "eager"])
def test_inference_is_the_plain_loops_by_every_other_way(way, options, monkeypatch):
    monkeypatch.setattr(blocks, "STEPS", 2)
    arguments = data(CELLS["LSTM"], 5, masked=True)
    expected = values_and_gradients(plain, CELLS["LSTM"], *arguments, **options)
    options = {**options, "purpose": Purpose.INFERENCE}
    assert_close(by(way, values_and_gradients, CELLS["LSTM"], *arguments, **options), expected)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@masked_or_not
@pytest.mark.parametrize("name", ["LSTM", "GRU"])
def test_every_option_is_the_plain_loops(name, masked, options):
    arguments = data(CELLS[name], 6, masked)
    expected = values_and_gradients(plain, CELLS[name], *arguments, **options)
    assert_close(by("eager", values_and_gradients, CELLS[name], *arguments, **options), expected)


@pytest.mark.parametrize("time", [1, 4, 5, 8])
@pytest.mark.parametrize("way", ["blocks", "unknown shapes"])
def test_every_number_of_steps(way, time):
    cell = CELLS["SimpleRNN"]
    arguments = data(cell, time, masked=True)
    expected = values_and_gradients(plain, cell, *arguments)
    assert_close(by(way, values_and_gradients, cell, *arguments), expected)


@masked_or_not
def test_a_masked_step_repeats_the_output_before_the_sequence(masked):
    cell = CELLS["GRU"]
    arguments = data(cell, 6, masked)
    for options in OPTIONS:
        options = options | {"last_output": tf.fill((BATCH, UNITS), 7.0)}
        assert_close(
            tensors_of(gradient.run(cell, *arguments, **options)), tensors_of(plain(cell, *arguments, **options))
        )


def second_derivative(run, cell, inputs, states, weights, mask, **options):
    sources = tensors_of((inputs, states, weights))
    with tf.GradientTape() as second:
        second.watch(sources)
        _, gradients = values_and_gradients(run, cell, inputs, states, weights, mask, **options)
        loss = loss_of(gradients)
    return second.gradient(loss, sources)


@pytest.mark.parametrize(
    ("name", "way"), [("SimpleRNN", "eager"), ("LSTM", "blocks"), ("GRU", "eager"), ("SimpleRNN", "one block by XLA")]
)
def test_second_derivative_is_the_plain_loops(name, way):
    cell = CELLS[name]
    arguments = data(cell, 5, masked=True)
    expected = second_derivative(plain, cell, *arguments)
    assert_close(by(way, second_derivative, cell, *arguments), expected, sums=1000)  # four passes over the steps


def test_a_tape_that_stays_gives_the_gradient_twice():
    inputs, states, weights, mask = data(CELLS["LSTM"], 9, masked=True)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(inputs)
        loss = loss_of(tensors_of(gradient.run(CELLS["LSTM"], inputs, states, weights, mask)))
    assert_close(tape.gradient(loss, inputs), tape.gradient(loss, inputs), sums=0)


def by_hand(layer, shape, monkeypatch, training=True):
    """Whether a graph of `layer` has the loops with a gradient by hand, and whether XLA compiles any of it."""
    taken = []
    original = gradient.with_gradient
    monkeypatch.setattr(gradient, "with_gradient", lambda *a, **options: taken.append(1) or original(*a, **options))
    function = tf.function(lambda inputs: layer(inputs, training=training), autograph=False)
    graph = function.get_concrete_function(tf.TensorSpec(shape)).graph.as_graph_def()
    return bool(taken), any("_XlaMustCompile" in inner.attr for inner in graph.library.function)


@pytest.mark.parametrize(
    ("layer", "shape", "training", "expected"),
    [
        (keras_rnn.LSTM(4), (2, 6, 3), True, (True, True)),
        (keras_rnn.LSTM(4), (None, 6, 3), True, (True, False)),
        (keras_rnn.LSTM(4), (2, None, 3), True, (True, False)),
        (keras_rnn.LSTM(4), (513, 6, 3), True, (True, False)),
        (keras_rnn.LSTM(4), (2, 6, 3), False, (True, True)),
        (keras_rnn.LSTM(4), (129, 6, 3), False, (True, False)),
        (keras_rnn.LSTM(4), (None, 6, 3), False, (False, False)),
        (keras_rnn.LSTM(4), (2, None, 3), False, (False, False)),
        (keras_rnn.LSTM(4, dropout=0.2), (2, 6, 3), True, (True, True)),
        (keras_rnn.LSTM(4, recurrent_dropout=0.2), (2, 6, 3), True, (False, False)),
        (keras_rnn.LSTM(4, dropout=0.2, implementation=1), (2, 6, 3), True, (False, False)),
        (keras_rnn.LSTM(4, activation="relu"), (2, 6, 3), True, (False, False)),
        (keras_rnn.GRU(4, reset_after=False), (2, 6, 3), True, (False, False)),
        (keras_rnn.SimpleRNN(4, activation="sigmoid"), (2, 6, 3), True, (False, False)),
        (keras_rnn.SimpleRNN(4, dtype="float64"), (2, 6, 3), True, (False, False)),
        (keras_rnn.SimpleRNN(4, dtype="mixed_float16"), (2, 6, 3), True, (False, False)),
        (keras_rnn.GRU(4, unroll=True), (2, 6, 3), True, (False, False)),
    ],
)
def test_which_layers_and_shapes_take_it(layer, shape, training, expected, monkeypatch):
    assert by_hand(layer, shape, monkeypatch, training) == expected


def test_nothing_for_litert_is_compiled_by_xla(monkeypatch):
    with fast_paths.tracing_for(fast_paths.LiteRT()):
        assert by_hand(keras_rnn.GRU(4), (1, 6, 3), monkeypatch) == (False, False)


def test_a_model_trains_and_is_saved(tmp_path):
    """With keras.Model.fit: batches of two sizes, the custom gradient inside of what Keras compiles and saves."""
    model = keras.Sequential([keras.layers.Input((None, FEATURES)), keras_rnn.LSTM(UNITS), keras.layers.Dense(1)])
    rng = np.random.default_rng(0)
    inputs, targets = rng.normal(size=(10, 7, FEATURES)), rng.normal(size=(10, 1))
    model.compile("sgd", "mse", jit_compile=False)
    losses = model.fit(inputs, targets, batch_size=4, epochs=8, verbose=0, shuffle=False).history["loss"]
    assert losses[-1] < losses[0]
    model.save(tmp_path / "model.keras")
    assert_close(keras.models.load_model(tmp_path / "model.keras")(inputs), model(inputs))
