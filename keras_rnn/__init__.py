"""Recurrent layers written from scratch, drop-in replacements for those of Keras on TensorFlow, and their export."""

import keras

if keras.backend.backend() != "tensorflow":
    raise ImportError(
        f'keras_rnn expected the Keras backend "tensorflow", got "{keras.backend.backend()}": '
        "set the environment variable KERAS_BACKEND=tensorflow before Keras is imported."
    )

from keras_rnn.cells import GRUCell, LSTMCell, SimpleRNNCell
from keras_rnn.exporting import Exported, ExportError, export
from keras_rnn.layers import GRU, LSTM, SimpleRNN

__version__ = "0.1.0"
__all__ = [
    "GRU",
    "LSTM",
    "ExportError",
    "Exported",
    "GRUCell",
    "LSTMCell",
    "SimpleRNN",
    "SimpleRNNCell",
    "export",
]
