"""The check of exported files must see what is wrong with one: here a file is a Python function."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_rnn import LSTM, ExportError, agreement
from keras_rnn.agreement import Case, check, difference, expect_padding
from keras_rnn.interface import Interface
from keras_rnn.runtimes import as_tensors
from keras_rnn.samples import checked, random_inputs

FEATURES, UNITS, STEPS = 3, 4, 8


def make(*, per_step=True):
    """x (batch, time, FEATURES) -> `sequence`, with or without a number for each step, and `last`."""
    keras.utils.set_random_seed(3)
    x = keras.Input((None, FEATURES), name="x")
    sequence = LSTM(UNITS, return_sequences=True, name="lstm")(x)
    outputs = {"last": keras.layers.Dense(2)(LSTM(UNITS, name="other")(sequence))}
    return keras.Model(x, outputs | ({"sequence": sequence} if per_step else {}))


@pytest.fixture(scope="module")
def interface():
    return Interface(make())


@pytest.fixture(scope="module")
def cases(interface):
    return [Case.of(interface, sample) for sample in random_inputs(interface)]


def file_of(interface):
    """The signatures of a file that is right."""
    signatures = {
        "serving_default": interface.whole(None),
        "padded": interface.padded(STEPS),
        "step": interface.step(None),
    }

    def runner(function):
        return lambda inputs: {key: value.numpy() for key, value in function(**as_tensors(inputs)).items()}

    return {name: runner(signature.trace()) for name, signature in signatures.items()}


@pytest.fixture(scope="module")
def traced(interface):
    return file_of(interface)


@pytest.fixture
def file(traced):
    return dict(traced)


def check_rows(interface, file, cases, tolerance=1e-5):
    rows = [row for case in cases for row in case.rows()]
    return check(interface, file, dict.fromkeys(file, rows), tolerance, STEPS, "litert")


def test_a_right_file(interface, cases, file):
    assert 0 <= check_rows(interface, file, cases) < 1e-6


def test_every_signature_runs_every_case_twice(interface, cases, file):
    calls = {name: [] for name in file}

    def counted(name):
        def run(inputs):
            calls[name].append(inputs)
            return file[name](inputs)

        return run

    check_rows(interface, {name: counted(name) for name in file}, cases)
    lengths = [case.inputs["x"].shape[1] for case in cases]
    assert lengths == [1, 2, 7, 100]
    found = [inputs["x"].shape[1] for inputs in calls["serving_default"]]
    assert found == [length for length in lengths for _ in range(4)]  # two rows, two calls
    assert [inputs["length"] for inputs in calls["padded"]] == [n for n in (1, 2, 7) for _ in range(4)]
    assert {inputs["x"].shape for inputs in calls["padded"]} == {(1, STEPS, FEATURES)}
    assert len(calls["step"]) == 4 * sum(lengths)
    assert {inputs["x"].shape for inputs in calls["step"]} == {(1, FEATURES)}


def test_states_go_from_step_to_step_and_begin_with_zeros(interface, cases, file):
    given = []

    def run(inputs):
        given.append(inputs)
        return file["step"](inputs)

    check_rows(interface, {"step": run}, cases[1:2])
    names = ["lstm_hidden", "lstm_memory", "other_hidden", "other_memory"]
    for first, second in zip(given[::2], given[1::2], strict=True):
        after = file["step"](first)
        for name in names:
            assert first[name].shape == (1, UNITS) and first[name].dtype == np.float32 and not first[name].any()
            np.testing.assert_array_equal(second[name], after[name])


@pytest.mark.parametrize("call", ["first", "second"])
@pytest.mark.parametrize("length", [1, 100])
@pytest.mark.parametrize("output", ["last", "sequence"])
def test_an_answer_that_is_off(output, length, call, interface, cases, file):
    """In one output, for one length, in one of two calls."""
    seen = []

    def run(inputs):
        outputs = file["serving_default"](inputs)
        here = inputs["x"].shape[1] == length
        seen.append(here)
        if here and sum(seen) == (1 if call == "first" else 2):
            outputs[output] = outputs[output] + np.float32(2e-5)
        return outputs

    with pytest.raises(ExportError) as caught:
        check_rows(interface, {"serving_default": run}, cases)
    assert str(caught.value) == (
        "expected litert to give the model's answers within 1e-05, got 2e-05 from them by serving_default on "
        f"{length} time steps, {call} call; nothing was written."
    )


@pytest.mark.parametrize("name", ["serving_default", "padded", "step"])
def test_one_signature_that_is_off(name, interface, cases, file):
    def run(inputs):
        return {key: value + np.float32(3e-5) * (key == "last") for key, value in file[name](inputs).items()}

    with pytest.raises(ExportError, match=f"got 3e-05 from them by {name} on 1 time steps"):
        check_rows(interface, file | {name: run}, cases)
    assert check_rows(interface, file | {name: run}, cases, tolerance=1e-4) == pytest.approx(3e-5, rel=0.05)


def test_a_padded_signature_that_reads_the_padding(interface, cases, file):
    def run(inputs):
        return file["padded"](inputs | {"length": np.int32(STEPS)})

    with pytest.raises(ExportError, match="by padded on 1 time steps"):
        check_rows(interface, file | {"padded": run}, cases)


def test_a_step_that_forgets_its_state(interface, cases, file):
    def run(inputs):
        return file["step"](inputs | {"lstm_memory": np.zeros((1, UNITS), np.float32)})

    with pytest.raises(ExportError, match="by step on 2 time steps"):  # the first step is right
        check_rows(interface, file | {"step": run}, cases)


def test_a_file_that_fails(interface, cases):
    def run(inputs):
        raise RuntimeError("out of memory\nwith a second line")

    with pytest.raises(ExportError) as caught:
        check_rows(interface, {"serving_default": run}, cases)
    assert str(caught.value) == (
        "expected litert to run by serving_default on 1 time steps, first call, got: out of memory"
    )


def test_the_difference_is_relative_to_large_numbers_and_absolute_for_small_ones():
    def between(expected, found):
        return difference({"y": np.array(expected)}, {"y": np.array(found)})

    assert between([0.5, -0.25], [0.5, -0.5]) == 0.25
    assert between([-100.0, 1.0], [-100.0, 2.0]) == 0.01
    assert between([1e30, 1.0], [1e30, 1.0]) == 0
    assert between([1, 2], [1, 4]) == 1  # of whole numbers
    assert between(["a", "b"], ["a", "b"]) == 0 and between(["a", "b"], ["a", "c"]) == 1
    assert between([True, False], [True, False]) == 0 and between([True], [False]) == 1
    assert difference({"y": np.zeros((0, 3))}, {"y": np.zeros((0, 3))}) == 0
    assert difference({"a": np.array([1.0]), "b": np.array([1.0])}, {"a": np.array([1.5]), "b": np.array([1.0])}) == 0.5


NAN, INF = np.nan, np.inf


@pytest.mark.parametrize(
    ("expected", "found", "apart"),
    [
        ([NAN, 1.0], [NAN, 1.0], 0),
        ([NAN, 1.0], [NAN, 1.5], 0.5),
        ([1.0, 1.0], [NAN, 1.0], INF),
        ([NAN, 1.0], [1.0, 1.0], INF),
        ([INF, -INF], [INF, -INF], 0),
        ([INF, 1.0], [-INF, 1.0], INF),
        ([INF, 1.0], [3e38, 1.0], INF),
        ([1.0, 1.0], [INF, 1.0], INF),
        ([INF, 1.0], [INF, 1.5], 0.5),
    ],
)
def test_numbers_that_are_none(expected, found, apart):
    assert difference({"y": np.array(expected)}, {"y": np.array(found)}) == apart


def test_a_shape_that_is_off():
    with pytest.raises(ExportError, match=r"expected y of shape \(2, 1\), got \(2,\)\."):
        difference({"y": np.ones((2, 1))}, {"y": np.ones(2)})


def test_an_output_that_is_missing(interface, cases, file):
    def run(inputs):
        return {"last": file["serving_default"](inputs)["last"]}

    with pytest.raises(ExportError, match=r"expected an output called sequence, got last\."):
        check_rows(interface, {"serving_default": run}, cases)


def test_a_case_in_rows():
    x, y = np.arange(6).reshape(3, 2), np.arange(3)
    rows = Case({"x": x}, {"y": y}).rows()
    assert [row.inputs["x"].tolist() for row in rows] == [[[0, 1]], [[2, 3]], [[4, 5]]]
    assert [row.outputs["y"].tolist() for row in rows] == [[0], [1], [2]]


# The inputs to check with.


def test_inputs_that_the_model_cannot_take():
    x = keras.Input((None, FEATURES), name="x")
    model = keras.Model(x, LSTM(2)(keras.layers.Conv1D(2, 3, name="conv")(x)), name="m")
    said = r"^m can't run on x \(2, 1, 3\); give it others to check with, by inputs=: conv \(Conv1D\): Computed"
    with pytest.raises(ExportError, match=said):
        Case.of(Interface(model), next(random_inputs(Interface(model))))
    assert keras.config.is_traceback_filtering_enabled()


def test_rows_that_the_model_cannot_take():
    """Alone: as a batch it can. Not the file is to blame, nor its runtime."""
    x = keras.Input((None, FEATURES), name="x")
    inner = keras.Model(x, keras.layers.Lambda(lambda v: tf.reshape(v, (-1, 2, FEATURES)), name="pairs")(x))
    interface = Interface(keras.Model(x, LSTM(2)(inner(x)), name="m"))
    cases = Case.of(interface, next(random_inputs(interface))).rows()

    def run(inputs):
        raise RuntimeError("failed to prepare")

    with pytest.raises(ExportError, match=r"^m can't run on x \(1, 1, 3\); .*: pairs \(Lambda\): Input to reshape is"):
        check(interface, {"serving_default": run}, {"serving_default": cases}, 1e-5, None, "litert")


def test_random_inputs():
    ids, x = keras.Input((None,), dtype="int32", name="ids"), keras.Input((None, 2), name="x")
    given, flag = keras.Input((5,), name="given"), keras.Input((), dtype="bool", name="flag")
    embedded = [keras.layers.Embedding(size, 2)(ids) for size in (5, 40)]
    model = keras.Model([ids, x, given, flag], [LSTM(2)(keras.layers.Add()([*embedded, x])), given, flag])
    samples = list(random_inputs(Interface(model), 9, 2))
    assert [sample["ids"].shape for sample in samples] == [(2, 1), (2, 2), (2, 7), (2, 9), (2, 100)]
    longest = samples[-1]
    assert longest["ids"].dtype == np.int32 and longest["x"].dtype == np.float32 and longest["flag"].dtype == bool
    assert set(longest["ids"][0]) == {1, 2, 3, 4} and longest["x"][0].all()
    assert longest["ids"][1, :67].all() and not longest["ids"][1, 67:].any()  # a row with padding, for masks
    assert longest["x"][1, :67].all() and not longest["x"][1, 67:].any()
    assert all(sample["given"].shape == (2, 5) and sample["given"].all() for sample in samples)
    again = random_inputs(Interface(model), 9, 2)
    assert all(np.array_equal(a["x"], b["x"]) for a, b in zip(samples, again, strict=True))


def test_random_strings_are_not_made():
    text = keras.Input((), dtype="string", name="text")
    model = keras.Model(text, keras.layers.StringLookup(vocabulary=["a"])(text))
    with pytest.raises(ExportError, match="text expected inputs= to check with, as for all strings, got none"):
        next(random_inputs(Interface(model)))


@pytest.mark.parametrize(
    ("sample", "sentence"),
    [
        ("x", "inputs expected a list of dictionaries of arrays, got str in it."),
        (np.ones((1, 2, 3)), "inputs expected a list of dictionaries of arrays, got ndarray in it."),
        ({"y": np.ones((1, 2, 3))}, "inputs expected arrays named x, got y."),
        ({"x": np.ones((1, 2, 4))}, "x expected shape (None, None, 3), got (1, 2, 4)."),
        ({"x": np.ones((2, 3))}, "x expected shape (None, None, 3), got (2, 3)."),
        ({"x": np.ones((0, 2, 3))}, "inputs expected one batch size of 1 or more, got {'x': 0}."),
    ],
)
def test_inputs_that_are_not_the_models(sample, sentence, interface):
    with pytest.raises(ExportError) as caught:
        checked(interface, sample)
    assert str(caught.value) == sentence


def test_batches_that_differ():
    a, b = keras.Input((2,), name="a"), keras.Input((2,), name="b")
    with pytest.raises(ExportError, match=r"expected one batch size of 1 or more, got \{'a': 3, 'b': 1\}"):
        checked(Interface(keras.Model([a, b], a + b)), {"a": np.ones((3, 2)), "b": np.ones((1, 2))})


def test_inputs_become_arrays_of_the_models_types(interface):
    found = checked(interface, {"x": [[[1, 2, 3]]]})["x"]
    assert found.dtype == np.float32 and found.shape == (1, 1, 3)


def test_what_cannot_be_padded(interface, cases):
    expect_padding(interface, cases, 7)
    expect_padding(interface, cases[3:], 100)
    with pytest.raises(ExportError, match=r"length=99 expected inputs= of at most so many time steps, got longer ones"):
        expect_padding(interface, cases[3:], 99)
    a, b = keras.Input((None, 2), name="a"), keras.Input((None, 2), name="b")
    two = Interface(keras.Model([a, b], LSTM(2)(a) + LSTM(2)(b)))
    case = Case.of(two, {"a": np.ones((1, 3, 2), np.float32), "b": np.ones((1, 4, 2), np.float32)})
    with pytest.raises(ExportError, match=r"length=9 expected as many .* input and output, got \{'a': 3, 'b': 4\}"):
        expect_padding(two, [case], 9)
    shorter = Interface(keras.Model(a, keras.layers.MaxPooling1D(2, name="pool")(LSTM(2, return_sequences=True)(a))))
    case = Case.of(shorter, {"a": np.ones((1, 4, 2), np.float32)})
    with pytest.raises(ExportError, match=r"got \{'a': 4, 'pool': 2\}"):
        expect_padding(shorter, [case], 9)


def test_typical_inputs_are_those_of_every_signature(interface, cases):
    """By which full int8 finds the ranges: states too, and no padded input that is too long."""
    signatures = {"serving_default": interface.whole(1), "padded": interface.padded(2), "step": interface.step(1)}
    rows = [row for case in cases[:3] for row in case.rows()]
    given = agreement.typical_inputs(interface, signatures, rows, 2)
    assert [sample["x"].shape[1] for sample in given["serving_default"]] == [1, 1, 2, 2, 7, 7]
    assert [int(sample["length"]) for sample in given["padded"]] == [1, 1, 2, 2]
    assert len(given["step"]) == 2 * (1 + 2 + 7) and np.abs(given["step"][-1]["lstm_memory"]).max() > 0
