"""The steps of the three cells and their gradients by hand, for tanh and sigmoid: what `gradient` loops over.

A step is nearly linear in the gradients that come back to it: what it multiplies them by depends on values of the
forward pass alone. So these factors are computed for many steps at once, and a step of the backward loop is left with
one product and a few multiplications. With g(x) for the gradient of x, z for what goes into a gate and ' for the step
before:

    SimpleRNN   hidden = tanh(z)
                g(z) = g(hidden) * (1 - hidden²); with relu, * (hidden > 0)
    LSTM        memory = f * memory' + i * c, hidden = o * tanh(memory)
                g(memory) += g(hidden) * o * (1 - tanh²(memory))
                g(z) = [g(memory), g(memory), g(memory), g(hidden)] * [c σ'(i), memory' σ'(f), i tanh'(c), tanh σ'(o)]
                g(memory') = g(memory) * f
    GRU         hidden = z * hidden' + (1 - z) * c, c = tanh(inputs·kernel + r * (hidden'·recurrent_kernel + bias))
                g(z) = g(hidden) * [(hidden' - c) σ'(z), (1 - z) tanh'(c) (hidden'·recurrent_kernel + bias) σ'(r),
                                    (1 - z) tanh'(c)]
                what goes into the recurrent product gets the last one times r

where σ'(s) = s (1 - s), tanh'(t) = 1 - t². g(hidden') is g(z)·recurrent_kernelᵀ and, in GRU, g(hidden) * z.

Arguments are as for one step, `(batch, ...)`, in `forward` and `backward`, and for a block of steps,
`(steps, batch, ...)`, in the other methods.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import keras
import tensorflow as tf

from keras_rnn.cells import GRUCell, LSTMCell, RecurrentCell, SimpleRNNCell

Tensors = list[tf.Tensor]
sigmoid_gradient = tf.raw_ops.SigmoidGrad  # y (1 - y) dy
tanh_gradient = tf.raw_ops.TanhGrad  # (1 - y²) dy


def columns(tensor: tf.Tensor, first: int, units: int) -> tf.Tensor:
    """`units` columns of a matrix: tf.split takes threads for it, and longer."""
    return tf.slice(tensor, [0, first], [-1, units])


def steps_before(first: tf.Tensor, states: tf.Tensor) -> tf.Tensor:
    """States after each step -> states before each step."""
    return tf.concat([tf.expand_dims(first, 0), states], 0)[:-1]  # no steps are none before them


def flat(block: tf.Tensor) -> tf.Tensor:
    """A block as a matrix: steps and batch become its rows."""
    return tf.reshape(block, [-1, block.shape[-1]])


class Formula:
    """What the three share. `saved_widths` and `kept_widths` count in units what `forward` saves, `backward` keeps."""

    states = 1
    saved_widths: tuple[int, ...]
    kept_widths: tuple[int, ...]

    def __init__(self, activation: Callable, kernel: tf.Tensor, bias: tf.Tensor, recurrent_kernel: tf.Tensor):
        self.activation = activation
        self.units = recurrent_kernel.shape[0]
        self.kernel, self.bias, self.recurrent_kernel = kernel, bias, recurrent_kernel
        self.kernel_transposed = self.recurrent_transposed = None

    def transpose(self) -> None:
        """Makes the copies that the way back multiplies by, once and outside its loop: from 256 units on, a product
        with `transpose_b` takes several times as long."""
        self.kernel_transposed = tf.transpose(self.kernel)
        self.recurrent_transposed = tf.transpose(self.recurrent_kernel)

    def saved_shapes(self, steps: int, batch: int | None) -> list[tuple[int | None, ...]]:
        """Of what a block of `steps` leaves for the way back: what `forward` saves, and the states before the block."""
        return [(steps, batch, self.units * width) for width in self.saved_widths] + [(batch, self.units)] * self.states

    def project(self, inputs: tf.Tensor) -> tf.Tensor:
        """inputs·kernel + bias, of a block."""
        projected = tf.matmul(flat(inputs), self.kernel) + self.bias
        return tf.reshape(projected, tf.concat([tf.shape(inputs)[:2], [self.kernel.shape[1]]], 0))

    def project_step(self, inputs: tf.Tensor) -> tf.Tensor:
        """inputs·kernel + bias, of a step."""
        return tf.matmul(inputs, self.kernel) + self.bias

    def recurrent(self, hidden: tf.Tensor) -> tf.Tensor:
        return tf.matmul(hidden, self.recurrent_kernel)

    def back_through_recurrent(self, gradient: tf.Tensor) -> tf.Tensor:
        return tf.matmul(gradient, self.recurrent_transposed)

    def forward(self, projected: tf.Tensor, states: Sequence[tf.Tensor]) -> tuple[Tensors, Tensors]:
        """New states; what is to be saved, the new states first."""
        raise NotImplementedError

    def factors(self, saved: Tensors, first: Tensors) -> Tensors:
        """What gradients are multiplied by, from what was saved and the states before the first step."""
        raise NotImplementedError

    def backward(self, factors: Tensors, gradients: Tensors) -> tuple[Tensors, Tensors]:
        """Gradients of the states before the step, and what is to be kept, from the gradients of those after it."""
        raise NotImplementedError

    def gates(self, kept: Tensors, factors: Tensors) -> tuple[tf.Tensor, tf.Tensor]:
        """Gradients of what the kernel made and of what the recurrent kernel made, from what was kept."""
        return kept[0], kept[0]

    def sums(
        self, kept: Tensors, factors: Tensors, inputs: tf.Tensor, saved: Tensors, first: Tensors
    ) -> tuple[tf.Tensor, Tensors]:
        """Gradients of the inputs; of kernel, bias and recurrent kernel, summed over the block."""
        projected, recurrent = self.gates(kept, factors)
        of_inputs = tf.matmul(flat(projected), self.kernel_transposed)
        of_weights = [
            tf.matmul(flat(inputs), flat(projected), transpose_a=True),
            tf.reduce_sum(flat(projected), 0),
            tf.matmul(flat(steps_before(first[0], saved[0])), flat(recurrent), transpose_a=True),
        ]
        return tf.reshape(of_inputs, tf.shape(inputs)), of_weights


class SimpleRNNFormula(Formula):
    """With tanh or relu. Saved: hidden. Kept: g(z)."""

    saved_widths = (1,)
    kept_widths = (1,)

    def forward(self, projected, states):
        hidden = self.activation(projected + self.recurrent(states[0]))
        return [hidden], [hidden]

    def factors(self, saved, first):
        (hidden,) = saved
        if self.activation is keras.activations.relu:
            return [tf.cast(hidden > 0, hidden.dtype)]
        return [1 - tf.square(hidden)]

    def backward(self, factors, gradients):
        kept = gradients[0] * factors[0]
        return [self.back_through_recurrent(kept)], [kept]


class LSTMFormula(Formula):
    """Saved: hidden, memory and the gates in Keras's order. Kept: g(z)."""

    states = 2
    saved_widths = (1, 1, 1, 1, 1, 1)
    kept_widths = (4,)

    def forward(self, projected, states):
        hidden, memory = states
        gates = projected + self.recurrent(hidden)
        input_gate, forget_gate, candidate, output_gate = (columns(gates, k * self.units, self.units) for k in range(4))
        input_gate, forget_gate, output_gate = map(tf.sigmoid, (input_gate, forget_gate, output_gate))
        candidate = tf.tanh(candidate)
        memory = forget_gate * memory + input_gate * candidate
        hidden = output_gate * tf.tanh(memory)
        return [hidden, memory], [hidden, memory, input_gate, forget_gate, candidate, output_gate]

    def factors(self, saved, first):
        _, memory, input_gate, forget_gate, candidate, output_gate = saved
        activated = tf.tanh(memory)
        gates = [
            sigmoid_gradient(y=input_gate, dy=candidate),
            sigmoid_gradient(y=forget_gate, dy=steps_before(first[1], memory)),
            tanh_gradient(y=candidate, dy=input_gate),
            sigmoid_gradient(y=output_gate, dy=activated),
        ]
        return [tf.concat(gates, -1), tanh_gradient(y=activated, dy=output_gate), forget_gate]

    def backward(self, factors, gradients):
        gates, through_hidden, forget_gate = factors
        hidden, memory = gradients
        memory = memory + hidden * through_hidden
        kept = tf.concat([memory, memory, memory, hidden], 1) * gates
        return [self.back_through_recurrent(kept), memory * forget_gate], [kept]


class GRUFormula(Formula):
    """With `reset_after`. Saved: hidden, update and reset gate, candidate, its part of the recurrent product with bias.
    Kept: g(hidden)."""

    saved_widths = (1, 1, 1, 1, 1)
    kept_widths = (1,)

    def __init__(self, activation, kernel, bias, recurrent_kernel, candidate_bias):
        super().__init__(activation, kernel, bias, recurrent_kernel)
        self.candidate_bias = candidate_bias

    def forward(self, projected, states):
        (hidden,) = states
        units = self.units
        recurrent = self.recurrent(hidden)
        gates = tf.sigmoid(columns(projected, 0, 2 * units) + columns(recurrent, 0, 2 * units))
        update_gate, reset_gate = columns(gates, 0, units), columns(gates, units, units)
        recurrent_candidate = columns(recurrent, 2 * units, units) + self.candidate_bias
        candidate = tf.tanh(columns(projected, 2 * units, units) + reset_gate * recurrent_candidate)
        hidden = candidate + update_gate * (hidden - candidate)
        return [hidden], [hidden, update_gate, reset_gate, candidate, recurrent_candidate]

    def factors(self, saved, first):
        hidden, update_gate, reset_gate, candidate, recurrent_candidate = saved
        to_candidate = tanh_gradient(y=candidate, dy=1 - update_gate)
        gates = [
            sigmoid_gradient(y=update_gate, dy=steps_before(first[0], hidden) - candidate),
            sigmoid_gradient(y=reset_gate, dy=to_candidate * recurrent_candidate),
            to_candidate * reset_gate,
        ]
        return [tf.concat(gates, -1), update_gate, to_candidate]

    def backward(self, factors, gradients):
        gates, update_gate, _ = factors
        (hidden,) = gradients
        recurrent = tf.concat([hidden, hidden, hidden], 1) * gates
        return [hidden * update_gate + self.back_through_recurrent(recurrent)], [hidden]

    def gates(self, kept, factors):
        (hidden,) = kept
        gates, _, to_candidate = factors
        recurrent = tf.concat([hidden, hidden, hidden], -1) * gates
        return tf.concat([recurrent[..., : 2 * self.units], hidden * to_candidate], -1), recurrent

    def sums(self, kept, factors, inputs, saved, first):
        of_inputs, of_weights = super().sums(kept, factors, inputs, saved, first)
        return of_inputs, [*of_weights, tf.reduce_sum(kept[0] * factors[0][..., 2 * self.units :], [0, 1])]


def formula_of(cell: RecurrentCell) -> type[Formula] | None:
    """The formula for what `cell` computes, None if there is none here."""
    tanh, sigmoid = keras.activations.tanh, keras.activations.sigmoid
    if type(cell) is SimpleRNNCell:
        return SimpleRNNFormula if cell.activation in (tanh, keras.activations.relu) else None
    if type(cell) not in (LSTMCell, GRUCell) or (cell.activation, cell.recurrent_activation) != (tanh, sigmoid):
        return None
    if type(cell) is LSTMCell:
        return LSTMFormula
    return GRUFormula if cell.reset_after else None
