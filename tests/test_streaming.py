"""Step by step against the whole sequence."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.compiled_model import CompiledModel
from ai_edge_litert.interpreter import Interpreter
from closeness import assert_close
from grids import rows_of

from keras_rnn import GRU, LSTM, ExportError, SimpleRNN, export, streaming
from keras_rnn.interface import Interface

FEATURES, WORDS, UNITS, BATCH = 3, 11, 4, 3
LAYERS = [SimpleRNN, LSTM, GRU]
STATES = {SimpleRNN: ["hidden"], LSTM: ["hidden", "memory"], GRU: ["hidden"]}


def named(layer):
    return layer.__name__


def randomised(model):
    """Weights that no two gates share."""
    generator = np.random.default_rng(5)
    model.set_weights([generator.normal(size=w.shape, scale=0.6).astype(w.dtype) for w in model.get_weights()])
    return model


def of_numbers(*layers):
    """A model of numbers (batch, time, FEATURES) through layers one after another."""
    return randomised(keras.Sequential([keras.Input((None, FEATURES), name="x"), *layers]))


def of_ids(*layers):
    """The same of ids, of which 0 is masked."""
    embedding = keras.layers.Embedding(WORDS, FEATURES, mask_zero=True)
    return randomised(keras.Sequential([keras.Input((None,), dtype="int32", name="ids"), embedding, *layers]))


def numbers(time=6):
    return {"x": np.random.default_rng(time).normal(size=(BATCH, time, FEATURES)).astype(np.float32)}


def ids():
    """Padding at the end, at the beginning, in the middle."""
    return {"ids": np.array([[3, 1, 4, 1, 0, 0], [0, 0, 5, 9, 2, 6], [5, 0, 3, 0, 0, 8]], np.int32)}


def step_through(run, interface, inputs, states=None):
    """Outputs of each step and the last states, by a signature `step`; states begin with zeros."""
    batch, time = next(iter(inputs.values())).shape[:2]
    names = list(interface.states)
    states = states or {name: np.zeros((batch, UNITS), np.float32) for name in names}
    outputs = []
    for now in range(time):
        found = run(**{name: value[:, now] for name, value in inputs.items()}, **states)
        states = {name: found[name] for name in names}
        outputs.append({name: np.array(found[name]) for name in interface.outputs})
    return outputs, states


def check(model, inputs):
    """Each step of every output, or the last of one that has no time."""
    interface = Interface(model)
    outputs, _ = step_through(interface.step(None).function, interface, inputs)
    for name, expected in interface.call(inputs).items():
        if name in interface.outputs_over_time:
            assert_close(np.stack([step[name] for step in outputs], 1), expected)
        else:
            assert_close(outputs[-1][name], expected)


@pytest.mark.parametrize("layer", LAYERS, ids=named)
def test_a_stack(layer):
    layers = [layer(UNITS, return_sequences=True, name="a"), layer(UNITS, name="b"), keras.layers.Dense(2)]
    model = of_numbers(*layers)
    check(model, numbers())
    assert list(Interface(model).states) == [f"{name}_{state}" for name in "ab" for state in STATES[layer]]
    assert all(state.shape == (1, UNITS) and not np.any(state) for state in Interface(model).states.values())


@pytest.mark.parametrize("zeros", [False, True], ids=["repeats", "zeros"])
@pytest.mark.parametrize("layer", LAYERS, ids=named)
def test_masked_steps(layer, zeros):
    """In a stream too a masked step keeps the states and repeats the output before it, or gives zeros."""
    options = {"return_sequences": True, "zero_output_for_mask": zeros}
    check(of_ids(layer(UNITS, **options), layer(UNITS, **options)), ids())
    check(of_ids(layer(UNITS, **options), layer(UNITS)), ids())


def test_options_of_cells():
    check(of_numbers(GRU(UNITS, reset_after=False, use_bias=False), keras.layers.Dense(2)), numbers())
    check(of_numbers(LSTM(UNITS, activation="relu", dropout=0.5, recurrent_dropout=0.5)), numbers())
    check(of_numbers(LSTM(UNITS, unroll=True, return_sequences=True)), numbers(1))


def test_a_layer_that_is_called_twice_has_two_states():
    x = keras.Input((None, UNITS), name="x")
    shared = LSTM(UNITS, return_sequences=True, name="shared")
    model = randomised(keras.Model(x, shared(shared(x))))
    assert list(Interface(model).states) == [
        "shared_hidden",
        "shared_memory",
        "shared_2_hidden",
        "shared_2_memory",
    ]
    check(model, {"x": np.random.default_rng(0).normal(size=(BATCH, 5, UNITS)).astype(np.float32)})


def test_layers_of_the_same_name_in_nested_models():
    def block(size):
        x = keras.Input((None, size))
        return keras.Model(x, LSTM(UNITS, return_sequences=True, name="same")(x))

    x = keras.Input((None, FEATURES), name="x")
    model = randomised(keras.Model(x, block(UNITS)(block(FEATURES)(x))))
    assert len(Interface(model).states) == 4
    check(model, numbers())


def test_several_inputs_and_outputs():
    """Of which one has no time, and one goes back into the second layer."""
    x, given = keras.Input((None, FEATURES), name="x"), keras.Input((UNITS,), name="given")
    sequence, hidden, memory = LSTM(UNITS, return_sequences=True, return_state=True, name="lstm")(x)
    both = keras.layers.Add()([sequence, keras.layers.Reshape((1, UNITS))(given)])
    model = randomised(keras.Model([x, given], [sequence, hidden, memory, GRU(UNITS, name="gru")(both)]))
    interface = Interface(model)
    assert list(interface.outputs) == ["lstm", "lstm_2", "lstm_3", "gru"]
    assert list(interface.states) == ["lstm_hidden", "lstm_memory", "gru_hidden"]
    fixed = tf.random.stateless_normal((BATCH, UNITS), seed=(1, 2))
    step = interface.step(None).function
    outputs, states = step_through(
        lambda x, **states: step(given=fixed, x=tf.constant(x), **states), interface, numbers()
    )
    whole = interface.call({"x": tf.constant(numbers()["x"]), "given": fixed})
    assert_close(np.stack([now["lstm"] for now in outputs], 1), whole["lstm"])
    for state, name in (("lstm_hidden", "lstm_2"), ("lstm_memory", "lstm_3"), ("gru_hidden", "gru")):
        assert_close(states[state], whole[name])


def test_a_stream_goes_on_where_it_stopped():
    """And other sequences of the batch begin in between: their states are zeros again."""
    interface = Interface(of_numbers(LSTM(UNITS), keras.layers.Dense(2, name="dense")))
    step, x = interface.step(None).function, numbers()["x"]
    _, states = step_through(step, interface, {"x": x[:, :4]})
    states = {name: np.array(state) for name, state in states.items()}
    for state in states.values():
        state[1] = 0
    outputs, _ = step_through(step, interface, {"x": x[:, 4:]}, states)
    whole, rest = interface.call({"x": x}), interface.call({"x": x[:, 4:]})
    for row, expected in enumerate((whole, rest, whole)):
        assert_close(outputs[-1]["dense"][row], expected["dense"][row])


def test_nothing_is_left_in_the_model():
    """After a stream, and after one that failed, it reads whole sequences as before."""
    model = of_numbers(LSTM(UNITS))
    before = model(numbers()["x"])
    check(model, numbers())
    with pytest.raises(KeyError), streaming.reading(streaming.Stream({"other_hidden": tf.zeros((1, UNITS))})):
        model(numbers()["x"])
    assert streaming.active() is None
    np.testing.assert_array_equal(model(numbers()["x"]), before)


def test_streams_in_streams():
    outer, inner = streaming.Stream(), streaming.Stream()
    with streaming.reading(outer):
        with streaming.reading(inner):
            assert streaming.active() is inner
        assert streaming.active() is outer
    assert streaming.active() is None


# What can't be read step by step.


def bidirectional():
    return of_numbers(keras.layers.Bidirectional(LSTM(UNITS, name="lstm")))


def encoder_decoder():
    first, second = keras.Input((None, 2), name="first"), keras.Input((None, 2), name="second")
    _, hidden, memory = LSTM(UNITS, return_state=True)(first)
    return keras.Model([first, second], LSTM(UNITS, name="decoder")(second, initial_state=[hidden, memory]))


def states_called_like_an_output():
    x = keras.Input((None, 2), name="x")
    return keras.Model(x, {"lstm_hidden": LSTM(UNITS, name="lstm")(x)})


def names_that_collide():
    x = keras.Input((None, UNITS), name="x")
    twice = LSTM(UNITS, return_sequences=True, name="lstm")
    return keras.Model(x, LSTM(UNITS, name="lstm_2")(twice(twice(x))))


FORWARDS = "expected to read forwards from a state of its own, one step at a time, but it"
REFUSED = [
    (bidirectional, f"step=True: backward_lstm {FORWARDS} goes backwards."),
    (lambda: of_numbers(GRU(UNITS, go_backwards=True, name="gru")), f"step=True: gru {FORWARDS} goes backwards."),
    (encoder_decoder, f"step=True: decoder {FORWARDS} is given a state."),
    (
        lambda: of_numbers(keras.layers.LSTM(UNITS, name="other")),
        "step=True expected layers of keras_rnn, got other, a Keras LSTM.",
    ),
    (
        lambda: keras.Sequential([keras.Input((None, 2)), keras.layers.Dense(2)], name="m"),
        "step=True expected a recurrent layer of keras_rnn, got m with none.",
    ),
    (
        lambda: keras.Sequential([keras.Input((5, 2), name="x"), LSTM(UNITS)]),
        "step=True expected an input whose time is None, got x (None, 5, 2).",
    ),
    (
        states_called_like_an_output,
        "step=True expected inputs and outputs of other names than lstm_hidden, which is a state.",
    ),
    (names_that_collide, "step=True: lstm_2 (LSTM): expected layers with different names, got two called lstm_2."),
]


@pytest.mark.parametrize(("make", "sentence"), REFUSED, ids=lambda value: getattr(value, "__name__", None))
def test_what_has_no_steps(make, sentence, tmp_path):
    with pytest.raises(ExportError) as caught:
        export(make(), tmp_path / "files", formats=["saved_model"], step=True)
    assert str(caught.value) == sentence
    assert list(tmp_path.iterdir()) == []


def test_a_stateful_layer(tmp_path):
    model = keras.Sequential([keras.Input(batch_shape=(1, None, 2)), LSTM(UNITS, stateful=True, name="kept")])
    with pytest.raises(ExportError, match=r"^kept expected stateful=False, or its second answer would be another"):
        export(model, tmp_path / "files")


def test_a_layer_that_takes_no_single_step(tmp_path):
    model = of_numbers(keras.layers.Conv1D(2, 3), LSTM(UNITS))
    with pytest.raises(ExportError, match=r"^step=True: conv1d\w* \(Conv1D\): Computed output size would be negative"):
        export(model, tmp_path / "files", step=True, inputs=[numbers()])
    assert list(tmp_path.iterdir()) == []


def test_a_model_that_needs_the_whole_sequence(tmp_path):
    """A maximum over time: nobody says so, so that the check finds it."""
    model = of_numbers(LSTM(UNITS, return_sequences=True), keras.layers.GlobalMaxPooling1D())
    with pytest.raises(ExportError, match=r"the model's answers within .* by step on 2 time steps, first call"):
        export(model, tmp_path / "files", formats=["saved_model"], step=True)
    assert list(tmp_path.iterdir()) == []


# Files.


@pytest.fixture(scope="module")
def stacked():
    """All three layers, with a mask, a layer called twice, and two names for one tensor."""
    x = keras.Input((None,), dtype="int32", name="ids")
    hidden = keras.layers.Embedding(WORDS, UNITS, mask_zero=True)(x)
    shared = GRU(UNITS, return_sequences=True, name="gru")
    hidden = SimpleRNN(UNITS, return_sequences=True, name="simple")(shared(shared(hidden)))
    last, state, _ = LSTM(UNITS, return_state=True, name="lstm")(hidden)
    outputs = {"last": last, "state": state, "logits": keras.layers.Dense(2)(hidden)}
    return randomised(keras.Model(x, outputs))


@pytest.fixture(scope="module")
def folder(stacked, tmp_path_factory):
    folder = tmp_path_factory.mktemp("stacked") / "files"
    exported = export(stacked, folder, step=True, inputs=[ids()])
    assert all(file.signatures == ("serving_default", "step") for file in exported.values())
    return folder


def long_ids():
    sequence = np.random.default_rng(2).integers(0, WORDS, (1, 100)).astype(np.int32)
    return {"ids": sequence}


def saved_model_steps(folder):
    loaded = tf.saved_model.load(str(folder / "1"))
    step = loaded.signatures["step"]

    def run(**inputs):
        _ = loaded  # which owns the variables
        return {name: value.numpy() for name, value in step(**{k: tf.constant(v) for k, v in inputs.items()}).items()}

    return run


def interpreter_steps(folder):
    return Interpreter(str(folder / "model.tflite")).get_signature_runner("step")


def compiled_steps(folder):
    """As a phone or browser runs it: buffers by name, of the shapes that the file gives."""
    model, details = CompiledModel.from_file(str(folder / "model.tflite")), interpreter_steps(folder)
    shapes = {name: tuple(detail["shape"]) for name, detail in details.get_output_details().items()}

    def run(**inputs):
        given = {name: model.create_input_buffer_by_name("step", name) for name in inputs}
        for name, value in inputs.items():
            given[name].write(np.ascontiguousarray(value))
        found = {name: model.create_output_buffer_by_name("step", name) for name in shapes}
        model.run_by_name("step", given, found)
        return {
            name: found[name].read(int(np.prod(shape)), np.float32).reshape(shape) for name, shape in shapes.items()
        }

    return run


@pytest.mark.parametrize(
    "runtime",
    rows_of([saved_model_steps, interpreter_steps, compiled_steps], lambda runtime: runtime is not saved_model_steps),
)
def test_a_long_stream_from_a_file(runtime, stacked, folder):
    """100 steps, then another stream by the same loaded file; a phone's runtime too, with states in and out."""
    run, interface = runtime(folder), Interface(stacked)
    assert list(interface.states) == ["gru_hidden", "gru_2_hidden", "simple_hidden", "lstm_hidden", "lstm_memory"]
    for inputs in (long_ids(), {"ids": ids()["ids"][2:]}, long_ids()):
        whole = {name: np.array(value) for name, value in interface.call(inputs).items()}
        outputs, states = step_through(run, interface, inputs)
        assert_close(np.stack([now["logits"] for now in outputs], 1), whole["logits"])
        for name in ("last", "state"):
            assert_close(outputs[-1][name], whole[name])
        assert_close(states["lstm_hidden"], whole["state"])


def test_the_saved_model_steps_any_batch(stacked, folder):
    interface = Interface(stacked)
    outputs, _ = step_through(saved_model_steps(folder), interface, ids())
    whole = interface.call(ids())
    assert_close(np.stack([now["logits"] for now in outputs], 1), whole["logits"])
    assert_close(outputs[-1]["last"], whole["last"])
