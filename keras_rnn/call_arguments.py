"""What a layer is called with, as its loop takes it: tensors of its type, of the sizes that its weights have."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from keras_rnn.cells import class_has_own, has_own


def fitting_sequences(layer, sequences: tf.Tensor) -> tf.Tensor:
    """Sequences `(batch, time, features)` of any numbers, in the layer's compute dtype; sizes that a graph doesn't know
    come from the weights. ValueError if the number of features is another, or if there is no time step."""
    sequences = tf.convert_to_tensor(sequences)
    if sequences.dtype == tf.string:
        raise ValueError(f"{layer.name} expected sequences of numbers, got strings.")
    sequences = tf.cast(sequences, layer.compute_dtype)
    own_weights = class_has_own(layer.cell, "build") or has_own(layer.cell, "__call__", "call", "project")
    features = None if own_weights else layer.cell.kernel.shape[0]
    if not sequences.shape.is_compatible_with((None, None, features)):
        raise ValueError(
            f"{layer.name} expected sequences of shape (batch, time, {features}), as it was built for, "
            f"got {sequences.shape}."
        )
    sequences = known_as(sequences, (None, None, features))
    if sequences.shape[1] == 0:
        raise ValueError(f"{layer.name} expected one time step or more, got a sequence of shape {sequences.shape}.")
    return sequences


def fitting_states(layer, states: Sequence[tf.Tensor], sequences: tf.Tensor) -> list[tf.Tensor]:
    """Initial states `(batch, size)` for the sequences `(batch, time, features)`, as tensors: a Keras variable, which a
    stateful or a learned state is, can't be given to a compiled function. One row serves the whole batch.

    Raises:
        ValueError: with how many states or which sizes were expected.
    """
    names, sizes = layer.cell.state_names, layer.state_size
    if len(states) != len(sizes):
        raise ValueError(
            f"{layer.name} expected as many tensors in initial_state as it has states ({', '.join(names)}), "
            f"got {len(states)}."
        )
    return [
        one_for_each_row(layer, name, tf.convert_to_tensor(state), size, sequences)
        for name, state, size in zip(names, states, sizes, strict=True)
    ]


def one_for_each_row(layer, name: str, state: tf.Tensor, size: int, sequences: tf.Tensor) -> tf.Tensor:
    """A state `(batch, size)` or `(1, size)` as one of `(batch, size)`."""
    shape, row = (sequences.shape[0], size), (1, size)
    if not (state.shape.is_compatible_with(shape) or state.shape.is_compatible_with(row)):
        raise ValueError(f"{layer.name} expected its initial {name} state to be of shape {shape}, got {state.shape}.")
    if state.shape.is_subtype_of(tf.TensorShape(row)) and shape != row:
        return tf.broadcast_to(state, (shape[0] or tf.shape(sequences)[0], size))
    if shape[0] is not None and not state.shape.is_subtype_of(tf.TensorShape(shape)):  # of one row or of all
        return tf.broadcast_to(state, shape)
    return known_as(state, (None, size))


def known_as(tensor: tf.Tensor, shape: tuple[int | None, ...]) -> tf.Tensor:
    """`tensor`, of which a graph then knows this shape."""
    return tensor if tensor.shape.is_subtype_of(tf.TensorShape(shape)) else tf.ensure_shape(tensor, shape)
