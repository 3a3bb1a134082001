"""keras_rnn.export: its files give the model's answers."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf
from closeness import assert_close
from exported_models import (
    FEATURES,
    LENGTHS,
    ONE_STEP,
    UNITS,
    WORDS,
    agree,
    answers,
    named,
    numbers,
    randomised,
    run_compiled,
    run_litert,
    run_saved_model,
    small,
    words,
)
from layer_table import VARIANTS
from tensorflow.core.protobuf import saved_model_pb2

import keras_rnn
from keras_rnn import GRU, LSTM, ExportError, SimpleRNN, artifacts, export, runtimes
from keras_rnn.formats import FORMATS
from keras_rnn.interface import Interface, distinct

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
