"""Recurrent layers written from scratch, drop-in replacements for those of Keras on TensorFlow, and their export."""

import native_logs

with native_logs.filtered():  # TensorFlow tells of what it finds while it is imported
    import keras

if keras.backend.backend() != "tensorflow":
    raise ImportError(
        f'keras_rnn expected the Keras backend "tensorflow", got "{keras.backend.backend()}": '
        "set the environment variable KERAS_BACKEND=tensorflow before Keras is imported."
    )

from keras_rnn import convert
from keras_rnn.artifacts import Signature
from keras_rnn.cells import GRUCell, LSTMCell, SimpleRNNCell
from keras_rnn.exporting import Exported, ExportError, export
from keras_rnn.exporting_functions import export_functions
from keras_rnn.layers import GRU, LSTM, SimpleRNN
from keras_rnn.variants.coupled_gates import CoupledLSTM, CoupledLSTMCell
from keras_rnn.variants.layer_normalisation import LayerNormGRU, LayerNormGRUCell, LayerNormLSTM, LayerNormLSTMCell
from keras_rnn.variants.peephole import PeepholeLSTM, PeepholeLSTMCell
from keras_rnn.variants.projection import ProjectedLSTM, ProjectedLSTMCell
from keras_rnn.variants.zoneout import ZoneoutGRU, ZoneoutGRUCell, ZoneoutLSTM, ZoneoutLSTMCell

__version__ = "0.2.0"
__all__ = [
    "GRU",
    "LSTM",
    "CoupledLSTM",
    "CoupledLSTMCell",
    "ExportError",
    "Exported",
    "GRUCell",
    "LSTMCell",
    "LayerNormGRU",
    "LayerNormGRUCell",
    "LayerNormLSTM",
    "LayerNormLSTMCell",
    "PeepholeLSTM",
    "PeepholeLSTMCell",
    "ProjectedLSTM",
    "ProjectedLSTMCell",
    "Signature",
    "SimpleRNN",
    "SimpleRNNCell",
    "ZoneoutGRU",
    "ZoneoutGRUCell",
    "ZoneoutLSTM",
    "ZoneoutLSTMCell",
    "convert",
    "export",
    "export_functions",
]
