"""The loop, tested with a step that counts: no layer, no weights."""

import numpy as np
import pytest
import tensorflow as tf

from keras_rnn.sequence import scan, unrolled_loop, while_loop

VALUES = np.array([[1.0, 10.0], [2.0, 20.0], [4.0, 40.0]], "float32")  # (time, batch)
MASK = np.array([[False, True], [True, False], [False, True]])

forms = pytest.mark.parametrize("loop", [while_loop, unrolled_loop])


def count(inputs, states):
    """The first state sums what came in, the second counts the steps taken."""
    total, steps = states
    return [total + inputs, steps + 1]


def counted(mask=None, start=(100.0, 0.0), values=VALUES, **options):
    inputs = tf.expand_dims(tf.constant(values), -1)
    states = [tf.fill([values.shape[1], 1], value) for value in start]
    last, outputs, states = scan(count, inputs, states, mask if mask is None else tf.constant(mask), **options)
    squeezed = [None if tensor is None else tensor.numpy()[..., 0].tolist() for tensor in (last, outputs, *states)]
    return dict(zip(["last", "outputs", "total", "steps"], squeezed, strict=True))


@forms
def test_counts_forwards(loop):
    result = counted(loop=loop)
    assert result["outputs"] == [[101, 110], [103, 130], [107, 170]]
    assert result["last"] == result["total"] == [107, 170]
    assert result["steps"] == [3, 3]


@forms
def test_goes_backwards_with_outputs_in_the_order_of_processing(loop):
    result = counted(loop=loop, go_backwards=True)
    assert result["outputs"] == [[104, 140], [106, 160], [107, 170]]
    assert result["last"] == [107, 170]


@forms
def test_a_masked_step_keeps_the_states_and_repeats_the_output(loop):
    result = counted(MASK, loop=loop)
    assert result["outputs"] == [[0, 110], [102, 110], [102, 150]]  # zero, not the initial state, before the first
    assert result["last"] == result["total"] == [102, 150]
    assert result["steps"] == [1, 2]


@forms
def test_a_masked_step_gives_zero_output_where_asked(loop):
    result = counted(MASK, loop=loop, zero_output_for_mask=True)
    assert result["outputs"] == [[0, 110], [102, 0], [0, 150]]
    assert result["last"] == [0, 150]
    assert result["total"] == [102, 150]


@forms
def test_mask_is_reversed_with_the_inputs(loop):
    mask = np.array([[True, True], [True, False], [False, True]])
    result = counted(mask, loop=loop, go_backwards=True)
    assert result["outputs"] == [[0, 140], [102, 140], [103, 150]]
    assert result["steps"] == [2, 2]


@forms
def test_a_row_masked_all_through_keeps_its_initial_state(loop):
    result = counted(np.array([[False, True]] * 3), loop=loop)
    assert result["total"] == [100, 170]
    assert result["last"] == [0, 170]


@pytest.mark.parametrize("mask", [None, MASK], ids=["unmasked", "masked"])
@forms
def test_last_output_alone_is_the_same(loop, mask):
    alone = counted(mask, loop=loop, return_all_outputs=False)
    assert alone["outputs"] is None
    assert alone == counted(mask, loop=loop) | {"outputs": None}


def test_unrolling_an_unknown_length_is_refused_in_one_sentence():
    @tf.function(input_signature=[tf.TensorSpec([None, 2, 1])])
    def unknown(inputs):
        return scan(count, inputs, [tf.zeros([2, 1])] * 2, loop=unrolled_loop)[0]

    with pytest.raises(ValueError, match="unroll expected a known number of time steps"):
        unknown.get_concrete_function()


@pytest.mark.parametrize("length", [1, 3, 0])
def test_graph_takes_any_length(length):
    """No step at all leaves the initial state, and no output."""

    @tf.function(input_signature=[tf.TensorSpec([None, 2, 1])])
    def total(inputs):
        _, outputs, states = scan(count, inputs, [tf.ones([2, 1])] * 2)
        return outputs, states[0]

    outputs, state = total(tf.ones([length, 2, 1]))
    np.testing.assert_array_equal(
        outputs.numpy()[..., 0], [[1 + t, 1 + t] for t in range(1, length + 1)] or np.zeros((0, 2))
    )
    np.testing.assert_array_equal(state, [[length + 1.0]] * 2)


@pytest.mark.parametrize("compiled", [False, True], ids=["graph", "xla"])
def test_gradient_reaches_each_step_once(compiled):
    """d(sum of outputs)/d(input at t) is the number of outputs that t is in; a masked step has none of its own."""

    @tf.function(jit_compile=compiled)
    def gradient(inputs, mask):
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            total = tf.reduce_sum(scan(count, inputs, [tf.zeros([2, 1])] * 2, mask)[1])
        return tape.gradient(total, inputs)

    gradients = gradient(tf.expand_dims(tf.constant(VALUES), -1), tf.constant(MASK)).numpy()[..., 0].tolist()
    assert gradients == [[0, 3], [2, 0], [0, 1]]
