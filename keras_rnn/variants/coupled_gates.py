"""LSTM with coupled gates: it forgets where it writes."""

import keras
import tensorflow as tf

from keras_rnn.cells import LSTMCell, masked_product
from keras_rnn.variants.layer import VariantLayer


@keras.saving.register_keras_serializable(package="keras_rnn")
class CoupledLSTMCell(LSTMCell):
    """One step of an LSTM that forgets where it writes (Greff et al., 2015, "LSTM: a search space odyssey": CIFG).

        memory = forget_gate * memory + (1 - forget_gate) * candidate
        hidden = output_gate * activation(memory)

    Three quarters of an LSTM's weights: the kernels' columns are those of forget gate, candidate, output gate.
    Call: as LSTMCell's.
    """

    gates = 3

    def _bias_start(self):
        if not self.unit_forget_bias:
            return self.bias_initializer

        def ones_for_the_forget_gate(shape, *args, **kwargs):
            parts = [(keras.initializers.Ones(), 1), (self.bias_initializer, 2)]
            return tf.concat([start((count * self.units,), *args, **kwargs) for start, count in parts], axis=0)

        return ones_for_the_forget_gate

    def step(self, projected, states, masks=None):
        hidden, memory = states
        gates = projected + masked_product(hidden, self.recurrent_kernel, masks)
        forget_gate, candidate, output_gate = tf.split(gates, 3, axis=-1)
        forget_gate = self.recurrent_activation(forget_gate)
        memory = forget_gate * memory + (1 - forget_gate) * self.activation(candidate)
        hidden = self.recurrent_activation(output_gate) * self.activation(memory)
        return hidden, [hidden, memory]


@keras.saving.register_keras_serializable(package="keras_rnn")
class CoupledLSTM(VariantLayer):
    """LSTM with coupled input and forget gates (Greff et al., 2015) over `(batch, time, features)`.

    The formula is CoupledLSTMCell's.
    """

    cell_class, cell_name = CoupledLSTMCell, "coupled_lstm_cell"
