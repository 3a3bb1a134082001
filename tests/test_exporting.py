"""keras_rnn.export: its files give the model's answers, run here without the code that checks them there."""

import errno
import functools
import resource
import subprocess
import sys
import tempfile
import textwrap

import keras
import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.compiled_model import CompiledModel
from ai_edge_litert.interpreter import Interpreter
from closeness import assert_close
from grids import slow_unless
from layer_table import VARIANTS
from tensorflow.core.protobuf import saved_model_pb2

import keras_rnn
from keras_rnn import GRU, LSTM, ExportError, SimpleRNN, artifacts, export, runtimes
from keras_rnn.formats import FORMATS
from keras_rnn.interface import Interface, distinct
from whole_files import newest

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


# The table: layer x direction x last or sequence x mask x stack, on every runtime, for every length, twice.


def table_model(layer):
    """Both directions of each layer apart, so that the forward one stands for the layer alone too."""
    ids = keras.Input((None,), dtype="int32", name="ids")
    outputs = {}

    def both(name, hidden, units, sequences):
        directions = keras.layers.Bidirectional(layer(units, return_sequences=sequences), merge_mode=None)(hidden)
        names = [f"{name}_{direction}_{'sequence' if sequences else 'last'}" for direction in ("forward", "backward")]
        outputs.update(zip(names, directions, strict=True))
        return directions

    for mask in (False, True):
        name = "masked" if mask else "whole"
        hidden = keras.layers.Embedding(WORDS, FEATURES, mask_zero=mask)(ids)
        forward, backward = both(name, hidden, UNITS, True)
        both(name, hidden, UNITS, False)
        both(f"{name}_stack", forward, UNITS + 1, False)
        both(f"{name}_stack", keras.layers.Concatenate()([forward, backward]), UNITS + 2, True)
    return randomised(keras.Model(ids, outputs))


@pytest.mark.slow
@pytest.mark.parametrize("layer", [SimpleRNN, LSTM, GRU], ids=named)
def test_the_table(layer, tmp_path):
    model = table_model(layer)
    assert len(model.outputs) == 16
    exported = export(model, tmp_path / "files", inputs=[{"ids": words(2)}])
    assert set(exported) == {"saved_model", "litert"}
    saved, litert = run_saved_model(tmp_path / "files"), run_litert(tmp_path / "files")
    for length in LENGTHS:
        ids = words(length, batch=3)
        expected = answers(model, ids=ids)
        agree(expected, saved, {"ids": ids})
        for row in range(3):
            agree({name: value[row : row + 1] for name, value in expected.items()}, litert, {"ids": ids[row : row + 1]})


@pytest.mark.slow
def test_the_static_table(tmp_path):
    """For CompiledModel: every layer, both directions, a mask, last and sequence, at a fixed length."""
    ids = keras.Input((6,), dtype="int32", name="ids")
    hidden = keras.layers.Embedding(WORDS, FEATURES, mask_zero=True)(ids)
    outputs = {}
    for layer in (SimpleRNN, LSTM, GRU):
        sequence = keras.layers.Bidirectional(layer(UNITS, return_sequences=True))(hidden)
        outputs |= {f"{named(layer)}_sequence": sequence, f"{named(layer)}_last": layer(UNITS)(sequence)}
    model = randomised(keras.Model(ids, outputs | {"ids": ids}))
    export(model, tmp_path / "files", formats="litert")
    for row in words(6, batch=3):
        for run in (run_litert, run_compiled):
            agree(answers(model, ids=row[None]), run(tmp_path / "files"), {"ids": row[None]})


# Models of other forms.


def mixed_model():
    """Inputs and outputs by name, a nested model, a layer called twice, Masking, attention, pooling, Keras's LSTM."""
    inputs = {
        "words": keras.Input((None,), dtype="int32", name="words"),
        "numbers": keras.Input((None, FEATURES), name="numbers"),
        "given": keras.Input((UNITS,), name="given"),
    }
    embedded = keras.layers.Embedding(WORDS, UNITS, mask_zero=True)(inputs["words"])
    shared = GRU(UNITS, return_sequences=True, name="shared")
    read = shared(shared(embedded))
    x = keras.Input((None, FEATURES))
    nested = keras.Model(x, LSTM(UNITS, return_sequences=True)(x), name="nested")
    numbers, masked = nested(inputs["numbers"]), keras.layers.Masking()(inputs["numbers"])
    attended = keras.layers.Attention()([numbers, read])
    query = keras.layers.Reshape((1, UNITS))(inputs["given"])
    outputs = {
        "pooled": keras.layers.GlobalMaxPooling1D()(attended),
        "mean": keras.layers.GlobalAveragePooling1D()(read),
        "attended": keras.layers.MultiHeadAttention(1, UNITS)(query, numbers),
        "given": keras.layers.Dense(2)(inputs["given"]),  # another shape under the same name
        "beside": keras.layers.Add()([keras.layers.LSTM(UNITS)(masked), SimpleRNN(UNITS)(masked)]),
    }
    return randomised(keras.Model(inputs, outputs))


@pytest.mark.slow
def test_a_model_of_many_parts(tmp_path):
    model = mixed_model()

    def inputs(length):
        padded = numbers(length)
        padded[:, length // 2 + 1 :] = 0
        return {"words": words(length), "numbers": padded, "given": numbers(UNITS)[:, :, 0]}

    exported = export(model, tmp_path / "files", inputs=[inputs(2)])
    assert all(file.signatures == ("serving_default",) for file in exported.values())
    saved, litert = run_saved_model(tmp_path / "files"), run_litert(tmp_path / "files")
    for length in (2, 5, 40):
        for run in (saved, litert):
            agree(answers(model, **inputs(length)), run, inputs(length))


@pytest.mark.slow
def test_an_encoder_and_a_decoder(tmp_path):
    """Sequences of different lengths, and states from one layer to the next."""
    source, target = keras.Input((None,), dtype="int32", name="source"), keras.Input((None, FEATURES), name="target")
    hidden = keras.layers.Embedding(WORDS, FEATURES, mask_zero=True)(source)
    _, forward, backward = keras.layers.Bidirectional(GRU(UNITS, return_state=True))(hidden)
    state = keras.layers.Concatenate()([forward, backward])
    decoded, last = GRU(2 * UNITS, return_sequences=True, return_state=True)(target, initial_state=state)
    model = randomised(keras.Model([source, target], {"decoded": keras.layers.Dense(2)(decoded), "last": last}))
    export(model, tmp_path / "files", inputs=[{"source": words(4, batch=2), "target": numbers(3, batch=2)}])
    saved, litert = run_saved_model(tmp_path / "files"), run_litert(tmp_path / "files")
    for lengths in ((1, 1), (5, 2), (3, 40)):
        inputs = {"source": words(lengths[0]), "target": numbers(lengths[1])}
        for run in (saved, litert):
            found = model([inputs["source"], inputs["target"]])
            agree({name: np.array(value) for name, value in found.items()}, run, inputs)
    with pytest.raises(ExportError, match=r"length=9 expected as many time steps .*'source': 4, 'target': 3"):
        export(model, tmp_path / "no", length=9, inputs=[{"source": words(4), "target": numbers(3)}])
    assert not (tmp_path / "no").exists()


def test_a_trained_model_from_a_file(tmp_path):
    """With dropout, whose seeds are variables too; a file of nothing random."""
    layers = [LSTM(UNITS, dropout=0.4, recurrent_dropout=0.4, return_sequences=True), GRU(UNITS, dropout=0.5)]
    head = [keras.layers.Dropout(0.5), keras.layers.Dense(1, name="answer")]
    model = keras.Sequential([keras.Input((None, FEATURES), name="x"), *layers, *head])
    model.compile("adam", "mse")
    model.fit(numbers(5, batch=8), np.ones((8, 1)), epochs=2, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    export(loaded, tmp_path / "files", inputs=ONE_STEP)
    for run in (run_saved_model(tmp_path / "files"), run_litert(tmp_path / "files")):
        agree({"answer": np.array(model(numbers(30)))}, run, {"x": numbers(30)})
    saved = saved_model_pb2.SavedModel.FromString((tmp_path / "files" / "1" / "saved_model.pb").read_bytes())
    graph = saved.meta_graphs[0].graph_def
    operators = {node.op for function in graph.library.function for node in function.node_def}
    assert "While" in operators | {op.removeprefix("Stateless") for op in operators}
    assert not [operator for operator in operators if "Random" in operator]


def test_half_precision(tmp_path):
    """As a SavedModel; LiteRT has no operators for it."""
    policy = keras.DTypePolicy("mixed_float16")
    x = keras.Input((None, FEATURES), name="x")
    hidden = LSTM(UNITS, dtype=policy, name="halved")(x)
    model = randomised(keras.Model(x, keras.layers.Dense(2, dtype="float32", name="answer")(hidden)))
    export(model, tmp_path / "files", formats=["saved_model"])
    expected = {"answer": np.array(model(numbers(9, batch=2)))}
    agree(expected, run_saved_model(tmp_path / "files"), {"x": numbers(9, batch=2)})
    with pytest.raises(
        ExportError, match=r"^expected layers that compute in float32 for LiteRT, got halved in float16:"
    ):
        export(model, tmp_path / "no", inputs=ONE_STEP)
    assert not (tmp_path / "no").exists()


def test_strings_in_a_program_without_keras(elsewhere, tmp_path):
    """Text to ids in the graph, with its tables: by a process that has never seen the model."""
    vectorization = keras.layers.TextVectorization(vocabulary=["a", "good", "film"])
    lookup = keras.layers.StringLookup(vocabulary=["drama", "comedy"])
    text, genre = keras.Input((), dtype="string", name="text"), keras.Input((), dtype="string", name="genre")
    hidden = keras.layers.Embedding(5, FEATURES, mask_zero=True)(vectorization(text))
    kind = keras.layers.Embedding(3, UNITS)(lookup(genre))
    model = randomised(keras.Model([text, genre], LSTM(UNITS)(hidden, initial_state=[kind, kind])))
    texts, genres = ["a good film", "film", "no ! film a"], ["comedy", "drama", "none"]
    export(model, tmp_path / "files", formats="saved_model", inputs=[{"text": texts, "genre": genres}])
    (found,) = elsewhere(tmp_path / "files" / "1", text=texts, genre=genres).values()
    expected = np.array(model([tf.constant(texts), tf.constant(genres)]))
    assert_close(np.array(found, np.float32), expected)


def test_names(tmp_path):
    """Of several outputs of one layer, of layers whose names look like these, of what is no identifier."""
    x = keras.Input((None, FEATURES), name="1st x")
    first, hidden, memory = LSTM(UNITS, return_state=True, name="lstm")(x)
    model = randomised(keras.Model(x, [first, hidden, memory, LSTM(UNITS + 1, name="lstm_2")(x)]))
    assert distinct(["lstm", "lstm", "lstm", "lstm_2"]) == ["lstm", "lstm_3", "lstm_4", "lstm_2"]
    assert distinct(["é-1", "_a", "2", "é 1"]) == ["tensor___1", "tensor__a", "tensor_2", "tensor___1_2"]
    export(model, tmp_path / "files", length=5, inputs=[{"tensor_1st_x": numbers(1)}])
    names = ["lstm", "lstm_3", "lstm_4", "lstm_2"]
    expected = dict(zip(names, map(np.array, model(numbers(5))), strict=True))
    agree(expected, run_saved_model(tmp_path / "files"), {"tensor_1st_x": numbers(5)})
    length = {"length": np.array(5, np.int32)}
    for run in (run_litert, run_compiled):  # the first two are one tensor
        agree(expected, run(tmp_path / "files", "padded"), {"tensor_1st_x": numbers(5)} | length)


# Padded to a fixed length.


@pytest.mark.slow
def test_padding_is_not_read(tmp_path):
    """Zeros or anything else after the end; outputs after it are zeros."""
    steps = 40  # more than a block of the loop
    ids, x = keras.Input((None,), dtype="int32", name="ids"), keras.Input((None, UNITS), name="x")
    hidden = keras.layers.Add()([keras.layers.Embedding(WORDS, UNITS, mask_zero=True)(ids), x])
    hidden = keras.layers.Bidirectional(GRU(UNITS, return_sequences=True))(hidden)
    outputs = {"sequence": SimpleRNN(UNITS, return_sequences=True)(hidden), "last": LSTM(UNITS)(hidden)}
    model = randomised(keras.Model({"ids": ids, "x": x}, outputs))
    exported = export(model, tmp_path / "files", formats=["litert"], length=steps)
    assert exported["litert"].signatures == ("serving_default", "padded")
    runs = [run(tmp_path / "files", "padded") for run in (run_litert, run_compiled)]
    for length in (1, 33, steps, 2):
        inputs = {"ids": words(length), "x": numbers(length, width=UNITS)}
        expected = answers(model, **inputs)
        expected["sequence"] = np.pad(expected["sequence"], [(0, 0), (0, steps - length), (0, 0)])
        garbage = {"ids": np.full((1, steps), WORDS - 1, np.int32), "x": np.full((1, steps, UNITS), 1e3, np.float32)}
        for name, value in inputs.items():
            garbage[name][:, :length] = value
        for run in runs:
            agree(expected, run, garbage | {"length": np.array(length, np.int32)})


def orders_of_outputs():
    """Of each layer: a state alone, and, without variants, a state first; with a mask too, of a fixed time."""
    x, ids = keras.Input((None, FEATURES), name="x"), keras.Input((6,), dtype="int32", name="ids")
    masked = keras.layers.Embedding(WORDS, FEATURES, mask_zero=True)(ids)  # a fixed time is none behind it
    for name, options in {"SimpleRNN": {}, "LSTM": {}, "GRU": {}, **VARIANTS}.items():
        make = functools.partial(getattr(keras_rnn, name), UNITS, return_sequences=True, return_state=True, **options)
        *before, state = make()(x)
        yield randomised(keras.Model(x, state))
        if name == "LSTM":
            yield randomised(keras.Model(x, [before[1], before[0], state]))
            yield randomised(keras.Model(ids, make()(masked)[1:]))


@pytest.mark.slow
def test_every_order_of_sequences_and_states(tmp_path):
    """CompiledModel answers with what lay in memory, for a state straight from a loop that has outputs of any size."""
    interfaces = {f"order_{number}": Interface(model) for number, model in enumerate(orders_of_outputs())}
    signatures = {
        name: interface.padded(9) if interface.inputs_over_time else interface.whole(1)
        for name, interface in interfaces.items()
    }
    artifacts.litert(signatures, [interface.model for interface in interfaces.values()], tmp_path / "model.tflite")
    x, ids = numbers(4), words(6)
    ids[0, 2:] = [0, 3, 0, 0]
    filled = np.pad(x, [(0, 0), (0, 5), (0, 0)], constant_values=1e3)
    for name, interface in interfaces.items():
        over_time = interface.inputs_over_time
        expected = {
            key: np.array(value) for key, value in interface.call({"x": x} if over_time else {"ids": ids}).items()
        }
        for run in (run_litert, run_compiled):
            run = run(tmp_path, name)
            found = run(x=filled, length=np.array(4, np.int32)) if over_time else run(ids=ids)
            for key, value in expected.items():
                found_here = found[key][:, :4] if key in interface.outputs_over_time else found[key]
                assert_close(found_here, value, what=f"{name} {key}")


def test_a_state_alone_is_exported(tmp_path):
    """In every signature."""
    x = keras.Input((None, FEATURES), name="x")
    _, memory = GRU(UNITS, return_sequences=True, return_state=True)(x)
    model = randomised(keras.Model(x, {"memory": memory}))
    export(model, tmp_path / "files", formats=["litert"], length=6, step=True)
    expected = answers(model, x=numbers(4))
    padded = {"x": np.pad(numbers(4), [(0, 0), (0, 2), (0, 0)]), "length": np.array(4, np.int32)}
    agree(expected, run_compiled(tmp_path / "files", "padded"), padded)


def test_the_full_length_is_checked(monkeypatch, tmp_path):
    """And not only the lengths that are always."""
    seen = []
    padded = Interface.padded

    def recorded(self, steps):
        signature = padded(self, steps)
        seen.append(steps)
        return signature

    monkeypatch.setattr(Interface, "padded", recorded)
    lengths = []
    monkeypatch.setattr(runtimes, "litert", lambda path: {"padded": wrong(path, lengths)})
    with pytest.raises(ExportError, match="by padded on 9 time steps"):
        export(small(), tmp_path / "files", formats=["litert"], length=9)
    assert seen == [9] and lengths[-1] == 9


def wrong(path, lengths):
    """A runner that is wrong from 9 time steps on."""
    run = run_litert(path.parent, "padded")

    def runner(inputs):
        lengths.append(int(inputs["length"]))
        return {name: value + (lengths[-1] >= 9) for name, value in run(**inputs).items()}

    return runner


# Smaller files.


@pytest.fixture(scope="module")
def wide():
    x = keras.Input((None, 40), name="x")
    model = keras.Model(x, keras.layers.Dense(5, name="answer")(LSTM(96)(x)))
    return randomised(model, scale=0.2)


def test_smaller_files(wide, tmp_path):
    formats = ["litert", "litert_float16", "litert_int8", "litert_full_int8"]
    typical = [{"x": numbers(time, batch=4, width=40)} for time in (3, 20)]
    exported = export(wide, tmp_path / "files", formats=formats, inputs=typical, step=True)
    sizes = [exported[name].size for name in formats]
    assert [exported[name].path for name in formats] == [
        tmp_path / "files" / f"model{suffix}.tflite" for suffix in ("", "_float16", "_int8", "_full_int8")
    ]
    assert sizes == [exported[name].path.stat().st_size for name in formats]
    weights = (40 + 96 + 1) * 4 * 96
    rest = [size - weights * number for size, number in zip(sizes, (4, 2, 1, 1), strict=True)]
    assert all(0 < size < weights for size in rest), rest
    x = numbers(11, width=40)
    expected = np.array(wide(x))
    differences = []
    for name in formats:
        run = run_litert(tmp_path / "files", file=exported[name].path.name)
        first, second = run(x=x)["answer"], run(x=x)["answer"]
        np.testing.assert_array_equal(first, second)
        differences.append(np.abs(first - expected).max())
        assert exported[name].difference <= FORMATS[name].tolerance
    assert differences[0] < 1e-5 < 1e-6 + differences[1] < 5e-3
    assert 1e-4 < differences[2] < 0.05 and 1e-3 < differences[3] < 0.2


# What can't be exported.


def eigenvalues(x):
    return tf.linalg.eigh(tf.matmul(x, x, transpose_a=True))[0]


def stranger():
    """With a layer that LiteRT has no operator for, in a nested model."""
    x = keras.Input((None, FEATURES), name="x")
    inner = keras.Input((None, UNITS))
    nested = keras.Model(inner, keras.layers.Lambda(eigenvalues, name="eigen")(inner), name="spectrum")
    return keras.Model(x, nested(LSTM(UNITS, return_sequences=True)(x)))


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


# Folders.


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_files_are_replaced_together(tmp_path, monkeypatch):
    """And what else is in the folder stays; after an error everything does."""
    folder = tmp_path / "files"
    export(small(), folder, inputs=ONE_STEP)
    (folder / "README.md").write_text("mine")
    (folder / "1" / "assets" / "old").write_text("old")
    model = small(GRU)
    exported = export(model, str(folder), inputs=ONE_STEP)
    assert {path.name for path in folder.iterdir()} == {"1", "model.tflite", "README.md"}
    assert (folder / "README.md").read_text() == "mine" and not (folder / "1" / "assets" / "old").exists()
    assert exported["saved_model"].path == folder / "1" and exported["litert"].path == folder / "model.tflite"
    assert exported["saved_model"].size == sum(
        len(content) for name, content in contents(folder).items() if name.startswith("1/")
    )
    for run in (run_saved_model(folder), run_litert(folder)):
        agree({"answer": np.array(model(numbers(9)))}, run, {"x": numbers(9)})
    before = contents(tmp_path)
    with pytest.raises(ExportError):
        export(stranger(), folder, inputs=ONE_STEP)
    with monkeypatch.context() as patch:
        patch.setattr(artifacts, "write_whole", disk_full)
        with pytest.raises(OSError, match="No space left on device"):  # not as if the model were to blame
            export(small(), folder, inputs=ONE_STEP)
    assert contents(tmp_path) == before and list(tmp_path.iterdir()) == [folder]


@pytest.mark.parametrize("name", ["saved_model", "litert"])
def test_a_disk_that_takes_no_large_file(name, tmp_path, monkeypatch):
    """In the output's folder or in TMPDIR: the system's error, which names the file, and nothing is left."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    x = keras.Input((None, FEATURES), name="x")
    large = keras.Model(x, LSTM(200)(x))  # 0.7 MB
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, limits[1]))
    try:
        with pytest.raises(OSError, match="File too large") as caught:
            export(large, tmp_path / "files", formats=[name], inputs=ONE_STEP)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert caught.value.errno == errno.EFBIG and caught.value.filename.startswith(str(tmp_path))
    left = [path for path in contents(tmp_path) if "__autograph_generated_file" not in str(path)]  # TensorFlow's own
    assert not left and not (tmp_path / "files").exists()


def disk_full(*arguments):
    raise OSError(errno.ENOSPC, "No space left on device")


KILLED = """
    import os, signal, sys
    import keras, numpy as np
    import keras_rnn, whole_files.folders

    place, placed = whole_files.folders.place, []
    def place_or_die(source, target, aside):
        if str(target.parent) == sys.argv[1]:
            if len(placed) == int(sys.argv[2]):
                os.kill(os.getpid(), signal.SIGKILL)
            placed.append(target)
        place(source, target, aside)
    whole_files.folders.place = place_or_die
    x = keras.Input((None, 3), name="x")
    model = keras.Model(x, keras_rnn.SimpleRNN(4)(x))
    keras_rnn.export(model, sys.argv[1], formats=["saved_model", "litert"], inputs=[{"x": np.ones((1, 1, 3))}])
"""


@pytest.mark.slow
def test_a_process_that_is_killed(tmp_path):
    """When one of two files is in its place: the whole new model is there, and the next export tidies up."""
    folder = tmp_path / "files"
    export(small(), folder, inputs=ONE_STEP)
    command = [sys.executable, "-c", textwrap.dedent(KILLED), str(folder), "1"]
    done = subprocess.run(command, stderr=subprocess.PIPE)
    assert done.returncode == -9, done.stderr.decode()
    here = newest(folder)
    assert here != folder and {path.name for path in here.iterdir()} == {"1", "model.tflite"}
    found = [run(x=numbers(9))["simple_rnn"] for run in (run_saved_model(here), run_litert(here))]
    assert_close(*found)
    export(small(GRU), folder, inputs=ONE_STEP)
    assert {path.name for path in folder.iterdir()} == {"1", "model.tflite"} and list(tmp_path.iterdir()) == [folder]


def test_a_file_in_the_folders_place(tmp_path):
    (tmp_path / "files").write_text("mine")
    with pytest.raises(NotADirectoryError, match="expected a folder, got a file"):
        export(small(), tmp_path / "files", inputs=ONE_STEP)
    assert (tmp_path / "files").read_text() == "mine" and len(list(tmp_path.iterdir())) == 1
