"""The network that reads a picture row by row, and the recipe by which it is trained."""

from __future__ import annotations

from dataclasses import dataclass, field

from apps.mnist_rows.distortion import Distortion
from apps.mnist_rows.pictures import SIZE
from apps.pipeline import runs

NAME = "mnist_rows"


@dataclass(frozen=True)
class Recipe(runs.Recipe):
    """What decides a training run; the defaults are those of the shipped model."""

    units: int = 128  # of each direction
    dropout: float = 0.2
    epochs: int = 36
    batch_size: int = 128
    weight_decay: float = 0.02
    averaging: float = 0.06
    patience: int | None = 12  # at high learning rates the validation loss can plateau for that long
    distortion: Distortion = field(default_factory=Distortion)


QUICK = {"units": 64, "epochs": 3, "distortion": Distortion(shift=2.0, turn=8.0, scaling=0.08, shear=0.1, waves=0.6)}


def build_model(classes: int, units: int, dropout: float):
    """A Keras model: pictures float32 (batch, 28, 28), 0 to 1, white on black -> logits (batch, classes)."""
    import keras

    from keras_rnn import LSTM

    image = keras.Input((SIZE, SIZE), name="image")
    rows = image
    for layer in ("first", "second"):
        rows = keras.layers.Bidirectional(LSTM(units, return_sequences=True), name=layer)(rows)
    last = [rows[:, -1, :units], rows[:, 0, units:]]  # each direction's, after it has read all rows
    features = keras.layers.Concatenate()([*last, keras.ops.max(rows, axis=1)])
    logits = keras.layers.Dense(classes, name="logits")(keras.layers.Dropout(dropout)(features))
    return keras.Model(image, logits, name=NAME)
