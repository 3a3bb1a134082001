"""One time step: SimpleRNNCell, LSTMCell and GRUCell, side by side.

A cell's step comes in two pieces, so that the loop over time can do the first for all steps in one product:

    output, new_states = cell(inputs, states) = cell.step(cell.project(inputs), states)

`project` is inputs·kernel + bias, for any leading shape; `step` is the rest, which needs the states.

With the standard activations a layer doesn't run `step`: the same formulas, and their gradients by hand, run in its
place (`fast_paths/formulas.py`, or cuDNN's kernel), and are tested against it. A subclass with a `step` of its own
is run by that.
"""

import numbers
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

# keras.layers.RNN draws one dropout mask for a sequence, before its loop, only for cells of a class that Keras doesn't
# export. It is found by the method that RNN calls, so that our cells drop correctly under RNN and StackedRNNCells.
OneMaskPerSequence: Any = next((c for c in keras.layers.LSTMCell.__mro__ if "reset_dropout_mask" in vars(c)), object)

# Constructor arguments by their last word: the module that turns a name or a config into an object, and back.
KERAS_OBJECTS = {
    "activation": keras.activations,
    "initializer": keras.initializers,
    "regularizer": keras.regularizers,
    "constraint": keras.constraints,
}


def keras_objects(argument: str) -> Any:
    """The Keras module of a constructor argument such as `kernel_initializer`, None for a plain value."""
    return KERAS_OBJECTS.get(argument.rsplit("_", 1)[-1])


def named_arguments(constructor_locals: dict[str, Any]) -> dict[str, Any]:
    """The arguments that a constructor names, from its `locals()`."""
    return {name: value for name, value in constructor_locals.items() if name not in ("self", "kwargs", "__class__")}


def masked_product(inputs: tf.Tensor, kernel: tf.Tensor, masks: Sequence[tf.Tensor] | None) -> tf.Tensor:
    """inputs·kernel, for any leading shape; each of n dropout masks serves an n-th of the kernel's columns."""
    if masks is not None:
        parts = zip(masks, tf.split(kernel, len(masks), axis=1), strict=True)
        return tf.concat([masked_product(inputs * mask, part, None) for mask, part in parts], axis=-1)
    return tf.matmul(inputs, kernel) if inputs.shape.rank == 2 else tf.tensordot(inputs, kernel, 1)


class RecurrentCell(keras.layers.Layer, OneMaskPerSequence):
    """What the three cells share: arguments, weights, dropout. A subclass defines the first attributes and `step`.

    Weights: kernel `(features, gates * units)`, recurrent_kernel `(units, gates * units)`, bias `(gates * units,)`. The
    loop over time reads those of `weight_names` once.
    Dropout draws one mask a sequence: for all gates together (`implementation=2`) or for each (`implementation=1`).
    A user's own class of cell is run as it is: if it has a `call` of its own, by that at each step, otherwise by
    `project` for all steps and `step` in the plain loop.
    """

    gates: int
    state_size: int | list[int]
    state_names: tuple[str, ...] = ("hidden",)
    weight_names: tuple[str, ...] = ("kernel", "recurrent_kernel", "bias")
    implementation = 2
    dropout: float
    recurrent_dropout: float
    _dropout_mask: tuple[tf.Tensor, ...] | None
    _recurrent_dropout_mask: tuple[tf.Tensor, ...] | None

    def __init__(self, arguments: dict[str, Any], **kwargs):
        units = arguments["units"]
        if not isinstance(units, numbers.Integral) or units <= 0:
            raise ValueError(f"{type(self).__name__} expected units to be a positive integer, got {units!r}.")
        super().__init__(**kwargs)
        self._argument_names = ()
        # Keras's order of drawing seeds: after keras.utils.set_random_seed our initial weights are the twin's.
        if self.gates == 1:
            self.seed_generator = keras.random.SeedGenerator(arguments["seed"])
        self._take(arguments)
        if self.gates > 1:
            self.seed_generator = keras.random.SeedGenerator(arguments["seed"])
        self.units = self.output_size = int(units)
        self.dropout = min(1.0, max(0.0, self.dropout))
        self.recurrent_dropout = min(1.0, max(0.0, self.recurrent_dropout))
        if self.gates > 1 and self.recurrent_dropout:
            self.implementation = 1
        self.reset_dropout_mask()
        self.reset_recurrent_dropout_mask()

    def _take(self, arguments):
        self._argument_names = tuple(dict.fromkeys((*self._argument_names, *arguments)))
        for name, value in arguments.items():
            setattr(self, name, keras_objects(name).get(value) if keras_objects(name) else value)

    def build(self, input_shape):
        width = self.gates * self.units
        self.kernel = self._weight("kernel", (input_shape[-1], width), self.kernel_initializer)
        self.recurrent_kernel = self._weight("recurrent_kernel", (self.output_size, width), self.recurrent_initializer)
        self.bias = self._weight("bias", self._bias_shape(), self._bias_start()) if self.use_bias else None

    def _weight(self, name, shape, initializer):
        role = name.removesuffix("_kernel")  # kernel, recurrent or bias: the first word of the arguments about it
        regularizer, constraint = getattr(self, f"{role}_regularizer"), getattr(self, f"{role}_constraint")
        return self.add_weight(
            name=name, shape=shape, initializer=initializer, regularizer=regularizer, constraint=constraint
        )

    def _bias_shape(self):
        return (self.gates * self.units,)

    def _bias_start(self):
        return self.bias_initializer

    def _input_bias(self):
        return self.bias

    def project(self, inputs: tf.Tensor, masks: Sequence[tf.Tensor] | None = None) -> tf.Tensor:
        """inputs·kernel + bias: `(..., features)` -> `(..., gates * units)`, for one step or a whole sequence.

        `masks` are dropout masks `(batch, features)`, with which the inputs are `(batch, features)` or
        `(time, batch, features)`.
        """
        projected = masked_product(inputs, self.kernel, masks)
        return projected + self._input_bias() if self.use_bias else projected

    def with_step_masks(self, projected: tf.Tensor) -> tf.Tensor:
        """Appends what the cell must draw afresh at each training step (zoneout masks); nothing by default."""
        return projected

    def step(
        self, projected: tf.Tensor, states: Sequence[tf.Tensor], masks: Sequence[tf.Tensor] | None = None
    ) -> tuple[tf.Tensor, list[tf.Tensor]]:
        """One time step, from `project`'s `(batch, gates * units)`; `masks` drop the hidden state, `(batch, units)`."""
        raise NotImplementedError

    def call(self, inputs, states, training=False):
        lone_state = isinstance(self.state_size, int) and not isinstance(states, (list, tuple))
        inputs = tf.cast(tf.convert_to_tensor(inputs), self.compute_dtype)
        states = [tf.convert_to_tensor(state) for state in ([states] if lone_state else states)]
        masks = self.get_dropout_mask(inputs) if training else None
        recurrent_masks = self.get_recurrent_dropout_mask(states[0]) if training else None
        projected = self.project(inputs, masks)
        projected = self.with_step_masks(projected) if training else projected
        output, new_states = self.step(projected, states, recurrent_masks)
        return output, new_states[0] if lone_state else new_states

    def get_initial_state(self, batch_size=None):
        sizes = [self.state_size] if isinstance(self.state_size, int) else self.state_size
        return [tf.zeros((batch_size, size), self.compute_dtype) for size in sizes]

    def draw_masks(self, like: tf.Tensor, rate: float) -> tuple[tf.Tensor, ...] | None:
        """New dropout masks in the shape of `like`, for `project` or `step`; None where nothing is dropped."""
        # As in Keras, a rate of 1 drops everything in SimpleRNN and nothing in the cells with gates.
        if rate == 0 or (rate == 1 and self.gates > 1):
            return None
        count = self.gates if self.implementation == 1 else 1
        return tuple(keras.random.dropout(tf.ones_like(like), rate, seed=self.seed_generator) for _ in range(count))

    def get_dropout_mask(self, step_input: tf.Tensor) -> tuple[tf.Tensor, ...] | None:
        """The masks of the inputs `(batch, features)`, the same until reset_dropout_mask. keras.layers.RNN calls it."""
        if self._dropout_mask is None:
            self._dropout_mask = self.draw_masks(step_input, self.dropout)
        return self._dropout_mask

    def get_recurrent_dropout_mask(self, step_input: tf.Tensor) -> tuple[tf.Tensor, ...] | None:
        """The masks of the hidden state `(batch, units)`, the same until `reset_recurrent_dropout_mask`."""
        if self._recurrent_dropout_mask is None:
            self._recurrent_dropout_mask = self.draw_masks(step_input, self.recurrent_dropout)
        return self._recurrent_dropout_mask

    def reset_dropout_mask(self):
        self._dropout_mask = None

    def reset_recurrent_dropout_mask(self):
        self._recurrent_dropout_mask = None

    def get_config(self):
        config = {}
        for name in self._argument_names:
            value = getattr(self, name)
            config[name] = keras_objects(name).serialize(value) if keras_objects(name) else value
        return {**super().get_config(), **config}


def class_has_own(cell: RecurrentCell, *methods: str) -> bool:
    """Whether the user's class has one of these methods in place of keras_rnn's."""

    def package(name):
        owner = next(each for each in type(cell).__mro__ if name in vars(each))
        return owner.__module__.partition(".")[0]

    return any(package(name) not in (__package__, "keras") for name in methods)


def has_own(cell: RecurrentCell, *methods: str) -> bool:
    """Whether one of these methods isn't keras_rnn's: the user's class has its own, or the cell was given one."""
    return any(name in vars(cell) for name in methods) or class_has_own(cell, *methods)


def with_weights(cell: RecurrentCell, **weights: tf.Tensor | None) -> RecurrentCell:
    """`cell` with tensors in place of its variables: all of its methods, and nothing that can be trained."""
    fixed = object.__new__(type(cell))  # not by its constructor, which makes variables and draws a seed
    fixed.__dict__.update(vars(cell) | weights)
    return fixed


@keras.saving.register_keras_serializable(package="keras_rnn")
class SimpleRNNCell(RecurrentCell):
    """One step of a simple recurrent network (Elman, 1990, "Finding structure in time").

        hidden = activation(inputs·kernel + bias + hidden·recurrent_kernel)

    Call: `output, [hidden] = cell(inputs, [hidden])`; inputs `(batch, features)`, output and hidden `(batch, units)`.
    The arguments are those of `keras.layers.SimpleRNNCell`.
    """

    gates = 1

    def __init__(
        self,
        units,
        activation="tanh",
        use_bias=True,
        kernel_initializer="glorot_uniform",
        recurrent_initializer="orthogonal",
        bias_initializer="zeros",
        kernel_regularizer=None,
        recurrent_regularizer=None,
        bias_regularizer=None,
        kernel_constraint=None,
        recurrent_constraint=None,
        bias_constraint=None,
        dropout=0.0,
        recurrent_dropout=0.0,
        seed=None,
        **kwargs,
    ):
        super().__init__(named_arguments(locals()), **kwargs)
        self.state_size = self.units

    def step(self, projected, states, masks=None):
        (hidden,) = states
        hidden = self.activation(projected + masked_product(hidden, self.recurrent_kernel, masks))
        return hidden, [hidden]


@keras.saving.register_keras_serializable(package="keras_rnn")
class LSTMCell(RecurrentCell):
    """One step of long short-term memory (Hochreiter & Schmidhuber, 1997), with a forget gate (Gers et al., 2000).

        input_gate, forget_gate, output_gate = recurrent_activation(inputs·kernel + bias + hidden·recurrent_kernel)
        candidate = activation(the same with its own columns of the kernels)
        memory = forget_gate * memory + input_gate * candidate
        hidden = output_gate * activation(memory)

    The kernels' columns are those of input gate, forget gate, candidate, output gate.
    Call: `output, [hidden, memory] = cell(inputs, [hidden, memory])`; inputs `(batch, features)`, the rest
    `(batch, units)`. The arguments are those of `keras.layers.LSTMCell`.
    """

    gates = 4
    state_names = ("hidden", "memory")

    def __init__(
        self,
        units,
        activation="tanh",
        recurrent_activation="sigmoid",
        use_bias=True,
        kernel_initializer="glorot_uniform",
        recurrent_initializer="orthogonal",
        bias_initializer="zeros",
        unit_forget_bias=True,
        kernel_regularizer=None,
        recurrent_regularizer=None,
        bias_regularizer=None,
        kernel_constraint=None,
        recurrent_constraint=None,
        bias_constraint=None,
        dropout=0.0,
        recurrent_dropout=0.0,
        seed=None,
        implementation=2,
        **kwargs,
    ):
        super().__init__(named_arguments(locals()), **kwargs)
        self.state_size = [self.units, self.units]

    def _bias_start(self):
        if not self.unit_forget_bias:
            return self.bias_initializer

        def ones_for_the_forget_gate(shape, *args, **kwargs):
            parts = [(self.bias_initializer, 1), (keras.initializers.Ones(), 1), (self.bias_initializer, 2)]
            return tf.concat([start((count * self.units,), *args, **kwargs) for start, count in parts], axis=0)

        return ones_for_the_forget_gate

    def step(self, projected, states, masks=None):
        hidden, memory = states
        gates = projected + masked_product(hidden, self.recurrent_kernel, masks)
        input_gate, forget_gate, candidate, output_gate = tf.split(gates, 4, axis=-1)
        memory = self.recurrent_activation(forget_gate) * memory
        memory += self.recurrent_activation(input_gate) * self.activation(candidate)
        hidden = self.recurrent_activation(output_gate) * self.activation(memory)
        return hidden, [hidden, memory]


@keras.saving.register_keras_serializable(package="keras_rnn")
class GRUCell(RecurrentCell):
    """One step of a gated recurrent unit (Cho et al., 2014).

        update_gate, reset_gate = recurrent_activation(inputs·kernel + bias + hidden·recurrent_kernel)
        candidate = activation(inputs·kernel + bias + (reset_gate * hidden)·recurrent_kernel)
        hidden = update_gate * hidden + (1 - update_gate) * candidate

    With `reset_after` (cuDNN's form) the reset gate multiplies `hidden·recurrent_kernel + recurrent_bias` and the bias
    is `(2, 3 * units)`. The kernels' columns are those of update gate, reset gate, candidate.
    Call: `output, [hidden] = cell(inputs, [hidden])`; inputs `(batch, features)`, output and hidden `(batch, units)`.
    The arguments are those of `keras.layers.GRUCell`.
    """

    gates = 3

    def __init__(
        self,
        units,
        activation="tanh",
        recurrent_activation="sigmoid",
        use_bias=True,
        kernel_initializer="glorot_uniform",
        recurrent_initializer="orthogonal",
        bias_initializer="zeros",
        kernel_regularizer=None,
        recurrent_regularizer=None,
        bias_regularizer=None,
        kernel_constraint=None,
        recurrent_constraint=None,
        bias_constraint=None,
        dropout=0.0,
        recurrent_dropout=0.0,
        reset_after=True,
        seed=None,
        implementation=2,
        **kwargs,
    ):
        super().__init__(named_arguments(locals()), **kwargs)
        self.state_size = self.units

    def _bias_shape(self):
        return (2, 3 * self.units) if self.reset_after else (3 * self.units,)

    def _input_bias(self):
        return self.bias[0] if self.reset_after else self.bias

    def step(self, projected, states, masks=None):
        (hidden,) = states
        update, reset, candidate = tf.split(projected, 3, axis=-1)
        if self.reset_after:
            recurrent = masked_product(hidden, self.recurrent_kernel, masks)
            recurrent = recurrent + self.bias[1] if self.use_bias else recurrent
            recurrent_update, recurrent_reset, recurrent_candidate = tf.split(recurrent, 3, axis=-1)
        else:
            gates_kernel, candidate_kernel = tf.split(self.recurrent_kernel, [2 * self.units, self.units], axis=1)
            recurrent = masked_product(hidden, gates_kernel, masks and masks[:2])
            recurrent_update, recurrent_reset = tf.split(recurrent, 2, axis=-1)
        update_gate = self.recurrent_activation(update + recurrent_update)
        reset_gate = self.recurrent_activation(reset + recurrent_reset)
        if self.reset_after:
            recurrent_candidate = reset_gate * recurrent_candidate
        else:
            recurrent_candidate = masked_product(reset_gate * hidden, candidate_kernel, masks and masks[2:])
        candidate = self.activation(candidate + recurrent_candidate)
        hidden = update_gate * hidden + (1 - update_gate) * candidate
        return hidden, [hidden]
