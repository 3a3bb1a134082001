"""What a Keras model looks like from outside: named inputs and outputs, whole, padded or one step at a time."""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf

from keras_rnn import streaming
from keras_rnn.artifacts import Signature
from keras_rnn.failures import ExportError, all_layers, problem
from keras_rnn.layers import RecurrentLayer
from keras_rnn.runtimes import Arrays


def distinct(names: Sequence[str]) -> list[str]:
    """The names as identifiers; a repeated one gets a number: `lstm`, `lstm_2`."""
    names = [re.sub(r"\W", "_", name, flags=re.ASCII) for name in names]
    names = [name if name[:1].isalpha() else f"tensor_{name}" for name in names]  # otherwise TensorFlow renames it
    found: list[str] = []
    for name in names:
        numbered = (f"{name}_{number}" for number in itertools.count(2))
        found.append(next(new for new in numbered if new not in (*names, *found)) if name in found else name)
    return found


def separate(outputs: Mapping[str, tf.Tensor], first: int = 0) -> dict[str, tf.Tensor]:
    """Makes every output a distinct tensor.

    CompiledModel sees only the last name of a tensor with two, and the converter merges tensors that it can prove
    equal. min(value, largest float) equals value, but not provably.

    Args:
        first: 1 if the first output has another name too, that of a state of `step`.
    """
    separated = {}
    for number, (name, value) in enumerate(outputs.items(), first):
        if number and value.dtype == tf.float32:
            value = tf.minimum(value, tf.float32.max * (1 - number * 2**-20))
        elif number and value.dtype in (tf.int32, tf.int64):
            value = tf.minimum(value, value.dtype.max - number)
        separated[name] = value
    return separated


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


def over_time(tensors: Mapping[str, keras.KerasTensor]) -> set[str]:
    """The names of those with a time axis of any size."""
    return {name for name, tensor in tensors.items() if len(tensor.shape) > 1 and tensor.shape[1] is None}


class Interface:
    """A model's inputs and outputs by name, and its signatures.

    inputs, outputs: Keras tensors by name. A time axis comes after the batch and has the size None.
    inputs_over_time, outputs_over_time: the names of those with a time axis.
    resources: what the signatures' functions use.
    """

    def __init__(self, model: keras.Model):
        if not getattr(model, "inputs", None):
            got = getattr(model, "name", model)
            raise ExportError(
                f"expected a model that knows its inputs, Functional or Sequential with keras.Input, got {got}: "
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
        self.inputs_over_time = over_time(self.inputs)
        self.outputs_over_time = over_time(self.outputs)
        tables = [layer.lookup_table for layer in all_layers(model) if hasattr(layer, "lookup_table")]
        self.resources: list[Any] = [model, *tables]

    def call(self, inputs: Mapping[str, Any]) -> dict[str, tf.Tensor]:
        """The model's outputs, in inference."""
        values = [inputs[name] for name in self.inputs]
        structure = values[0] if is_sequential(self.model) else keras.tree.pack_sequence_as(self.model.input, values)
        return dict(zip(self.outputs, keras.tree.flatten(self.model(structure, training=False)), strict=True))

    def specs(self, batch: int | None, time: tuple[int | None, ...] = (None,)) -> list[tf.TensorSpec]:
        """One for each input, with `time` as the size of its time axis."""
        return [
            tf.TensorSpec(
                (batch, *(time if name in self.inputs_over_time else tensor.shape[1:2]), *tensor.shape[2:]),
                tensor.dtype,
                name=name,
            )
            for name, tensor in self.inputs.items()
        ]

    def whole(self, batch: int | None) -> Signature:
        """Inputs -> outputs."""
        return Signature(
            lambda **inputs: separate(self.call(inputs)) if batch else self.call(inputs), self.specs(batch)
        )

    def padded(self, steps: int) -> Signature:
        """Inputs of `steps` time steps, and `length` int32 (), how many of them count -> outputs; batch 1.

        CompiledModel takes static shapes only, but inside they may be dynamic: no layer sees the padding.
        """

        def function(length, **inputs):
            inputs = {
                name: value[:, :length] if name in self.inputs_over_time else value for name, value in inputs.items()
            }
            outputs = separate(self.call(inputs))
            return {name: self._with_static_time(name, value, steps) for name, value in outputs.items()}

        return Signature(function, [*self.specs(1, (steps,)), tf.TensorSpec((), tf.int32, name="length")])

    def expect_known_time(self) -> None:
        """ExportError if a TimeDistributed doesn't know its number of steps: in a graph, Keras takes the batch's."""
        distributed = [layer for layer in all_layers(self.model) if isinstance(layer, keras.layers.TimeDistributed)]
        if not distributed:
            return
        operations = self.whole(None).trace().graph.get_operations()
        scopes = {
            re.sub(r"_\d+$", "", scope)
            for scope in re.findall(r"(\w+)/loop_body/", " ".join(o.name for o in operations))
        }
        for layer in distributed:
            if layer.name in scopes:
                raise ExportError(
                    f"{layer.name} expected a number of time steps that is known, as Keras's TimeDistributed does in "
                    "all graphs, got None: give keras.Input that number, or leave TimeDistributed out where its layer "
                    "takes a sequence as it is, as Dense does."
                )

    def expect_length(self, steps: int) -> None:
        """ExportError if `padded` can't be made."""
        if not isinstance(steps, int) or steps < 1:
            raise ExportError(f"length expected a number of time steps of 1 or more, got {steps!r}.")
        self._expect_time(f"length={steps}")
        if "length" in self.inputs:
            raise ExportError(f"length={steps} expected inputs of other names, got one called length.")
        for name, tensor in self.outputs.items():
            if None in tensor.shape[2:]:
                raise ExportError(
                    f"length={steps} expected only the time of outputs to be of any size, "
                    f"got {name} of shape {tensor.shape}."
                )

    def _with_static_time(self, name: str, value: tf.Tensor, steps: int) -> tf.Tensor:
        if name not in self.outputs_over_time:
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
        self._expect_time("step=True")
        zeros = {spec.name: tf.zeros(spec.shape, spec.dtype) for spec in self.specs(1, (1,))}

        def begin():
            stream = streaming.Stream()
            with streaming.reading(stream):
                self.call(zeros)
            return stream

        try:
            stream = begin()
        except Exception as error:  # of any layer
            raise ExportError(f"step=True: {problem(self.model, begin, error)}") from error
        if taken := stream.new_states.keys() & (self.inputs.keys() | self.outputs.keys()):
            raise ExportError(
                f"step=True expected inputs and outputs of other names than {min(taken)}, which is a state."
            )
        return {name: tf.zeros_like(state) for name, state in stream.new_states.items()}

    def step(self, batch: int | None) -> Signature:
        """One time step of the inputs, and the states by name -> one step of the outputs, and the new states."""
        states = self.states

        def function(**inputs):
            stream = streaming.Stream({name: inputs.pop(name) for name in states})
            inputs = {
                name: tf.expand_dims(value, 1) if name in self.inputs_over_time else value
                for name, value in inputs.items()
            }
            with streaming.reading(stream):
                outputs = self.call(inputs)
            outputs = separate(outputs, first=1) if batch else outputs
            outputs = {
                name: tf.squeeze(value, 1) if name in self.outputs_over_time else value
                for name, value in outputs.items()
            }
            return outputs | stream.new_states

        specs = [tf.TensorSpec((batch, state.shape[1]), state.dtype, name=name) for name, state in states.items()]
        return Signature(function, [*self.specs(batch, ()), *specs])

    def _expect_time(self, option: str) -> None:
        if not self.inputs_over_time:
            shapes = ", ".join(f"{name} {tensor.shape}" for name, tensor in self.inputs.items())
            raise ExportError(f"{option} expected an input whose time is None, got {shapes}.")

    def time_of(self, sample: Arrays) -> int | None:
        """The number of time steps of a sample; None if its length is always the same."""
        return next((value.shape[1] for name, value in sample.items() if name in self.inputs_over_time), None)
