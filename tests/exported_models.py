"""Small models for tests of export, and what runs their files without the code that checks them there."""

import keras
import numpy as np
import tensorflow as tf
from ai_edge_litert.compiled_model import CompiledModel
from ai_edge_litert.interpreter import Interpreter
from closeness import assert_close

from keras_rnn import LSTM

WORDS, FEATURES, UNITS = 13, 3, 4
LENGTHS = (1, 2, 7, 100)
BOTH = ("saved_model", "litert")
ONE_STEP = [{"x": np.ones((1, 1, FEATURES))}]  # the least that export can check with, where the test does it itself


def named(layer):
    return layer.__name__


def randomised(model, scale=0.4):
    """Weights that no two gates share, and under which no difference grows from step to step."""
    generator = np.random.default_rng(5)
    model.set_weights([generator.normal(size=w.shape, scale=scale).astype(w.dtype) for w in model.get_weights()])
    return model


def small(layer=LSTM, **options):
    """x (batch, time, FEATURES) -> `answer`."""
    x = keras.Input((None, FEATURES), name="x")
    return randomised(keras.Model(x, layer(UNITS, name="answer", **options)(x)))


def eigenvalues(x):
    return tf.linalg.eigh(tf.matmul(x, x, transpose_a=True))[0]


def stranger():
    """With a layer that LiteRT has no operator for, in a nested model."""
    x = keras.Input((None, FEATURES), name="x")
    inner = keras.Input((None, UNITS))
    nested = keras.Model(inner, keras.layers.Lambda(eigenvalues, name="eigen")(inner), name="spectrum")
    return keras.Model(x, nested(LSTM(UNITS, return_sequences=True)(x)))


def numbers(time, batch=1, width=FEATURES):
    return np.random.default_rng([time, batch]).normal(size=(batch, time, width)).astype(np.float32)


def words(time, batch=1):
    """Ids with padding anywhere, and not in the first row."""
    found = np.random.default_rng([time, batch]).integers(0, WORDS, (batch, time)).astype(np.int32)
    found[0] = np.maximum(found[0], 1)
    return found


def answers(model, **inputs):
    """The Keras model's, by name."""
    found = model(next(iter(inputs.values())) if len(model.inputs) == 1 else inputs, training=False)
    return {name: np.array(value) for name, value in found.items()}


def run_saved_model(folder, name="serving_default"):
    loaded = tf.saved_model.load(str(folder / "1"))

    def run(**inputs):
        found = loaded.signatures[name](**{key: tf.constant(value) for key, value in inputs.items()})
        return {key: value.numpy() for key, value in found.items()}

    return run


def run_litert(folder, name="serving_default", file="model.tflite"):
    return Interpreter(str(folder / file)).get_signature_runner(name)


def run_compiled(folder, name="serving_default", file="model.tflite"):
    """By the runtime of phones and browsers, from shapes that are known beforehand."""
    model = CompiledModel.from_file(str(folder / file))
    outputs = run_litert(folder, name, file).get_output_details()

    def run(**inputs):
        given = {key: model.create_input_buffer_by_name(name, key) for key in inputs}
        for key, buffer in given.items():
            buffer.write(np.ascontiguousarray(inputs[key]))
        found = {key: model.create_output_buffer_by_name(name, key) for key in outputs}
        model.run_by_name(name, given, found)
        return {
            key: found[key].read(int(np.prod(detail["shape"])), detail["dtype"]).reshape(detail["shape"])
            for key, detail in outputs.items()
        }

    return run


def agree(expected, run, inputs):
    """All of the outputs, and no others, in the first call and in the second."""
    for _ in range(2):
        found = run(**inputs)
        assert found.keys() == expected.keys()
        for name, value in expected.items():
            assert_close(found[name], value, what=name)
