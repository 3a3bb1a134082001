"""The inputs that a model's files are checked with: a user's, or made at random."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import keras
import numpy as np
import tensorflow as tf

from keras_rnn.failures import ExportError, all_layers
from keras_rnn.interface import Interface
from keras_rnn.runtimes import Arrays

LENGTHS = (1, 2, 7, 100)  # time steps of inputs made at random


def checked(interface: Interface, sample: Arrays) -> dict[str, np.ndarray]:
    """A user's inputs as arrays of the right names, types and shapes; ExportError if they aren't."""
    if not isinstance(sample, Mapping):
        raise ExportError(f"inputs expected a list of dictionaries of arrays, got {type(sample).__name__} in it.")
    if set(sample) != set(interface.inputs):
        raise ExportError(f"inputs expected arrays named {', '.join(interface.inputs)}, got {', '.join(sample)}.")
    arrays = {}
    for spec in interface.specs(None):
        arrays[spec.name] = np.asarray(sample[spec.name]).astype(spec.dtype.as_numpy_dtype)
        if not spec.shape.is_compatible_with(arrays[spec.name].shape):
            raise ExportError(f"{spec.name} expected shape {spec.shape}, got {arrays[spec.name].shape}.")
    batches = {name: len(value) for name, value in arrays.items()}
    if len(set(batches.values())) > 1 or 0 in batches.values():
        raise ExportError(f"inputs expected one batch size of 1 or more, got {batches}.")
    return arrays


def random_inputs(interface: Interface, *more: int, batch: int = 2) -> Iterator[dict[str, np.ndarray]]:
    """Inputs of each of LENGTHS and `more`: normal numbers, and ids that every embedding has; one row ends in zeros."""
    generator = np.random.default_rng(0)
    embeddings = [layer for layer in all_layers(interface.model) if isinstance(layer, keras.layers.Embedding)]
    ids = min([layer.input_dim for layer in embeddings], default=2)
    for length in sorted({*LENGTHS, *more}) if interface.inputs_over_time else LENGTHS[:1]:
        sample = {}
        for spec in interface.specs(batch, (length,)):
            if spec.dtype == tf.string:
                raise ExportError(f"{spec.name} expected inputs= to check with, as for all strings, got none.")
            if spec.dtype.is_floating:
                numbers = generator.normal(size=spec.shape)
            else:
                numbers = generator.integers(min(1, ids - 1), ids, spec.shape)
            if spec.name in interface.inputs_over_time and length > 2:
                numbers[-1, length - length // 3 :] = 0
            sample[spec.name] = numbers.astype(spec.dtype.as_numpy_dtype)
        yield sample
