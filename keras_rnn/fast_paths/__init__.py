"""Which way a layer goes over its sequence: the plain loop, or one that gives the same numbers faster."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import tensorflow as tf

from keras_rnn.fast_paths import litert
from keras_rnn.sequence import scan, unrolled_loop, while_loop

if TYPE_CHECKING:
    from keras_rnn.cells import RecurrentCell

_tracing_for_litert = False


@contextlib.contextmanager
def for_litert() -> Iterator[None]:
    """What is traced inside has loops made for LiteRT."""
    global _tracing_for_litert
    before, _tracing_for_litert = _tracing_for_litert, True
    try:
        yield
    finally:
        _tracing_for_litert = before


def run(
    cell: RecurrentCell,
    inputs: tf.Tensor,
    initial_states: Sequence[tf.Tensor],
    mask: tf.Tensor | None = None,
    *,
    go_backwards: bool = False,
    unroll: bool = False,
    zero_output_for_mask: bool = False,
    return_all_outputs: bool = True,
    training: bool = False,
) -> tuple[tf.Tensor, tf.Tensor | None, list[tf.Tensor]]:
    """`cell` over a sequence, by the fastest way there is here that gives the plain loop's numbers.

    Args:
        inputs: `(time, batch, features)`.
        initial_states, mask, go_backwards, unroll, zero_output_for_mask, return_all_outputs: as for `sequence.scan`.
        training: draw the cell's dropout masks.

    Returns:
        last output, outputs and last states, as from `sequence.scan`.
    """
    masks = recurrent_masks = None
    if training:
        one_step = tf.ones([tf.shape(inputs)[1], inputs.shape[2]], inputs.dtype)
        masks = cell.draw_masks(one_step, cell.dropout)
        recurrent_masks = cell.draw_masks(initial_states[0], cell.recurrent_dropout)
    loop = unrolled_loop if unroll else litert.loop_in_blocks if _tracing_for_litert else while_loop
    return scan(
        lambda projected, states: cell.step(projected, states, recurrent_masks)[1],
        cell.project(inputs, masks),
        initial_states,
        mask,
        loop=loop,
        go_backwards=go_backwards,
        zero_output_for_mask=zero_output_for_mask,
        return_all_outputs=return_all_outputs,
    )
