"""ONNX's own operators against the plain loop, with onnxruntime: cells, masks, directions, states."""

import collections

import keras
import numpy as np
import onnx
import pytest
import tensorflow as tf
from closeness import assert_close
from grids import slow_unless

import keras_rnn
from keras_rnn import artifacts, fast_paths, runtimes
from keras_rnn.cells import GRUCell, LSTMCell, SimpleRNNCell
from keras_rnn.fast_paths import Path, choice

FEATURES, UNITS, BATCH = 3, 4, 3
TIMES = (1, 2, 7)
MASKS = ("none", "right", "left", "scattered", "all")


def mask_of(kind, time):
    steps = np.arange(time)[:, None]
    lengths = np.array([time, (time + 1) // 2, 1])
    masks = {
        "none": steps >= 0,
        "right": steps < lengths,
        "left": steps >= time - lengths,
        "scattered": np.random.default_rng(time).random((time, BATCH)) < 0.6,
        "all": steps < 0,
    }
    return np.broadcast_to(masks[kind], (time, BATCH))


def operators(path):
    """How many of each operator a file has, those inside its branches and loops too."""
    found, waiting = collections.Counter(), [onnx.load(str(path)).graph]
    while waiting:
        for node in waiting.pop().node:
            found[node.op_type] += 1
            waiting += [attribute.g for attribute in node.attribute if attribute.HasField("g")]
    return found


def written(cell, folder, masked, **options):
    """A file that runs `cell` from given states, and a function that does the same by the cell's own steps."""
    cell.build((BATCH, FEATURES))
    generator = np.random.default_rng(0)
    for weight in cell.weights:
        weight.assign(generator.normal(size=weight.shape, scale=0.7))
    names = [f"state_{number}" for number in range(len(cell.state_names))]

    def call(inputs, mask=None, **given):
        states = [given[name] for name in names]
        last, outputs, new = fast_paths.run(cell, inputs, states, mask, **options)
        found = {"last": last, **dict(zip(names, new, strict=True))}
        return found if outputs is None else found | {"outputs": outputs}

    specs = [tf.TensorSpec((None, None, FEATURES), name="inputs")]
    specs += [tf.TensorSpec((None, None), tf.bool, name="mask")] if masked else []
    specs += [tf.TensorSpec((None, UNITS), name=name) for name in names]
    path = folder / "model.onnx"
    artifacts.onnx(artifacts.Signature(call, specs), path)
    return path, call


def case(cell, time, kind=None):
    generator = np.random.default_rng(time)
    arrays = {"inputs": generator.normal(size=(time, BATCH, FEATURES)).astype("float32")}
    arrays |= {
        f"state_{number}": generator.normal(size=(BATCH, UNITS)).astype("float32") * 0.5
        for number in range(len(cell.state_names))
    }
    return arrays if kind is None else arrays | {"mask": mask_of(kind, time)}


def assert_same(path, call, cases):
    run = runtimes.onnx(path)
    for arrays in cases:
        found, expected = run(arrays), call(**{name: tf.constant(array) for name, array in arrays.items()})
        for name, value in expected.items():
            assert_close(found[name], value, what=name)


CELLS = [
    (SimpleRNNCell(UNITS), "RNN"),
    (SimpleRNNCell(UNITS, activation="relu", use_bias=False), "RNN"),
    (SimpleRNNCell(UNITS, activation="softsign"), "RNN"),
    (LSTMCell(UNITS), "LSTM"),
    (LSTMCell(UNITS, activation="softplus", recurrent_activation="hard_sigmoid"), "LSTM"),
    (LSTMCell(UNITS, use_bias=False), "LSTM"),
    (GRUCell(UNITS), "GRU"),
    (GRUCell(UNITS, reset_after=False), "GRU"),
    (GRUCell(UNITS, use_bias=False, activation="relu"), "GRU"),
]


@pytest.mark.parametrize(("cell", "operator"), CELLS)
def test_a_cell_is_onnxs_operator(cell, operator, tmp_path):
    path, call = written(cell, tmp_path, masked=False)
    assert operators(path)[operator] == 1 and not operators(path)["Loop"]
    assert_same(path, call, [case(cell, time) for time in TIMES])


@pytest.mark.parametrize(
    ("cell", "options"),
    [
        slow_unless(False, SimpleRNNCell(UNITS), {"go_backwards": True}),
        (LSTMCell(UNITS), {}),
        slow_unless(False, LSTMCell(UNITS), {"return_all_outputs": False}),
        (GRUCell(UNITS), {"go_backwards": True, "zero_output_for_mask": True}),
        slow_unless(False, GRUCell(UNITS), {"go_backwards": True, "return_all_outputs": False}),
    ],
)
def test_padding_at_the_end_is_the_operators_and_other_masks_are_the_loops(cell, options, tmp_path):
    path, call = written(cell, tmp_path, masked=True, **options)
    found = operators(path)
    assert found["RNN"] + found["LSTM"] + found["GRU"] == 1 and found["If"] == 1 and found["Loop"] == 1
    assert_same(path, call, [case(cell, time, kind) for time in TIMES for kind in MASKS])


@pytest.mark.parametrize(
    "cell", [LSTMCell(UNITS, activation="elu"), keras_rnn.PeepholeLSTMCell(UNITS), keras_rnn.LayerNormGRUCell(UNITS)]
)
def test_what_onnx_has_not_is_a_loop(cell, tmp_path):
    path, call = written(cell, tmp_path, masked=False)
    assert operators(path)["Loop"] == 1
    assert_same(path, call, [case(cell, time) for time in TIMES])


def test_a_model_has_an_operator_for_each_layer_and_direction(tmp_path):
    """Two of one size share nothing but their number's meaning."""
    model = keras.Sequential(
        [
            keras.Input((None, FEATURES)),
            keras.layers.Bidirectional(keras_rnn.GRU(UNITS, return_sequences=True)),
            keras_rnn.LSTM(UNITS, return_sequences=True),
            keras_rnn.LSTM(UNITS, recurrent_activation="hard_sigmoid"),
        ]
    )
    files = keras_rnn.export(model, tmp_path / "files", formats=["onnx"])
    found = operators(files["onnx"].path)
    assert (found["GRU"], found["LSTM"], found["Loop"]) == (2, 2, 0)


def test_only_what_is_traced_for_onnx_has_the_operators():
    inputs = tf.TensorSpec((5, 2, FEATURES))
    with fast_paths.tracing_for(fast_paths.ONNX()):
        assert choice.here(GRUCell(UNITS), inputs, fast_paths.Purpose.INFERENCE) is Path.ONNX
        assert choice.here(GRUCell(UNITS, activation="elu"), inputs, fast_paths.Purpose.INFERENCE) is Path.STEPS
    assert choice.here(GRUCell(UNITS), inputs, fast_paths.Purpose.INFERENCE) is Path.XLA
