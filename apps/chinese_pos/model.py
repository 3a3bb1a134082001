"""The network that scores each character's place in a word and its tag, and the recipe by which it is trained."""

from __future__ import annotations

from dataclasses import dataclass

from apps.chinese_pos.lexicon import FEATURES, FIRST, LONGEST_WORD, PADDING, PLACES, Lexicon
from apps.pipeline import runs

NAME = "chinese_pos"


@dataclass(frozen=True)
class Recipe(runs.Recipe):
    """What decides a training run; the defaults are those of the shipped model."""

    units: int = 256  # of each direction
    character_size: int = 96  # of the embedding
    pair_size: int = 48
    pairs: int = 45_000  # that are known, the commonest
    rarest: int = 2  # how often a known character occurs
    dropout: float = 0.5
    word_vector_epochs: int = 3  # of characters and pairs, on the training text; 0 leaves them out
    epochs: int = 9
    batch_size: int = 32
    unknown_rate: float = 0.1  # of the characters and pairs, replaced in training
    learning_rate: float = 2e-3
    averaging: float = 0.1
    averaging_head: int = 10
    averaging_steps: int | None = 500
    keep: str = "val_accuracy"
    patience: int | None = None


QUICK = {"units": 64, "character_size": 64, "pair_size": 32, "pairs": 20_000, "word_vector_epochs": 1, "epochs": 2}


def build_model(lexicon: Lexicon, recipe: Recipe):
    """A Keras model: features int32 (batch, time, FEATURES), 0 = padding -> scores (batch, time, places * tags)."""
    import keras

    from keras_rnn import LSTM

    features = keras.Input((None, len(FEATURES)), dtype="int32", name="features")
    character, left, right, starts, ends, passes, of_start, of_end = (
        features[:, :, column] for column in range(len(FEATURES))
    )
    pair = keras.layers.Embedding(FIRST + len(lexicon.pairs), recipe.pair_size, name="pair")
    embedded = [
        keras.layers.Embedding(FIRST + len(lexicon.characters), recipe.character_size, name="character")(character),
        pair(left),
        pair(right),
        keras.layers.Embedding(2**LONGEST_WORD, 16, name="starts")(starts),
        keras.layers.Embedding(2**LONGEST_WORD, 16, name="ends")(ends),
        keras.layers.Embedding(2 ** (LONGEST_WORD - 2), 4, name="passes")(passes),
        keras.layers.Embedding(1 + len(lexicon.tags), 16, name="tag_of_start")(of_start),
        keras.layers.Embedding(1 + len(lexicon.tags), 16, name="tag_of_end")(of_end),
    ]
    is_character = keras.ops.not_equal(character, PADDING)
    hidden = keras.layers.Dropout(recipe.dropout)(keras.layers.Concatenate()(embedded))
    for layer in ("first", "second"):
        lstm = LSTM(recipe.units, return_sequences=True)
        hidden = keras.layers.Bidirectional(lstm, name=layer)(hidden, mask=is_character)
        hidden = keras.layers.Dropout(recipe.dropout)(hidden)
    scores = keras.layers.Dense(len(PLACES) * len(lexicon.tags), name="scores")(hidden)
    return keras.Model(features, scores, name=NAME)
