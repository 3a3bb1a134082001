"""keras_rnn.export: what it refuses, and how a file with other answers is found out."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from exported_models import (
    BOTH,
    FEATURES,
    ONE_STEP,
    UNITS,
    WORDS,
    agree,
    answers,
    numbers,
    randomised,
    run_litert,
    run_saved_model,
    small,
    stranger,
)
from grids import slow_unless

from keras_rnn import GRU, LSTM, ExportError, artifacts, export, runtimes
from keras_rnn.interface import Interface


def test_a_layer_that_cannot_be_converted(tmp_path):
    """Is named; nothing is written, also of the formats that could be."""
    with pytest.raises(ExportError) as caught:
        export(stranger(), tmp_path / "deep" / "files", inputs=ONE_STEP)
    assert str(caught.value) == (
        "expected layers that LiteRT has operators for, got spectrum, which needs SelfAdjointEigV2."
    )
    assert not (tmp_path / "deep" / "files").exists() and not list(tmp_path.rglob("*.partial"))


def own_class():
    class Own(keras.Model):
        def call(self, x):
            return x

    return Own(name="own")


def of_strings():
    text = keras.Input((), dtype="string", name="text")
    return keras.Model(text, keras.layers.StringLookup(vocabulary=["a"])(text))


def of_two_dimensions():
    return keras.Model(x := keras.Input((None, None, 3), name="x"), x + 1)


def with_a_length():
    return keras.Model(x := keras.Input((None, 3), name="length"), LSTM(2)(x))


def with_square_outputs():
    x = keras.Input((None, 3), name="x")
    return keras.Model(x, {"square": keras.layers.Dot(2)([x, x])})


def with_fixed_time():
    return keras.Model(x := keras.Input((5, 3), name="x"), LSTM(2)(x))


FUNCTIONAL = (
    "expected a model that knows its inputs, Functional or Sequential with keras.Input, got own: call it on "
    "keras.Input tensors and make a keras.Model of these and the results."
)
KNOWN = "formats expected some of saved_model, litert, litert_float16, litert_int8, litert_full_int8, onnx, got"
REFUSED = [
    (small, {"formats": ["litert", "onx"]}, f"{KNOWN} ['litert', 'onx']."),
    (small, {"formats": "tflite"}, f"{KNOWN} ['tflite']."),
    (small, {"formats": []}, f"{KNOWN} []."),
    (
        small,
        {"formats": ["litert_full_int8"]},
        "litert_full_int8 expected inputs=, by which to find the ranges of activations, got none.",
    ),
    (small, {"length": 0}, "length expected a number of time steps of 1 or more, got 0."),
    (small, {"length": 2.5}, "length expected a number of time steps of 1 or more, got 2.5."),
    (with_fixed_time, {"length": 4}, "length=4 expected an input whose time is None, got x (None, 5, 3)."),
    (with_a_length, {"length": 4}, "length=4 expected inputs of other names, got one called length."),
    (
        with_square_outputs,
        {"length": 4},
        "length=4 expected only the time of outputs to be of any size, got square of shape (None, None, None).",
    ),
    (
        small,
        {"length": 4, "inputs": [{"x": numbers(5)}]},
        "length=4 expected inputs= of at most so many time steps, got longer ones.",
    ),
    (small, {"inputs": {"x": numbers(5)}}, "inputs expected a list of dictionaries of arrays, got str in it."),
    (small, {"inputs": [{"y": numbers(5)}]}, "inputs expected arrays named x, got y."),
    (own_class, {}, FUNCTIONAL),
    (lambda: "own", {}, FUNCTIONAL),
    (of_strings, {}, "text expected inputs= to check with, as for all strings, got none."),
    (of_two_dimensions, {}, "x expected only batch and time to be of any size, got shape (None, None, None, 3)."),
]


@pytest.mark.parametrize(("make", "options", "sentence"), REFUSED, ids=[sentence[:25] for *_, sentence in REFUSED])
def test_what_is_refused(make, options, sentence, tmp_path):
    """In one sentence, and before anything is made."""
    with pytest.raises(ExportError) as caught:
        export(make(), tmp_path / "files", **options)
    assert str(caught.value) == sentence and list(tmp_path.iterdir()) == []


def hierarchical(*sentences):
    """Sentences of five words each -> an answer; words are read by one layer, sentences by another."""
    words = keras.Input((5,), dtype="int32")
    reader = keras.Model(words, GRU(UNITS)(keras.layers.Embedding(WORDS, FEATURES)(words)))
    ids = keras.Input((*sentences, 5), dtype="int32", name="ids")
    return keras.Model(ids, {"answer": LSTM(UNITS)(keras.layers.TimeDistributed(reader, name="per_sentence")(ids))})


@pytest.mark.slow
def test_time_distributed_over_unknown_time(tmp_path):
    """In a graph, Keras's runs as many steps as the batch has rows: with one row, and one step, it would seem right."""
    with pytest.raises(ExportError) as caught:
        export(hierarchical(None), tmp_path / "no", inputs=[{"ids": np.ones((1, 1, 5))}])
    assert str(caught.value) == (
        "per_sentence expected a number of time steps that is known, as Keras's TimeDistributed does in all graphs, "
        "got None: give keras.Input that number, or leave TimeDistributed out where its layer takes a sequence as it "
        "is, as Dense does."
    )
    assert not (tmp_path / "no").exists()
    model, ids = hierarchical(3), np.arange(30).reshape(2, 3, 5).astype(np.int32) % WORDS
    export(model, tmp_path / "files", formats="saved_model")
    agree(answers(model, ids=ids), run_saved_model(tmp_path / "files"), {"ids": ids})


# The check of the files: each is run, by each of its runtimes.


def with_other_weights(function):
    """Files that are written after the weights have changed a little: as a broken converter would."""

    def write(signatures, resources, *arguments, **options):
        model = resources[0]
        before = model.get_weights()
        model.set_weights([weight + 1e-3 for weight in before])
        try:
            function(signatures, resources, *arguments, **options)
        finally:
            model.set_weights(before)

    return write


@pytest.mark.parametrize("name", BOTH)
def test_a_file_with_other_weights(name, monkeypatch, tmp_path):
    monkeypatch.setattr(artifacts, "saved_model", with_other_weights(artifacts.saved_model))  # LiteRT's come from one
    with pytest.raises(ExportError, match=rf"^expected {name} to give the model's answers within 1e-05, got 0\.0"):
        export(small(), tmp_path / "files", formats=[name], inputs=ONE_STEP)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("runtime", "name"),
    [
        slow_unless(runtime == "saved_model" or name == "padded", runtime, name)
        for runtime, name in (("saved_model", "step"), ("litert", "step"), ("compiled", "step"), ("compiled", "padded"))
    ],
)
def test_a_runtime_with_other_answers(runtime, name, monkeypatch, tmp_path):
    """One signature, on one runtime, in the second call."""
    load = getattr(runtimes, runtime)

    def off(path):
        runners, calls = load(path), []

        def run(inputs):
            calls.append(inputs)
            return {key: value + 0.1 * (len(calls) == 2) for key, value in runners[name](inputs).items()}

        return runners | {name: run}

    monkeypatch.setattr(runtimes, runtime, off)
    options = {"step": True} if name == "step" else {"length": 3}
    with pytest.raises(ExportError, match=f"by {name} on 1 time steps, second call; nothing was written"):
        export(small(), tmp_path / "files", inputs=ONE_STEP, **options)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_remembers(monkeypatch, tmp_path):
    """A state that is kept from call to call: right the first time."""
    calls = tf.Variable(0.0)
    whole = Interface.whole

    def counted(self, batch):
        signature = whole(self, batch)

        def function(**inputs):
            with tf.control_dependencies([calls.assign_add(1)]):
                return {name: value + calls.read_value() - 1 for name, value in signature.function(**inputs).items()}

        self.resources = [*self.resources, calls]
        return artifacts.Signature(function, signature.specs)

    monkeypatch.setattr(Interface, "whole", counted)
    with pytest.raises(ExportError, match="by serving_default on 1 time steps, second call"):
        export(small(), tmp_path / "files", formats=["saved_model"], inputs=ONE_STEP)


def test_answers_that_are_no_numbers(tmp_path):
    """Are answers too, where the model gives them."""
    x = keras.Input((None, FEATURES), name="x")
    logarithm = keras.layers.Lambda(tf.math.log)(LSTM(UNITS, return_sequences=True)(x))
    model = randomised(keras.Model(x, {"logarithm": logarithm}))
    export(model, tmp_path / "files", step=True, inputs=[{"x": numbers(3)}])
    expected = answers(model, x=numbers(9))
    assert np.isnan(expected["logarithm"]).any() and not np.isnan(expected["logarithm"]).all()
    for run in (run_saved_model(tmp_path / "files"), run_litert(tmp_path / "files")):
        agree(expected, run, {"x": numbers(9)})
