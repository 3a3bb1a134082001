"""The kernel for GPUs, on a machine without one: what it is given, and what is done with its results.

`emulated` stands in for the operator; that the real one computes the same, only a machine with a GPU can tell.
"""

import importlib
import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf
from closeness import assert_close
from grids import grid, rows_of, slow_unless
from layer_table import BATCH, FEATURES, MASK, QUICK_ROWS, ROWS, TIME, UNITS, Row, random_inputs, random_states
from tensorflow.core.protobuf import saved_model_pb2

from keras_rnn import GRU, LSTM, SimpleRNN, artifacts, fast_paths
from keras_rnn.fast_paths import cudnn, shared

keras_on_cudnn = importlib.import_module("keras.src.backend.tensorflow.rnn")  # a function in it has its name
LAYERS = [SimpleRNN, LSTM, GRU]
RIGHT_PADDED = np.arange(TIME) < np.array([[2], [4], [1], [3], [4]])
GATES = {"rnn_tanh": 1, "rnn_relu": 1, "lstm": 4, "gru": 3}


def named(layer):
    return layer.__name__


def emulated(*, input, input_h, input_c, params, sequence_lengths, rnn_mode, is_training, time_major, **nothing_else):
    """CudnnRNNV3, by the formulas of NVIDIA's documentation (cudnnRNNMode_t), for one layer and one direction.

    Input gate, forget gate, candidate, output gate of "lstm"; reset gate, update gate, candidate of "gru". In `params`
    come the matrices for the inputs, those for the hidden state, the biases of the inputs, those of the hidden state.
    Outputs after the end of a sequence are zeros; the states are those at its end.
    """
    assert is_training and time_major and not nothing_else
    assert input_h.shape[0] == 1 and (rnn_mode != "lstm" or input_c.shape[0] == 1)
    count, features, units = GATES[rnn_mode], input.shape[2], input_h.shape[2]
    sizes = [units * features] * count + [units * units] * count + [units] * 2 * count
    assert sum(sizes) == params.shape[0]
    parts = tf.split(params, sizes)
    W = [tf.reshape(part, (units, features)) for part in parts[:count]]
    R = [tf.reshape(part, (units, units)) for part in parts[count : 2 * count]]
    b_W, b_R = parts[2 * count : 3 * count], parts[3 * count :]
    h, c = input_h[0], input_c[0] if rnn_mode == "lstm" else tf.zeros_like(input_h[0])
    outputs = []
    for t, x in enumerate(tf.unstack(input)):
        of_input = [x @ tf.transpose(W[k]) + b_W[k] for k in range(count)]
        of_hidden = [h @ tf.transpose(R[k]) + b_R[k] for k in range(count)]
        both = [a + b for a, b in zip(of_input, of_hidden, strict=True)]
        new_c = c
        if rnn_mode == "lstm":
            new_c = tf.sigmoid(both[1]) * c + tf.sigmoid(both[0]) * tf.tanh(both[2])
            new_h = tf.sigmoid(both[3]) * tf.tanh(new_c)
        elif rnn_mode == "gru":
            r, i = tf.sigmoid(both[0]), tf.sigmoid(both[1])
            new_h = (1 - i) * tf.tanh(of_input[2] + r * of_hidden[2]) + i * h
        else:
            new_h = tf.nn.relu(both[0]) if rnn_mode == "rnn_relu" else tf.tanh(both[0])
        going_on = (t < sequence_lengths)[:, None]
        h, c = tf.where(going_on, new_h, h), tf.where(going_on, new_c, c)
        outputs.append(tf.where(going_on, new_h, 0))
    return tf.stack(outputs), h[None], c[None], None, None


@pytest.fixture
def gpu(monkeypatch):
    """A machine that says it has a GPU, with the operator emulated; the list of its calls."""
    calls = []

    def operator(**arguments):
        calls.append(arguments)
        return emulated(**arguments)

    monkeypatch.setattr(tf.raw_ops, "CudnnRNNV3", operator)
    monkeypatch.setattr(cudnn, "available", lambda: True)
    return calls


# What the operator is given, beside what Keras gives it, whose code has run on many GPUs.


def weights_of(layer):
    return {name: tf.convert_to_tensor(getattr(layer.cell, name)) for name in ("kernel", "recurrent_kernel", "bias")}


def given_by_keras(layer, inputs, states, mask, go_backwards):
    function = {LSTM: keras_on_cudnn._cudnn_lstm, GRU: keras_on_cudnn._cudnn_gru}[type(layer)]
    function(tf.constant(inputs), *states, *weights_of(layer).values(), mask, False, go_backwards, True)


@pytest.mark.parametrize("lengths", [None, [4, 2, 1, 3, 4]], ids=["whole", "padded"])
@pytest.mark.parametrize("go_backwards", [False, True], ids=["forwards", "backwards"])
@pytest.mark.parametrize("layer", [LSTM, GRU], ids=named)
def test_keras_gives_the_operator_the_same(layer, go_backwards, lengths, monkeypatch):
    given = []

    def operator(**arguments):
        given.append(arguments)
        sizes = (TIME, BATCH, UNITS) if arguments["time_major"] else (BATCH, TIME, UNITS)
        one = (1, BATCH, UNITS) if arguments["time_major"] else (BATCH, 1, UNITS)
        return tf.zeros(sizes), tf.zeros(one), tf.zeros(one), None, None

    monkeypatch.setattr(tf.raw_ops, "CudnnRNNV3", operator)
    build = dict(tf.sysconfig.get_build_info()) | {"is_cuda_build": True, "is_rocm_build": False}
    monkeypatch.setattr(tf.sysconfig, "get_build_info", lambda: build)  # or Keras doesn't swap the gates of GRU
    ours, _ = Row(layer.__name__).pair()
    inputs, states = random_inputs(), [tf.constant(state) for state in random_states(ours)]
    mask = None if lengths is None else tf.sequence_mask(lengths, TIME)
    given_by_keras(ours, inputs, states, mask, go_backwards)
    cudnn.run(
        cudnn.mode(ours.cell),
        tf.transpose(inputs, [1, 0, 2]),
        states,
        weights_of(ours),
        None if mask is None else tf.transpose(mask),
        go_backwards=go_backwards,
        zero_output_for_mask=False,
        return_all_outputs=True,
    )
    theirs, ours = given
    assert set(theirs) == set(ours) and theirs["time_major"] is False and ours["time_major"] is True
    for name in ("input", "input_h", "input_c"):
        expected = np.array(theirs[name])
        expected = np.swapaxes(expected, 0, 1) if expected.ndim == 3 else expected
        np.testing.assert_array_equal(ours[name], expected, name)
    for name in ("params", "sequence_lengths", "rnn_mode", "is_training"):
        np.testing.assert_array_equal(ours[name], theirs[name], name)


# What is done with its results, beside the plain loop.


def taken_by_cudnn(row):
    """Whether cuDNN has what the row's layer computes, in inference."""
    options = row.options
    if options.get("unroll") or options.get("reset_after") is False:
        return False
    if row.name == "SimpleRNN":
        return options.get("activation", "tanh") in ("tanh", "relu")
    return options.get("activation", "tanh") == "tanh" and "recurrent_activation" not in options


MASKS = {"whole": None, "right-padded": RIGHT_PADDED, "any": MASK}


@pytest.mark.parametrize(
    ("row", "mask"),
    [  # quick: the quick rows with one mask, in turn
        slow_unless(row in QUICK_ROWS and QUICK_ROWS.index(row) % len(MASKS) == number, row, mask)
        for row in ROWS
        for number, mask in enumerate(MASKS)
    ],
    ids=str,
)
def test_the_kernel_gives_the_loops_numbers(row, mask, gpu, monkeypatch):
    options = {"return_state": True, "stateful": False} | ({} if row.name == "SimpleRNN" else {"use_cudnn": "auto"})
    layer, _ = row.pair(**options)
    call = {"mask": None if MASKS[mask] is None else tf.constant(MASKS[mask])}
    call["initial_state"] = [tf.constant(state) for state in random_states(layer)]
    found = layer(random_inputs(), **call)
    assert len(gpu) == (taken_by_cudnn(row) and mask != "any")
    monkeypatch.setattr(cudnn, "available", lambda: False)
    for value, expected in zip(found, layer(random_inputs(), **call), strict=True):
        assert_close(value, expected)
    assert len(gpu) == (taken_by_cudnn(row) and mask != "any")


def test_masks_that_cudnn_takes():
    """All masks of 4 steps and 2 rows: padding may only be at the end of a row, and none is all padding."""
    rows = [np.array(row, bool) for row in itertools.product([0, 1], repeat=4)]
    taken = {(1, 0, 0, 0), (1, 1, 0, 0), (1, 1, 1, 0), (1, 1, 1, 1)}
    for pair in itertools.product(rows, repeat=2):
        expected = all(tuple(row.astype(int)) in taken for row in pair)
        assert bool(cudnn.takes_mask(tf.constant(np.transpose(pair)))) == expected, pair
    assert cudnn.takes_mask(tf.constant([[True, True]])) and not cudnn.takes_mask(tf.constant([[True, False]]))


@pytest.mark.parametrize("dtype", ["float16", "float64", "bfloat16"])
def test_the_types_that_cudnn_has(dtype, gpu):
    layer = LSTM(UNITS, dtype=dtype, recurrent_initializer="zeros")  # Keras's own has no bfloat16
    layer(tf.ones((BATCH, TIME, FEATURES), dtype))
    assert len(gpu) == (dtype != "bfloat16")


def test_use_cudnn(gpu, monkeypatch):
    inputs = random_inputs()
    LSTM(UNITS, use_cudnn=False)(inputs)
    assert not gpu
    LSTM(UNITS, use_cudnn=True)(inputs)
    GRU(UNITS, dropout=0.5)(inputs, training=True)  # one mask a sequence, put on the inputs before
    assert len(gpu) == 2
    LSTM(UNITS, recurrent_dropout=0.5)(inputs, training=True)
    GRU(UNITS, dropout=0.5, implementation=1)(inputs, training=True)
    assert len(gpu) == 2
    for options in ({"activation": "relu"}, {"unroll": True}):
        with pytest.raises(ValueError, match=r"expected a GPU, .* for use_cudnn=True, got something else"):
            LSTM(UNITS, use_cudnn=True, **options)(inputs)
    monkeypatch.setattr(cudnn, "available", lambda: False)
    with pytest.raises(ValueError, match="lstm_cell expected a GPU"):
        LSTM(UNITS, use_cudnn=True)(inputs)


def test_a_cell_made_from_ours_takes_the_loop(gpu):
    """Its step may be another."""

    class Cell(fast_paths.cudnn.LSTMCell):
        def step(self, projected, states, masks=None):
            hidden, states = super().step(projected, states, masks)
            return -hidden, [-hidden, states[1]]

    cell = Cell(UNITS)
    cell.build((BATCH, FEATURES))
    assert cudnn.mode(cell) is None


@pytest.mark.parametrize(("layer", "most"), [(SimpleRNN, 7), (LSTM, 7), (GRU, 11)])
def test_the_weights_are_packed_by_few_operators(layer, most):
    """However many gates there are."""
    recurrent = layer(UNITS)
    recurrent.build((BATCH, TIME, FEATURES))
    weights = [weight.value for weight in recurrent.weights]
    graph = tf.function(lambda *weights: cudnn.parameters(cudnn.mode(recurrent.cell), *weights)).get_concrete_function(
        *weights
    )
    given = ("Placeholder", "Const", "Identity", "ReadVariableOp", "NoOp")
    computing = [op for op in graph.graph.get_operations() if op.type not in given]
    assert len(computing) <= most, [op.type for op in computing]


# Both in one graph.


def operators_of(graph, nodes):
    """The operators of nodes and of the functions that they call, at any depth."""
    functions = {function.signature.name: function.node_def for function in graph.library.function}
    found, waiting = set(), list(nodes)
    while waiting:
        node = waiting.pop()
        found.add(node.op)
        for name in [node.op, *(value.func.name for value in node.attr.values())]:
            waiting += functions.pop(name, [])
    return found


def pairs(graph):
    """What a GraphDef's functions with a choice of devices do: by the pair's name, operators by device."""
    found = {}
    for function in graph.library.function:
        if "api_implements" in function.attr:
            device = function.attr["api_preferred_device"].s.decode()
            pair = found.setdefault(function.attr["api_implements"].s.decode(), {})
            pair.setdefault(device, set()).update(operators_of(graph, function.node_def))  # and of its gradient's
    return found


def traced(function, *shapes):
    """The GraphDef of a function of tensors."""
    graph = tf.function(function, autograph=False).get_concrete_function(*map(tf.TensorSpec, shapes)).graph
    return graph.as_graph_def()


ANY = (None, None, FEATURES)


@pytest.mark.parametrize(
    ("layer", "mask"), grid(LAYERS, [True, False]), ids=lambda value: getattr(value, "__name__", f"masked={value}")
)
def test_a_saved_model_holds_both(layer, mask, tmp_path):
    inputs = keras.Input((None, FEATURES), name="x")
    hidden = keras.layers.Masking()(inputs) if mask else inputs
    model = keras.Model(inputs, layer(UNITS)(keras.layers.Bidirectional(layer(UNITS, return_sequences=True))(hidden)))
    signature = artifacts.Signature(lambda x: {"y": model(x, training=False)}, [tf.TensorSpec(ANY, name="x")])
    artifacts.saved_model({"serving_default": signature}, [model], tmp_path / "1")
    saved = saved_model_pb2.SavedModel.FromString((tmp_path / "1" / "saved_model.pb").read_bytes())
    found = pairs(saved.meta_graphs[0].graph_def)
    assert len(found) == 3
    for pair in found.values():
        assert pair.keys() == {"CPU", "GPU"}
        assert "CudnnRNNV3" in pair["GPU"] and "CudnnRNNV3" not in pair["CPU"]
        assert {"While", "StatelessWhile"} & pair["CPU"]
        assert bool({"While", "StatelessWhile"} & pair["GPU"]) == mask  # for the masks that cuDNN doesn't take


@pytest.mark.parametrize(("mask", "expected"), [(False, 1), (True, 2)], ids=["whole", "masked"])
@pytest.mark.parametrize("layer", LAYERS, ids=named)
def test_padded_and_whole_batches_have_an_operator_each(layer, mask, expected):
    """One operator for both fails at one kind once it has seen the other: test_on_gpu.py has them alternate."""
    recurrent = layer(UNITS)
    recurrent.build(ANY)
    graph = traced(lambda x: recurrent(x, mask=x[:, :, 0] > 0 if mask else None), ANY)
    kernels = [node for part in graph.library.function for node in part.node_def if node.op == "CudnnRNNV3"]
    assert len(kernels) == expected


@pytest.mark.parametrize("layer", LAYERS, ids=named)
def test_the_model_holds_no_other_operator_of_its_own(layer):
    """What runs on a CPU, outside of the pair's half for GPUs, knows nothing of cuDNN."""
    recurrent = layer(UNITS)
    recurrent.build(ANY)
    graph = traced(recurrent, ANY)
    assert "CudnnRNNV3" not in operators_of(graph, graph.node) and len(pairs(graph)) == 1


LOOP_ONLY = {
    "use_cudnn=False": (LSTM, {"use_cudnn": False}),
    "relu": (LSTM, {"activation": "relu"}),
    "softsign": (SimpleRNN, {"activation": "softsign"}),
    "hard_sigmoid": (GRU, {"recurrent_activation": "hard_sigmoid"}),
    "reset_after=False": (GRU, {"reset_after": False}),
    "unroll": (SimpleRNN, {"unroll": True}),
    "bfloat16": (LSTM, {"dtype": "bfloat16", "recurrent_initializer": "zeros"}),
}


@pytest.mark.parametrize("name", LOOP_ONLY)
def test_what_cudnn_has_not_is_the_loop_alone(name):
    layer, options = LOOP_ONLY[name]
    recurrent = layer(UNITS, **options)
    recurrent.build(ANY)
    assert not pairs(traced(lambda x: recurrent(tf.cast(x, recurrent.compute_dtype)), (BATCH, TIME, FEATURES)))


def test_graphs_for_litert_and_for_training_here_are_the_loop_alone(monkeypatch):
    layer, dropping = LSTM(UNITS), LSTM(UNITS, recurrent_dropout=0.5)
    layer.build(ANY), dropping.build(ANY)
    with fast_paths.tracing_for(fast_paths.LiteRT()):
        assert not pairs(traced(layer, ANY))
    assert not pairs(traced(lambda x: layer(x, training=True), ANY))
    monkeypatch.setattr(cudnn, "available", lambda: True)
    (pair,) = pairs(traced(lambda x: layer(x, training=True), ANY)).values()
    assert {"CudnnRNNV3", "CudnnRNNBackpropV3"} <= pair["GPU"]
    assert not pairs(traced(lambda x: dropping(x, training=True), ANY))


@pytest.mark.parametrize("layer", LAYERS, ids=named)
def test_after_a_few_shapes_only_a_file_holds_both(layer, monkeypatch):
    """A graph of yet another length is not the one that goes to another machine, and is built in half the time."""
    monkeypatch.setattr(shared, "_shapes", {})
    recurrent = layer(UNITS)
    recurrent.build(ANY)
    lengths = range(TIME, TIME + shared.SHAPES + 2)
    held = [len(pairs(traced(recurrent, (BATCH, length, FEATURES)))) for length in lengths]
    assert held == [1] * shared.SHAPES + [0, 0]
    signature = artifacts.Signature(lambda x: {"y": recurrent(x)}, [tf.TensorSpec((BATCH, 99, FEATURES), name="x")])
    assert len(pairs(signature.trace().graph.as_graph_def())) == 1
    monkeypatch.setattr(cudnn, "available", lambda: True)
    assert len(pairs(traced(recurrent, (BATCH, 99, FEATURES)))) == 1


def test_pairs_have_names_of_their_own():
    """Layers of the same shapes, and one layer called twice: each call finds its own other half."""
    one, other = LSTM(FEATURES, return_sequences=True), LSTM(FEATURES)
    one.build(ANY), other.build(ANY)
    assert len(pairs(traced(lambda x: other(one(one(x))), ANY))) == 3


# Grappler's choice between both. On this machine it takes the half for CPUs: so the halves change places.


@pytest.fixture
def swapped(gpu, monkeypatch):
    """Graphs whose kernel is preferred on CPUs and whose loop on GPUs; the list of calls of the operator traced."""
    function = tf.function
    other = {"CPU": "GPU", "GPU": "CPU"}

    def swap(*arguments, experimental_attributes=None, **options):
        if experimental_attributes:
            device = other[experimental_attributes["api_preferred_device"]]
            options["experimental_attributes"] = experimental_attributes | {"api_preferred_device": device}
        return function(*arguments, **options)

    monkeypatch.setattr(tf, "function", swap)
    return gpu


def marked(**arguments):
    """The emulated operator, with results that show that it ran: twice as large."""
    return tuple(value if value is None else 2 * value for value in emulated(**arguments))


def gradients(layer, mask, in_graph):
    """Output and gradients of a training step: in a graph, or step by step."""
    inputs = tf.constant(random_inputs())

    def step(inputs):
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            output = layer(inputs, mask=mask, training=True)
            loss = tf.reduce_sum(output * tf.cumsum(tf.ones_like(output)))
        return [output, *tape.gradient(loss, [inputs, *(weight.value for weight in layer.trainable_weights)])]

    return (tf.function(step, autograph=False) if in_graph else step)(inputs)


@pytest.mark.parametrize(("layer", "mask"), grid(LAYERS, MASKS), ids=lambda value: getattr(value, "__name__", value))
def test_grappler_takes_the_other_half(layer, mask, swapped, monkeypatch):
    """Forwards and backwards: a step in a graph is the kernel's, from eager execution, and not the loop's."""
    layer, mask = Row(layer.__name__).pair(return_sequences=True)[0], MASKS[mask]
    mask = mask if mask is None else tf.constant(mask)
    monkeypatch.setattr(tf.raw_ops, "CudnnRNNV3", marked)
    in_graph, of_kernel = gradients(layer, mask, in_graph=True), gradients(layer, mask, in_graph=False)
    monkeypatch.setattr(cudnn, "available", lambda: False)
    of_loop = gradients(layer, mask, in_graph=False)
    for found, expected, other in zip(in_graph, of_kernel, of_loop, strict=True):
        assert_close(found, expected)
        assert np.allclose(found, other, atol=1e-5) == (mask is not None and not np.array_equal(mask, RIGHT_PADDED))


@pytest.mark.parametrize("layer", rows_of(LAYERS, lambda layer: layer is GRU), ids=named)
def test_without_a_gpu_the_pair_is_the_loop(layer, gpu, monkeypatch):
    """In a training graph made for a GPU and run here."""
    layer = Row(layer.__name__).pair(return_sequences=True)[0]
    monkeypatch.setattr(tf.raw_ops, "CudnnRNNV3", marked)
    in_graph = gradients(layer, tf.constant(MASK), in_graph=True)
    monkeypatch.setattr(cudnn, "available", lambda: False)
    for found, expected in zip(in_graph, gradients(layer, tf.constant(MASK), in_graph=False), strict=True):
        assert_close(found, expected)
