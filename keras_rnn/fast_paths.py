"""The same numbers as the plain loop of `sequence.py`, faster where a runtime has a weakness."""

import contextlib
from collections.abc import Iterator

import tensorflow as tf

LITERT_BLOCK = 32  # steps: an array as short as this is cheap to copy, and the long one is copied this much less often
_block_size: int | None = None


@contextlib.contextmanager
def for_litert() -> Iterator[None]:
    """What is traced inside has loops made for LiteRT."""
    global _block_size
    before, _block_size = _block_size, LITERT_BLOCK
    try:
        yield
    finally:
        _block_size = before


def block_size() -> int | None:
    """How many outputs a loop is to collect before it writes them; None for one."""
    return _block_size


def loop_in_blocks(step, sequences, states, go_backwards, size):
    """`sequence.while_loop` with all outputs, as a loop over blocks of `size` steps around a loop over steps.

    LiteRT copies a whole array at every write into it. A block's array is short and the long one is written once a
    block, so that the time grows with the length of the sequence and not with its square.

        outer array   [ block 0 | block 1 | block 2 ]      a write for each block
        inner array   [ 0 1 2 3 ]                          a write for each step; the last block may not be full
    """
    time = tf.shape(sequences[0])[0]
    blocks = (time + size - 1) // size
    state_shape, dtype = states[0].shape, states[0].dtype
    arrays = [tf.TensorArray(s.dtype, size=time, element_shape=s.shape[1:]).unstack(s) for s in sequences]

    def one_step(count, start, states, outputs):
        now = time - 1 - count if go_backwards else count
        states = list(step(*(array.read(now) for array in arrays), states))
        return count + 1, start, states, outputs.write(count - start, states[0])

    def one_block(block, states, outputs):
        start = block * size
        stop = tf.minimum(start + size, time)
        inner = tf.TensorArray(dtype, size=size, element_shape=state_shape)
        _, _, states, inner = tf.while_loop(
            lambda count, *_: count < stop, one_step, (start, start, states, inner), maximum_iterations=size
        )
        return block + 1, states, outputs.write(block, inner.stack())

    outputs = tf.TensorArray(dtype, size=blocks, element_shape=[size, *state_shape])
    _, states, outputs = tf.while_loop(
        lambda block, *_: block < blocks, one_block, (tf.constant(0), states, outputs), maximum_iterations=blocks
    )
    return states, tf.reshape(outputs.stack(), [-1, *state_shape])[:time]
