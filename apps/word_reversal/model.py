"""The encoder-decoder with attention: Sutskever et al. 2014, Bahdanau et al. 2015; the score is Luong et al.'s 2015
("general"), scaled as Vaswani et al. do (2017).

    ids      [START] h  e  y          the encoder, a bidirectional LSTM, reads them all
               |     |  |  |
    encoded    .     .  .  .  <---- attention: where the decoder looks, a weight for each
                                         |
    previous [START] y  e  h         the decoder, an LSTM, reads what has been written
                |    |  |  |
    logits      y    e  h [END]      and says what comes next
"""

from __future__ import annotations

from dataclasses import dataclass

from apps.pipeline import runs
from apps.word_reversal.alphabet import PADDING

NAME = "word_reversal"
STATES = ("hidden", "memory")  # of the decoder


@dataclass(frozen=True)
class Recipe(runs.Recipe):
    """What decides a training run; the defaults are those of the shipped model."""

    units: int = 128  # of each direction, of the decoder and of each letter
    dropout: float = 0.0
    epochs: int = 20
    batches: int = 250  # of random strings, an epoch
    warm_up: float = 0.05
    averaging: float = 0.03
    patience: int | None = 12  # at high learning rates the validation loss can plateau for that long


FOR_PAIRS = {"epochs": 20, "batch_size": 32, "dropout": 0.2}
QUICK = {"epochs": 8}


def build_encoder(symbols: int, units: int, dropout: float):
    """ids int32 (batch, time), 0 = padding -> what attention looks at, `encoded` (batch, time, 3 * units), and the
    decoder's first states, each (batch, units)."""
    import keras

    from keras_rnn import LSTM

    ids = keras.Input((None,), dtype="int32", name="ids")
    letters = keras.layers.Embedding(symbols, units, name="letters")(ids)
    inputs = keras.layers.Dropout(dropout)(letters)
    read = LSTM(units, return_sequences=True, return_state=True)
    is_letter = keras.ops.not_equal(ids, PADDING)
    both, *states = keras.layers.Bidirectional(read, name="both_directions")(inputs, mask=is_letter)
    first = [
        keras.layers.Dense(units, activation="tanh", name=f"first_{name}")(keras.ops.concatenate(pair, axis=-1))
        for name, pair in zip(STATES, (states[0::2], states[1::2]), strict=True)
    ]
    # The letters themselves too: to copy one needs no learning by the LSTMs, which have to tell where it is.
    encoded = keras.ops.concatenate([both, letters], axis=-1)
    return keras.Model(ids, {"encoded": encoded, **dict(zip(STATES, first, strict=True))}, name="encoder")


def build_decoder(symbols: int, units: int, dropout: float):
    """What the encoder got and gave, and what has been written before each step, previous int32 (batch, steps) ->
    logits (batch, steps, symbols), attention (batch, steps, time) and the last states.

    One step or all of an answer: the same layers.
    """
    import keras

    from keras_rnn import LSTM

    ids = keras.Input((None,), dtype="int32", name="ids")
    encoded = keras.Input((None, 3 * units), name="encoded")
    previous = keras.Input((None,), dtype="int32", name="previous")
    first = [keras.Input((units,), name=name) for name in STATES]
    letters = keras.layers.Embedding(symbols, units, name="previous_letters")(previous)
    letters = keras.layers.Dropout(dropout)(letters)
    write = LSTM(units, return_sequences=True, return_state=True, name="write")
    written, *states = write(letters, initial_state=first)
    query = keras.layers.Dense(3 * units, use_bias=False, name="query")(written) / (3 * units) ** 0.5
    scores = keras.ops.matmul(query, keras.ops.transpose(encoded, (0, 2, 1)))
    is_padding = keras.ops.cast(keras.ops.equal(keras.ops.expand_dims(ids, 1), PADDING), "float32")
    attention = keras.ops.softmax(scores - 1e9 * is_padding, axis=-1)
    seen = keras.ops.matmul(attention, encoded)
    features = keras.layers.Dense(units, activation="tanh", name="features")(
        keras.ops.concatenate([seen, written], axis=-1)
    )
    logits = keras.layers.Dense(symbols, name="logits")(keras.layers.Dropout(dropout)(features))
    outputs = {"logits": logits, "attention": attention, **dict(zip(STATES, states, strict=True))}
    inputs = {"ids": ids, "encoded": encoded, "previous": previous, **dict(zip(STATES, first, strict=True))}
    return keras.Model(inputs, outputs, name="decoder")


def build_model(symbols: int, units: int, dropout: float):
    """Both, to be trained with the right letters as `previous`: {"ids", "previous"} -> logits."""
    import keras

    encoder, decoder = build_encoder(symbols, units, dropout), build_decoder(symbols, units, dropout)
    ids = keras.Input((None,), dtype="int32", name="ids")
    previous = keras.Input((None,), dtype="int32", name="previous")
    outputs = decoder({"ids": ids, "previous": previous, **encoder(ids)})
    return keras.Model({"ids": ids, "previous": previous}, outputs["logits"], name=NAME)
