"""LSTM with a projection: a large memory, a small hidden state."""

import numbers

import keras
import tensorflow as tf

from keras_rnn.cells import LSTMCell, named_arguments
from keras_rnn.variants.layer import VariantLayer


@keras.saving.register_keras_serializable(package="keras_rnn")
class ProjectedLSTMCell(LSTMCell):
    """One step of an LSTM with a large memory and a small hidden state (Sak, Senior & Beaufays, 2014, "Long short-term
    memory recurrent neural network architectures for large scale acoustic modeling").

        memory = as LSTMCell's
        hidden = (output_gate * activation(memory))·projection_kernel

    As PyTorch's proj_size has it: without the paper's peepholes and its second, non-recurrent projection.
    recurrent_kernel is `(projection, 4 * units)`, projection_kernel `(units, projection)`.
    Call: `output, [hidden, memory] = cell(inputs, [hidden, memory])`; inputs `(batch, features)`, output and hidden
    `(batch, projection)`, memory `(batch, units)`.
    """

    weight_names = (*LSTMCell.weight_names, "projection_kernel")

    def __init__(
        self,
        units,
        projection,
        projection_initializer="glorot_uniform",
        projection_regularizer=None,
        projection_constraint=None,
        **kwargs,
    ):
        super().__init__(units, **kwargs)
        if not isinstance(projection, numbers.Integral) or projection <= 0:
            raise ValueError(f"{type(self).__name__} expected projection to be a positive integer, got {projection!r}.")
        self._take(named_arguments(locals()))
        self.output_size = int(projection)
        self.state_size = [self.output_size, self.units]

    def build(self, input_shape):
        super().build(input_shape)
        shape = (self.units, self.output_size)
        self.projection_kernel = self._weight("projection_kernel", shape, self.projection_initializer)

    def step(self, projected, states, masks=None):
        hidden, [_, memory] = LSTMCell.step(self, projected, states, masks)
        hidden = tf.matmul(hidden, self.projection_kernel)
        return hidden, [hidden, memory]


@keras.saving.register_keras_serializable(package="keras_rnn")
class ProjectedLSTM(VariantLayer):
    """LSTM with a projection (Sak, Senior & Beaufays, 2014) over `(batch, time, features)`.

    The formula is ProjectedLSTMCell's: outputs and hidden state are `projection` wide, the memory is `units` wide.
    """

    cell_class, cell_name = ProjectedLSTMCell, "projected_lstm_cell"
