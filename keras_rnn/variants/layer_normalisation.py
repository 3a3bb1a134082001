"""LSTM and GRU with layer normalisation."""

import keras
import tensorflow as tf

from keras_rnn.cells import GRUCell, LSTMCell, masked_product, named_arguments
from keras_rnn.variants.layer import VariantLayer


def normalised(values: tf.Tensor, gamma: tf.Tensor, epsilon: float) -> tf.Tensor:
    """Layer normalisation (Ba, Kiros & Hinton, 2016) of the last axis, without its bias."""
    wide = tf.cast(values, tf.float32) if values.dtype.size < 4 else values  # a square soon leaves 16 bits
    mean, variance = tf.nn.moments(wide, axes=[-1], keepdims=True)
    return tf.cast((wide - mean) * tf.math.rsqrt(variance + epsilon), values.dtype) * gamma


@keras.saving.register_keras_serializable(package="keras_rnn")
class LayerNormLSTMCell(LSTMCell):
    """One step of an LSTM with layer normalisation (Ba, Kiros & Hinton, 2016, "Layer normalization").

        gates = normalised(inputs·kernel) * kernel_gamma + bias + normalised(hidden·recurrent_kernel) * recurrent_gamma
        memory = as LSTMCell's
        hidden = output_gate * activation(normalised(memory) * memory_gamma + memory_beta)

    A product is normalised over all gates together, as in the paper; its biases of the two products and of the gates,
    which are added to one another, are one. kernel_gamma and recurrent_gamma `(4 * units,)`, memory_gamma and
    memory_beta `(units,)`, which regularizers and constraints leave alone. Call: as LSTMCell's.
    """

    weight_names = (*LSTMCell.weight_names, "kernel_gamma", "recurrent_gamma", "memory_gamma", "memory_beta")

    def __init__(self, units, gamma_initializer="ones", beta_initializer="zeros", epsilon=1e-3, **kwargs):
        super().__init__(units, **kwargs)
        self._take(named_arguments(locals()))

    def build(self, input_shape):
        super().build(input_shape)
        self.kernel_gamma = self.add_weight((4 * self.units,), self.gamma_initializer, name="kernel_gamma")
        self.recurrent_gamma = self.add_weight((4 * self.units,), self.gamma_initializer, name="recurrent_gamma")
        self.memory_gamma = self.add_weight((self.units,), self.gamma_initializer, name="memory_gamma")
        self.memory_beta = self.add_weight((self.units,), self.beta_initializer, name="memory_beta")

    def project(self, inputs, masks=None):
        projected = normalised(masked_product(inputs, self.kernel, masks), self.kernel_gamma, self.epsilon)
        return projected + self.bias if self.use_bias else projected

    def step(self, projected, states, masks=None):
        hidden, memory = states
        recurrent = masked_product(hidden, self.recurrent_kernel, masks)
        gates = projected + normalised(recurrent, self.recurrent_gamma, self.epsilon)
        input_gate, forget_gate, candidate, output_gate = tf.split(gates, 4, axis=-1)
        memory = self.recurrent_activation(forget_gate) * memory
        memory += self.recurrent_activation(input_gate) * self.activation(candidate)
        shown = normalised(memory, self.memory_gamma, self.epsilon) + self.memory_beta
        hidden = self.recurrent_activation(output_gate) * self.activation(shown)
        return hidden, [hidden, memory]


@keras.saving.register_keras_serializable(package="keras_rnn")
class LayerNormLSTM(VariantLayer):
    """LSTM with layer normalisation (Ba, Kiros & Hinton, 2016) over `(batch, time, features)`.

    The formula is LayerNormLSTMCell's.
    """

    cell_class, cell_name = LayerNormLSTMCell, "layer_norm_lstm_cell"


@keras.saving.register_keras_serializable(package="keras_rnn")
class LayerNormGRUCell(GRUCell):
    """One step of a GRU with layer normalisation (Ba, Kiros & Hinton, 2016, "Layer normalization").

        update_gate, reset_gate = recurrent_activation(
            normalised(inputs·kernel) * kernel_gamma + bias + normalised(hidden·recurrent_kernel) * recurrent_gamma)
        candidate = activation(normalised(inputs·kernel) * kernel_gamma + bias
                               + reset_gate * (normalised(hidden·recurrent_kernel) * recurrent_gamma + recurrent_bias))
        hidden = update_gate * hidden + (1 - update_gate) * candidate

    The columns of the two gates are normalised together, those of the candidate by themselves, as in the paper, whose
    update gate is 1 minus this one. It resets after the product: `reset_after=False` is refused. The bias is
    `(2, 3 * units)`, kernel_gamma and recurrent_gamma `(3 * units,)`, which regularizers and constraints leave alone.
    Call: as GRUCell's.
    """

    weight_names = (*GRUCell.weight_names, "kernel_gamma", "recurrent_gamma")

    def __init__(self, units, gamma_initializer="ones", epsilon=1e-3, **kwargs):
        super().__init__(units, **kwargs)
        self._take(named_arguments(locals()))
        if not self.reset_after:
            raise ValueError(f"{type(self).__name__} expected reset_after=True, got {self.reset_after!r}.")

    def build(self, input_shape):
        super().build(input_shape)
        self.kernel_gamma = self.add_weight((3 * self.units,), self.gamma_initializer, name="kernel_gamma")
        self.recurrent_gamma = self.add_weight((3 * self.units,), self.gamma_initializer, name="recurrent_gamma")

    def _normalised(self, product, gamma):
        sizes = [2 * self.units, self.units]
        parts = zip(tf.split(product, sizes, axis=-1), tf.split(gamma, sizes), strict=True)
        return tf.concat([normalised(part, part_gamma, self.epsilon) for part, part_gamma in parts], axis=-1)

    def project(self, inputs, masks=None):
        projected = self._normalised(masked_product(inputs, self.kernel, masks), self.kernel_gamma)
        return projected + self.bias[0] if self.use_bias else projected

    def step(self, projected, states, masks=None):
        (hidden,) = states
        recurrent = self._normalised(masked_product(hidden, self.recurrent_kernel, masks), self.recurrent_gamma)
        recurrent = recurrent + self.bias[1] if self.use_bias else recurrent
        update, reset, candidate = tf.split(projected, 3, axis=-1)
        recurrent_update, recurrent_reset, recurrent_candidate = tf.split(recurrent, 3, axis=-1)
        update_gate = self.recurrent_activation(update + recurrent_update)
        reset_gate = self.recurrent_activation(reset + recurrent_reset)
        candidate = self.activation(candidate + reset_gate * recurrent_candidate)
        hidden = update_gate * hidden + (1 - update_gate) * candidate
        return hidden, [hidden]


@keras.saving.register_keras_serializable(package="keras_rnn")
class LayerNormGRU(VariantLayer):
    """GRU with layer normalisation (Ba, Kiros & Hinton, 2016) over `(batch, time, features)`.

    The formula is LayerNormGRUCell's.
    """

    cell_class, cell_name = LayerNormGRUCell, "layer_norm_gru_cell"
