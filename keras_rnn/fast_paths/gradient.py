"""The loop with its gradient by hand, to train with, and without, to infer.

Automatic differentiation saves every product and sum of every step, and at each step adds a gradient as large as the
weights. Here the forward loop saves states and gates; the backward loop makes the gradients of the states and of what
goes into the gates; those of kernel, recurrent kernel, bias and inputs are then one product each for many steps. The
steps are in `formulas`, the loops in `blocks`; how many steps are a block, and whether XLA compiles them, is said by
`choice`:

    XLA             the whole sequence is one block and XLA compiles its loops, because launching an operator
                    takes longer than running it. XLA compiles for one shape, a second or two, so that batch and
                    time must be known when the graph is built.
    blocks          block after block: beside the work of an operator, the cost of launching it is negligible, and what
                    is computed for a block at once stays in the processor's cache.
    one block       the loops over one block, without XLA.

Inference saves nothing. If its gradient is asked for, the pass forward is done again. Graphs are shared by all models
(`shared`), since TensorFlow keeps them. An inference for any batch or time, as an exported one, is a plain loop, which
every converter knows; second derivatives and forward mode are TensorFlow's, of that loop (`own_gradient`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import tensorflow as tf

from keras_rnn.cells import RecurrentCell
from keras_rnn.fast_paths import choice, shared
from keras_rnn.fast_paths.blocks import Passes
from keras_rnn.fast_paths.choice import Path, Purpose
from keras_rnn.fast_paths.formulas import Tensors, formula_of
from keras_rnn.fast_paths.own_gradient import derived, followed, in_forward_mode, vjp, with_own_gradient


def run(
    cell: RecurrentCell,
    inputs: tf.Tensor,
    initial_states: Sequence[tf.Tensor],
    weights: dict[str, tf.Tensor | None],
    mask: tf.Tensor | None,
    *,
    last_output: tf.Tensor | None = None,
    go_backwards: bool = False,
    zero_output_for_mask: bool = False,
    return_all_outputs: bool = True,
    purpose: Purpose = Purpose.TRAINING,
    one_of_few: bool = False,
) -> tuple[tf.Tensor, tf.Tensor | None, list[tf.Tensor]]:
    """A cell that has a formula, over inputs `(time, batch, features)`; results as from `sequence.scan`.

    Args:
        weights: the cell's kernel, recurrent_kernel and bias.
        last_output, go_backwards, zero_output_for_mask, return_all_outputs: as for `sequence.scan`.
        purpose: to train, what the gradient by hand needs is saved.
        one_of_few: as for `choice.of_formula`.
    """
    if go_backwards:
        inputs = tf.reverse(inputs, [0])
        mask = None if mask is None else tf.reverse(mask, [0])
    passes = Passes(formula_of(cell), cell.activation, mask is not None, return_all_outputs)
    arguments = [inputs, *biases_together(**weights), *initial_states, *([] if mask is None else [mask])]
    results = by_path(passes, arguments, purpose, one_of_few)
    hidden, states = (results[0], results[1:]) if return_all_outputs else (None, results)
    if mask is None:
        return states[0], hidden, states
    # Before its first step a row repeats `last_output`, and not its initial state.
    seen = mask if zero_output_for_mask else tf.cumsum(tf.cast(mask, tf.int32)) > 0
    before = tf.zeros_like(states[0]) if last_output is None or zero_output_for_mask else last_output
    seen_last = tf.reduce_any(seen[-1:], 0)  # of no steps, none
    last = tf.where(tf.expand_dims(seen_last, -1), states[0], before)
    return last, tf.where(tf.expand_dims(seen, -1), hidden, before) if return_all_outputs else None, states


def by_path(passes: Passes, arguments: Tensors, purpose: Purpose, one_of_few: bool) -> Tensors:
    """The results of `passes`, by the path that `choice` names for arguments of these shapes."""
    inputs, save, whole = arguments[0], purpose is Purpose.TRAINING, replace(passes, as_one_block=True)
    known = None not in inputs.shape[:2]
    path = choice.of_formula(passes.formula, inputs, arguments[3].shape[0], purpose, one_of_few)
    if path is Path.XLA and (ways := shared.compiled(whole, arguments)):
        return with_gradient(whole, arguments, save, ways)
    if path is Path.ONE_BLOCK:
        return with_gradient(whole, arguments, save, shared.of_any_shape(whole, arguments))
    if path is Path.PLAIN and purpose is Purpose.INFERENCE and not tf.executing_eagerly():
        return plain_by_size(passes, arguments)
    if path is Path.PLAIN or (tf.executing_eagerly() and in_forward_mode(arguments)):
        return passes.plain(arguments)
    return with_gradient(passes, arguments, save, None if known else shared.of_any_shape(passes, arguments))


def plain_by_size(passes: Passes, arguments: Tensors) -> Tensors:
    """`passes.plain` for any batch: whether the inputs' product is made in its steps is decided when it runs."""
    if passes.formula not in choice.IN_LOOP_NUMBERS:
        return passes.plain(arguments)
    numbers = tf.shape(arguments[0])[1] * arguments[3].shape[0]
    return tf.cond(
        numbers >= choice.IN_LOOP_NUMBERS[passes.formula],
        lambda: passes.plain(arguments, projects_in_loop=True),
        lambda: passes.plain(arguments),
    )


def biases_together(kernel: tf.Tensor, recurrent_kernel: tf.Tensor, bias: tf.Tensor | None) -> Tensors:
    """Kernel, bias, recurrent kernel, and of a GRU the one bias that can't be added to the inputs' product: that of
    the candidate, which its reset gate multiplies."""
    gates = kernel.shape[1] // recurrent_kernel.shape[0]
    if gates != 3:
        return [kernel, tf.zeros([kernel.shape[1]], kernel.dtype) if bias is None else bias, recurrent_kernel]
    bias = tf.zeros([2, kernel.shape[1]], kernel.dtype) if bias is None else bias
    *gates, candidate = tf.split(bias[1], gates)
    return [kernel, bias[0] + tf.concat([*gates, tf.zeros_like(candidate)], 0), recurrent_kernel, candidate]


def with_gradient(
    passes: Passes, arguments: Tensors, save: bool = True, ways: tuple[Callable, Callable] | None = None
) -> Tensors:
    """The results of `passes` for its arguments, with their gradient by hand, for which everything is there if `save`,
    and is computed otherwise. `ways` are functions that do what passes.forward and passes.backward do."""
    forward, backward = ways or (passes.forward, passes.backward)

    def plain(sources, mask):
        return passes.plain([*sources, *mask])

    def gradient(sources, mask, saved, of_results):
        split = len(sources)

        def first(both, mask):
            return vjp(plain, both[:split], mask, both[split:])

        def second(both, mask, _, upstream):
            split = len(both)
            return derived(lambda all_, mask: vjp(first, all_[:split], mask, all_[split:]), [*both, *upstream], mask)

        def by_hand(_, mask):
            arguments = [*sources, *mask]
            return backward(arguments, of_results, saved or forward(arguments, True)[1]), []

        both = [*sources, *of_results]
        if followed(both):  # by an outer tape: what it is to derive is TensorFlow's all the way
            return first(both, mask)
        return with_own_gradient(by_hand, second, first, both, mask)

    split = len(arguments) - passes.masked
    return with_own_gradient(
        lambda sources, mask: forward([*sources, *mask], save), gradient, plain, arguments[:split], arguments[split:]
    )
