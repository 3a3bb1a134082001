"""PyTorch's weights both ways: against its equations in NumPy, and against PyTorch itself where it is installed."""

import importlib
import importlib.util
import re
import sys

import keras
import numpy as np
import pytest
from closeness import assert_close

import keras_rnn
from keras_rnn import convert, pytorch

FEATURES, UNITS, BATCH, TIME = 5, 3, 2, 6
GATES = {"RNN": 1, "LSTM": 4, "GRU": 3}
# Every kind with every option: layers, both directions, without biases, with relu or a projection.
NETWORKS = [
    ("RNN", {}),
    ("RNN", {"nonlinearity": "relu", "num_layers": 2}),
    ("RNN", {"bidirectional": True, "bias": False, "num_layers": 2}),
    ("LSTM", {}),
    ("LSTM", {"num_layers": 3, "bidirectional": True}),
    ("LSTM", {"bias": False}),
    ("LSTM", {"proj_size": 2}),
    ("LSTM", {"proj_size": 2, "num_layers": 2, "bidirectional": True, "bias": False}),
    ("GRU", {}),
    ("GRU", {"num_layers": 2, "bidirectional": True}),
    ("GRU", {"bias": False, "num_layers": 2}),
]
CELLS = [("RNN", {}), ("RNN", {"nonlinearity": "relu"}), ("LSTM", {}), ("GRU", {}), ("GRU", {"bias": False})]
every_network = pytest.mark.parametrize(("kind", "options"), NETWORKS, ids=str)
every_cell = pytest.mark.parametrize(("kind", "options"), CELLS, ids=str)
needs_torch = pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="PyTorch isn't installed")
needs_safetensors = pytest.mark.skipif(importlib.util.find_spec("safetensors") is None, reason="nor safetensors")


def state_dict(kind, options, cell=False, prefix=""):
    """Random weights with the names and shapes that the pages of torch.nn list."""
    rng, rows = np.random.default_rng(4), GATES[kind] * UNITS
    output, weights = options.get("proj_size") or UNITS, {}
    directions = ["", "_reverse"] if options.get("bidirectional") else [""]
    for layer in range(options.get("num_layers", 1)):
        for suffix in [""] if cell else [f"_l{layer}{direction}" for direction in directions]:
            shapes = {"weight_ih": (rows, len(directions) * output if layer else FEATURES), "weight_hh": (rows, output)}
            if options.get("proj_size"):
                shapes["weight_hr"] = (output, UNITS)
            if options.get("bias", True):
                shapes |= {"bias_ih": (rows,), "bias_hh": (rows,)}
            for name, shape in shapes.items():
                weights[prefix + name + suffix] = rng.normal(size=shape, scale=0.6).astype(np.float32)
    return weights


def inputs():
    return np.random.default_rng(8).normal(size=(BATCH, TIME, FEATURES)).astype(np.float32)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def step(kind, options, weights, suffix, x, h, c):
    """PyTorch's equations, a gate at a time: new hidden state and memory."""
    w, u = (np.split(weights[f"{name}{suffix}"].astype(np.float64), GATES[kind]) for name in ("weight_ih", "weight_hh"))
    zeros = np.zeros(GATES[kind] * UNITS)
    b, d = (np.split(weights.get(f"{name}{suffix}", zeros), GATES[kind]) for name in ("bias_ih", "bias_hh"))
    into, back = [x @ w[k].T + b[k] for k in range(GATES[kind])], [h @ u[k].T + d[k] for k in range(GATES[kind])]
    if kind == "RNN":
        total = into[0] + back[0]
        return np.maximum(total, 0) if options.get("nonlinearity") == "relu" else np.tanh(total), c
    if kind == "GRU":
        r, z = (sigmoid(into[k] + back[k]) for k in (0, 1))
        return (1 - z) * np.tanh(into[2] + r * back[2]) + z * h, c
    i, f, o = (sigmoid(into[k] + back[k]) for k in (0, 1, 3))
    c = f * c + i * np.tanh(into[2] + back[2])
    return (o * np.tanh(c)) @ weights.get(f"weight_hr{suffix}", np.eye(UNITS)).T, c


def by_the_equations(kind, options, weights, x):
    """`output` of the network with these weights, batch first."""
    for layer in range(options.get("num_layers", 1)):
        directions = []
        for direction in ["", "_reverse"] if options.get("bidirectional") else [""]:
            h, c = np.zeros((BATCH, options.get("proj_size") or UNITS)), np.zeros((BATCH, UNITS))
            outputs = []
            for now in range(TIME) if not direction else reversed(range(TIME)):
                h, c = step(kind, options, weights, f"_l{layer}{direction}", x[:, now], h, c)
                outputs.append(h)
            directions.append(np.stack(outputs[::-1] if direction else outputs, 1))
        x = np.concatenate(directions, -1)
    return x


def through(layers):
    """What layers, one after another, make of `inputs`."""
    found = inputs()
    for layer in layers:
        found = layer(found)
    return found


def nonlinearity(options):
    return {"nonlinearity": options["nonlinearity"]} if "nonlinearity" in options else {}


@every_network
def test_layers_give_what_pytorchs_equations_give(kind, options):
    weights = state_dict(kind, options)
    layers = convert.from_torch(weights, **nonlinearity(options))
    assert len(layers) == options.get("num_layers", 1)
    expected = by_the_equations(kind, options, weights, inputs())
    assert_close(through(layers), expected)
    width = options.get("proj_size") or UNITS
    ends = [expected[:, -1, :width], expected[:, 0, width:]]  # what each direction read last
    last = convert.from_torch(weights, return_sequences=False, **nonlinearity(options))
    assert_close(through(last), np.concatenate(ends, -1))


@every_network
def test_back_in_pytorch_the_weights_give_the_same(kind, options):
    """Not the same biases: of two that are added, one is the sum and the other zeros."""
    weights = state_dict(kind, options)
    again = convert.to_torch(convert.from_torch(weights, **nonlinearity(options)))
    assert {name: array.shape for name, array in again.items()} == {
        name: array.shape for name, array in weights.items()
    }
    assert {array.dtype for array in again.values()} == {np.dtype("float32")}
    same = [by_the_equations(kind, options, each, inputs()) for each in (again, weights)]
    assert_close(*same, dtype="float32")  # the weights are
    for name, array in weights.items():
        if kind == "GRU" or "weight" in name:
            np.testing.assert_array_equal(again[name], array)


@every_cell
def test_a_cell_both_ways(kind, options):
    weights = state_dict(kind, options, cell=True)
    cell = convert.cell_from_torch(weights, **nonlinearity(options))
    rng = np.random.default_rng(2)
    x, *states = (rng.normal(size=(BATCH, n)).astype(np.float32) for n in (FEATURES, UNITS, UNITS))
    expected = step(kind, options, weights, "", x, *states)
    _, found = cell(
        keras.ops.convert_to_tensor(x), [keras.ops.convert_to_tensor(s) for s in states[: 1 + (kind == "LSTM")]]
    )
    for state, value in zip(found, expected, strict=False):
        assert_close(state, value)
    again = convert.to_torch(cell, prefix="decoder")
    assert again.keys() == {f"decoder.{name}" for name in weights}
    again = {name.removeprefix("decoder."): array for name, array in again.items()}
    assert_close(step(kind, options, again, "", x, *states)[0], expected[0], dtype="float32")


@needs_torch
@pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN")  # slower, and as right
@every_network
def test_pytorch_itself_both_ways(kind, options):
    import torch

    torch.manual_seed(3)
    module = getattr(torch.nn, kind)(FEATURES, UNITS, batch_first=True, **options)
    layers = convert.from_torch(module.state_dict(), **nonlinearity(options))
    with torch.no_grad():
        expected = module(torch.from_numpy(inputs()))[0].numpy()
    assert_close(through(layers), expected)
    other = getattr(torch.nn, kind)(FEATURES, UNITS, batch_first=True, **options)
    other.load_state_dict({name: torch.from_numpy(array) for name, array in convert.to_torch(layers).items()})
    with torch.no_grad():
        assert_close(other(torch.from_numpy(inputs()))[0].numpy(), expected)


@needs_torch
@every_cell
def test_pytorchs_cells_both_ways(kind, options):
    import torch

    cells = [getattr(torch.nn, f"{kind}Cell")(FEATURES, UNITS, **options) for _ in range(2)]
    ours = convert.cell_from_torch(cells[0].state_dict(), **nonlinearity(options))
    cells[1].load_state_dict({name: torch.from_numpy(array) for name, array in convert.to_torch(ours).items()})
    x = inputs()[:, 0]
    with torch.no_grad():
        expected, found = (cell(torch.from_numpy(x)) for cell in cells)
    hidden, again = (value[0] if kind == "LSTM" else value for value in (expected, found))
    assert_close(ours(keras.ops.convert_to_tensor(x), ours.get_initial_state(BATCH))[0], hidden)
    assert_close(again, hidden)


def test_options_are_for_every_layer():
    layers = convert.from_torch(state_dict("LSTM", {"num_layers": 2}), dropout=0.25, return_state=True, dtype="float64")
    assert [(layer.dropout, layer.return_state, layer.cell.dtype) for layer in layers] == [(0.25, True, "float64")] * 2
    assert [type(layer) for layer in layers] == [keras_rnn.LSTM] * 2
    assert type(convert.from_torch(state_dict("LSTM", {"proj_size": 2}))[0]) is keras_rnn.ProjectedLSTM


def test_back_from_a_sequential_a_list_and_a_layer():
    layers = convert.from_torch(state_dict("GRU", {}))
    expected = convert.to_torch(layers)
    for given in (layers[0], tuple(layers), keras.Sequential([keras.Input((None, FEATURES)), *layers])):
        found = convert.to_torch(given)
        assert found.keys() == expected.keys() and all(np.array_equal(found[name], expected[name]) for name in found)


def test_tensors_of_any_precision():
    """What has no NumPy type, too."""
    import ml_dtypes

    weights = state_dict("GRU", {})
    halves = {name: array.astype(ml_dtypes.bfloat16) for name, array in weights.items()}
    (layer,) = convert.from_torch(halves)
    expected = by_the_equations("GRU", {}, {name: array.astype(np.float32) for name, array in halves.items()}, inputs())
    assert_close(layer(inputs()), expected)
    if importlib.util.find_spec("torch"):
        import torch

        tensors = {name: torch.from_numpy(array).bfloat16().requires_grad_() for name, array in weights.items()}
        assert_close(convert.from_torch(tensors)[0](inputs()), expected)


# Files.


@needs_safetensors
@pytest.mark.parametrize("prefix", ["", "encoder.lstm", "encoder.lstm."])
def test_safetensors(prefix, tmp_path):
    from safetensors.numpy import load_file, save_file

    start = "encoder.lstm." if prefix else ""
    weights = state_dict("LSTM", {"num_layers": 2}, prefix=start)
    others = {"encoder.embedding.weight": np.ones((2, 2), np.float32), "head": np.ones(3, np.float32)} if prefix else {}
    save_file(weights | others, tmp_path / "model.safetensors")
    layers = convert.from_torch(tmp_path / "model.safetensors", prefix=prefix)
    bare = {name.removeprefix(start): array for name, array in weights.items()}
    assert_close(keras.Sequential(layers)(inputs()), by_the_equations("LSTM", {"num_layers": 2}, bare, inputs()))
    convert.save_torch(layers, str(tmp_path / "model.safetensors"), prefix=prefix)
    found = load_file(tmp_path / "model.safetensors")
    assert found.keys() == weights.keys() and list(tmp_path.iterdir()) == [tmp_path / "model.safetensors"]
    for name, array in found.items():
        if "weight" in name:
            np.testing.assert_array_equal(array, weights[name])


@needs_torch
@pytest.mark.parametrize("ending", ["pt", "pth"])
def test_pt(ending, tmp_path):
    import torch

    module, path = torch.nn.GRU(FEATURES, UNITS, bidirectional=True, batch_first=True), tmp_path / f"model.{ending}"
    torch.save({f"net.{name}": value for name, value in module.state_dict().items()}, path)
    layers = convert.from_torch(path, prefix="net")
    with torch.no_grad():
        assert_close(through(layers), module(torch.from_numpy(inputs()))[0].numpy())
    convert.save_torch(layers, path)
    again = torch.load(path, weights_only=True)
    assert all(torch.equal(again[name], value) for name, value in module.state_dict().items())


class Surprise:
    """What a file may not do."""

    def __reduce__(self):
        return (sys.exit, ("the file ran code",))


@needs_torch
@pytest.mark.parametrize(
    "content",
    [Surprise(), {"weight_ih_l0": Surprise()}, [1, 2], b"", b"abc"],
    ids=["code", "code in a dict", "list", "empty", "no pickle"],
)
def test_pt_files_that_are_no_weights(content, tmp_path):
    import torch

    path = tmp_path / "model.pt"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        torch.save(content, path)
    with pytest.raises(ValueError, match=rf"^expected {re.escape(str(path))} to be a state_dict.*, got \w+"):
        convert.from_torch(path)


@needs_safetensors
def test_a_safetensors_file_that_is_cut_off(tmp_path):
    convert.save_torch(convert.from_torch(state_dict("GRU", {})), tmp_path / "model.safetensors")
    whole = (tmp_path / "model.safetensors").read_bytes()
    (tmp_path / "model.safetensors").write_bytes(whole[:-8])
    with pytest.raises(ValueError, match=r"^expected .*model\.safetensors to be a safetensors file, got one with"):
        convert.from_torch(tmp_path / "model.safetensors")


@pytest.mark.parametrize(("name", "package"), [("a.safetensors", "safetensors"), ("a.pt", "torch")])
def test_without_the_package_that_reads_it(name, package, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.setitem(sys.modules, pytorch.PACKAGES[f".{name.split('.')[1]}"], None)
    with pytest.raises(ImportError) as caught:
        convert.from_torch(tmp_path / name)
    assert str(caught.value) == f".{name.split('.')[1]} expected the package {package}, got none: pip install {package}"
    with pytest.raises(ImportError):
        convert.save_torch(convert.from_torch(state_dict("GRU", {})), tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_files_of_another_name_and_files_that_arent_there(tmp_path):
    with pytest.raises(
        ValueError, match=r"^expected a path that ends in \.safetensors, \.pt, \.pth, got .*model\.h5\.$"
    ):
        convert.from_torch(tmp_path / "model.h5")
    if importlib.util.find_spec("torch"):
        with pytest.raises(FileNotFoundError, match=r"^expected a file of weights, got none at .*model\.pt\.$"):
            convert.from_torch(tmp_path / "model.pt")


# What doesn't fit.


def changed(kind="LSTM", options=None, cell=False, prefix="", **changes):
    """A state_dict with some arrays of other shapes, or None for none."""
    weights = state_dict(kind, options or {}, cell, prefix)
    weights |= {name: np.ones(shape) for name, shape in changes.items() if shape is not None}
    return {name: array for name, array in weights.items() if changes.get(name, 0) is not None}


REFUSED = [
    (lambda: changed(weight_hh_l0=None), "expected weight_hh_l0, a matrix, got none."),
    (lambda: changed(weight_ih_l0=(12,)), "expected weight_ih_l0, a matrix, got shape (12,)."),
    (lambda: changed(bias_hh_l0=None), "expected bias_hh_l0 of shape (12,), got none."),
    (lambda: changed(bias_hh_l0=(2, 12)), "expected bias_hh_l0 of shape (12,), got (2, 12)."),
    (lambda: changed(weight_ih_l0=(9, 5)), "expected weight_ih_l0 of shape (12, 5), got (9, 5)."),
    (
        lambda: changed(weight_hh_l0=(6, 3)),
        "expected weight_hh_l0 of 3 rows (nn.RNN), 9 rows (nn.GRU), 12 rows (nn.LSTM), got 6 rows and 3 columns.",
    ),
    (
        lambda: changed("GRU", weight_hr_l0=(3, 4)),
        "expected weight_hh_l0 of 16 rows (nn.LSTM), got 9 rows and 3 columns.",
    ),
    (
        lambda: changed(options={"num_layers": 2}, weight_ih_l1=(12, 5)),
        "expected weight_ih_l1 of shape (12, 3), got (12, 5).",
    ),
    (
        lambda: changed(options={"num_layers": 2, "bidirectional": True}, weight_hh_l1_reverse=None),
        "expected weight_hh_l1_reverse of shape (12, 3), got none.",
    ),
    (lambda: changed(weight_ih_l999999999=(12, 3)), "expected weight_ih_l1 of shape (12, 3), got none."),
    (
        lambda: changed(
            "RNN", {"bias": False}, weight_ih=None, weight_hr_l1=(3, 3), weight_hh_l1=(3, 3), weight_ih_l1=(3, 3)
        ),
        "expected the weights weight_ih_l0, weight_hh_l0, weight_ih_l1, weight_hh_l1, got weight_hr_l1 too.",
    ),
    (
        lambda: changed(prefix="a.lstm.") | changed(prefix="b."),
        'expected weights called weight_ih_l0, weight_hh_l0, ... behind the prefix "" or prefix="a.lstm" or '
        'prefix="b", got a.lstm.weight_ih_l0, a.lstm.weight_hh_l0, a.lstm.bias_ih_l0.',
    ),
    (
        lambda: {"head.weight": np.ones(3)},
        'expected weights called weight_ih_l0, weight_hh_l0, ... behind the prefix "", got head.weight.',
    ),
    (dict, 'expected weights called weight_ih_l0, weight_hh_l0, ... behind the prefix "", got none.'),
    (
        lambda: changed(cell=True),
        "expected the weights of a network, such as weight_ih_l0, got those of a cell, weight_ih.",
    ),
    (
        lambda: changed(cell=True, weight_hr=(2, 3)),
        "expected the weights of nn.LSTMCell, which has no projection, got weight_hr.",
    ),
    (lambda: [1, 2], "expected a state_dict or the path of one, got list."),
]


@pytest.mark.parametrize(("make", "sentence"), REFUSED, ids=[sentence for _, sentence in REFUSED])
def test_weights_that_fit_nothing(make, sentence):
    with pytest.raises(ValueError) as caught:
        convert.from_torch(make())
    assert str(caught.value) == sentence


@pytest.mark.parametrize(
    ("kind", "options", "sentence"),
    [
        ("RNN", {"nonlinearity": "elu"}, 'nonlinearity expected one of nn.RNN\'s, "tanh" or "relu", got \'elu\'.'),
        ("GRU", {"nonlinearity": "relu"}, "nonlinearity expected \"tanh\", which nn.GRU has, got 'relu'."),
        ("LSTM", {"activation": "relu"}, "expected options that the weights don't decide, got activation."),
        ("LSTM", {"go_backwards": True}, "expected options that the weights don't decide, got go_backwards."),
    ],
)
def test_options_that_fit_nothing(kind, options, sentence):
    with pytest.raises(ValueError) as caught:
        convert.from_torch(state_dict(kind, {}), **options)
    assert str(caught.value) == sentence


def test_a_network_for_a_cell():
    with pytest.raises(ValueError, match=r"^expected the weights of a cell, such as weight_ih, got those of a network"):
        convert.cell_from_torch(state_dict("LSTM", {}))


def built(name, units=UNITS, features=FEATURES, bidirectional=None, **options):
    layer = getattr(keras_rnn, name)(units, name="layer", **{"return_sequences": True} | options)
    if bidirectional is not None:
        layer = keras.layers.Bidirectional(layer, name="both", **bidirectional)
    layer.build((None, None, features))
    return layer


UNKNOWN_TO_PYTORCH = [
    (lambda: [], "expected one layer or more, got none."),
    (lambda: keras_rnn.GRU(3, name="gru"), "expected gru_cell with weights, got none: build it, or call it on inputs."),
    (lambda: built("LSTM", activation="relu"), "expected lstm_cell with an activation that PyTorch has, got relu."),
    (
        lambda: built("GRU", recurrent_activation="hard_sigmoid"),
        "expected gru_cell with the recurrent_activation sigmoid, got hard_sigmoid.",
    ),
    (
        lambda: built("GRU", reset_after=False),
        "expected gru_cell with reset_after=True, the form of PyTorch's GRU, got False.",
    ),
    (
        lambda: built("PeepholeLSTM"),
        "expected SimpleRNNCell, LSTMCell, GRUCell, ProjectedLSTMCell, got PeepholeLSTMCell.",
    ),
    (
        lambda: [built("LSTM"), keras.layers.Dense(2, name="head")],
        "expected recurrent layers of keras_rnn, got head, a Dense.",
    ),
    (
        lambda: built("LSTM", go_backwards=True),
        "expected layer to read forwards, or in Bidirectional, got go_backwards=True.",
    ),
    (
        lambda: built("LSTM", bidirectional={"merge_mode": "sum"}),
        "expected both with merge_mode=\"concat\", got 'sum'.",
    ),
    (
        lambda: [built("LSTM", return_sequences=False), built("LSTM", features=UNITS)],
        "expected layer with return_sequences=True before the last layer, got False.",
    ),
    (
        lambda: [built("LSTM", bidirectional={}), built("LSTM", features=2 * UNITS)],
        "expected all layers or none in Bidirectional, got both.",
    ),
    (
        lambda: [built("SimpleRNN"), built("SimpleRNN", features=UNITS, activation="relu")],
        "expected layers of one kind and activation, got several.",
    ),
    (
        lambda: [built("LSTM"), built("LSTM", units=4, features=UNITS)],
        "expected weight_ih_l1 of shape (12, 3), got (16, 3).",
    ),
    (
        lambda: [built("LSTM"), built("LSTM", features=UNITS, use_bias=False)],
        "expected bias_ih_l1 of shape (12,), got none.",
    ),
    (
        lambda: built("ProjectedLSTM", projection=2).cell,
        "expected the weights of nn.LSTMCell, which has no projection, got weight_hr.",
    ),
]


@pytest.mark.parametrize(("make", "sentence"), UNKNOWN_TO_PYTORCH, ids=[sentence for _, sentence in UNKNOWN_TO_PYTORCH])
def test_layers_that_pytorch_doesnt_have(make, sentence):
    with pytest.raises(ValueError) as caught:
        convert.to_torch(make())
    assert str(caught.value) == sentence
