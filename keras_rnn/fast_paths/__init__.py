"""Which way a layer goes over its sequence: the plain loop, or one that gives the same numbers faster."""

import contextlib
import contextvars
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import tensorflow as tf

from keras_rnn.cells import RecurrentCell, has_own, with_weights
from keras_rnn.fast_paths import cudnn, fused, gradient, litert
from keras_rnn.sequence import scan, unrolled_loop, while_loop


@dataclass(frozen=True)
class LiteRT:
    """How loops are to be traced for a LiteRT file.

    full_int8: unrolls loops of known length: the int8 calibrator crashes on them.
    fused_lstm: LSTMs as LiteRT's one operator where it gives the loop's numbers, which CompiledModel doesn't load.
    """

    full_int8: bool = False
    fused_lstm: bool = False

    def __post_init__(self):
        if self.full_int8 and self.fused_lstm:
            raise ValueError(
                "full_int8 expected fused_lstm=False, got True: what empties the operator's states is too large a "
                "number for 8-bit inputs."
            )


# Of a context, and so of a thread: others go on computing while one exports.
_tracing_for: contextvars.ContextVar[LiteRT | None] = contextvars.ContextVar("tracing_for", default=None)


@contextlib.contextmanager
def tracing_for(file: LiteRT) -> Iterator[None]:
    """What is traced inside has loops made for LiteRT."""
    token = _tracing_for.set(file)
    try:
        yield
    finally:
        _tracing_for.reset(token)


def loop_for(time: int | None, unroll: bool) -> Callable:
    """The loop over `time` steps, None if it isn't known: a function like `sequence.while_loop`."""
    file = _tracing_for.get()
    if unroll or time == 1 or (time and file and file.full_int8):
        return unrolled_loop
    return litert.loop_in_blocks if file else while_loop


def run(
    cell: RecurrentCell,
    inputs: tf.Tensor,
    initial_states: Sequence[tf.Tensor],
    mask: tf.Tensor | None = None,
    *,
    last_output: tf.Tensor | None = None,
    go_backwards: bool = False,
    unroll: bool = False,
    zero_output_for_mask: bool = False,
    return_all_outputs: bool = True,
    training: bool = False,
    use_cudnn: str | bool | None = "auto",
) -> tuple[tf.Tensor, tf.Tensor | None, list[tf.Tensor]]:
    """`cell` over a sequence, by the fastest way there is here that gives the plain loop's numbers.

    Args:
        inputs: `(time, batch, features)`.
        initial_states, mask, last_output, go_backwards, zero_output_for_mask, return_all_outputs: as for
            `sequence.scan`.
        unroll: a Python loop in place of a `tf.while_loop`.
        training: draw the cell's dropout masks.
        use_cudnn: True: raise unless cuDNN can run this layer here. False: never use cuDNN. Otherwise: use it where
            possible.

    Returns:
        last output, outputs and last states, as from `sequence.scan`.
    """
    file = _tracing_for.get()
    masks = recurrent_masks = None
    if training:
        ones = tf.ones([tf.shape(inputs)[1], inputs.shape[2]], inputs.dtype)
        masks = cell.draw_masks(ones, cell.dropout)
        recurrent_masks = cell.draw_masks(initial_states[0], cell.recurrent_dropout)
        if masks and len(masks) == 1:
            inputs, masks = inputs * masks[0], None
    options = {
        "go_backwards": go_backwards,
        "zero_output_for_mask": zero_output_for_mask,
        "return_all_outputs": return_all_outputs,
    }

    own_step = has_own(cell, "step")  # its output needn't be the first of its states: it goes before them
    loop_only = unroll or masks or recurrent_masks or own_step or has_own(cell, "project", "with_step_masks")
    by_formula = not (file or loop_only) and gradient.takes(cell, inputs)

    def loop(inputs, states, weights, mask, by_hand=False):
        if by_formula:
            # TensorFlow differentiates both branches when the loop shares a graph with the cuDNN kernel, so the loop
            # must be one that it can differentiate.
            more = {"last_output": last_output, "by_hand": by_hand, "plain": training and not by_hand}
            return gradient.run(cell, inputs, states, weights, mask, **options, **more)
        fixed = with_weights(cell, **weights)

        def scan_all(inputs, mask=None):
            projected = fixed.project(inputs, masks)
            output = [tf.zeros([tf.shape(inputs)[1], cell.output_size], inputs.dtype)] if own_step else []

            def step(projected, states):
                output, new_states = fixed.step(projected, states[own_step:], recurrent_masks)
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

        if mask is None or not file or not litert.takes_mask(mask) or unroll or own_step:
            return scan_all(inputs, mask)
        return litert.scan_unmasked(
            scan_all,
            inputs,
            mask,
            last_output=last_output,
            go_backwards=go_backwards,
            zero_output_for_mask=zero_output_for_mask,
        )

    weights = {name: getattr(cell, name) for name in cell.weight_names if hasattr(cell, name)}  # or its build is own
    weights = {name: None if weight is None else tf.convert_to_tensor(weight) for name, weight in weights.items()}
    rnn_mode = None if loop_only or inputs.dtype not in cudnn.DTYPES else cudnn.mode(cell)
    if use_cudnn is True and not (rnn_mode and cudnn.available()):
        raise ValueError(
            f"{cell.name} expected a GPU, float16 to float64 and the activations tanh and sigmoid for use_cudnn=True, "
            'got something else: use_cudnn="auto" takes cuDNN where it can be and the loop elsewhere.'
        )
    if file and file.fused_lstm and rnn_mode == "lstm" and mask is None and fused.takes(initial_states):
        return fused.run(cell, inputs, weights, go_backwards=go_backwards, return_all_outputs=return_all_outputs)
    stays_here = training and not cudnn.available()  # a graph to train with isn't taken to another machine
    if rnn_mode is None or use_cudnn is False or file or stays_here or inputs.shape[0] == 1:
        return loop(inputs, initial_states, weights, mask, by_hand=training)
    return cudnn.kernel_or_loop(
        rnn_mode, loop, inputs, initial_states, weights, mask, differentiable=training, **options
    )
