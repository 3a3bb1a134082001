"""The network that says which symbol comes next, and the recipe by which it is trained."""

from __future__ import annotations

from dataclasses import dataclass

from apps.pipeline import runs

NAME = "shakespeare"
SAMPLINGS = ("sequential", "random")


@dataclass(frozen=True)
class Recipe(runs.Recipe):
    """What decides a training run; the defaults are those of the shipped model."""

    level: str = "char"
    most: int | None = None  # symbols; the rarer ones are unknown
    units: int = 256
    layers: int = 2
    dropout: float = 0.25
    sampling: str = "sequential"
    epochs: int = 30
    batch_size: int = 32
    window: int = 128
    learning_rate: float = 4e-3
    weight_decay: float = 0.02
    warm_up: float = 0.05
    averaging: float = 0.07
    averaging_steps: int | None = 500
    unknown_rate: float = 0.001
    patience: int | None = 5


QUICK = {"epochs": 8}
MOST_WORDS = 20_000  # of a model of words


def build_model(symbols: int, units: int, layers: int, dropout: float):
    """A Keras model: ids int32 (batch, time) -> logits (batch, time, symbols) of the ids that follow."""
    import keras

    from keras_rnn import LSTM

    ids = keras.Input((None,), dtype="int32", name="ids")
    start = keras.initializers.RandomNormal(stddev=0.1)
    embedding = keras.layers.ReversibleEmbedding(symbols, units, embeddings_initializer=start, name="embedding")
    hidden = embedding(ids)
    for number in range(1, layers + 1):
        hidden = LSTM(units, return_sequences=True, name=f"layer_{number}")(hidden)
        hidden = keras.layers.Dropout(dropout)(hidden)
    return keras.Model(ids, {"logits": embedding(hidden, reverse=True)}, name=NAME)
