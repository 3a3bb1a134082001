"""Which digit is in a picture? A bidirectional LSTM that reads it row by row, trained on MNIST or your own pictures.

    python -m apps.mnist_rows recognise photo.png

The network: the 28 rows, of 28 pixels each, are the time steps of two bidirectional LSTMs; the last state of each
direction and the maximum over time -> dense.

From Python: `from apps import mnist_rows; mnist_rows.load().recognise("photo.png")`.
"""

from apps.mnist_rows.use import Answer, Recogniser, load

__all__ = ["Answer", "Recogniser", "load"]
