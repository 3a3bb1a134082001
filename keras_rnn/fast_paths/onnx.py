"""A layer as ONNX's own operator for it, LSTM, GRU or RNN, of which every runtime of ONNX has a kernel.

TensorFlow has no operator that tf2onnx makes these of. So the graph that it gets has cuDNN's, which takes and gives the
same, and the handler here puts ONNX's in its place. Where a mask isn't padding at the end, the loop runs: the file
holds both.

    cuDNN's parameters      [kernels, a gate after the other | recurrent kernels | biases | recurrent biases]
    ONNX's                  W (1, gates * units, features), R (1, gates * units, units), B (1, 2 * gates * units)

Operators: https://onnx.ai/onnx/operators/onnx__LSTM.html, onnx__GRU.html, onnx__RNN.html.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf

from keras_rnn.cells import GRUCell, LSTMCell, RecurrentCell, SimpleRNNCell
from keras_rnn.fast_paths import cudnn
from keras_rnn.fast_paths.tracing import ONNX

ACTIVATIONS = {  # ONNX's name, alpha and beta where it has them
    keras.activations.tanh: ("Tanh",),
    keras.activations.sigmoid: ("Sigmoid",),
    keras.activations.relu: ("Relu",),
    keras.activations.softsign: ("Softsign",),
    keras.activations.softplus: ("Softplus",),
    keras.activations.hard_sigmoid: ("HardSigmoid", 1 / 6, 0.5),
}
PLACES = {"LSTM": [0, 3, 1, 2], "GRU": [1, 0, 2], "RNN": [0]}  # in cuDNN's parameters, of ONNX's gates


@dataclass(frozen=True)
class Operator:
    """ONNX's operator for a cell: its name, its activations in ONNX's order, cuDNN's name for it, its sizes."""

    name: str
    rnn_mode: str
    activations: tuple[tuple, ...]
    units: int
    features: int
    resets_before_product: bool = False

    def attributes(self) -> dict[str, object]:
        found = {"hidden_size": self.units, "activations": [name for name, *_ in self.activations]}
        for place, attribute in enumerate(("activation_alpha", "activation_beta"), 1):
            if numbers := [activation[place] for activation in self.activations if len(activation) > place]:
                found[attribute] = numbers
        return found | ({"linear_before_reset": int(not self.resets_before_product)} if self.name == "GRU" else {})


def operator_of(cell: RecurrentCell, features: int = 0) -> Operator | None:
    """ONNX's for what `cell` computes of inputs with so many features; None if it has none."""
    activation = ACTIVATIONS.get(cell.activation)
    gate = ACTIVATIONS.get(getattr(cell, "recurrent_activation", None))
    if activation is None or (gate is None and type(cell) is not SimpleRNNCell):
        return None
    if type(cell) is SimpleRNNCell:
        return Operator("RNN", "rnn_tanh", (activation,), cell.units, features)
    if type(cell) is LSTMCell:
        return Operator("LSTM", "lstm", (gate, activation, activation), cell.units, features)
    if type(cell) is GRUCell:
        return Operator("GRU", "gru", (gate, activation), cell.units, features, not cell.reset_after)
    return None


def run(
    cell: RecurrentCell,
    inputs: tf.Tensor,
    states: Sequence[tf.Tensor],
    weights: dict[str, tf.Tensor | None],
    mask: tf.Tensor | None,
    *,
    file: ONNX,
    loop: Callable,
    **options: bool,
) -> tuple[tf.Tensor, tf.Tensor | None, list[tf.Tensor]]:
    """A cell that has an `operator_of` over inputs `(time, batch, features)`; results as from `sequence.scan`.

    Args:
        file: what the graph is traced for.
        loop: loop(inputs, states, weights, mask), for masks that aren't for the operator.
        options: of `cudnn.run`.
    """
    operator = operator_of(cell, inputs.shape[2])

    def by_operator(mask):
        return cudnn.run(operator.rnn_mode, inputs, states, weights, mask, number=file.number_of(operator), **options)

    if mask is None:
        return by_operator(None)

    def together(last_output, outputs, states):
        """A branch may give no tensor twice, as the last output and hidden state can be: tf2onnx wires each once."""
        return [tf.stack([last_output, *states]), *([] if outputs is None else [outputs])]

    last, *outputs = tf.cond(
        cudnn.takes_mask(mask),
        lambda: together(*by_operator(mask)),
        lambda: together(*loop(inputs, states, weights, mask)),
    )
    last_output, *states = tf.unstack(last, num=1 + len(states))
    return last_output, outputs[0] if outputs else None, states


def handlers(file: ONNX) -> dict[str, tuple[Callable, list]]:
    """What tf2onnx is to call for cuDNN's operator: `custom_op_handlers`."""

    def handler(ctx, node, name, args):
        operator = file.operators[node.get_attr_int("seed")]
        inputs, hidden, memory, parameters, lengths = node.input
        weights = weights_of(ctx, parameters, operator)
        given = [inputs, *weights, lengths, hidden, *([memory] if operator.name == "LSTM" else [])]
        outputs, *last = list(node.output[:3]) if operator.name == "LSTM" else list(node.output[:2])
        known = {output: (ctx.get_shape(output), ctx.get_dtype(output)) for output in (outputs, *last)}
        ctx.remove_node(node.name)
        new = ctx.make_node(
            operator.name, given, attr=operator.attributes(), output_count=1 + len(last), name=f"{node.name}_onnx"
        )
        directions = constant(ctx, 1)
        shape, dtype = known[outputs]
        ctx.make_node("Squeeze", [new.output[0], directions], outputs=[outputs], shapes=[shape], dtypes=[dtype])
        for output, found in zip(last, new.output[1:], strict=True):
            shape, dtype = known[output]
            ctx.make_node("Identity", [found], outputs=[output], shapes=[shape], dtypes=[dtype])

    return {"CudnnRNNV3": (handler, [])}


def weights_of(ctx, parameters: str, operator: Operator) -> list[str]:
    """W, R and B of tf2onnx's graph from cuDNN's parameters, by operators that a runtime folds when it loads a file."""
    places, units = PLACES[operator.name], operator.units
    found, start = [], 0
    shapes = (len(places), units, operator.features), (len(places), units, units), (2, len(places), units)
    for axis, shape in zip((0, 0, 1), shapes, strict=True):  # of the gates
        stop = start + int(np.prod(shape))
        whole = [1, -1] if axis else [1, -1, shape[-1]]
        part = ctx.make_node("Slice", [parameters, constant(ctx, start), constant(ctx, stop)]).output[0]
        part = ctx.make_node("Reshape", [part, constant(ctx, *shape)]).output[0]
        part = ctx.make_node("Gather", [part, constant(ctx, *places)], attr={"axis": axis}).output[0]
        found.append(ctx.make_node("Reshape", [part, constant(ctx, *whole)]).output[0])
        start = stop
    return found


def constant(ctx, *values: int) -> str:
    """Whole numbers in tf2onnx's graph."""
    return ctx.make_const(f"keras_rnn_{uuid.uuid4().hex}", np.array(values, np.int64)).output[0]
