"""The loop over time: any step over any sequence. The reference for masking and direction: every fast path is
tested against it."""

from collections.abc import Callable, Sequence

import tensorflow as tf

States = Sequence[tf.Tensor]


def scan(
    step: Callable[[tf.Tensor, States], States],
    inputs: tf.Tensor,
    initial_states: States,
    mask: tf.Tensor | None = None,
    *,
    last_output: tf.Tensor | None = None,
    loop: Callable | None = None,
    go_backwards: bool = False,
    zero_output_for_mask: bool = False,
    return_all_outputs: bool = True,
) -> tuple[tf.Tensor, tf.Tensor | None, list[tf.Tensor]]:
    """Run `step` over every time step. Time comes first, so that a step reads and writes adjacent memory.

        mask      0  1  1  0  1       a masked step keeps the states and repeats the output before it:
        output    0  b  c  c  e       zeros where there is none, or always with `zero_output_for_mask`

    Args:
        step: `new_states = step(inputs[t], states)`, in shape and dtype like the states; the first is the output.
        inputs: `(time, batch, ...)`.
        initial_states: each `(batch, size)`.
        mask: bool `(time, batch)`, False where a step is to be skipped; None skips none.
        last_output: `(batch, size)`, what a masked first step repeats; zeros by default.
        loop: `while_loop`, the default, or one with its arguments and results, such as `unrolled_loop`.
        go_backwards: start at the last time step. The outputs come in the order of processing.
        return_all_outputs: False stores no output but the last, which saves memory, and time in LiteRT.

    Returns:
        last_output `(batch, size)`; outputs `(time, batch, size)`, or None without `return_all_outputs`; last states.
    """
    states = list(initial_states)
    if mask is None:
        sequences = [inputs]
    else:
        sequences = [inputs, mask]
        step = skip_masked(step, zero_output_for_mask)
        states = [tf.zeros_like(states[0]) if last_output is None else last_output, *states]
    states, outputs = (loop or while_loop)(step, sequences, states, go_backwards, return_all_outputs)
    return states[0], outputs, states if mask is None else states[1:]


def skip_masked(step: Callable, zero_output: bool) -> Callable:
    """`step` for a pair of inputs and mask `(batch,)`; the output before it comes as a state before the others."""

    def masked_step(inputs, mask, states):
        last_output, *states = states
        new_states = step(inputs, states)
        mask = tf.expand_dims(mask, -1)
        output = tf.where(mask, new_states[0], tf.zeros_like(last_output) if zero_output else last_output)
        return [output, *(tf.where(mask, new, old) for new, old in zip(new_states, states, strict=True))]

    return masked_step


def unrolled_loop(step, sequences, states, go_backwards, return_all_outputs):
    """A Python loop, for a short sequence of known length."""
    time = sequences[0].shape[0]
    if not time:
        raise ValueError(f"unroll expected a known number of time steps, got inputs of shape {sequences[0].shape}.")
    outputs = []
    for now in reversed(range(time)) if go_backwards else range(time):
        states = list(step(*(sequence[now] for sequence in sequences), states))
        outputs.append(states[0])
    return states, tf.stack(outputs) if return_all_outputs else None


def while_loop(step, sequences, states, go_backwards, return_all_outputs):
    time = sequences[0].shape[0]
    time = tf.shape(sequences[0])[0] if time is None else time

    def array_of(dtype, element_shape):  # LiteRT needs the shape
        return tf.TensorArray(dtype, size=time, element_shape=element_shape)

    # Arrays, not slices of a tensor: the gradient of a slice is as large as the sequence, at every step.
    arrays = [array_of(sequence.dtype, sequence.shape[1:]).unstack(sequence) for sequence in sequences]
    outputs = [array_of(states[0].dtype, states[0].shape)] if return_all_outputs else []

    def body(count, states, outputs):
        now = time - 1 - count if go_backwards else count
        states = list(step(*(array.read(now) for array in arrays), states))
        return count + 1, states, [array.write(count, states[0]) for array in outputs]

    _, states, outputs = tf.while_loop(
        lambda count, *_: count < time,
        body,
        (tf.constant(0), states, outputs),
        maximum_iterations=time,  # XLA needs a bound to take gradients
    )
    return states, stacked(outputs[0], tf.shape(states[0])) if return_all_outputs else None


def stacked(array: tf.TensorArray, shape: tf.Tensor) -> tf.Tensor:
    """`array.stack()`, of elements of this shape: an array that may be empty knows less of it."""
    if tf.executing_eagerly() or array.element_shape.is_fully_defined():
        return array.stack()
    tensor = tf.raw_ops.TensorListStack(input_handle=array.flow, element_shape=shape, element_dtype=array.dtype)
    return tf.ensure_shape(tensor, [None, *array.element_shape])
