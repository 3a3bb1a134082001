"""The loop as LiteRT runs it fast: with all outputs, in a time that grows with the length and not with its square."""

import tensorflow as tf

from keras_rnn.sequence import while_loop

BLOCK = 32  # steps: an array as short as this is cheap to copy, and the long one is copied this much less often


def loop_in_blocks(step, sequences, states, go_backwards, return_all_outputs):
    """`sequence.while_loop`; with all outputs, as a loop over blocks of steps around a loop over steps.

    LiteRT copies a whole array at every write into it. A block's array is short and the long one is written once a
    block, so that the time grows with the length of the sequence and not with its square.

        outer array   [ block 0 | block 1 | block 2 ]      a write for each block
        inner array   [ 0 1 2 3 ]                          a write for each step; the last block may not be full
    """
    if not return_all_outputs:
        return while_loop(step, sequences, states, go_backwards, return_all_outputs)
    time = tf.shape(sequences[0])[0]
    blocks = (time + BLOCK - 1) // BLOCK
    state_shape, dtype = states[0].shape, states[0].dtype
    arrays = [tf.TensorArray(s.dtype, size=time, element_shape=s.shape[1:]).unstack(s) for s in sequences]

    def one_step(count, start, states, outputs):
        now = time - 1 - count if go_backwards else count
        states = list(step(*(array.read(now) for array in arrays), states))
        return count + 1, start, states, outputs.write(count - start, states[0])

    def one_block(block, states, outputs):
        start = block * BLOCK
        stop = tf.minimum(start + BLOCK, time)
        inner = tf.TensorArray(dtype, size=BLOCK, element_shape=state_shape)
        _, _, states, inner = tf.while_loop(
            lambda count, *_: count < stop, one_step, (start, start, states, inner), maximum_iterations=BLOCK
        )
        return block + 1, states, outputs.write(block, inner.stack())

    outputs = tf.TensorArray(dtype, size=blocks, element_shape=[BLOCK, *state_shape])
    _, states, outputs = tf.while_loop(
        lambda block, *_: block < blocks, one_block, (tf.constant(0), states, outputs), maximum_iterations=blocks
    )
    return states, tf.reshape(outputs.stack(), [-1, *state_shape])[:time]
