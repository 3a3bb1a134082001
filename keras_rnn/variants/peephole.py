"""LSTM with peepholes: its gates see the memory."""

import keras
import tensorflow as tf

from keras_rnn.cells import LSTMCell, masked_product, named_arguments
from keras_rnn.variants.layer import VariantLayer


@keras.saving.register_keras_serializable(package="keras_rnn")
class PeepholeLSTMCell(LSTMCell):
    """One step of an LSTM whose gates see the memory (Gers & Schmidhuber, 2000, "Recurrent nets that time and count").

        input_gate, forget_gate = recurrent_activation(LSTMCell's sum + peephole_kernel * memory)
        memory = forget_gate * memory + input_gate * candidate
        output_gate = recurrent_activation(LSTMCell's sum + peephole_kernel * memory), of the new memory
        hidden = output_gate * activation(memory)

    In the form of Graves (2013, "Generating sequences with recurrent neural networks"), which the literature of
    convolutional LSTMs calls FC-LSTM: a gate sees the memory of its own unit only. The rows of peephole_kernel
    `(3, units)` are those of input gate, forget gate, output gate; zeros at the beginning, as if they weren't there.
    Call: as LSTMCell's.
    """

    weight_names = (*LSTMCell.weight_names, "peephole_kernel")

    def __init__(
        self,
        units,
        peephole_initializer="zeros",
        peephole_regularizer=None,
        peephole_constraint=None,
        **kwargs,
    ):
        super().__init__(units, **kwargs)
        self._take(named_arguments(locals()))

    def build(self, input_shape):
        super().build(input_shape)
        self.peephole_kernel = self._weight("peephole_kernel", (3, self.units), self.peephole_initializer)

    def step(self, projected, states, masks=None):
        hidden, memory = states
        gates = projected + masked_product(hidden, self.recurrent_kernel, masks)
        input_gate, forget_gate, candidate, output_gate = tf.split(gates, 4, axis=-1)
        to_input, to_forget, to_output = tf.unstack(tf.convert_to_tensor(self.peephole_kernel))
        input_gate = self.recurrent_activation(input_gate + to_input * memory)
        forget_gate = self.recurrent_activation(forget_gate + to_forget * memory)
        memory = forget_gate * memory + input_gate * self.activation(candidate)
        hidden = self.recurrent_activation(output_gate + to_output * memory) * self.activation(memory)
        return hidden, [hidden, memory]


@keras.saving.register_keras_serializable(package="keras_rnn")
class PeepholeLSTM(VariantLayer):
    """LSTM whose gates see the memory (Gers & Schmidhuber, 2000; Graves, 2013) over `(batch, time, features)`.

    The formula is PeepholeLSTMCell's.
    """

    cell_class, cell_name = PeepholeLSTMCell, "peephole_lstm_cell"
