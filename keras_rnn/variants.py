"""One time step of LSTM's variants: with peepholes, with a projection, with coupled gates.

Each takes the arguments of LSTMCell by name, and its own. Those with layer normalisation are in `layer_normalisation`,
with zoneout in `zoneout`. None has a fast path: all take the plain loop, after one product of all inputs.
"""

import numbers

import keras
import tensorflow as tf

from keras_rnn.cells import LSTMCell, masked_product, named_arguments


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
