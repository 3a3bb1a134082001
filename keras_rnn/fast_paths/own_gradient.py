"""A computation with a gradient of its own, in place of the one that TensorFlow derives.

What tf.custom_gradient does, with three differences:

    the graph can go        tf.custom_gradient registers a function that holds the graph for as long as the process
                            lives, 10 MB for a model that trains; the one registered here holds nothing.
    nothing is cut off      behind it are the operators that computed the values, without tf.stop_gradient: what drops
                            the gradient, as tf.vectorized_map does, finds those and differentiates them.
    forward mode            tf.autodiff.ForwardAccumulator has a rule, where it would take the derivative of the
                            identity between values and result, which is zero.

`plain` is the same computation by operators that TensorFlow can differentiate: forward mode and all derivatives but the
first are those of it. A computation is a function of `sources`, which have a gradient, and `others`, which have none.
In eager mode tapes and accumulators follow every operator of it; in a graph one loop is changed by the gradient of
another, which a tape doesn't see: so each derivative there is again a computation with a gradient of its own.
"""

from __future__ import annotations

import uuid
import weakref
from collections.abc import Callable, Sequence

import tensorflow as tf
from tensorflow.python.eager import forwardprop_util, record

Tensors = list[tf.Tensor]
Computation = Callable[[Sequence[tf.Tensor], Sequence[tf.Tensor]], Tensors]


def followed(tensors: Sequence[tf.Tensor]) -> bool:
    """Whether a tape follows one of them, or in eager mode an accumulator: in a graph that has a rule."""
    eager = tf.executing_eagerly()
    return record.should_record_backprop(list(tensors)) or (eager and in_forward_mode(tensors))


def in_forward_mode(tensors: Sequence[tf.Tensor]) -> bool:
    """Whether an accumulator follows one of them."""
    return bool(forwardprop_util.pack_tangents(list(tensors)).tangents)


def with_own_gradient(
    compute: Callable, gradient: Callable, plain: Computation, sources: Tensors, others: Tensors
) -> Tensors:
    """The values of a computation.

    Args:
        compute: `values, saved = compute(sources, others)`, lists of tensors; in eager mode anything may be saved.
        gradient: `gradient(sources, others, saved, of_values)` gives a gradient for each source from those of the
            values, and computes again what was saved if it gets none of it. It is to close over no tensor of a graph,
            as is `plain`.
    """
    with record.stop_recording():
        values, saved = compute(sources, others)
        if tf.executing_eagerly():
            results = [tf.identity(value) for value in values]
        else:
            name = f"keras_rnn_{uuid.uuid4().hex}"
            with tf.compat.v1.get_default_graph().gradient_override_map({"IdentityN": name}):
                results = tf.identity_n([*values, *sources, *others, *map(stand_in, saved)])[: len(values)]
            register(name, gradient, weakref.ref(results[0].op), *map(len, (values, sources, others)))

    def forward_mode(*tangents):
        split = len(sources)
        return derived(
            lambda both, others: jvp(plain, both[:split], others, both[split:]), [*sources, *tangents], others
        )

    record.record_operation(
        "keras_rnn", results, sources, lambda *g: gradient(sources, others, saved, list(g)), forward_mode
    )
    return results


def stand_in(saved: tf.Tensor) -> tf.Tensor:
    """What an IdentityN gets of it: tf.vectorized_map takes no list through one, but what was made of the list."""
    return tf.raw_ops.TensorListLength(input_handle=saved) if saved.dtype == tf.variant else saved


def stood_for(tensor: tf.Tensor) -> tf.Tensor:
    """What `stand_in` made it of."""
    return tensor.op.inputs[0] if tensor.op.type == "TensorListLength" else tensor


def register(name: str, gradient: Callable, operator: weakref.ref, values: int, sources: int, others: int) -> None:
    """Makes `gradient` that of an IdentityN of values, sources, others and what was saved, as many as these say."""

    @tf.RegisterGradient(name)
    def of_inputs(asked, *of_outputs):
        inputs = list((asked or operator()).inputs)  # what saves a model asks for a gradient without an operator
        inputs, saved = inputs[values:], list(map(stood_for, inputs[values + sources + others :]))
        if not asked and any(tensor.dtype == tf.variant for tensor in saved):
            saved = []  # and can't save what uses lists
        of_sources = gradient(inputs[:sources], inputs[sources : sources + others], saved, list(of_outputs[:values]))
        return [None] * values + list(of_sources) + [None] * (len(inputs) - sources)


def derived(plain: Computation, sources: Tensors, others: Tensors) -> Tensors:
    """plain(sources, others), whose gradient is there however it is asked for, and so is that of the gradient."""
    if tf.executing_eagerly():
        return plain(sources, others)
    split = len(sources)

    def gradient(sources, others, _, of_values):
        def of_plain(both, others):
            return vjp(plain, both[:split], others, both[split:])

        return derived(of_plain, [*sources, *of_values], others)

    return with_own_gradient(lambda *both: (plain(*both), []), gradient, plain, sources, others)


def vjp(plain: Computation, sources: Tensors, others: Tensors, of_values: Tensors) -> Tensors:
    """The gradient of the sources from those of the values, as TensorFlow derives it."""
    unconnected = tf.UnconnectedGradients.ZERO
    if tf.executing_eagerly() or followed([*sources, *of_values]):
        with tf.GradientTape() as tape:
            tape.watch(sources)
            values = plain(sources, others)
        return tape.gradient(values, sources, of_values, unconnected)
    sources = [tf.identity(source) for source in sources]
    return tf.gradients(plain(sources, others), sources, of_values, unconnected_gradients=unconnected)


def jvp(plain: Computation, sources: Tensors, others: Tensors, tangents: Tensors) -> Tensors:
    """The derivative of the values in the direction of the tangents: the gradient of `vjp`, which is linear."""
    zeros = [tf.zeros_like(value) for value in plain(sources, others)]
    return vjp(lambda of_values, others: vjp(plain, sources, others, of_values), zeros, others, tangents)
