"""The two passes of the gradient by hand, over a sequence in blocks of steps.

    block:   inputs --kernel--> projected --forward, step by step--> saved
             gradients of hidden, factors(saved) --backward, step by step--> kept --> gradients of weights and inputs

An arrow without "step by step" is one operator or a few for all steps of the block. The last block takes what is left:

    | STEPS | STEPS | ... | STEPS | 1 to STEPS |
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import tensorflow as tf

from keras_rnn.fast_paths.formulas import Formula, Tensors
from keras_rnn.sequence import while_loop

STEPS = 16  # in a block


def unrolled(step: Callable, sequences: Tensors, states: Tensors, widths: Sequence[int], backwards: bool = False):
    """`states, emitted = step(part of each sequence, states)`, time after time: last states, and all that was emitted.

    `widths` are the sizes of what is emitted.
    """
    parts, emitted = list(zip(*map(tf.unstack, sequences), strict=True)), []
    for part in reversed(parts) if backwards else parts:
        states, new = step(part, states)
        emitted.append(new)
    return states, [tf.stack(column[::-1] if backwards else column) for column in zip(*emitted, strict=True)]


def looped(step: Callable, sequences: Tensors, states: Tensors, widths: Sequence[int], backwards: bool = False):
    """`unrolled`, for many steps or an unknown number of them."""
    size = size_of(sequences[0])
    arrays = [tf.TensorArray(part.dtype, size, element_shape=part.shape[1:]).unstack(part) for part in sequences]
    emitted = [tf.TensorArray(states[0].dtype, size, element_shape=(states[0].shape[0], width)) for width in widths]

    def body(count, states, emitted):
        now = size - 1 - count if backwards else count
        states, new = step([array.read(now) for array in arrays], states)
        return count + 1, states, [array.write(now, tensor) for array, tensor in zip(emitted, new, strict=True)]

    states, emitted = repeated(body, size, list(states), emitted)
    return states, [array.stack() for array in emitted]


def repeated(body: Callable, times: int | tf.Tensor, *variables):
    """`count, *variables = body(count, *variables)`, for count from 0."""
    return tf.while_loop(lambda count, *_: count < times, body, (tf.constant(0), *variables), maximum_iterations=times)[
        1:
    ]


def size_of(sequence: tf.Tensor) -> int | tf.Tensor:
    return tf.shape(sequence)[0] if sequence.shape[0] is None else sequence.shape[0]


def cut(sequence: tf.Tensor | None, start: int | tf.Tensor, steps: int | None) -> tf.Tensor | None:
    """Some steps of a sequence, which share its memory; with None, all from `start` on."""
    if sequence is None:
        return None
    others = sequence.shape.rank - 1
    part = tf.slice(sequence, tf.stack([start, *[0] * others]), [-1 if steps is None else steps, *[-1] * others])
    return tf.ensure_shape(part, [steps, *sequence.shape[1:]])


def write_steps(array: tf.TensorArray, start: int | tf.Tensor, steps: tf.Tensor) -> tf.TensorArray:
    """`array` with the parts of `steps` from `start` on."""
    if steps.shape[0] is None:
        return repeated(
            lambda count, array: (count + 1, array.write(start + count, steps[count])), tf.shape(steps)[0], array
        )[0]
    for count, part in enumerate(tf.unstack(steps)):
        array = array.write(start + count, part)
    return array


def read(array: tf.TensorArray | tf.Tensor, number: tf.Tensor, dtype: tf.DType, shape: tuple) -> tf.Tensor:
    """A part of an array, or of the tensor that an array is in a graph."""
    array = array if isinstance(array, tf.TensorArray) else tf.TensorArray(dtype, flow=array)
    return tf.ensure_shape(array.read(number), shape)


def choose(mask: tf.Tensor | None, new: Tensors, old: Tensors) -> Tensors:
    """`new` where the mask `(batch,)` is True, and `old` elsewhere."""
    if mask is None:
        return new
    return [tf.where(tf.expand_dims(mask, -1), *pair) for pair in zip(new, old, strict=True)]


@dataclass(frozen=True)
class Passes:
    """The pass forward and the pass back of one formula.

    A list of arguments: inputs `(time, batch, features)`, what the formula is made with after its activation, initial
    states, and if it is `masked`, a bool mask `(time, batch)`, False where a step keeps the states.
    A list of results: hidden states `(time, batch, units)`, if all outputs are asked for, and last states.

    as_one_block: the whole sequence is the last block.
    """

    formula: type[Formula]
    activation: Callable
    masked: bool
    return_all_outputs: bool
    as_one_block: bool = False

    def forward(self, arguments: Sequence[tf.Tensor], save: bool = True) -> tuple[Tensors, list]:
        """The results; for the pass back, if it is to `save`, arrays of what every full block saved, which in a graph
        are the tensors that they are there, and behind them what the last one did."""
        inputs, formula, states, mask = self.taken_apart(arguments)
        batch, units = inputs.shape[1], formula.units
        blocks, *last_one = self.blocks(inputs)
        several = tf.is_tensor(blocks) or blocks > 0
        widths = formula.saved_widths if save else [1] * self.return_all_outputs

        def block(number, states, steps, loop):
            parts = [cut(sequence, number * STEPS, steps) for sequence in (inputs, mask)]
            new, saved = forward_block(formula, *parts, states, loop, widths)
            return new, [*saved, *states] if save else saved

        def body(number, states, hidden, arrays):
            states, saved = block(number, states, STEPS, unrolled)
            hidden = write_steps(hidden, number * STEPS, saved[0]) if self.return_all_outputs else hidden
            return (
                number + 1,
                states,
                hidden,
                [a.write(number, tensor) for a, tensor in zip(arrays, saved, strict=save)],
            )

        arrays, hidden = [], tf.TensorArray(inputs.dtype, size_of(inputs), element_shape=(batch, units))
        if several:
            shapes = formula.saved_shapes(STEPS, batch) if save else []
            arrays = [tf.TensorArray(inputs.dtype, blocks, element_shape=s, clear_after_read=False) for s in shapes]
            states, hidden, arrays = repeated(body, blocks, states, hidden, arrays)
        states, last = block(blocks, states, *last_one)
        if self.return_all_outputs:
            hidden = write_steps(hidden, blocks * STEPS, last[0]).stack() if several else last[0]
        arrays = arrays if tf.executing_eagerly() else [array.flow for array in arrays]
        return ([hidden, *states] if self.return_all_outputs else states), [*arrays, *last] if save else []

    def backward(self, arguments: Sequence[tf.Tensor], of_results: Sequence[tf.Tensor], saved: list) -> Tensors:
        """The gradients of the arguments but the mask from those of the results and what the pass forward saved."""
        inputs, formula, _, mask = self.taken_apart(arguments)
        formula.transpose()
        of_hidden, *of_states = of_results if self.return_all_outputs else [None, *of_results]
        blocks, *last_one = self.blocks(inputs)
        shapes = formula.saved_shapes(STEPS, inputs.shape[1])
        arrays, last = saved[: -len(shapes)], saved[-len(shapes) :]

        def block(number, of_states, saved, steps, loop):
            parts = [cut(sequence, number * STEPS, steps) for sequence in (inputs, mask, of_hidden)]
            saved, first = saved[: -formula.states], saved[-formula.states :]
            return backward_block(formula, *parts, saved, first, of_states, loop)

        def body(count, of_states, of_weights, of_inputs):
            number = blocks - 1 - count
            before = [read(array, number, inputs.dtype, shape) for array, shape in zip(arrays, shapes, strict=True)]
            of_states, new, more = block(number, of_states, before, STEPS, unrolled)
            of_weights = [total + part for total, part in zip(of_weights, more, strict=True)]
            return count + 1, of_states, of_weights, write_steps(of_inputs, number * STEPS, new)

        of_states, of_inputs, of_weights = block(blocks, of_states, last, *last_one)
        if arrays:
            array = tf.TensorArray(inputs.dtype, size_of(inputs), element_shape=inputs.shape[1:])
            array = write_steps(array, blocks * STEPS, of_inputs)
            of_states, of_weights, array = repeated(body, blocks, of_states, of_weights, array)
            of_inputs = array.stack()
        return [of_inputs, *of_weights, *of_states]

    def plain(self, arguments: Sequence[tf.Tensor], projects_in_loop: bool = False) -> Tensors:
        """The results, by a loop that saves nothing and that TensorFlow can differentiate, again and again.

        projects_in_loop: the inputs' product is made step by step: that of the next step on another core, while this
            step's is waited for, and nothing as long as the sequence is written and read for it.
        """
        inputs, formula, states, mask = self.taken_apart(arguments)

        def step(now, *mask_and_states):
            *mask, states = mask_and_states
            projected = formula.project_step(now) if projects_in_loop else now
            return choose(*mask or [None], formula.forward(projected, states)[0], states)

        sequences = [inputs if projects_in_loop else formula.project(inputs), *([] if mask is None else [mask])]
        states, hidden = while_loop(step, sequences, states, False, self.return_all_outputs)
        return [hidden, *states] if self.return_all_outputs else states

    def differentiable(self, arguments: Sequence[tf.Tensor]) -> Tensors:
        """All but the mask."""
        return list(arguments[: len(arguments) - self.masked])

    def taken_apart(self, arguments: Sequence[tf.Tensor]) -> tuple[tf.Tensor, Formula, Tensors, tf.Tensor | None]:
        """Inputs, the formula with its weights, initial states, mask."""
        mask = arguments[-1] if self.masked else None
        arguments = self.differentiable(arguments)
        inputs, *weights = arguments[: -self.formula.states]
        return inputs, self.formula(self.activation, *weights), arguments[-self.formula.states :], mask

    def blocks(self, inputs: tf.Tensor) -> tuple[int | tf.Tensor, int | None, Callable]:
        """The number of full blocks before the last one; the steps of the last one if known, and the loop over them."""
        if self.as_one_block:
            return 0, inputs.shape[0], looped
        if inputs.shape[0] is None:
            return tf.maximum(tf.shape(inputs)[0] - 1, 0) // STEPS, None, looped
        blocks = (inputs.shape[0] - 1) // STEPS
        return blocks, inputs.shape[0] - blocks * STEPS, unrolled


def forward_block(formula: Formula, inputs, mask, states, loop, widths: Sequence[int]) -> tuple[Tensors, Tensors]:
    """Last states, and what is saved, as many as `widths`; the saved states are those after the mask."""

    def step(parts, states):
        new, saved = formula.forward(parts[0], states)
        new = choose(*parts[1:] or [None], new, states)
        return new, [*new, *saved[len(new) :]][: len(widths)]

    sequences = [formula.project(inputs), *([] if mask is None else [mask])]
    return loop(step, sequences, states, [width * formula.units for width in widths])


def backward_block(formula: Formula, inputs, mask, of_hidden, saved, first, of_states, loop):
    """Gradients of the states before the block, of the inputs, and of the weights; `first` are those states."""
    factors = formula.factors(saved, first)
    optional = [sequence for sequence in (mask, of_hidden) if sequence is not None]

    def step(parts, gradients):
        rest = list(parts[len(factors) :])
        if of_hidden is not None:
            gradients = [gradients[0] + rest.pop(), *gradients[1:]]
        new, kept = formula.backward(parts[: len(factors)], gradients)
        nothing = [tf.zeros_like(tensor) for tensor in kept]
        return choose(*rest or [None], new, gradients), choose(*rest or [None], kept, nothing)

    widths = [width * formula.units for width in formula.kept_widths]
    of_states, kept = loop(step, [*factors, *optional], of_states, widths, backwards=True)
    return of_states, *formula.sums(kept, factors, inputs, saved, first)
