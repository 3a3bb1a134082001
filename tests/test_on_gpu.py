"""The real kernels, on a machine with a GPU; elsewhere all of this is skipped, and test_cudnn.py emulates them."""

import time
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter
from closeness import assert_close
from layer_table import MASK, ROWS, TIME, Row, random_inputs, random_states

from keras_rnn import GRU, LSTM, SimpleRNN, artifacts
from keras_rnn.fast_paths import cudnn

pytestmark = pytest.mark.skipif(not tf.config.list_physical_devices("GPU"), reason="there is no GPU")

MODELS = Path(__file__).parents[1] / "saved_models"
MASKS = {"whole": None, "right-padded": np.arange(TIME) < np.array([[2], [4], [1], [3], [4]]), "any": MASK}
LAYERS = [SimpleRNN, LSTM, GRU]
REQUESTS = {  # what both the SavedModel and the LiteRT file take
    "mnist_rows": {"image": np.random.default_rng(1).random((1, 28, 28), np.float32)},
}


@pytest.fixture(autouse=True)
def whole_float32():
    """Products of all 24 bits, as a CPU's; by default TensorFlow lets the GPU use 11 of them."""
    before = tf.config.experimental.tensor_float_32_execution_enabled()
    tf.config.experimental.enable_tensor_float_32_execution(False)
    yield
    tf.config.experimental.enable_tensor_float_32_execution(before)


def named(layer):
    return layer.__name__


@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("row", ROWS, ids=str)
def test_inference_is_the_loops(row, mask, monkeypatch):
    layer, _ = row.pair(return_state=True, stateful=False)
    call = {"mask": None if MASKS[mask] is None else tf.constant(MASKS[mask])}
    call["initial_state"] = [tf.constant(state) for state in random_states(layer)]
    found = tf.function(lambda x: layer(x, **call), autograph=False)(tf.constant(random_inputs()))
    monkeypatch.setattr(cudnn, "available", lambda: False)
    with tf.device("CPU"):
        expected = layer(random_inputs(), **call)
    for value, other in zip(found, expected, strict=True):
        assert_close(value, other)


@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("options", [{}, {"return_sequences": True}, {"go_backwards": True}], ids=str)
@pytest.mark.parametrize("layer", LAYERS, ids=named)
def test_training_is_the_loops(layer, options, mask, monkeypatch):
    layer = Row(layer.__name__).pair(**options)[0]
    mask = None if MASKS[mask] is None else tf.constant(MASKS[mask])

    def step(inputs):
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            output = layer(inputs, mask=mask, training=True)
            loss = tf.reduce_sum(output * tf.cumsum(tf.ones_like(output)))
        return [output, *tape.gradient(loss, [inputs, *(weight.value for weight in layer.trainable_weights)])]

    found = tf.function(step, autograph=False)(tf.constant(random_inputs()))
    monkeypatch.setattr(cudnn, "available", lambda: False)
    with tf.device("CPU"):
        expected = step(tf.constant(random_inputs()))
    for value, other in zip(found, expected, strict=True):
        assert_close(value, other)


@pytest.mark.parametrize("layer", LAYERS, ids=named)
def test_padded_and_whole_batches_take_turns(layer, monkeypatch):
    """In one graph, and of one shape: the operator fails at the one kind of batch once it has seen the other."""
    layer = layer(8, return_sequences=True)
    layer.build((None, None, 6))

    def step(inputs, mask):
        with tf.GradientTape() as tape:
            output = layer(inputs, mask=mask, training=True)
            loss = tf.reduce_sum(tf.square(output))
        return [output, *tape.gradient(loss, [weight.value for weight in layer.trainable_weights])]

    shapes = [tf.TensorSpec((None, None, 6)), tf.TensorSpec((None, None), tf.bool)]
    graph = tf.function(step, autograph=False, input_signature=shapes)
    batches = [
        (tf.constant(random_inputs(4, time, 6)), tf.sequence_mask([time, time - shorter, time, time], time))
        for time, shorter in ((5, 2), (5, 0), (7, 3), (6, 0))
    ]
    found = [graph(*batch) for batch in batches]
    monkeypatch.setattr(cudnn, "available", lambda: False)
    for values, batch in zip(found, batches, strict=True):
        with tf.device("CPU"):
            expected = step(*batch)
        for value, other in zip(values, expected, strict=True):
            assert_close(value, other, sums=1000)


@pytest.mark.parametrize("layer", LAYERS, ids=named)
def test_a_saved_model_runs_the_kernel(layer, tmp_path):
    """The signature of a model written like a user's: 1,000 steps take a kernel a few milliseconds, a loop many."""
    inputs = keras.Input((None, 8), name="x")
    model = keras.Model(inputs, layer(64)(inputs))
    signature = artifacts.Signature(
        lambda x: {"y": model(x, training=False)}, [tf.TensorSpec((None, None, 8), name="x")]
    )
    artifacts.saved_model({"serving_default": signature}, [model], tmp_path / "1")
    loaded = tf.saved_model.load(str(tmp_path / "1"))
    serve = loaded.signatures["serving_default"]
    values = tf.random.normal((4, 1000, 8), seed=1)

    def seconds():
        start = time.perf_counter()
        serve(x=values)["y"].numpy()
        return time.perf_counter() - start

    by_kernel = min(seconds() for _ in range(5))
    plain = tf.function(lambda x: keras.layers.RNN(model.layers[1].cell)(x), autograph=False)
    expected = plain(values).numpy()
    start = time.perf_counter()
    plain(values).numpy()
    assert by_kernel < (time.perf_counter() - start) / 3
    assert_close(serve(x=values)["y"], expected, sums=1000)  # a step adds 72 numbers, 1,000 times


@pytest.mark.parametrize("app", REQUESTS)
def test_a_shipped_model_answers_like_its_litert_file(app):
    saved = tf.saved_model.load(str(MODELS / app / "1")).signatures["serving_default"]
    litert = Interpreter(str(MODELS / app / "model.tflite")).get_signature_runner("serving_default")
    found = saved(**{name: tf.constant(value) for name, value in REQUESTS[app].items()})
    expected = litert(**REQUESTS[app])
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert_close(found[name], value, sums=1000)


def test_the_shipped_texts_are_classified_as_on_a_cpu():
    serve = tf.saved_model.load(str(MODELS / "sentiment" / "1")).signatures["serving_default"]
    texts = tf.constant(["A warm, funny film.", "Dull, clumsy and far too long.", "", "It isn't bad. " * 300])
    with tf.device("CPU"):
        expected = serve(text=texts)
    for name, value in serve(text=texts).items():
        assert_close(value, expected[name], sums=1000)
