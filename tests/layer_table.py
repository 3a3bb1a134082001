"""The one table of layers and options, and the witnesses that the tests compare every row of it with.

Every size differs from every other, weights and biases are random: equal ones can't see swapped axes or gates.
"""

from dataclasses import dataclass, field

import keras
import numpy as np

import keras_rnn

BATCH, TIME, FEATURES, UNITS = 5, 4, 6, 3

# One row of a batch for each shape of mask.
MASK = np.array(
    [
        [1, 1, 0, 0],  # right
        [0, 0, 1, 1],  # left
        [1, 0, 1, 0],  # in the middle
        [0, 0, 0, 0],  # all
        [1, 1, 1, 1],  # none
    ],
    bool,
)


@dataclass(frozen=True)
class Row:
    """A public layer of keras_rnn and the options to make it with."""

    name: str
    options: dict = field(default_factory=dict)

    def __str__(self):
        return "-".join([self.name, *(f"{option}={value}" for option, value in self.options.items())])

    def ours(self, **more):
        return self._made_by(keras_rnn, self.options | more)

    def twin(self, **more):
        options = self.options | more
        if options.get("implementation") == 1 and options.get("dropout") and not options.get("recurrent_dropout"):
            options["use_cudnn"] = False  # Keras 3.15 fails with "auto" here: it takes the list of masks for one mask
        return self._made_by(keras.layers, options)

    def _made_by(self, module, options):
        return getattr(module, self.name)(UNITS, **options)

    def pair(self, **more):
        """Our layer and its twin, built, with the same random weights."""
        layers = self.ours(**more), self.twin(**more)
        for layer in layers:
            layer.build((BATCH, TIME, FEATURES))
            layer.set_weights(random_weights(layer))
        return layers


COMMON = [
    {},
    {"return_sequences": True},
    {"go_backwards": True},
    {"go_backwards": True, "return_sequences": True},
    {"return_sequences": True, "zero_output_for_mask": True},
    {"zero_output_for_mask": True, "go_backwards": True},
    {"unroll": True, "return_sequences": True},
    {"unroll": True, "go_backwards": True, "zero_output_for_mask": True},
    {"use_bias": False},
    {"activation": "relu", "stateful": True},
    {"activation": None, "return_sequences": True},
    {"dropout": 0.4, "seed": 1, "return_sequences": True},
    {"recurrent_dropout": 0.4, "seed": 2},
    {"dropout": 0.3, "recurrent_dropout": 0.4, "seed": 3, "unroll": True},
    {"dropout": 1.0, "recurrent_dropout": 1.0, "seed": 4},
]
GATED = [
    {"recurrent_activation": "hard_sigmoid"},
    {"recurrent_activation": None, "activation": "softsign"},
    {"implementation": 1, "use_cudnn": False},
    {"implementation": 1, "dropout": 0.4, "seed": 5},
]
RESET_BEFORE = [
    {"reset_after": False},
    {"reset_after": False, "use_bias": False, "return_sequences": True, "go_backwards": True},
    {"reset_after": False, "dropout": 0.3, "recurrent_dropout": 0.4, "seed": 6},
]
ROWS = [
    *(Row("SimpleRNN", options) for options in COMMON),
    *(Row("LSTM", options) for options in [*COMMON, *GATED, {"unit_forget_bias": False}]),
    *(Row("GRU", options) for options in [*COMMON, *GATED, *RESET_BEFORE]),
]
NAMES = sorted({row.name for row in ROWS})


def is_quick(row: Row) -> bool:
    """Each layer by itself, and each of the options with one of the layers that have it, in turn: the others are slow.
    The code is mostly the same for all layers."""
    options = [each for number, each in enumerate(ROWS) if each.options not in [row.options for row in ROWS[:number]]]
    number = [each.options for each in options].index(row.options)
    names = [each.name for each in ROWS if each.options == row.options]
    return not row.options or names[number % len(names)] == row.name


QUICK_ROWS = [row for row in ROWS if is_quick(row)]

# Layers that Keras has no twin of. Their equations are in test_variants.
VARIANTS = {
    "PeepholeLSTM": {"peephole_initializer": "normal"},
    "ProjectedLSTM": {"projection": 2},
    "CoupledLSTM": {},
    "LayerNormLSTM": {},
    "LayerNormGRU": {},
    "ZoneoutLSTM": {"zoneout_hidden": 0.3, "zoneout_memory": 0.2},
    "ZoneoutGRU": {"zoneout_hidden": 0.3},
}
VARIANT_LOOPS = [
    {},
    {"return_sequences": True},
    {"go_backwards": True, "return_sequences": True, "zero_output_for_mask": True},
    {"unroll": True, "return_sequences": True},
    {"use_bias": False},
    {"activation": "relu", "recurrent_activation": "hard_sigmoid"},
]
VARIANT_ROWS = [Row(name, more | options) for name, more in VARIANTS.items() for options in VARIANT_LOOPS]
QUICK_VARIANT_ROWS = [  # each by itself, and each way of the loop with one or two of them
    row
    for number, row in enumerate(VARIANT_ROWS)
    if number % len(VARIANT_LOOPS) in (0, number // len(VARIANT_LOOPS) % len(VARIANT_LOOPS))
]


def random_weights(layer):
    """Random values for all weights; the same for layers of the same shapes. The state of a seed stays."""
    rng = np.random.default_rng(7)
    return [rng.normal(size=w.shape, scale=0.5) if w.dtype == "float32" else w.numpy() for w in layer.weights]


def random_inputs(*shape):
    return np.random.default_rng(8).normal(size=shape or (BATCH, TIME, FEATURES)).astype("float32")


def random_states(layer):
    rng = np.random.default_rng(9)
    return [rng.normal(size=(BATCH, size)).astype("float32") for size in layer.state_size]


ACTIVATIONS = {
    "linear": lambda x: x,
    "relu": lambda x: np.maximum(x, 0),
    "tanh": np.tanh,
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "hard_sigmoid": lambda x: np.clip(x / 6 + 0.5, 0, 1),
    "softsign": lambda x: x / (1 + np.abs(x)),
}


def one_step(layer, x, states):
    """The equations in NumPy, one gate at a time: the new states, of which the first is the output."""
    activation = ACTIVATIONS[keras.activations.serialize(layer.activation)]
    gates = {"SimpleRNN": 1, "LSTM": 4, "GRU": 3}[type(layer).__name__]
    W, U = (
        np.split(w.numpy().astype("float64"), gates, axis=1) for w in (layer.cell.kernel, layer.cell.recurrent_kernel)
    )
    bias = layer.cell.bias.numpy() if layer.use_bias else np.zeros(gates * UNITS)
    b = np.split(bias, gates, axis=-1)
    h = states[0]
    if gates == 1:
        return [activation(x @ W[0] + h @ U[0] + b[0])]
    sigma = ACTIVATIONS[keras.activations.serialize(layer.recurrent_activation)]
    if gates == 4:
        i, f, o = (sigma(x @ W[k] + h @ U[k] + b[k]) for k in (0, 1, 3))
        c = f * states[1] + i * activation(x @ W[2] + h @ U[2] + b[2])
        return [o * activation(c), c]
    if layer.reset_after:
        b, d = zip(*b, strict=True) if layer.use_bias else (b, b)
        z, r = (sigma(x @ W[k] + b[k] + h @ U[k] + d[k]) for k in (0, 1))
        return [z * h + (1 - z) * activation(x @ W[2] + b[2] + r * (h @ U[2] + d[2]))]
    z, r = (sigma(x @ W[k] + h @ U[k] + b[k]) for k in (0, 1))
    return [z * h + (1 - z) * activation(x @ W[2] + (r * h) @ U[2] + b[2])]


def by_the_equations(layer, inputs, states, mask, one_step=one_step):
    """Output and last states, sample by sample: a masked step isn't taken at all."""
    zeros = np.zeros(states[0].shape[1])
    outputs, lasts = [], []
    for sample in range(len(inputs)):
        state, output, row = [s[sample] for s in states], zeros, []
        for t in reversed(range(TIME)) if layer.go_backwards else range(TIME):
            if mask is None or mask[sample, t]:
                state = one_step(layer, inputs[sample, t], state)
                output = state[0]
            elif layer.zero_output_for_mask:
                output = zeros
            row.append(output)
        outputs.append(row if layer.return_sequences else output)
        lasts.append(state)
    return [np.array(outputs), *(np.array(state) for state in zip(*lasts, strict=True))]
