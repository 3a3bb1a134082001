"""The layer table's columns: what people do with a layer, each with every public layer.

The expected numbers are the Keras twin's; for layers without a twin, those of the layer's own plain loop: unrolled, and
run eagerly. Those about derivatives are in test_derivatives.
"""

import functools
import threading

import keras
import numpy as np
import pytest
import tensorflow as tf
from closeness import assert_close
from grids import slow_unless
from layer_table import BATCH, FEATURES, NAMES, TIME, VARIANTS, Row, random_inputs, random_weights

import keras_rnn
from keras_rnn import fast_paths, streaming

INPUTS = random_inputs()
WHOLE_NUMBERS = np.random.default_rng(3).integers(-2, 3, INPUTS.shape)


def ours(name, **options):
    return Row(name, VARIANTS.get(name, {})).ours(**options)


def plain(name, **options):
    """The layer that the numbers are expected from."""
    return Row(name).twin(**options) if name in NAMES else ours(name, **options, unroll=True)


def with_weights(layer):
    layer.build((BATCH, TIME, FEATURES))
    layer.set_weights(random_weights(layer))
    return layer


class FromLearnedState(keras.layers.Layer):
    """A layer whose initial states are weights."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def build(self, shape):
        self.layer.build(shape)
        self.start = [self.add_weight(shape=(BATCH, size)) for size in self.layer.state_size]

    def call(self, sequences, training=False):
        return self.layer(sequences, initial_state=self.start, training=training)


def learned(layer, **compiling):
    """Two steps of training, and what the model then predicts: losses, weights, answers."""
    model = keras.Sequential([keras.Input((TIME, FEATURES), batch_size=BATCH), layer])
    model.set_weights(random_weights(model))
    model.compile("sgd", "mse", **compiling)
    fitted = model.fit(INPUTS, np.ones(model.output_shape), batch_size=BATCH, epochs=2, verbose=0, shuffle=False)
    weights = [weight.numpy() for weight in model.trainable_weights]
    return [fitted.history["loss"], weights, model.predict(INPUTS, batch_size=BATCH, verbose=0)]


@functools.cache
def learned_plainly(name):
    return learned(plain(name, **seeded(name)), run_eagerly=True)


def seeded(name):
    return {"seed": 5} if name.startswith("Zoneout") else {}  # draws in training


def predict_after_fit(name):
    return learned(ours(name, **seeded(name))), learned_plainly(name)


def run_eagerly(name):
    return learned(ours(name, **seeded(name)), run_eagerly=True), learned_plainly(name)


def jit_compile(name):
    found = learned(ours(name, **seeded(name)), jit_compile=True)
    if seeded(name):  # XLA draws other numbers from the same seed
        return found, learned(plain(name, **seeded(name)), jit_compile=True)
    return found, learned_plainly(name)


def learned_state(name):
    layers = ours(name, **seeded(name)), plain(name, **seeded(name))
    return learned(FromLearnedState(layers[0])), learned(FromLearnedState(layers[1]), run_eagerly=True)


def stateful_predict(name):
    layer, expected = with_weights(ours(name, stateful=True)), with_weights(plain(name, stateful=True))
    model = keras.Sequential([keras.Input((TIME, FEATURES), batch_size=BATCH), layer])
    answers = [model.predict(INPUTS, batch_size=BATCH, verbose=0) for _ in range(2)]
    return [*answers, layer.states], [expected(INPUTS), expected(INPUTS), expected.states]


def two_threads(name):
    """One thread exports, and streams; in the other the layer answers as ever."""
    layer, answers = with_weights(ours(name)), []

    def call():
        answers.append(layer(INPUTS))
        answers.append(tf.function(layer)(INPUTS))

    with fast_paths.tracing_for(fast_paths.LiteRT()), streaming.reading(streaming.Stream()):
        thread = threading.Thread(target=call)
        thread.start()
        thread.join()
    return answers, [with_weights(plain(name))(INPUTS)] * 2


def unknown_shape(name):
    """A graph that knows nothing of its sequences but that they are some."""
    layer, expected = with_weights(ours(name, return_sequences=True)), with_weights(plain(name, return_sequences=True))
    graph = tf.function(layer, input_signature=[tf.TensorSpec((None, None, None))])
    return graph(INPUTS), expected(INPUTS)


def unknown_shape_in_training(name):
    layers = [with_weights(make(name, return_sequences=True, **seeded(name))) for make in (ours, plain)]

    def gradients(layer, inputs):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(layer(inputs, training=True) ** 2)
        return tape.gradient(loss, [weight.value for weight in layer.trainable_weights])

    graph = tf.function(lambda x: gradients(layers[0], x), input_signature=[tf.TensorSpec((None, None, None))])
    return graph(INPUTS), gradients(layers[1], INPUTS)


def integer_inputs(name):
    layer, expected = with_weights(ours(name)), with_weights(plain(name))
    sequences = keras.Input((TIME, FEATURES), dtype="int32")
    answers = [layer(WHOLE_NUMBERS), keras.Model(sequences, layer(sequences))(WHOLE_NUMBERS)]
    return answers, [expected(WHOLE_NUMBERS.astype("float32"))] * 2


def float64_inputs(name):
    layer, expected = with_weights(ours(name, autocast=False)), with_weights(plain(name))
    return layer(INPUTS.astype("float64")), expected(INPUTS)


SITUATIONS = {
    situation.__name__: situation
    for situation in (
        predict_after_fit,
        stateful_predict,
        learned_state,
        jit_compile,
        run_eagerly,
        two_threads,
        unknown_shape,
        unknown_shape_in_training,
        integer_inputs,
        float64_inputs,
    )
}
LAYERS = [*NAMES, *VARIANTS]


# Quick: every layer in one situation, and the LSTM in all.
@pytest.mark.parametrize(
    ("name", "situation"),
    [
        slow_unless(name == "LSTM" or LAYERS.index(name) == number, name, situation)
        for name in LAYERS
        for number, situation in enumerate(SITUATIONS)
    ],
)
def test_layer_gives_the_expected_numbers(name, situation):
    found, expected = SITUATIONS[situation](name)
    assert_close(
        tf.nest.flatten(found), tf.nest.flatten(expected), sums=200, dtype="float32", what=f"{name}, {situation}"
    )


def test_every_public_layer_is_in_the_table():
    public = [name for name in keras_rnn.__all__ if isinstance(getattr(keras_rnn, name), type)]
    assert sorted(LAYERS) == sorted(name for name in public if issubclass(getattr(keras_rnn, name), keras.layers.RNN))
