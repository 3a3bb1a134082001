"""The loop with its gradient by hand, to train with.

Automatic differentiation saves every product and sum of every step, and at each step adds a gradient as large as the
weights. Here the forward loop saves states and gates; the backward loop makes the gradients of the states and of what
goes into the gates; those of kernel, recurrent kernel, bias and inputs are then one product each for many steps. The
steps are in `formulas`, the loops in `blocks`, which this file takes in one of two ways:

    few numbers     the whole sequence is one block and XLA compiles its loops, because to start an operator takes
                    longer than to run it. XLA compiles for one shape, a second or two, so that batch and time must be
                    known when the graph is built.
    many numbers    block after block: starting an operator is nothing to running it, and what is computed for a block
                    at once stays in the processor's cache.

Inference takes one of the two ways without saving, where batch and time are known: then the graph is for the shapes at
hand, as that of `predict` is. If its gradient is asked for, the pass forward is done again. After the first few shapes
of a layer's sizes, more are to be expected, and to build a graph takes longer than to run it: those share a small one
for any shape, the loops over one block without XLA. Graphs are shared by all models (`shared`), since TensorFlow keeps
them. An inference for any batch or time, as an exported one, is a plain loop, which every converter knows; second
derivatives and forward mode are TensorFlow's, of that loop (`own_gradient`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import tensorflow as tf

from keras_rnn.cells import RecurrentCell
from keras_rnn.fast_paths import shared
from keras_rnn.fast_paths.blocks import Passes
from keras_rnn.fast_paths.formulas import Tensors, formula_of
from keras_rnn.fast_paths.own_gradient import derived, followed, in_forward_mode, vjp, with_own_gradient

XLA_NUMBERS = 2048  # batch * units up to which XLA is the faster way to train
XLA_NUMBERS_OF_INFERENCE = 512  # and to infer


def takes(cell: RecurrentCell, inputs: tf.Tensor) -> bool:
    """Whether `run` computes what `cell` does with these inputs `(time, batch, features)`, without dropout of hidden
    states. A single step has nothing to gain."""
    return formula_of(cell) is not None and inputs.dtype == tf.float32 and inputs.shape[0] != 1


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
    by_hand: bool = True,
    plain: bool = False,
) -> tuple[tf.Tensor, tf.Tensor | None, list[tf.Tensor]]:
    """A cell that `takes` the inputs `(time, batch, features)`, over them; results as from `sequence.scan`.

    Args:
        weights: the cell's kernel, recurrent_kernel and bias.
        last_output, go_backwards, zero_output_for_mask, return_all_outputs: as for `sequence.scan`.
        by_hand: save what the gradient by hand needs; without it, it is inference.
        plain: in place of the two, a plain loop, whatever the shapes.
    """
    if go_backwards:
        inputs = tf.reverse(inputs, [0])
        mask = None if mask is None else tf.reverse(mask, [0])
    passes = Passes(formula_of(cell), cell.activation, mask is not None, return_all_outputs)
    arguments = [inputs, *biases_together(**weights), *initial_states, *([] if mask is None else [mask])]
    results = passes.plain(arguments) if plain else by_the_fastest(passes, arguments, by_hand)
    hidden, states = (results[0], results[1:]) if return_all_outputs else (None, results)
    if mask is None:
        return states[0], hidden, states
    # Before its first step a row repeats `last_output`, and not its initial state.
    seen = mask if zero_output_for_mask else tf.cumsum(tf.cast(mask, tf.int32)) > 0
    before = tf.zeros_like(states[0]) if last_output is None or zero_output_for_mask else last_output
    seen_last = tf.reduce_any(seen[-1:], 0)  # of no steps, none
    last = tf.where(tf.expand_dims(seen_last, -1), states[0], before)
    return last, tf.where(tf.expand_dims(seen, -1), hidden, before) if return_all_outputs else None, states


def by_the_fastest(passes: Passes, arguments: Tensors, by_hand: bool) -> Tensors:
    """The results of `passes`, by what is the fastest way for arguments of these shapes."""
    inputs = arguments[0]
    if tf.executing_eagerly():
        by_hand = by_hand and not in_forward_mode(arguments)
        return with_gradient(passes, arguments) if by_hand else passes.plain(arguments)
    if None in inputs.shape[:2]:
        if not by_hand:
            return passes.plain(arguments)
        return with_gradient(passes, arguments, ways=shared.of_any_shape(passes, arguments))
    whole = replace(passes, as_one_block=True)
    if not shared.is_one_of_few(passes, arguments):  # another one soon: to build and optimize a graph takes longest
        return with_gradient(whole, arguments, by_hand, shared.of_any_shape(whole, arguments))
    few = inputs.shape[1] * arguments[3].shape[0] <= (XLA_NUMBERS if by_hand else XLA_NUMBERS_OF_INFERENCE)
    if few and (ways := shared.compiled(whole, arguments)):
        return with_gradient(whole, arguments, by_hand, ways)
    return with_gradient(passes, arguments, by_hand)


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
