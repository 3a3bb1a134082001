"""An LSTM as the one operator that LiteRT has for it, for the Interpreter and microcontrollers; CompiledModel refuses it.

The operator keeps hidden state and memory from one call of the model to the next. So that every call begins with zeros,
the sequence gets a step before it that empties them: a feature more is large there and 0 everywhere else,

    inputs   0  x0  x1  x2            and its row of the kernel closes the input, forget and output gates for all units:
    feature  r   0   0   0            memory = 0 * memory + 0 * candidate, hidden = 0 * tanh(memory)

A sigmoid of -104 or less is exactly 0 in float32, so nothing is left. A NaN alone stays: 0 * NaN is NaN.
"""

import uuid
from collections.abc import Callable, Sequence

import tensorflow as tf

CLOSED = 150.0  # a gate with this much less than 0 is closed: 104, and room for the rounding of 8-bit weights


def takes(initial_states: Sequence[tf.Tensor]) -> bool:
    """Whether the states are zeros for sure: the operator begins with nothing else."""
    values = [tf.get_static_value(state) for state in initial_states]
    return all(value is not None and not value.any() for value in values)


def run(
    loop: Callable,
    inputs: tf.Tensor,
    initial_states: Sequence[tf.Tensor],
    weights: dict[str, tf.Tensor | None],
    *,
    go_backwards: bool,
    return_all_outputs: bool,
) -> tuple[tf.Tensor, tf.Tensor | None, list[tf.Tensor]]:
    """An LSTM with tanh and sigmoid over inputs `(time, batch, features)`; results as from `sequence.scan`.

    The converter knows the function by its attributes and puts the operator in the place of its body, `loop`, which
    stays only where the last memory is used: the operator doesn't give it.

    Args:
        loop: `last_output, outputs, states = loop(inputs, states, weights)`, forwards with all outputs.
        initial_states: hidden and memory, zeros.
        weights: kernel, recurrent_kernel and bias, which may be None.
    """
    kernel, recurrent_kernel, bias = weights["kernel"], weights["recurrent_kernel"], weights["bias"]
    bias = tf.zeros([kernel.shape[1]], kernel.dtype) if bias is None else bias
    inputs, kernel = with_reset(inputs[::-1] if go_backwards else inputs, kernel, recurrent_kernel, bias)

    def lstm(inputs, hidden, memory, kernel, recurrent_kernel, bias):
        weights = {"kernel": kernel, "recurrent_kernel": recurrent_kernel, "bias": bias}
        last, outputs, states = loop(tf.transpose(inputs, [1, 0, 2]), [hidden, memory], weights)
        return last, tf.transpose(outputs, [1, 0, 2]), *states, tf.constant(0.0)  # cuDNN or not, to Keras 2

    fused = tf.function(
        lstm,
        autograph=False,
        experimental_attributes={
            "api_implements": f"lstm_{uuid.uuid4()}",  # what begins with lstm_ is fused
            "api_preferred_device": "CPU",
            "time_major": False,
            "go_backwards": False,
        },
    )
    inputs = tf.transpose(inputs, [1, 0, 2])
    last, outputs, _, memory, _ = fused(inputs, *initial_states, kernel, recurrent_kernel, bias)
    outputs = tf.transpose(outputs[:, 1:], [1, 0, 2]) if return_all_outputs else None
    return last, outputs, [last, memory]


def with_reset(
    inputs: tf.Tensor, kernel: tf.Tensor, recurrent_kernel: tf.Tensor, bias: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Inputs with the step that empties the states before them, and the kernel with the row that does it.

    The row's numbers are as large as the largest of their gate, so that 8-bit weights have the scale that they had.
    """
    gates = tf.split(kernel, 4, axis=1)
    rows = [tf.fill([1, gate.shape[1]], -tf.maximum(tf.reduce_max(tf.abs(gate)), 1e-2)) for gate in gates]
    rows[2] = tf.zeros_like(rows[2])  # the candidate
    hidden_at_most_1 = tf.reduce_max(tf.reduce_sum(tf.abs(recurrent_kernel), axis=0) + tf.abs(bias))
    least = tf.reduce_min(tf.abs(tf.concat([*rows[:2], rows[3]], axis=1)))
    large = (hidden_at_most_1 + CLOSED) / least
    batch, features = inputs.shape[1:]
    step = tf.concat([tf.zeros([1, batch, features]), tf.fill([1, batch, 1], large)], axis=2)
    inputs = tf.concat([step, tf.pad(inputs, [[0, 0], [0, 0], [0, 1]])], axis=0)
    return inputs, tf.concat([kernel, tf.concat(rows, axis=1)], axis=0)
