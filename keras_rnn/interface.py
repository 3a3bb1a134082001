"""What a Keras model looks like from outside: named inputs and outputs, whole, padded or one step at a time."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_rnn import streaming
from keras_rnn.artifacts import Signature
from keras_rnn.layers import RecurrentLayer
from keras_rnn.runtimes import Arrays

COLOURS = r"\x1b\[\d+m"  # with which Keras marks an error's text
LENGTHS = (1, 2, 7, 100)  # time steps of inputs made at random


class ExportError(ValueError):
    """A model that can't be exported, or a file that doesn't give its answers; nothing has been written."""


def distinct(names: Sequence[str]) -> list[str]:
    """The names as identifiers, those that come again with a number: `lstm`, `lstm_2`."""
    names = [re.sub(r"\W", "_", name) for name in names]
    return [f"{name}_{names[: i + 1].count(name)}" if name in names[:i] else name for i, name in enumerate(names)]


def is_sequential(model: keras.Model) -> bool:
    """Whether `model` is a Sequential, which has one input and one output."""
    return isinstance(model, keras.Sequential)


def output_names(model: keras.Model) -> list[str]:
    """The keys of a dictionary of outputs, else the names of the layers that they come from."""
    if is_sequential(model):
        return [model.layers[-1].name]
    if isinstance(model.output, dict):
        return sorted(model.output)
    return list(model.output_names)


def all_layers(layer: keras.layers.Layer) -> list[keras.layers.Layer]:
    """`layer` and what is inside, at any depth."""
    return list(layer._flatten_layers())


class Interface:
    """A model's inputs and outputs by name, and its signatures.

    inputs, outputs: Keras tensors by name. What has a time axis has it after the batch, with the size None.
    resources: what the signatures' functions use.
    """

    def __init__(self, model: keras.Model):
        if not getattr(model, "inputs", None):
            raise ExportError(
                f"expected a model that knows its inputs, Functional or Sequential with keras.Input, got {model.name}: "
                "call it on keras.Input tensors and make a keras.Model of these and the results."
            )
        for layer in all_layers(model):
            if getattr(layer, "stateful", False):
                raise ExportError(
                    f"{layer.name} expected stateful=False, or its second answer would be another than its first: "
                    "export a copy without it, and use step=True to carry the states from call to call."
                )
        self.model = model
        self.inputs = dict(zip(distinct([tensor.name for tensor in model.inputs]), model.inputs, strict=True))
        self.outputs = dict(zip(distinct(output_names(model)), model.outputs, strict=True))
        for name, tensor in self.inputs.items():
            if None in tensor.shape[2:]:
                raise ExportError(f"{name} expected only batch and time to be of any size, got shape {tensor.shape}.")
        tables = [layer.lookup_table for layer in all_layers(model) if hasattr(layer, "lookup_table")]
        self.resources: list[Any] = [model, *tables]

    def call(self, inputs: Mapping[str, Any]) -> dict[str, tf.Tensor]:
        """The model's outputs, in inference."""
        values = [inputs[name] for name in self.inputs]
        structure = values[0] if is_sequential(self.model) else keras.tree.pack_sequence_as(self.model.input, values)
        return dict(zip(self.outputs, keras.tree.flatten(self.model(structure, training=False)), strict=True))

    def has_time(self, name: str) -> bool:
        """Whether the input or output has a time axis of any size."""
        shape = (self.inputs if name in self.inputs else self.outputs)[name].shape
        return len(shape) > 1 and shape[1] is None

    def specs(self, batch: int | None, time: tuple[int | None, ...] = (None,)) -> list[tf.TensorSpec]:
        """One for each input; `time` stands in place of its time axis."""
        return [
            tf.TensorSpec(
                (batch, *(time if self.has_time(name) else tensor.shape[1:2]), *tensor.shape[2:]),
                tensor.dtype,
                name=name,
            )
            for name, tensor in self.inputs.items()
        ]

    def whole(self, batch: int | None) -> Signature:
        """Inputs -> outputs."""
        return Signature(lambda **inputs: self.call(inputs), self.specs(batch))

    def padded(self, steps: int) -> Signature:
        """Inputs of `steps` time steps, and `length` int32 (), how many of them count -> outputs; batch 1.

        CompiledModel takes static shapes only, but inside they may be dynamic: no layer sees the padding.
        """
        if not any(self.has_time(name) for name in self.inputs):
            raise ExportError(f"length={steps} expected an input whose time is None, got {self.shapes()}.")

        def function(length, **inputs):
            inputs = {name: value[:, :length] if self.has_time(name) else value for name, value in inputs.items()}
            return {name: self._with_static_time(name, value, steps) for name, value in self.call(inputs).items()}

        return Signature(function, [*self.specs(1, (steps,)), tf.TensorSpec((), tf.int32, name="length")])

    def _with_static_time(self, name: str, value: tf.Tensor, steps: int) -> tf.Tensor:
        if not self.has_time(name):
            return value
        missing = [[0, 0], [0, steps - tf.shape(value)[1]], *[[0, 0]] * (value.shape.rank - 2)]
        return tf.reshape(tf.pad(value, missing), (1, steps, *value.shape[2:]))

    @functools.cached_property
    def states(self) -> dict[str, tf.Tensor]:
        """The states at the beginning of a stream, for a batch of 1."""
        recurrent = [layer for layer in all_layers(self.model) if isinstance(layer, keras.layers.RNN)]
        for layer in recurrent:
            if not isinstance(layer, RecurrentLayer):
                raise ExportError(
                    f"step=True expected layers of keras_rnn, got {layer.name}, a Keras {type(layer).__name__}."
                )
        if not recurrent:
            raise ExportError(f"step=True expected a recurrent layer of keras_rnn, got {self.model.name} with none.")
        if not any(self.has_time(name) for name in self.inputs):
            raise ExportError(f"step=True expected an input whose time is None, got {self.shapes()}.")
        zeros = {spec.name: tf.zeros(spec.shape, spec.dtype) for spec in self.specs(1, (1,))}
        stream = streaming.Stream()
        with streaming.reading(stream):
            try:
                self.call(zeros)
            except ValueError as error:
                reason = next(line for line in str(error).splitlines() if " expected " in line)
                raise ExportError(f"step=True: {re.sub(COLOURS, '', reason)}") from error
        return {name: tf.zeros_like(state) for name, state in stream.new_states.items()}

    def step(self, batch: int | None) -> Signature:
        """One time step of the inputs, and the states by name -> one step of the outputs, and the new states."""
        states = self.states

        def function(**inputs):
            stream = streaming.Stream({name: inputs.pop(name) for name in states})
            inputs = {
                name: tf.expand_dims(value, 1) if self.has_time(name) else value for name, value in inputs.items()
            }
            with streaming.reading(stream):
                outputs = self.call(inputs)
            outputs = {name: tf.squeeze(value, 1) if self.has_time(name) else value for name, value in outputs.items()}
            if batch:  # CompiledModel loses an output that is also a state: what nothing exceeds is another tensor
                outputs = {name: tf.minimum(value, value.dtype.max) for name, value in outputs.items()}
            return outputs | stream.new_states

        specs = [tf.TensorSpec((batch, state.shape[1]), state.dtype, name=name) for name, state in states.items()]
        return Signature(function, [*self.specs(batch, ()), *specs])

    def shapes(self) -> str:
        return ", ".join(f"{name} {tensor.shape}" for name, tensor in self.inputs.items())

    def checked(self, sample: Arrays) -> dict[str, np.ndarray]:
        """A user's inputs as arrays of the right names, types and shapes; ExportError if they aren't."""
        if set(sample) != set(self.inputs):
            raise ExportError(f"inputs expected arrays named {', '.join(self.inputs)}, got {', '.join(sample)}.")
        arrays = {}
        for spec in self.specs(None):
            arrays[spec.name] = np.asarray(sample[spec.name]).astype(spec.dtype.as_numpy_dtype)
            if not spec.shape.is_compatible_with(arrays[spec.name].shape):
                raise ExportError(f"{spec.name} expected shape {spec.shape}, got {arrays[spec.name].shape}.")
        return arrays

    def time_of(self, sample: Arrays) -> int | None:
        """The number of time steps of a sample; None if its length is always the same."""
        return next((value.shape[1] for name, value in sample.items() if self.has_time(name)), None)

    def random_inputs(self, batch: int = 2) -> Iterator[dict[str, np.ndarray]]:
        """Inputs of each of LENGTHS: normal numbers, and ids that every embedding has, 0 only at an end."""
        generator = np.random.default_rng(0)
        embeddings = [layer for layer in all_layers(self.model) if isinstance(layer, keras.layers.Embedding)]
        ids = min([layer.input_dim for layer in embeddings], default=2)
        for length in LENGTHS if any(self.has_time(name) for name in self.inputs) else LENGTHS[:1]:
            sample = {}
            for spec in self.specs(batch, (length,)):
                if spec.dtype == tf.string:
                    raise ExportError(f"{spec.name} expected inputs= to check with, as for all strings, got none.")
                if spec.dtype.is_floating:
                    sample[spec.name] = generator.normal(size=spec.shape).astype(spec.dtype.as_numpy_dtype)
                else:
                    numbers = generator.integers(min(1, ids - 1), ids, spec.shape)
                    if self.has_time(spec.name) and length > 2:
                        numbers[-1, length - length // 3 :] = 0
                    sample[spec.name] = numbers.astype(spec.dtype.as_numpy_dtype)
            yield sample
