"""Derivatives of every order and kind, and layers inside of TensorFlow's control flow, against Keras's twin.

All reduce to two numbers of one loss by inputs and weights: its gradient, and that of the gradient in one direction.
"""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf
from grids import grid, slow_unless
from layer_table import BATCH, FEATURES, MASK, ROWS, TIME, VARIANTS, Row, random_inputs, random_weights

import keras_rnn
from keras_rnn.fast_paths import blocks, choice
from keras_rnn.fast_paths.choice import Path

# Without chance, and without what TensorFlow itself has no second derivative of.
SMOOTH = [row for row in ROWS if not {"seed", "stateful"} & row.options.keys() and "softsign" not in str(row)]
BASE = [
    Row("SimpleRNN", {"return_sequences": True}),
    Row("LSTM", {"return_sequences": True, "go_backwards": True}),
    Row("GRU", {}),
]


@pytest.fixture(autouse=True)
def short_blocks(monkeypatch):
    """So that four steps are two blocks, and XLA compiles only where a test says so."""
    monkeypatch.setattr(blocks, "STEPS", 2)
    with choice.taking(Path.BLOCKS):
        yield


def sources_of(layer):
    return [weight.value for weight in layer.trainable_weights]


def directions(tensors):
    """A direction for each: other numbers in every place."""
    return [tf.sin(2.3 * tf.reshape(tf.range(tf.size(t), dtype=tf.float32), tf.shape(t)) + 1) for t in tensors]


def loss_of(outputs):
    return tf.reduce_sum(directions([outputs])[0] * (outputs + tf.square(outputs)))


def slopes(call, layer, x):
    """Gradients of the loss by x and the weights."""
    sources = sources_of(layer)
    with tf.GradientTape() as tape:
        tape.watch(x)
        loss = loss_of(call(x))
    return tape.gradient(loss, [x, *sources], unconnected_gradients="zero")


def called(layer, mask=None, training=True):
    return lambda x: layer(x, mask=mask, training=training)


def backward(call, layer, x):
    return slopes(call, layer, x)


def forward(call, layer, x):
    with tf.autodiff.ForwardAccumulator([x, *sources_of(layer)], directions([x, *sources_of(layer)])) as accumulator:
        loss = loss_of(call(x))
    return [accumulator.jvp(loss)]


def in_direction(call, layer, x):
    """Of `forward`: what the gradients say."""
    tensors = [x, *sources_of(layer)]
    pairs = zip(slopes(call, layer, x), directions(tensors), strict=True)
    return [tf.add_n([tf.reduce_sum(slope * way) for slope, way in pairs])]


def backward_over_backward(call, layer, x):
    with tf.GradientTape() as tape:
        tape.watch(x)
        slope = in_direction(call, layer, x)
    return tape.gradient(slope, [x, *sources_of(layer)], unconnected_gradients="zero")


def forward_over_backward(call, layer, x):
    with tf.autodiff.ForwardAccumulator([x, *sources_of(layer)], directions([x, *sources_of(layer)])) as accumulator:
        first = slopes(call, layer, x)
    return accumulator.jvp(first, unconnected_gradients=tf.UnconnectedGradients.ZERO)


def backward_over_forward(call, layer, x):
    with tf.GradientTape() as tape:
        tape.watch(x)
        slope = forward(call, layer, x)
    return tape.gradient(slope, [x, *sources_of(layer)], unconnected_gradients="zero")


def persistent(call, layer, x):
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        loss = loss_of(call(x))
    first = tape.gradient(loss, x)
    return [first, *tape.gradient(loss, sources_of(layer), unconnected_gradients="zero")]


def recomputed(call, layer, x):
    return slopes(tf.recompute_grad(call), layer, x)


def assert_close(got, expected):
    for a, b in zip(got, expected, strict=True):
        size = max(1e-3, float(np.abs(b).max()))
        np.testing.assert_allclose(np.asarray(a) / size, np.asarray(b) / size, atol=2e-5, rtol=0)


# Of each: what it is to give, by Keras's twin in eager mode.
KINDS = {
    backward: backward,
    persistent: backward,
    recomputed: backward,
    forward: in_direction,
    backward_over_backward: backward_over_backward,
    forward_over_backward: backward_over_backward,
    backward_over_forward: backward_over_backward,
}


def inputs():
    return tf.constant(random_inputs())


def in_graph(kind, call, layer, x):
    return tf.function(lambda x: kind(call, layer, x), autograph=False)(x)


def of_graph(kind, call, layer, x):
    """The layer in a graph of its own, the derivative from outside."""
    return kind(tf.function(call, autograph=False), layer, x)


# Reverse mode of every row is compared in test_layers. Quick: each kind with one layer.
EAGER = [
    slow_unless(row in BASE and number % len(BASE) == BASE.index(row), row, kind)
    for row in SMOOTH
    for number, kind in enumerate(KINDS)
    if row in BASE or kind in (forward, forward_over_backward)
]


@pytest.mark.parametrize(("row", "kind"), EAGER, ids=lambda value: getattr(value, "__name__", str(value)))
def test_every_layer_in_eager_mode(row, kind):
    ours, twin = row.pair()
    mask = tf.constant(MASK)
    assert_close(kind(called(ours, mask), ours, inputs()), KINDS[kind](called(twin, mask), twin, inputs()))


IN_GRAPHS = [
    *((in_graph, kind) for kind in KINDS),
    *((of_graph, kind) for kind in (backward, persistent, recomputed, forward, backward_over_backward)),
]


# The formulas' derivatives are compared above, for every row: here a row in turn. Quick: those whose graphs are built
# soonest.
@pytest.mark.parametrize(
    ("row", "way", "kind"),
    [
        slow_unless(row is BASE[0] and way is in_graph, row, way, kind)
        for row, (way, kind) in zip(itertools.cycle(BASE), IN_GRAPHS, strict=False)
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_every_kind_in_a_graph(row, way, kind):
    ours, twin = row.pair()
    mask = tf.constant(MASK)
    assert_close(way(kind, called(ours, mask), ours, inputs()), KINDS[kind](called(twin, mask), twin, inputs()))


@pytest.mark.parametrize(
    ("way", "kind"),
    [(of_graph, backward_over_forward), (of_graph, forward_over_backward)],
    ids=lambda function: function.__name__,
)
def test_what_tensorflow_cannot_derive_in_a_graph_fails(way, kind):
    """As with Keras's layers, by an error of TensorFlow's: what must not come is a number."""
    for layer in BASE[0].pair():
        with pytest.raises(TypeError, match=r"variant.* is not compatible"):
            way(kind, called(layer), layer, inputs())


def twice(call):
    """What all of the following compute, with the layer called once or more inside of them."""
    return lambda x: call(x) + call(2 * x)


def in_cond(call):
    def one(x):
        return tf.cond(tf.reduce_max(x) < 100, lambda: call(x), lambda: 3 * call(x))

    return lambda x: one(x) + one(2 * x)


def in_switch_case(call):
    def one(x, index):
        return tf.switch_case(index, [lambda: 0 * call(x), lambda: call(x), lambda: call(2 * x)])

    return lambda x: one(x, tf.rank(x) - 2) + one(x, tf.rank(x) - 1)


def in_while_loop(call):
    def looped(x):
        def body(count, total):
            return count + 1, total + call(tf.cast(count, x.dtype) * x)

        return tf.while_loop(lambda count, _: count < 3, body, (tf.constant(1), tf.zeros_like(call(x))))[1]

    return looped


def in_a_loop_with_if(call):
    def looped(x):
        total = tf.zeros_like(call(x))
        for count in tf.range(4):
            if count == 1:
                total += call(x)
            elif count == 2:
                total += call(2 * x)
        return total

    return tf.function(looped)  # with AutoGraph


def in_map_fn(call):
    return lambda x: tf.reduce_sum(tf.map_fn(call, tf.stack([x, 2 * x])), 0)


def in_vectorized_map(call):
    return lambda x: tf.reduce_sum(tf.vectorized_map(call, tf.stack([x, 2 * x])), 0)


AROUND = [in_cond, in_switch_case, in_while_loop, in_a_loop_with_if, in_map_fn]
# TensorFlow refuses to vectorize a masked loop.
CONTROL_FLOW = [(around, masked) for around in AROUND for masked in (False, True)] + [(in_vectorized_map, False)]


@pytest.mark.parametrize(
    ("row", "around", "masked"),
    [
        slow_unless(row is BASE[0], row, around, masked)
        for row, (around, masked) in zip(itertools.cycle(BASE), CONTROL_FLOW, strict=False)
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_gradient_of_control_flow(row, around, masked):
    ours, twin = row.pair()
    mask = tf.constant(MASK) if masked else None
    got = in_graph(backward, around(called(ours, mask)), ours, inputs())
    assert_close(got, backward(twice(called(twin, mask)), twin, inputs()))


@pytest.mark.parametrize(
    ("name", "kind"),
    grid(VARIANTS, (forward, forward_over_backward, in_cond, in_vectorized_map)),
    ids=lambda value: getattr(value, "__name__", value),
)
def test_layers_without_a_twin(name, kind):
    """Against their own unrolled loop, which TensorFlow differentiates. In a graph, forward mode through a plain loop
    is an error of TensorFlow's, as it is through Keras's."""
    ours, plain = (Row(name, VARIANTS[name]).ours(unroll=unroll) for unroll in (False, True))
    for layer in (ours, plain):
        layer.build((BATCH, TIME, FEATURES))
        layer.set_weights(random_weights(layer))
    call, expected = (called(layer, training=False) for layer in (ours, plain))
    if kind in KINDS:
        assert_close(kind(call, ours, inputs()), KINDS[kind](expected, plain, inputs()))
    else:
        assert_close(in_graph(backward, kind(call), ours, inputs()), backward(twice(expected), plain, inputs()))


@pytest.mark.parametrize(("path", "training"), grid([Path.BLOCKS, Path.XLA], [True, False]), ids=str)
def test_a_saved_model_of_known_batch_and_time_has_the_gradient(path, training, tmp_path):
    """What saves asks for the gradient of an operator without the operator."""
    layer, twin = Row("LSTM", {"return_sequences": True}).pair()
    saved, x = tf.Module(), inputs()
    saved.weights = layer.weights
    saved.call = tf.function(called(layer, training=training), [tf.TensorSpec(x.shape)], autograph=False)
    with choice.taking(path):
        tf.saved_model.save(saved, str(tmp_path))
    loaded = tf.saved_model.load(str(tmp_path))  # its weights are others
    assert_close(backward(loaded.call, layer, x)[:1], backward(called(twin), twin, x)[:1])


def test_a_model_of_known_batch_and_time_is_exported(tmp_path):
    model = keras.Sequential([keras.Input((5, 3), batch_size=2), keras_rnn.LSTM(4), keras.layers.Dense(1)])
    files = keras_rnn.export(model, tmp_path / "files", formats=["saved_model"])
    assert files["saved_model"].difference < 1e-5  # from the model's answers
