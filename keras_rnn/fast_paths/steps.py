"""A cell's own step, again and again: any cell, with dropout, and in the loops that LiteRT wants."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import tensorflow as tf

from keras_rnn.cells import RecurrentCell, has_own, with_weights
from keras_rnn.fast_paths import litert, tracing
from keras_rnn.sequence import scan, unrolled_loop, while_loop


@dataclass(frozen=True)
class Dropout:
    """The masks of one call. inputs: for each gate, `(batch, features)`; states: for each gate, `(batch, units)`."""

    inputs: list[tf.Tensor] | None = None
    states: list[tf.Tensor] | None = None

    def __bool__(self) -> bool:
        return bool(self.inputs or self.states)


def dropped(cell: RecurrentCell, inputs: tf.Tensor, states: Sequence[tf.Tensor]) -> tuple[tf.Tensor, Dropout]:
    """Inputs `(time, batch, features)` and masks for a call in training. One mask for all gates is in the inputs."""
    ones = tf.ones([tf.shape(inputs)[1], inputs.shape[2]], inputs.dtype)
    of_inputs = cell.draw_masks(ones, cell.dropout)
    of_states = cell.draw_masks(states[0], cell.recurrent_dropout)
    if of_inputs and len(of_inputs) == 1:
        return inputs * of_inputs[0], Dropout(None, of_states)
    return inputs, Dropout(of_inputs, of_states)


def loop_for(time: int | None, unroll: bool) -> Callable:
    """The loop over `time` steps, None if it isn't known: a function like `sequence.while_loop`."""
    file = tracing.litert()
    if unroll or time == 1 or (time and file and file.full_int8):
        return unrolled_loop
    return litert.loop_in_blocks if file else while_loop


def run(
    cell: RecurrentCell,
    inputs: tf.Tensor,
    states: Sequence[tf.Tensor],
    weights: dict[str, tf.Tensor | None],
    mask: tf.Tensor | None,
    *,
    last_output: tf.Tensor | None = None,
    dropout: Dropout | None = None,
    training: bool = False,
    unroll: bool = False,
    **options: bool,
) -> tuple[tf.Tensor, tf.Tensor | None, list[tf.Tensor]]:
    """`cell`, with these weights, over inputs `(time, batch, features)`; results as from `sequence.scan`.

    Args:
        training: the cell draws what it draws at every step, as zoneout does.
        unroll: a Python loop.
        last_output, options: as for `sequence.scan`.
    """
    fixed, dropout = with_weights(cell, **weights), dropout or Dropout()
    own_step = has_own(cell, "step")  # its output needn't be the first of its states: it goes before them

    def scan_all(inputs, mask=None):
        projected = fixed.project(inputs, dropout.inputs)
        output = [tf.zeros([tf.shape(inputs)[1], cell.output_size], inputs.dtype)] if own_step else []

        def step(projected, states):
            output, new_states = fixed.step(projected, states[own_step:], dropout.states)
            return [output, *new_states] if own_step else new_states

        last, outputs, new_states = scan(
            step,
            fixed.with_step_masks(projected) if training else projected,
            [*output, *states],
            mask,
            last_output=last_output,
            loop=loop_for(inputs.shape[0], unroll),
            **options,
        )
        return last, outputs, new_states[own_step:]

    if mask is None or not tracing.litert() or not litert.takes_mask(mask) or unroll or own_step:
        return scan_all(inputs, mask)
    order = {name: options[name] for name in ("go_backwards", "zero_output_for_mask")}
    return litert.scan_unmasked(scan_all, inputs, mask, last_output=last_output, **order)
