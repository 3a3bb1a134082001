"""The network that reads a text's words, and the recipe by which it is trained."""

from __future__ import annotations

from dataclasses import dataclass

from apps.pipeline import runs
from apps.pipeline.vocabulary import PADDING

NAME = "sentiment"


@dataclass(frozen=True)
class Recipe(runs.Recipe):
    """What decides a training run; the defaults are those of the shipped model."""

    words: int = 30_000
    units: int = 128  # of each direction, and the width of the embedding
    word_vector_epochs: int = 5
    language_model_epochs: int = 0  # pretraining of embedding and LSTM; with 2, labels were learned more slowly
    keep_last: int = 400  # tokens of a text that are read: the end of a review says most
    epochs: int = 2  # over the texts with a label
    student_epochs: int = 1  # over all texts; 0 leaves this stage out
    unknown_rate: float = 0.1  # of the words, replaced in training
    learning_rate: float = 1.5e-3
    keep: str = "val_accuracy"
    balance: bool = False  # each label counts equally, however many texts have it


QUICK = {"units": 64, "word_vector_epochs": 3, "epochs": 3, "student_epochs": 0}


STARTED = {"epochs": 3, "student_epochs": 0, "learning_rate": 5e-4}  # from another model


def build_model(vocabulary_size: int, units: int, labels: int = 2):
    """A Keras model: ids int32 (batch, time), 0 = padding -> the logit of the second of two labels, (batch, 1), or the
    logits of more than two, (batch, labels)."""
    import keras

    from apps.sentiment.few_words import FewWords
    from keras_rnn import LSTM

    ids = keras.Input((None,), dtype="int32", name="ids")
    is_word = keras.ops.not_equal(ids, PADDING)  # given to the layer itself: not every Keras hands masks on
    words = keras.layers.Embedding(vocabulary_size, units, name="embedding")(ids)
    hidden = keras.layers.SpatialDropout1D(0.2)(words)
    lstm = LSTM(units, return_sequences=True)
    hidden = keras.layers.Bidirectional(lstm, name="bidirectional")(hidden, mask=is_word)
    is_word = keras.ops.expand_dims(keras.ops.cast(is_word, "float32"), -1)
    count = keras.ops.sum(is_word, axis=1)
    features = [
        keras.ops.sum(hidden * is_word, axis=1) / count,
        keras.ops.max(hidden - 2.0 * (1.0 - is_word), axis=1),  # an LSTM's outputs lie between -1 and 1
        keras.ops.sum(words * is_word, axis=1) / count,
    ]
    # Such means differ little from text to text: without normalisation the dropout buries the differences.
    features = keras.layers.BatchNormalization(momentum=0.9)(keras.layers.Concatenate()(features))
    features = keras.layers.Dense(64, activation="relu")(keras.layers.Dropout(0.5)(features))
    features = keras.layers.Dropout(0.3)(features)
    logits = keras.layers.Dense(outputs(labels), name="logit")(features)
    return keras.Model(ids, FewWords(name="few_words")(logits, ids), name=NAME)


def outputs(labels: int) -> int:
    """How many logits there are: of two labels one says all."""
    return 1 if labels == 2 else labels
