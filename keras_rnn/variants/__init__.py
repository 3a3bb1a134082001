"""Variants of LSTM and GRU, cell and layer in one file each.

A cell takes the arguments of LSTMCell or GRUCell by name, and its own; a layer those of its cell and of
keras.layers.RNN. None has a fast path: all take the plain loop, after one product of all inputs.
"""

from keras_rnn.variants.coupled_gates import CoupledLSTM, CoupledLSTMCell
from keras_rnn.variants.layer_normalisation import LayerNormGRU, LayerNormGRUCell, LayerNormLSTM, LayerNormLSTMCell
from keras_rnn.variants.peephole import PeepholeLSTM, PeepholeLSTMCell
from keras_rnn.variants.projection import ProjectedLSTM, ProjectedLSTMCell
from keras_rnn.variants.zoneout import ZoneoutGRU, ZoneoutGRUCell, ZoneoutLSTM, ZoneoutLSTMCell

__all__ = [
    "CoupledLSTM",
    "CoupledLSTMCell",
    "LayerNormGRU",
    "LayerNormGRUCell",
    "LayerNormLSTM",
    "LayerNormLSTMCell",
    "PeepholeLSTM",
    "PeepholeLSTMCell",
    "ProjectedLSTM",
    "ProjectedLSTMCell",
    "ZoneoutGRU",
    "ZoneoutGRUCell",
    "ZoneoutLSTM",
    "ZoneoutLSTMCell",
]
