"""The loop on a GPU: one cuDNN kernel for the whole sequence, in one graph with the loop for a CPU.

TensorFlow's grappler takes two functions with one `api_implements` for two implementations of one thing, and when a
graph runs it calls the one whose `api_preferred_device` it is placed on. So the graph holds both, whatever machine it
was made on. Weights come as arguments: functions that capture variables don't have one signature.
"""

import uuid
from collections.abc import Callable, Sequence

import keras
import tensorflow as tf

from keras_rnn.cells import GRUCell, LSTMCell, RecurrentCell, SimpleRNNCell

DTYPES = (tf.float16, tf.float32, tf.float64)


def available() -> bool:
    """Whether this machine has a GPU for it."""
    return bool(tf.config.list_logical_devices("GPU"))


def mode(cell: RecurrentCell) -> str | None:
    """cuDNN's name for what `cell` computes; None if it has none."""
    tanh, sigmoid = keras.activations.tanh, keras.activations.sigmoid
    gated = (cell.activation, getattr(cell, "recurrent_activation", None)) == (tanh, sigmoid)
    if type(cell) is SimpleRNNCell:
        return {tanh: "rnn_tanh", keras.activations.relu: "rnn_relu"}.get(cell.activation)
    if type(cell) is LSTMCell:
        return "lstm" if gated else None
    if type(cell) is GRUCell:
        return "gru" if gated and cell.reset_after else None
    return None


def parameters(rnn_mode: str, kernel: tf.Tensor, recurrent_kernel: tf.Tensor, bias: tf.Tensor | None) -> tf.Tensor:
    """Weights in Keras's order -> cuDNN's: all in one vector, each gate's matrix transposed, the biases last.

    cuDNN has two biases and adds both; of its gates, the reset gate comes before the update gate. Few operators, each
    for all gates: a GPU starts a kernel for every one, at every step, and again for its gradient.
    """
    gates = kernel.shape[1] // recurrent_kernel.shape[0]
    if bias is None:
        bias = tf.zeros([2, kernel.shape[1]], kernel.dtype)
    elif bias.shape.rank == 1:
        bias = tf.stack([tf.zeros_like(bias), bias])
    if rnn_mode == "gru":
        sizes = kernel.shape[0], recurrent_kernel.shape[0], 2
        columns = tf.reshape(tf.concat([kernel, recurrent_kernel, bias], 0), [-1, gates, recurrent_kernel.shape[0]])
        columns = tf.reshape(tf.gather(columns, [1, 0, 2], axis=1), [-1, kernel.shape[1]])
        kernel, recurrent_kernel, bias = tf.split(columns, sizes)
    parts = [tf.transpose(kernel), tf.transpose(recurrent_kernel), bias]
    return tf.concat([tf.reshape(part, [-1]) for part in parts], axis=0)


def takes_mask(mask: tf.Tensor) -> tf.Tensor:
    """Whether a mask `(time, batch)` is one for cuDNN: padding only at the end, and no row of nothing else."""
    padded_later = tf.logical_not(tf.logical_and(tf.logical_not(mask[:-1]), mask[1:]))
    return tf.logical_and(tf.reduce_all(mask[0]), tf.reduce_all(padded_later))


def run(
    rnn_mode: str,
    inputs: tf.Tensor,
    states: Sequence[tf.Tensor],
    weights: dict[str, tf.Tensor | None],
    mask: tf.Tensor | None,
    *,
    go_backwards: bool,
    zero_output_for_mask: bool,
    return_all_outputs: bool,
    number: int | None = None,
) -> tuple[tf.Tensor, tf.Tensor | None, list[tf.Tensor]]:
    """The whole sequence by cuDNN: inputs `(time, batch, features)`, weights as for `parameters`, a mask that
    `takes_mask`; results as from `sequence.scan`.

    number: for who reads the graph, as the seed of a dropout that isn't there.
    """
    time, batch = tf.unstack(tf.shape(inputs)[:2])
    lengths = tf.fill([batch], time) if mask is None else tf.reduce_sum(tf.cast(mask, tf.int32), axis=0)
    # A row of 3 steps and 2 of padding, backwards: 1 2 3 _ _ -> 3 2 1 _ _ -> cuDNN -> c b a 0 0 -> 0 0 c b a
    if go_backwards:
        inputs = tf.reverse_sequence(inputs, lengths, seq_axis=0, batch_axis=1)
    outputs, hidden, memory, _, _ = tf.raw_ops.CudnnRNNV3(
        input=inputs,
        input_h=tf.expand_dims(states[0], 0),
        input_c=tf.expand_dims(states[1], 0) if rnn_mode == "lstm" else tf.constant(0, inputs.dtype),
        params=parameters(rnn_mode, **weights),
        sequence_lengths=lengths,
        rnn_mode=rnn_mode,
        is_training=True,  # or it has no gradient
        time_major=True,
        **({} if number is None else {"seed": number}),
    )
    hidden = last_output = hidden[0]
    if mask is not None and go_backwards:
        outputs = tf.reverse(tf.reverse_sequence(outputs, lengths, seq_axis=0, batch_axis=1), [0])
    elif mask is not None:
        padding = tf.zeros_like(hidden) if zero_output_for_mask else hidden
        outputs = tf.where(tf.expand_dims(mask, -1), outputs, padding)
        last_output = tf.where(tf.expand_dims(mask[-1], -1), hidden, padding)
    states = [hidden, memory[0]] if rnn_mode == "lstm" else [hidden]
    return last_output, outputs if return_all_outputs else None, states


def kernel_or_loop(
    cell: RecurrentCell,
    inputs: tf.Tensor,
    states: Sequence[tf.Tensor],
    weights: dict[str, tf.Tensor | None],
    mask: tf.Tensor | None,
    *,
    loop: Callable,
    differentiable: bool,
    **options: bool,
) -> tuple[tf.Tensor, tf.Tensor | None, list[tf.Tensor]]:
    """loop(inputs, states, weights, mask), by cuDNN where that runs on a GPU and cuDNN takes the mask.

    Args:
        cell: one that has a `mode`.
        differentiable: the graph is one to train with, so that the kernel's gradient is to be in it.
        options: of `run`.
    """

    rnn_mode = mode(cell)

    def kernel(inputs, states, weights, mask):
        def whole():
            return run(rnn_mode, inputs, states, weights, None, **options)

        if mask is None:
            return whole()
        # The operator keeps, by the shape of a batch without its time, what its first call set up, padding or none of
        # it, and fails (CUDNN_STATUS_BAD_PARAM) at a batch of the other kind: so each kind has an operator of its own.
        return tf.cond(
            tf.reduce_all(mask),
            whole,
            lambda: tf.cond(
                takes_mask(mask),
                lambda: run(rnn_mode, inputs, states, weights, mask, **options),
                lambda: loop(inputs, states, weights, mask),
            ),
        )

    arguments = (inputs, list(states), weights, mask)
    if tf.executing_eagerly():
        return (kernel if available() else loop)(*arguments)
    name = f"keras_rnn_{uuid.uuid4().hex}"  # one name for both, a new one for each call

    def implementation(function, device):
        attributes = {"api_implements": name, "api_preferred_device": device}
        return tf.function(function, autograph=False, experimental_attributes=attributes)

    results = implementation(loop, "CPU")(*arguments)
    on_gpu = implementation(kernel, "GPU").get_concrete_function(*arguments)
    on_gpu.add_to_graph()
    if differentiable:
        on_gpu.add_gradient_functions_to_graph()
    return results
