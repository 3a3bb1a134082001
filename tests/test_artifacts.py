"""SavedModel and LiteRT files against the Keras model that they were made from."""

import errno
import os
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

from keras_rnn import GRU, LSTM, SimpleRNN, export

WORDS, UNITS = 700, 24
LENGTHS = (1, 2, 31, 32, 33, 70)  # around the size of the blocks of LiteRT's loops
IDS = [tf.TensorSpec((None, None), tf.int32, name="ids")]
ONE_ROW = [tf.TensorSpec((1, None), tf.int32, name="ids")]


def make(layer=LSTM, seed=1):
    """Ids -> two numbers, through a bidirectional layer with a mask."""
    keras.utils.set_random_seed(seed)
    ids = keras.Input((None,), dtype="int32")
    hidden = keras.layers.Embedding(WORDS, UNITS, mask_zero=True, embeddings_initializer="normal")(ids)
    hidden = keras.layers.Bidirectional(layer(UNITS))(hidden)
    return keras.Model(ids, keras.layers.Dense(2)(hidden))


def function_of(model):
    return lambda ids: {"both": model(ids, training=False)}


@pytest.fixture(scope="module")
def model():
    return make()


@pytest.fixture(scope="module")
def files(model, tmp_path_factory):
    """A folder with the model's SavedModel and LiteRT files."""
    folder = tmp_path_factory.mktemp("files")
    export.saved_model(function_of(model), IDS, [model], folder / "1")
    export.litert(function_of(model), ONE_ROW, [model], folder / "model.tflite")
    export.litert(function_of(model), ONE_ROW, [model], folder / "model_int8.tflite", int8=True)
    return folder


def rows(length, batch=1):
    return np.random.default_rng(length).integers(1, WORDS, (batch, length)).astype(np.int32)


def runner(path):
    """Runs a LiteRT file, by an interpreter that has builtin operators only."""
    run = Interpreter(model_content=path.read_bytes()).get_signature_runner("serving_default")
    return lambda ids: run(ids=ids)["both"]


def test_the_saved_model_equals_the_model(model, files):
    loaded = tf.saved_model.load(str(files / "1"))
    assert list(loaded.signatures) == ["serving_default"]
    serve = loaded.signatures["serving_default"]
    for length in LENGTHS:
        ids = rows(length, batch=3)
        ids[1, length // 2 + 1 :] = 0  # padding
        for _ in range(2):  # nothing is left from the call before
            found = serve(ids=tf.constant(ids))["both"]
            np.testing.assert_allclose(found, model(ids, training=False), atol=1e-6)


def test_the_saved_model_holds_copies(model, tmp_path):
    """Training that goes on doesn't change what was written."""
    other = make(seed=2)
    export.saved_model(function_of(other), IDS, [other], tmp_path / "1")
    before = np.array(other(rows(5), training=False))
    other.set_weights(model.get_weights())
    serve = tf.saved_model.load(str(tmp_path / "1")).signatures["serving_default"]
    np.testing.assert_allclose(serve(ids=tf.constant(rows(5)))["both"], before, atol=1e-6)


def test_litert_equals_the_model_at_every_length(model, files):
    run = runner(files / "model.tflite")
    for length in (*LENGTHS, *LENGTHS):
        np.testing.assert_allclose(run(rows(length)), model(rows(length), training=False), atol=1e-5)


def test_int8_is_smaller_and_close(model, files):
    run = runner(files / "model_int8.tflite")
    expected = np.concatenate([np.array(model(rows(length), training=False)) for length in LENGTHS])
    found = np.concatenate([run(rows(length)) for length in LENGTHS])
    again = np.concatenate([run(rows(length)) for length in LENGTHS])
    np.testing.assert_array_equal(found, again)
    error = np.abs(found - expected).max()
    assert 1e-7 < error < 0.05 * np.abs(expected).max()  # not 0, which would be a file that isn't quantised
    sizes = [(files / name).stat().st_size for name in ("model.tflite", "model_int8.tflite")]
    assert sizes[1] < 0.5 * sizes[0]


@pytest.mark.parametrize("layer", [SimpleRNN, GRU], ids=lambda layer: layer.__name__)
def test_litert_of_the_other_layers(layer, tmp_path):
    model = make(layer)
    export.litert(function_of(model), ONE_ROW, [model], tmp_path / "model.tflite")
    run = runner(tmp_path / "model.tflite")
    for length in (33, 3, 33):
        np.testing.assert_allclose(run(rows(length)), model(rows(length), training=False), atol=1e-5)


def test_builtin_operators_only(files, tmp_path):
    """Anything else fails when it is written, not when it is used."""
    for name in ("model.tflite", "model_int8.tflite"):
        assert b"Flex" not in (files / name).read_bytes()
    text = [tf.TensorSpec((1,), tf.string, name="text")]
    with pytest.raises(Exception, match=r"StringLower|neither a custom op nor a flex op"):
        export.litert(lambda text: {"lower": tf.strings.lower(text)}, text, [], tmp_path / "model.tflite")
    assert list(tmp_path.iterdir()) == []


def test_tables_travel_with_the_saved_model(tmp_path):
    initializer = tf.lookup.KeyValueTensorInitializer(["a", "b"], tf.constant([2, 3]))
    table = tf.lookup.StaticHashTable(initializer, 1)
    text = [tf.TensorSpec((None,), tf.string, name="text")]
    export.saved_model(lambda text: {"ids": table.lookup(text)}, text, [table], tmp_path / "deep" / "1")
    serve = tf.saved_model.load(str(tmp_path / "deep" / "1")).signatures["serving_default"]
    assert serve(text=tf.constant(["b", "x", "a"]))["ids"].numpy().tolist() == [3, 1, 2]


def constant(value):
    return lambda ids: {"value": tf.fill([tf.shape(ids)[0]], value)}


def value_in(folder):
    serve = tf.saved_model.load(str(folder)).signatures["serving_default"]
    return int(serve(ids=tf.constant([[1]]))["value"][0])


def broken(ids):
    raise ZeroDivisionError


def test_a_new_saved_model_replaces_the_old_one_and_a_failing_one_does_not(tmp_path, monkeypatch):
    folder = tmp_path / "1"
    export.saved_model(constant(1), IDS, [], folder)
    (tmp_path / "1.partial").mkdir()  # of an export that was killed
    (tmp_path / "1.partial" / "half").touch()
    export.saved_model(constant(2), IDS, [], folder)
    assert value_in(folder) == 2 and list(tmp_path.iterdir()) == [folder]

    with pytest.raises(ZeroDivisionError):
        export.saved_model(broken, IDS, [], folder)
    save = tf.saved_model.save

    def save_half(*arguments, **options):
        save(*arguments, **options)
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(tf.saved_model, "save", save_half)
    with pytest.raises(OSError, match="No space left"):
        export.saved_model(constant(3), IDS, [], folder)
    assert value_in(folder) == 2 and list(tmp_path.iterdir()) == [folder]


def test_a_failing_litert_export_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "model.tflite"
    path.write_bytes(b"old")
    with pytest.raises(ZeroDivisionError):
        export.litert(broken, ONE_ROW, [], path)
    assert path.read_bytes() == b"old" and os.listdir(tmp_path) == [path.name]

    def write_half(self, content):
        with open(self, "wb") as file:
            file.write(content[:9])
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", write_half)
        with pytest.raises(OSError, match="No space left"):
            export.litert(constant(1), ONE_ROW, [], path)
    assert path.read_bytes() == b"old" and os.listdir(tmp_path) == [path.name]
    with path.open("rb") as reader:  # who reads the old file meanwhile reads it to its end
        export.litert(constant(1), ONE_ROW, [], path)
        assert reader.read() == b"old"
    run = Interpreter(model_content=path.read_bytes()).get_signature_runner()
    assert run(ids=np.array([[1]], np.int32))["value"].tolist() == [1] and os.listdir(tmp_path) == [path.name]
