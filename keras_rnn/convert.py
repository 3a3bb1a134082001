"""PyTorch's weights -> our layers, and back, with the same outputs.

    nn.RNN, nn.LSTM, nn.GRU              a list of SimpleRNN, LSTM, GRU, in Bidirectional where they have two directions
    nn.LSTM with proj_size               a list of ProjectedLSTM
    nn.RNNCell, nn.LSTMCell, nn.GRUCell  a cell

The layouts differ: matrices are transposed; an LSTM's and a simple network's two biases are added; a
GRU, which has to be one with `reset_after`, keeps both, and its reset gate comes before its update gate.

Ours read `(batch, time, features)`, as PyTorch's do with batch_first=True. Dropout between layers, which has no
weights, is for the user to put there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_rnn.cells import GRUCell, LSTMCell, RecurrentCell, SimpleRNNCell
from keras_rnn.layers import GRU, LSTM, RecurrentLayer, SimpleRNN
from keras_rnn.pytorch import KINDS, Arrays, Network, read, with_dot, write_file
from keras_rnn.variants.projection import ProjectedLSTM, ProjectedLSTMCell

LAYERS = {1: SimpleRNN, 3: GRU, 4: LSTM}  # by the number of gates
CELLS = (SimpleRNNCell, LSTMCell, GRUCell, ProjectedLSTMCell)
ORDER = {1: [0], 3: [1, 0, 2], 4: [0, 1, 2, 3]}  # which gate of the one is where in the other
NONLINEARITIES = ("tanh", "relu")
# Arguments of layers that the weights decide, or that PyTorch has only one value for.
DECIDED = ("units", "projection", "activation", "recurrent_activation", "use_bias", "reset_after", "go_backwards")


def from_torch(
    weights: Mapping[str, Any] | str | Path,
    *,
    prefix: str = "",
    nonlinearity: str = "tanh",
    return_sequences: bool = True,
    **options: Any,
) -> list[keras.layers.Layer]:
    """The layers of an nn.RNN, nn.LSTM or nn.GRU, first to last, built and with its weights.

    Which of the three it is, and all sizes, are seen from the weights. `keras.Sequential(from_torch("model.pt"))` gives
    its `output`; with `return_sequences=False` what each direction read last, as its `h_n` has it.

    Args:
        weights: a state_dict, of tensors or arrays of any precision; or the path of one, .safetensors, or .pt or .pth,
            of which nothing but weights is read.
        prefix: what the names begin with: "encoder.lstm" for `encoder.lstm.weight_ih_l0`. Others are left alone.
        nonlinearity: of an nn.RNN, "tanh" or "relu": weights don't tell.
        return_sequences: of the last layer; the others return them anyway.
        options: arguments for every layer, such as `dropout=0.2` or `return_state=True`.

    Raises:
        ValueError: what was expected, and which name, shape, option or file came.
        ImportError: which package reads that file.
    """
    arrays, network = read(weights, prefix)
    if network.cell:
        raise ValueError("expected the weights of a network, such as weight_ih_l0, got those of a cell, weight_ih.")
    layer_class, options = made_with(network, nonlinearity, options)
    layers = []
    for number in range(network.layers):
        layer = layer_class(return_sequences=return_sequences or number < network.layers - 1, **options)
        layer = keras.layers.Bidirectional(layer) if network.directions == 2 else layer
        layer.build((None, None, network.features_of(number)))
        for cell, suffix in zip(cells_of(layer), network.suffixes(number), strict=True):
            fill(cell, arrays, suffix)
        layers.append(layer)
    return layers


def cell_from_torch(
    weights: Mapping[str, Any] | str | Path, *, prefix: str = "", nonlinearity: str = "tanh", **options: Any
) -> RecurrentCell:
    """The cell of an nn.RNNCell, nn.LSTMCell or nn.GRUCell, built and with its weights; arguments and errors as of
    `from_torch`."""
    arrays, network = read(weights, prefix)
    if not network.cell:
        raise ValueError("expected the weights of a cell, such as weight_ih, got those of a network, weight_ih_l0.")
    layer_class, options = made_with(network, nonlinearity, options)
    cell = layer_class.cell_class(**options)
    cell.build((None, network.features))
    cell.built = True
    fill(cell, arrays, "")
    return cell


def to_torch(layers: keras.layers.Layer | Sequence[keras.layers.Layer], *, prefix: str = "") -> Arrays:
    """The state_dict, as float32 arrays, of the nn.RNN, nn.LSTM, nn.GRU or cell that computes what `layers` do.

        module.load_state_dict({name: torch.from_numpy(array) for name, array in to_torch(layers).items()})

    Where PyTorch has two biases and we have one, ours becomes bias_ih, and bias_hh is zeros.

    Args:
        layers: SimpleRNN, LSTM, GRU or ProjectedLSTM, built; one, or a list or Sequential of them, all of one kind and
            size and either all or none in Bidirectional. Or a cell of these, but ProjectedLSTMCell.
        prefix: put before the names, with a dot.

    Raises:
        ValueError: what was expected, and which layer, option or shape came.
    """
    if isinstance(layers, RecurrentCell):
        arrays = weights_of(layers, "")
    else:
        layers = layers.layers if isinstance(layers, keras.Sequential) else layers
        layers = list(layers) if isinstance(layers, Sequence) else [layers]
        expect_stack(layers)
        arrays = {}
        for number, layer in enumerate(layers):
            for cell, direction in zip(cells_of(layer), ["", "_reverse"], strict=False):
                arrays |= weights_of(cell, f"_l{number}{direction}")
    Network.of(arrays)
    return {with_dot(prefix) + name: array for name, array in arrays.items()}


def save_torch(
    layers: keras.layers.Layer | Sequence[keras.layers.Layer], path: str | Path, *, prefix: str = ""
) -> None:
    """Writes `to_torch` as a .safetensors, .pt or .pth file; an existing one is replaced. Arguments and errors as of
    `to_torch`, and ImportError with the package that writes such a file."""
    write_file(to_torch(layers, prefix=prefix), Path(path))


def made_with(network: Network, nonlinearity: str, options: dict[str, Any]) -> tuple[type[RecurrentLayer], dict]:
    """The class of layer that a network is made of, and its arguments."""
    if nonlinearity not in NONLINEARITIES:
        raise ValueError(f'nonlinearity expected one of nn.RNN\'s, "tanh" or "relu", got {nonlinearity!r}.')
    if nonlinearity != "tanh" and network.gates > 1:
        raise ValueError(f'nonlinearity expected "tanh", which {KINDS[network.gates]} has, got {nonlinearity!r}.')
    if decided := [name for name in DECIDED if name in options]:
        raise ValueError(f"expected options that the weights don't decide, got {decided[0]}.")
    options |= {"units": network.units, "use_bias": network.bias}
    if network.gates == 1:
        options["activation"] = nonlinearity
    if network.projected:
        return ProjectedLSTM, options | {"projection": network.output}
    return LAYERS[network.gates], options


def reordered(array: np.ndarray, gates: int) -> np.ndarray:
    """`(gates * units, ...)` with the gates in the other's order; ours and PyTorch's differ by one exchange."""
    parts = np.split(array, gates)
    return np.concatenate([parts[gate] for gate in ORDER[gates]])


def fill(cell: RecurrentCell, arrays: Arrays, suffix: str) -> None:
    """Gives a built cell the weights whose names end in `suffix`."""
    weights = {name.removesuffix(suffix): array for name, array in arrays.items() if name.endswith(suffix)}
    cell.kernel.assign(reordered(weights["weight_ih"], cell.gates).T)
    cell.recurrent_kernel.assign(reordered(weights["weight_hh"], cell.gates).T)
    if "weight_hr" in weights:
        cell.projection_kernel.assign(weights["weight_hr"].T)
    if cell.use_bias:
        biases = [reordered(weights[name], cell.gates) for name in ("bias_ih", "bias_hh")]
        cell.bias.assign(np.stack(biases) if cell.gates == 3 else np.add(*biases))


def weights_of(cell: RecurrentCell, suffix: str) -> Arrays:
    """PyTorch's weights of a cell, their names ending in `suffix`."""
    expect_cell(cell)
    arrays = {
        "weight_ih": reordered(cell.kernel.numpy().T, cell.gates),
        "weight_hh": reordered(cell.recurrent_kernel.numpy().T, cell.gates),
    }
    if cell.use_bias:
        bias = cell.bias.numpy()
        biases = bias if cell.gates == 3 else [bias, np.zeros_like(bias)]
        arrays |= {name: reordered(part, cell.gates) for name, part in zip(("bias_ih", "bias_hh"), biases, strict=True)}
    if type(cell) is ProjectedLSTMCell:
        arrays["weight_hr"] = cell.projection_kernel.numpy().T
    return {name + suffix: np.ascontiguousarray(array, np.float32) for name, array in arrays.items()}


def cells_of(layer: keras.layers.Layer) -> list[RecurrentCell]:
    """One, or in Bidirectional two: forward, backward."""
    if isinstance(layer, keras.layers.Bidirectional):
        return [layer.forward_layer.cell, layer.backward_layer.cell]
    return [layer.cell]


def expect_cell(cell: RecurrentCell) -> None:
    """ValueError if PyTorch has no such cell."""
    if type(cell) not in CELLS:
        raise ValueError(f"expected {', '.join(c.__name__ for c in CELLS)}, got {type(cell).__name__}.")
    if not cell.built:
        raise ValueError(f"expected {cell.name} with weights, got none: build it, or call it on inputs.")
    activation = keras.activations.serialize(cell.activation)
    if activation not in (NONLINEARITIES if cell.gates == 1 else ("tanh",)):
        raise ValueError(f"expected {cell.name} with an activation that PyTorch has, got {activation}.")
    if cell.gates > 1 and cell.recurrent_activation is not keras.activations.sigmoid:
        gates = keras.activations.serialize(cell.recurrent_activation)
        raise ValueError(f"expected {cell.name} with the recurrent_activation sigmoid, got {gates}.")
    if cell.gates == 3 and not cell.reset_after:
        raise ValueError(f"expected {cell.name} with reset_after=True, the form of PyTorch's GRU, got False.")


def expect_stack(layers: list[keras.layers.Layer]) -> None:
    """ValueError if these layers, one after another, aren't one of PyTorch's."""
    if not layers:
        raise ValueError("expected one layer or more, got none.")
    for layer in layers:
        both = isinstance(layer, keras.layers.Bidirectional)
        for part in [layer.forward_layer, layer.backward_layer] if both else [layer]:
            if not isinstance(part, RecurrentLayer):
                raise ValueError(f"expected recurrent layers of keras_rnn, got {part.name}, a {type(part).__name__}.")
        if (layer.forward_layer if both else layer).go_backwards:
            raise ValueError(f"expected {layer.name} to read forwards, or in Bidirectional, got go_backwards=True.")
        if both and layer.merge_mode != "concat":
            raise ValueError(f'expected {layer.name} with merge_mode="concat", got {layer.merge_mode!r}.')
        if not layer.return_sequences and layer is not layers[-1]:
            raise ValueError(f"expected {layer.name} with return_sequences=True before the last layer, got False.")
    if len({layer.__class__ is keras.layers.Bidirectional for layer in layers}) > 1:
        raise ValueError("expected all layers or none in Bidirectional, got both.")
    if len({(type(cell), cell.activation) for layer in layers for cell in cells_of(layer)}) > 1:
        raise ValueError("expected layers of one kind and activation, got several.")
