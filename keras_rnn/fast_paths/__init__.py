"""The same numbers as the plain loop's, faster: which way is taken is in `choice`, each way in a file of its own."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import tensorflow as tf

from keras_rnn.cells import RecurrentCell
from keras_rnn.fast_paths import choice, cudnn, fused, gradient, onnx, shared, steps, tracing
from keras_rnn.fast_paths.choice import Path, Purpose
from keras_rnn.fast_paths.formulas import formula_of
from keras_rnn.fast_paths.tracing import ONNX, LiteRT, tracing_for, tracing_for_export

__all__ = ["ONNX", "LiteRT", "Path", "Purpose", "run", "tracing_for", "tracing_for_export"]


def run(
    cell: RecurrentCell,
    inputs: tf.Tensor,
    initial_states: Sequence[tf.Tensor],
    mask: tf.Tensor | None = None,
    *,
    purpose: Purpose = Purpose.INFERENCE,
    last_output: tf.Tensor | None = None,
    go_backwards: bool = False,
    zero_output_for_mask: bool = False,
    return_all_outputs: bool = True,
    unroll: bool = False,
    use_cudnn: str | bool | None = "auto",
) -> tuple[tf.Tensor, tf.Tensor | None, list[tf.Tensor]]:
    """`cell` over a sequence, by the fastest way there is here that gives the plain loop's numbers.

    Args:
        inputs: `(time, batch, features)`.
        initial_states, mask, last_output, go_backwards, zero_output_for_mask, return_all_outputs: as for
            `sequence.scan`.
        purpose: in training, the cell's dropout masks are drawn.
        unroll: a Python loop in place of a `tf.while_loop`.
        use_cudnn: True: raise unless cuDNN can run this layer here. False: never use cuDNN. Otherwise: use it where
            possible.

    Returns:
        last output, outputs and last states, as from `sequence.scan`.
    """
    training, states, dropout = purpose is Purpose.TRAINING, list(initial_states), steps.Dropout()
    if training:
        inputs, dropout = steps.dropped(cell, inputs, states)
    options = {
        "go_backwards": go_backwards,
        "zero_output_for_mask": zero_output_for_mask,
        "return_all_outputs": return_all_outputs,
    }
    in_steps = unroll or bool(dropout)
    few = not tf.executing_eagerly() and shared.is_one_of_few(kind_of(cell, inputs, mask, options), tuple(inputs.shape))
    path = choice.of_layer(cell, inputs, states, mask, purpose, in_steps=in_steps, one_of_few=few, use_cudnn=use_cudnn)
    ways = {
        None: functools.partial(gradient.run, purpose=purpose, one_of_few=few, last_output=last_output, **options),
        Path.STEPS: functools.partial(
            steps.run, last_output=last_output, dropout=dropout, training=training, unroll=unroll, **options
        ),
        Path.FUSED: functools.partial(fused.run, **options),
    }
    if path is Path.ONNX:
        loop = functools.partial(ways[Path.STEPS], cell)
        ways[path] = functools.partial(onnx.run, file=tracing.onnx(), loop=loop, **options)
    if path is Path.CUDNN:
        beside = choice.without_cudnn(cell, inputs, in_steps)
        loop = functools.partial(ways[beside], cell)
        if training and beside is None:
            loop = functools.partial(loop, purpose=Purpose.BESIDE_CUDNN)
        ways[path] = functools.partial(cudnn.kernel_or_loop, loop=loop, differentiable=training, **options)
    weights = {name: getattr(cell, name) for name in cell.weight_names if hasattr(cell, name)}  # or its build is own
    weights = {name: None if weight is None else tf.convert_to_tensor(weight) for name, weight in weights.items()}
    return ways[path](cell, inputs, states, weights, mask)


def kind_of(cell: RecurrentCell, inputs: tf.Tensor, mask: tf.Tensor | None, options: dict[str, bool]) -> tuple:
    """What the graphs of layers have in common if one can serve them all, whatever their batch and time."""
    if (formula := formula_of(cell)) is None:
        return ()
    return formula, cell.activation, inputs.shape[2], cell.units, mask is not None, *options.items()
