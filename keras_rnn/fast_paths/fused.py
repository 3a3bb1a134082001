"""An LSTM as LiteRT's one operator for it: for the Interpreter and microcontrollers; CompiledModel doesn't load it.

The operator keeps hidden state and memory from one call of the model to the next. So that every call begins with zeros,
the sequence gets a step before it that empties them. One more feature is large there and 0 everywhere else,

    inputs    0      x0  x1  x2
    feature   large   0   0   0

and its row of the kernel closes the three gates of all units: memory = 0 * memory + 0 * candidate = 0 and
hidden = 0 * tanh(memory) = 0. They are exactly 0: a sigmoid of -104 or less is. Only a NaN stays: 0 * NaN is NaN.
"""

import uuid
from collections.abc import Sequence

import tensorflow as tf

from keras_rnn.cells import LSTMCell, with_weights
from keras_rnn.fast_paths.litert import loop_in_blocks
from keras_rnn.sequence import scan

CLOSED = 150.0  # below 0: a float32 sigmoid is exactly 0 at -104; the margin absorbs what int8 weights round


def takes(initial_states: Sequence[tf.Tensor]) -> bool:
    """Whether the states are known to be zeros: the operator begins with nothing else."""
    values = [tf.get_static_value(state) for state in initial_states]
    return all(value is not None and not value.any() for value in values)


def run(
    cell: LSTMCell,
    inputs: tf.Tensor,
    states: Sequence[tf.Tensor],
    weights: dict[str, tf.Tensor | None],
    mask: None,
    *,
    go_backwards: bool,
    zero_output_for_mask: bool,
    return_all_outputs: bool,
) -> tuple[tf.Tensor, tf.Tensor | None, list[tf.Tensor]]:
    """`cell`, with tanh and sigmoid, from states that it `takes`, over inputs `(time, batch, features)` without a mask;
    results as from `sequence.scan`.

    The converter knows the function by its attributes and puts the operator in its place. Where the last memory is
    used, which the operator doesn't give, it leaves the function as it is: a loop.
    """
    kernel, recurrent_kernel, bias = weights["kernel"], weights["recurrent_kernel"], weights["bias"]
    bias = tf.zeros(kernel.shape[1]) if bias is None else bias
    inputs = tf.reverse(inputs, [0]) if go_backwards else inputs
    inputs, kernel = with_reset(inputs, kernel, recurrent_kernel, bias)

    def lstm(inputs, hidden, memory, kernel, recurrent_kernel, bias):
        fixed = with_weights(cell, kernel=kernel, recurrent_kernel=recurrent_kernel, bias=bias, use_bias=True)
        projected = fixed.project(tf.transpose(inputs, [1, 0, 2]))
        last_output, outputs, states = scan(
            lambda projected, states: fixed.step(projected, states)[1], projected, [hidden, memory], loop=loop_in_blocks
        )
        return last_output, tf.transpose(outputs, [1, 0, 2]), *states, tf.constant(0.0)  # the last one: Keras 2's

    operator = tf.function(
        lstm,
        autograph=False,
        experimental_attributes={
            "api_implements": f"lstm_{uuid.uuid4()}",  # what begins with lstm_ is taken for the operator
            "api_preferred_device": "CPU",
            "time_major": False,
            "go_backwards": False,
        },
    )
    zeros = tf.zeros((inputs.shape[1], cell.units))
    last_output, outputs, _, memory, _ = operator(
        tf.transpose(inputs, [1, 0, 2]), zeros, zeros, kernel, recurrent_kernel, bias
    )
    outputs = tf.transpose(outputs[:, 1:], [1, 0, 2]) if return_all_outputs else None
    return last_output, outputs, [last_output, memory]


def with_reset(
    inputs: tf.Tensor, kernel: tf.Tensor, recurrent_kernel: tf.Tensor, bias: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Inputs with the step that empties the states before them, and the kernel with the row that does it.

    The row's numbers are as large as the largest of their gate, so that 8-bit weights keep the scale that they have.
    """
    gates = tf.split(kernel, 4, axis=1)
    largest = [tf.maximum(tf.reduce_max(tf.abs(gate)), 0.01) for gate in gates]
    largest[2] = tf.zeros(())  # the candidate
    row = tf.concat([tf.fill(gate.shape[1:], -number) for gate, number in zip(gates, largest, strict=True)], axis=0)
    against = tf.reduce_max(tf.reduce_sum(tf.abs(recurrent_kernel), axis=0) + tf.abs(bias))  # hidden is -1 to 1
    large = (against + CLOSED) / tf.reduce_min([largest[0], largest[1], largest[3]])
    batch, features = inputs.shape[1:]
    step = tf.concat([tf.zeros((1, batch, features)), tf.fill((1, batch, 1), large)], axis=2)
    inputs = tf.concat([step, tf.pad(inputs, [[0, 0], [0, 0], [0, 1]])], axis=0)
    return inputs, tf.concat([kernel, tf.expand_dims(row, 0)], axis=0)
