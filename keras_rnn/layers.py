"""Cell + loop = a Keras layer: SimpleRNN, LSTM and GRU, with the arguments, weights and numbers of their Keras twins.

keras.layers.RNN brings what surrounds the loop: initial and returned states, stateful, Bidirectional.
"""

import inspect
from operator import attrgetter
from typing import Any

import keras
import tensorflow as tf

from keras_rnn import fast_paths, streaming
from keras_rnn.call_arguments import fitting_sequences, fitting_states
from keras_rnn.cells import GRUCell, LSTMCell, RecurrentCell, SimpleRNNCell, has_own, named_arguments


def time_major(mask: tf.Tensor | list | None) -> tf.Tensor | None:
    """A mask `(batch, time)`, or `(batch, time, 1)`, or a list of one, as bool `(time, batch)`."""
    given = keras.tree.flatten(mask)[0] if mask is not None else None
    if given is None:
        return None
    steps = tf.cast(given, tf.bool)
    return tf.transpose(steps if steps.shape.rank == 2 else tf.squeeze(steps, 2))


def argument_names(cell_class: type[RecurrentCell]) -> list[str]:
    """The arguments that a cell's constructor names, after those of the cell that it is a variant of: its layer takes
    them too and passes them on."""
    cells = [each for each in reversed(cell_class.__mro__) if RecurrentCell in each.__mro__[1:]]
    names = [name for each in cells for name in inspect.signature(each).parameters if name != "kwargs"]
    return list(dict.fromkeys(names))


# A cell that overrides one of these may not be `step` of `project`: it is called at each step.
BY_CALL = ("__call__", "call", "get_dropout_mask", "get_recurrent_dropout_mask")


class RecurrentLayer(keras.layers.RNN):
    """A cell run over `(batch, time, features)`: what the three layers share. A subclass has `cell_class`."""

    cell_class: type[RecurrentCell]
    cell_name: str

    def __init__(self, arguments: dict[str, Any], **kwargs):
        if arguments.get("use_cudnn", "auto") not in ("auto", True, False):
            raise ValueError(
                f'{type(self).__name__} expected use_cudnn "auto", True or False, got {arguments["use_cudnn"]!r}.'
            )
        use_cudnn = arguments.pop("use_cudnn", None)  # SimpleRNN has no such argument
        cell = self.cell_class(
            **{name: arguments.pop(name) for name in argument_names(self.cell_class) if name in arguments},
            name=self.cell_name,
            dtype=kwargs.get("dtype"),
            trainable=kwargs.get("trainable", True),
        )
        super().__init__(cell, **arguments, **kwargs)
        self.use_cudnn = use_cudnn
        self.input_spec = keras.layers.InputSpec(ndim=3)

    def call(self, sequences, initial_state=None, mask=None, training=False):
        if isinstance(self.cell, RecurrentCell):
            sequences = fitting_sequences(self, sequences)
        if streaming.active():
            initial_state = streaming.active().take(self, initial_state)
        return super().call(sequences, initial_state=initial_state, mask=mask, training=training)

    def inner_loop(self, sequences, initial_state, mask, training=False):
        ours = isinstance(self.cell, RecurrentCell)
        if streaming.active() and (not ours or (mask is not None and has_own(self.cell, "step", *BY_CALL))):
            raise ValueError(
                f"{self.name} expected a cell of keras_rnn to go step by step, or no mask, got "
                f"{type(self.cell).__name__}, which has a step of its own."
            )
        if not ours or has_own(self.cell, *BY_CALL):
            return self._loop_of_calls(sequences, initial_state, mask, training)
        initial_state = fitting_states(self, initial_state, sequences)
        last_output, outputs, states = fast_paths.run(
            self.cell,
            tf.transpose(sequences, [1, 0, 2]),
            initial_state,
            time_major(mask),
            # In a stream, a masked first step repeats the output of the step before, which is the hidden state.
            last_output=initial_state[0] if streaming.active() else None,
            go_backwards=self.go_backwards,
            unroll=self.unroll,
            zero_output_for_mask=self.zero_output_for_mask,
            return_all_outputs=self.return_sequences,
            purpose=fast_paths.Purpose.TRAINING if training else fast_paths.Purpose.INFERENCE,
            use_cudnn=self.use_cudnn,
        )
        if streaming.active():
            streaming.active().leave(self, states)
        return last_output, last_output if outputs is None else tf.transpose(outputs, [1, 0, 2]), states

    def _loop_of_calls(self, sequences, initial_state, mask, training):
        """Keras's loop, for a cell whose step is a `call` of its own."""
        if self.use_cudnn is True:
            raise ValueError(
                f"{self.name} expected a cell of keras_rnn for use_cudnn=True, got {type(self.cell).__name__}, which "
                "has a call of its own."
            )
        initial_state = keras.tree.map_structure(tf.convert_to_tensor, initial_state)
        if training:
            super()._maybe_config_dropout_masks(self.cell, sequences[:, 0], initial_state)
        mask = None if mask is None else keras.tree.flatten(mask)[0]
        last_output, outputs, states = super().inner_loop(sequences, initial_state, mask, training)
        if streaming.active():
            streaming.active().leave(self, states)
        return last_output, outputs, states

    def _maybe_config_dropout_masks(self, cell, input_sequence, input_state):
        """`inner_loop` draws the masks. RNN would even at inference: a random operator in every exported model."""

    def get_config(self):
        config = super().get_config()
        del config["cell"]
        cell_config = self.cell.get_config()
        config |= {name: cell_config[name] for name in argument_names(self.cell_class)}
        config["activity_regularizer"] = keras.regularizers.serialize(self.activity_regularizer)
        if self.use_cudnn is not None:
            config["use_cudnn"] = self.use_cudnn
        return config

    @classmethod
    def from_config(cls, config):
        return cls(**config)


for _name in dict.fromkeys(name for cell in (SimpleRNNCell, LSTMCell, GRUCell) for name in argument_names(cell)):
    setattr(RecurrentLayer, _name, property(attrgetter(f"cell.{_name}"), doc=f"`cell.{_name}`"))


@keras.saving.register_keras_serializable(package="keras_rnn")
class SimpleRNN(RecurrentLayer):
    """A simple recurrent network (Elman, 1990) over `(batch, time, features)`.

    The formula is SimpleRNNCell's; arguments, call arguments and outputs are those of `keras.layers.SimpleRNN`.
    """

    cell_class, cell_name = SimpleRNNCell, "simple_rnn_cell"

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
        activity_regularizer=None,
        kernel_constraint=None,
        recurrent_constraint=None,
        bias_constraint=None,
        dropout=0.0,
        recurrent_dropout=0.0,
        return_sequences=False,
        return_state=False,
        go_backwards=False,
        stateful=False,
        unroll=False,
        seed=None,
        **kwargs,
    ):
        super().__init__(named_arguments(locals()), **kwargs)


@keras.saving.register_keras_serializable(package="keras_rnn")
class LSTM(RecurrentLayer):
    """Long short-term memory (Hochreiter & Schmidhuber, 1997) over `(batch, time, features)`.

    The formula is LSTMCell's; arguments, call arguments and outputs are those of `keras.layers.LSTM`.
    """

    cell_class, cell_name = LSTMCell, "lstm_cell"

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
        activity_regularizer=None,
        kernel_constraint=None,
        recurrent_constraint=None,
        bias_constraint=None,
        dropout=0.0,
        recurrent_dropout=0.0,
        seed=None,
        return_sequences=False,
        return_state=False,
        go_backwards=False,
        stateful=False,
        unroll=False,
        use_cudnn="auto",
        implementation=2,
        **kwargs,
    ):
        super().__init__(named_arguments(locals()), **kwargs)


@keras.saving.register_keras_serializable(package="keras_rnn")
class GRU(RecurrentLayer):
    """Gated recurrent units (Cho et al., 2014) over `(batch, time, features)`.

    The formula is GRUCell's; arguments, call arguments and outputs are those of `keras.layers.GRU`.
    """

    cell_class, cell_name = GRUCell, "gru_cell"

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
        activity_regularizer=None,
        kernel_constraint=None,
        recurrent_constraint=None,
        bias_constraint=None,
        dropout=0.0,
        recurrent_dropout=0.0,
        seed=None,
        return_sequences=False,
        return_state=False,
        go_backwards=False,
        stateful=False,
        unroll=False,
        reset_after=True,
        use_cudnn="auto",
        implementation=2,
        **kwargs,
    ):
        super().__init__(named_arguments(locals()), **kwargs)
