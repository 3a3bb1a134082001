"""SavedModel and LiteRT files against the functions that they were made from, and what a failing write leaves."""

import errno
import os
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter
from closeness import assert_close

from keras_rnn import GRU, LSTM, SimpleRNN
from keras_rnn.artifacts import Signature, litert, saved_model

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


def serving(function, specs):
    return {"serving_default": Signature(function, specs)}


def signatures_of(model, specs):
    return serving(lambda ids: {"both": model(ids, training=False)}, specs)


def served(folder):
    """A SavedModel's signature."""
    return tf.saved_model.load(str(folder)).signatures["serving_default"]


@pytest.fixture(scope="module")
def model():
    return make()


@pytest.fixture(scope="module")
def files(model, tmp_path_factory):
    """A folder with the model's SavedModel and LiteRT files."""
    folder = tmp_path_factory.mktemp("files")
    saved_model(signatures_of(model, IDS), [model], folder / "1")
    for weights in ("float32", "int8"):
        litert(signatures_of(model, ONE_ROW), [model], folder / f"{weights}.tflite", weights=weights)
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
            assert_close(found, model(ids, training=False))


def test_the_saved_model_holds_copies(model, tmp_path):
    """Training that goes on doesn't change what was written."""
    other = make(seed=2)
    saved_model(signatures_of(other, IDS), [other], tmp_path / "1")
    before = np.array(other(rows(5), training=False))
    other.set_weights(model.get_weights())
    assert_close(served(tmp_path / "1")(ids=tf.constant(rows(5)))["both"], before)


def test_litert_equals_the_model_at_every_length(model, files):
    run = runner(files / "float32.tflite")
    for length in (*LENGTHS, *LENGTHS):
        assert_close(run(rows(length)), model(rows(length), training=False))


def test_int8_is_smaller_and_close(model, files):
    run = runner(files / "int8.tflite")
    expected = np.concatenate([np.array(model(rows(length), training=False)) for length in LENGTHS])
    found = np.concatenate([run(rows(length)) for length in LENGTHS])
    again = np.concatenate([run(rows(length)) for length in LENGTHS])
    np.testing.assert_array_equal(found, again)
    error = np.abs(found - expected).max()
    assert 1e-7 < error < 0.05 * np.abs(expected).max()  # not 0, which would be a file that isn't quantised
    sizes = [(files / f"{weights}.tflite").stat().st_size for weights in ("float32", "int8")]
    assert sizes[1] < 0.5 * sizes[0]


@pytest.mark.parametrize("layer", [SimpleRNN, GRU], ids=lambda layer: layer.__name__)
def test_litert_of_the_other_layers(layer, tmp_path):
    model = make(layer)
    litert(signatures_of(model, ONE_ROW), [model], tmp_path / "model.tflite")
    run = runner(tmp_path / "model.tflite")
    for length in (33, 3, 33):
        assert_close(run(rows(length)), model(rows(length), training=False))


def test_builtin_operators_only(files, tmp_path):
    """Anything else fails when it is written, not when it is used."""
    for weights in ("float32", "int8"):
        assert b"Flex" not in (files / f"{weights}.tflite").read_bytes()
    lower = serving(lambda text: {"lower": tf.strings.lower(text)}, [tf.TensorSpec((1,), tf.string, name="text")])
    with pytest.raises(Exception, match=r"StringLower|neither a custom op nor a flex op"):
        litert(lower, [], tmp_path / "model.tflite")
    assert list(tmp_path.iterdir()) == []


def test_each_signature_is_a_function_of_its_own(tmp_path):
    """Other inputs, other outputs, one file; the weights are shared."""
    table = tf.Variable(tf.random.normal((1000, 4)))
    signatures = {
        "serving_default": Signature(lambda ids: {"row": tf.gather(table, ids)}, ONE_ROW),
        "scale": Signature(
            lambda ids, by: {"row": tf.gather(table, ids) * by, "twice": 2 * by},
            [*ONE_ROW, tf.TensorSpec((), tf.float32, name="by")],
        ),
    }
    saved_model(signatures, [table], tmp_path / "1")
    litert(signatures, [table], tmp_path / "model.tflite")
    loaded, interpreter = tf.saved_model.load(str(tmp_path / "1")), Interpreter(str(tmp_path / "model.tflite"))
    ids, by = np.array([[3, 1]], np.int32), np.array(0.5, np.float32)
    for name, inputs, scale in (("serving_default", {"ids": ids}, 1), ("scale", {"ids": ids, "by": by}, 0.5)):
        found = loaded.signatures[name](**{key: tf.constant(value) for key, value in inputs.items()})
        assert_close(found["row"], table.numpy()[ids] * scale)
        found = interpreter.get_signature_runner(name)(**inputs)
        assert_close(found["row"], table.numpy()[ids] * scale)
    assert found["twice"] == 1
    assert (tmp_path / "model.tflite").stat().st_size < 1.5 * 4 * 4000


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"weights": "int4"}, "weights expected one of float32, float16, int8, full_int8, got 'int4'."),
        ({"weights": "full_int8"}, 'weights="full_int8" expected samples of the inputs, got none.'),
    ],
)
def test_what_litert_files_cannot_be(options, sentence, tmp_path):
    with pytest.raises(ValueError) as caught:
        litert(serving(constant(1), ONE_ROW), [], tmp_path / "model.tflite", **options)
    assert str(caught.value) == sentence and list(tmp_path.iterdir()) == []


def test_tables_travel_with_the_saved_model(tmp_path):
    initializer = tf.lookup.KeyValueTensorInitializer(["a", "b"], tf.constant([2, 3]))
    table = tf.lookup.StaticHashTable(initializer, 1)
    text = [tf.TensorSpec((None,), tf.string, name="text")]
    saved_model(serving(lambda text: {"ids": table.lookup(text)}, text), [table], tmp_path / "deep" / "1")
    assert served(tmp_path / "deep" / "1")(text=tf.constant(["b", "x", "a"]))["ids"].numpy().tolist() == [3, 1, 2]


def constant(value):
    return lambda ids: {"value": tf.fill([tf.shape(ids)[0]], value)}


def value_in(folder):
    return int(served(folder)(ids=tf.constant([[1]]))["value"][0])


def broken(ids):
    raise ZeroDivisionError


def disk_full(*arguments, **options):
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_new_saved_model_replaces_the_old_one_and_a_failing_one_does_not(tmp_path, monkeypatch):
    folder = tmp_path / "1"
    saved_model(serving(constant(1), IDS), [], folder)
    saved_model(serving(constant(2), IDS), [], folder)
    assert value_in(folder) == 2 and list(tmp_path.iterdir()) == [folder]

    with pytest.raises(ZeroDivisionError):
        saved_model(serving(broken, IDS), [], folder)
    save = tf.saved_model.save

    def save_half(*arguments, **options):
        save(*arguments, **options)
        disk_full()

    monkeypatch.setattr(tf.saved_model, "save", save_half)
    with pytest.raises(OSError, match="No space left"):
        saved_model(serving(constant(3), IDS), [], folder)
    assert value_in(folder) == 2 and list(tmp_path.iterdir()) == [folder]


def test_a_failing_litert_export_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "model.tflite"
    path.write_bytes(b"old")
    with pytest.raises(ZeroDivisionError):
        litert(serving(broken, ONE_ROW), [], path)
    assert path.read_bytes() == b"old" and os.listdir(tmp_path) == [path.name]

    def write_half(self, content):
        with open(self, "wb") as file:
            file.write(content[:9])
        disk_full()

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", write_half)
        with pytest.raises(OSError, match="No space left"):
            litert(serving(constant(1), ONE_ROW), [], path)
    assert path.read_bytes() == b"old" and os.listdir(tmp_path) == [path.name]
    with path.open("rb") as reader:  # who reads the old file meanwhile reads it to its end
        litert(serving(constant(1), ONE_ROW), [], path)
        assert reader.read() == b"old"
    run = Interpreter(model_content=path.read_bytes()).get_signature_runner()
    assert run(ids=np.array([[1]], np.int32))["value"].tolist() == [1] and os.listdir(tmp_path) == [path.name]
