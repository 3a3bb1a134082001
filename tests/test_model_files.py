"""Models in files, of Keras 3 and as Keras 2 wrote them: read, and their recurrent layers replaced by ours."""

import json

import h5py
import keras
import numpy as np
import pytest

import keras_rnn
from keras_rnn import ExportError, model_files

FEATURES = 3
INPUTS = np.random.default_rng(2).normal(size=(2, 5, FEATURES)).astype("float32")
L = keras.layers


def randomised(model):
    generator = np.random.default_rng(4)
    model.set_weights([generator.normal(size=w.shape, scale=0.4).astype(w.dtype) for w in model.get_weights()])
    return model


def functional(*stack):
    x = y = keras.Input((None, FEATURES), name="x")
    for layer in stack:
        y = layer(y)
    return randomised(keras.Model(x, y))


def with_a_state():
    x = keras.Input((None, FEATURES), name="x")
    _, *states = L.LSTM(4, return_state=True, name="encoder")(x)
    return randomised(keras.Model(x, L.LSTM(4, name="decoder")(x, initial_state=states)))


MODELS = {
    "stack": lambda: functional(L.SimpleRNN(4, return_sequences=True), L.GRU(3, reset_after=False), L.Dense(2)),
    "bidirectional": lambda: functional(L.Masking(), L.Bidirectional(L.LSTM(4, dropout=0.3), merge_mode="sum")),
    "backwards": lambda: functional(L.GRU(4, go_backwards=True, return_sequences=True, use_bias=False)),
    "cells": lambda: functional(L.RNN(L.GRUCell(4), return_sequences=True), L.RNN(L.LSTMCell(3, activation="relu"))),
    "nested": lambda: functional(L.Dense(2), functional_of(2, L.LSTM(4))),
    "sequential": lambda: randomised(keras.Sequential([keras.Input((5, FEATURES)), L.LSTM(4)])),
    "state": with_a_state,
}


def functional_of(features, layer):
    x = keras.Input((None, features))
    return keras.Model(x, layer(x), name="inner")


def recurrent(model):
    return [layer for layer in model._flatten_layers() if isinstance(layer, L.RNN)]


@pytest.mark.parametrize("name", MODELS)
def test_every_recurrent_layer_is_replaced_and_the_answers_stay(name, tmp_path):
    model = MODELS[name]()
    model.save(tmp_path / "model.keras")
    replaced, done = model_files.with_our_layers(model_files.load(tmp_path / "model.keras"))
    assert {type(layer).__module__ for layer in recurrent(replaced)} == {"keras_rnn.layers"}
    assert set(done) == {layer.name for layer in recurrent(model)}
    expected = model.predict(INPUTS, verbose=0)
    np.testing.assert_allclose(replaced.predict(INPUTS, verbose=0), expected, rtol=1e-5, atol=1e-6)


def test_a_model_of_ours_stays_itself():
    model = functional(keras_rnn.LSTM(4))
    assert model_files.with_our_layers(model) == (model, {})


def test_a_stateful_model_becomes_one_of_any_batch_that_forgets():
    model = randomised(keras.Sequential([keras.Input(batch_shape=(2, 5, FEATURES)), L.LSTM(4, stateful=True)]))
    replaced, done = model_files.with_our_layers(model)
    assert "no longer stateful" in next(iter(done.values())) and replaced.input_shape == (None, 5, FEATURES)
    first, second = replaced(INPUTS[:1]), replaced(INPUTS[:1])
    np.testing.assert_array_equal(first, second)
    np.testing.assert_allclose(first, model(INPUTS)[:1], rtol=1e-5, atol=1e-6)


def test_what_keras_has_alone_is_named():
    model = functional(L.RNN([L.LSTMCell(4), L.LSTMCell(3)], name="stacked"))
    assert [layer.name for layer in model_files.unreplaced(model)] == ["stacked"]


def written_by_keras_2(path):
    """An .h5 file with the arguments that Keras 2 wrote and Keras 3 refuses."""
    model = randomised(keras.Sequential([keras.Input((5, FEATURES)), L.Bidirectional(L.LSTM(4)), L.Dense(1)]))
    model.save(path)
    with h5py.File(path, "r+") as file:
        content = json.loads(file.attrs["model_config"])
        bidirectional = content["config"]["layers"][1]["config"]
        bidirectional["layer"]["config"]["time_major"] = False
        bidirectional["backward_layer"]["config"]["time_major"] = False
        content["config"]["layers"][2]["config"]["batch_input_shape"] = [None, 8]
        file.attrs["model_config"] = json.dumps(content)
    return model


@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
def test_an_h5_file_of_keras_2_is_read(tmp_path):
    model = written_by_keras_2(tmp_path / "old.h5")
    with pytest.raises(ValueError, match="time_major"):  # or what is mended here has been mended there
        keras.models.load_model(tmp_path / "old.h5")
    loaded = model_files.load(tmp_path / "old.h5")
    np.testing.assert_allclose(loaded(INPUTS), model(INPUTS), rtol=1e-6, atol=1e-6)


def test_time_first_isn_t_dropped_from_a_file_of_keras_2():
    part = {"class_name": "LSTM", "config": {"name": "lstm", "time_major": True, "units": 4}}
    assert model_files.for_keras_3(part)["config"]["time_major"] is True
    part["config"]["time_major"] = False
    assert model_files.for_keras_3(part)["config"] == {"name": "lstm", "units": 4}


def make(kind, folder):
    path = folder / f"model.{kind}"
    if kind == "truncated.keras":
        functional(L.LSTM(4)).save(folder / "whole.keras")
        path.write_bytes((folder / "whole.keras").read_bytes()[:-200])
    elif kind == "lambda.keras":
        functional(L.LSTM(4), L.Lambda(lambda x: x * 2, output_shape=(4,))).save(path)
    elif kind == "weights.h5":
        functional(L.LSTM(4)).save_weights(path)
    elif kind == "saved":
        path.mkdir()
    elif kind in ("text.h5", "text.keras", "txt"):
        path.write_text("not a model")
    return path


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        ("missing.keras", "got no such file"),
        ("saved", "a SavedModel has no layers any more"),
        ("txt", "expected a file that ends in .keras"),
        ("text.keras", "expected a whole model"),
        ("text.h5", "expected a whole model"),
        ("truncated.keras", "expected a whole model"),
        ("weights.h5", "got weights alone"),
        ("lambda.keras", "add --trusted"),
    ],
)
def test_another_file_is_named_in_one_sentence(kind, sentence, tmp_path):
    with pytest.raises(ExportError, match=sentence) as found:
        model_files.load(make(kind, tmp_path))
    assert "\n" not in str(found.value)


def test_a_trusted_lambda_is_loaded(tmp_path):
    assert model_files.load(make("lambda.keras", tmp_path), trusted=True).layers[-1].name.startswith("lambda")
