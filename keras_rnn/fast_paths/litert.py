"""The loop as LiteRT runs it fast: few operators a step, arrays that are seldom copied, and nothing for masked steps.

What is traced here is for the converter alone: TensorFlow on a CPU has no kernel for `xla_dynamic_update_slice`.
"""

import math
from collections.abc import Callable

import tensorflow as tf
from tensorflow.compiler.tf2xla.ops.gen_xla_ops import xla_dynamic_update_slice

BLOCKS = (256, 32)  # steps, of outer and inner blocks: LiteRT copies a whole array at every write into it


def loop_in_blocks(step, sequences, states, go_backwards, return_all_outputs):
    """`sequence.while_loop`; with all outputs, as a loop over blocks of steps, of smaller blocks, of steps.

    A block's array is short and the long one is written once a block, so that the time grows with the length of the
    sequence and not with its square. A tf.TensorArray would be written by eight operators, a slice is by one.

        all steps     [ block 0       | block 1       | 2    ]    a write for each block
        block 0       [ 0 | 1 | 2 | 3 ]                           a write for each smaller block
        its block 0   [ 0 1 2 3 ]                                 a write for each step; the last may be short
    """
    time = sequences[0].shape[0] or tf.shape(sequences[0])[0]

    def one_step(count, states):
        now = time - 1 - count if go_backwards else count
        return list(step(*(tf.gather(sequence, now) for sequence in sequences), states))

    if not return_all_outputs:
        _, states = tf.while_loop(
            lambda count, _: count < time,
            lambda count, states: (count + 1, one_step(count, states)),
            (tf.constant(0), states),
        )
        return states, None
    width = math.prod(states[0].shape)

    def write_steps(start, stop, states, blocks):
        """Last states and outputs `(stop - start, batch * units)` of the steps from `start` to `stop`."""
        size, *smaller = blocks or (1,)

        def body(count, states, outputs):
            if blocks:
                states, new = write_steps(count, tf.minimum(count + size, stop), states, smaller)
            else:
                states = one_step(count, states)
                new = tf.reshape(states[0], (1, width))
            outputs = xla_dynamic_update_slice(outputs, new, tf.stack([count - start, 0]))
            return count + size, states, tf.ensure_shape(outputs, (None, width))

        outputs = tf.fill((stop - start, width), tf.zeros((), states[0].dtype))
        shapes = tf.TensorShape(()), [state.shape for state in states], tf.TensorShape((None, width))
        _, states, outputs = tf.while_loop(
            lambda count, *_: count < stop, body, (start, states, outputs), shape_invariants=shapes
        )
        return states, outputs

    states, outputs = write_steps(tf.constant(0), time, states, BLOCKS)
    # CompiledModel gives what lay in memory for a state that leaves a signature straight from a loop with an output of
    # unknown size: it leaves as a copy, which the converter drops where nothing takes it.
    states = [tf.gather(state, tf.range(tf.shape(state)[0])) for state in states]
    return states, tf.reshape(outputs, (time, *states[0].shape))


def takes_mask(mask: tf.Tensor) -> bool:
    """Whether a mask `(time, batch)` is one for `scan_unmasked`."""
    return mask.shape[1] == 1 and mask.shape[0] != 1


def scan_unmasked(
    scan: Callable,
    inputs: tf.Tensor,
    mask: tf.Tensor,
    *,
    last_output: tf.Tensor | None,
    go_backwards: bool,
    zero_output_for_mask: bool,
) -> tuple[tf.Tensor, tf.Tensor | None, list[tf.Tensor]]:
    """What `sequence.scan` gives with `mask`, for a batch of 1: a masked step costs no time, wherever it is.

        mask      0  1  1  0  1
        scanned   b  c  e             the inputs that the mask keeps, as if they were all
        count     0  1  2  2  3       of those up to here
        output    0  b  c  c  e       of [0, b, c, e] the one of that number

    Args:
        scan: `last_output, outputs, states = scan(inputs)`, without a mask.
        inputs, mask: `(time, 1, ...)` and bool `(time, 1)`.
        last_output, go_backwards, zero_output_for_mask: as for `sequence.scan`.
    """
    kept = mask[:, 0]
    _, outputs, states = scan(tf.gather(inputs, tf.squeeze(tf.where(kept), 1)))
    if go_backwards:
        kept = tf.reverse(kept, [0])  # the outputs come in the order of processing
    before = tf.zeros_like(states[0]) if last_output is None or zero_output_for_mask else last_output
    if outputs is None:
        is_new = kept[-1] if zero_output_for_mask else tf.reduce_any(kept)
        return tf.where(is_new, states[0], before), None, states
    count = tf.cumsum(tf.cast(kept, tf.int32))
    if zero_output_for_mask:
        count *= tf.cast(kept, tf.int32)
    outputs = tf.gather(tf.concat([tf.expand_dims(before, 0), outputs], 0), count)
    return outputs[-1], outputs, states
