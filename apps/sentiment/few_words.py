"""How sure a model may be of a text of few words: what it has learned of whole texts it says less loudly of parts.

A mean over n words spreads by 1 / sqrt(n), so that a network which knows texts of hundreds of words gets from a
sentence what it has never got from a text, and is certain. Its logits are multiplied by

    min(1, sqrt(words / enough))

which changes no answer, only how sure it is. `calibrate` chooses `enough` by texts that nothing was learned from.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import keras
import numpy as np

from apps.pipeline.vocabulary import PADDING, Vocabulary
from apps.sentiment.data import LabelledTexts
from apps.sentiment.opinions import network_logits
from apps.sentiment.sentences import one_sentence

STAGE = "few words"
CHOICES = (0.0, 10.0, 25.0, 50.0, 75.0, 100.0, 150.0, 200.0, 300.0, 400.0)


@keras.saving.register_keras_serializable(package="keras_rnn_apps")
class FewWords(keras.layers.Layer):
    """(logits (batch, n), ids int32 (batch, time), 0 = padding) -> logits, smaller for fewer words than `enough`.

    enough: words of a text whose logits stay as they are; 0: any.
    """

    def __init__(self, enough: float = 0.0, **options):
        super().__init__(**options)
        self.enough = enough

    def call(self, logits, ids):
        if not self.enough:
            return logits
        words = keras.ops.sum(keras.ops.cast(keras.ops.not_equal(ids, PADDING), "int32"), axis=1, keepdims=True)
        # The root comes first: in 8 bits a few words of hundreds are rounded by a third of them, their root isn't.
        root = keras.ops.sqrt(keras.ops.cast(words, "float32"))
        return logits * keras.ops.minimum(root * float(self.enough**-0.5), 1.0)

    def get_config(self):
        return {**super().get_config(), "enough": self.enough}


def calibrate(
    model: keras.Model, whole: Sequence[np.ndarray], parts: Sequence[np.ndarray], labels: np.ndarray
) -> tuple[float, float]:
    """Gives the model's FewWords that of CHOICES by which the labels of whole texts and of parts of them are likeliest
    -> the mean loss of the parts before and after, in nats.

    Args:
        whole: ids of texts that the model hasn't learned from, as many as are read of each.
        parts: ids of a part of each text.
        labels: the number of each text's label, (texts,).
    """
    layer = model.get_layer("few_words")
    layer.enough = 0.0
    losses = {}
    for number, rows in enumerate((whole, parts)):
        logits = network_logits(model, rows, batch_size=64)
        words = np.array([[len(row)] for row in rows], np.float32)
        for enough in CHOICES:
            factor = np.minimum(np.sqrt(words / enough), 1.0) if enough else 1.0
            losses[number, enough] = loss_of(logits * factor, labels)
    layer.enough = min(CHOICES, key=lambda enough: losses[0, enough] + losses[1, enough])
    return losses[1, 0.0], losses[1, layer.enough]


def calibrated(model: keras.Model, vocabulary: Vocabulary, texts: LabelledTexts) -> tuple[str, float, int, str]:
    """Calibrates a model by texts that it hasn't learned from and a sentence of each -> what `Run.finished` takes: the
    stage, the seconds, 1 and what came of it."""
    started = time.perf_counter()
    whole, parts = (
        [np.array(vocabulary.ids(text), np.int32) for text in some]
        for some in (texts.texts, [one_sentence(text) for text in texts.texts])
    )
    before, after = calibrate(model, whole, parts, texts.labels)
    enough = model.get_layer("few_words").enough
    result = f"in full from {enough:.0f} words; a sentence of each validation text: {before:.3f} nats, then {after:.3f}"
    return STAGE, time.perf_counter() - started, 1, result


def loss_of(logits: np.ndarray, labels: np.ndarray) -> float:
    """The mean cross-entropy of labels in nats; logits: (texts, 1), of the second of two, or (texts, labels)."""
    if logits.shape[-1] == 1:
        logits = np.concatenate([np.zeros_like(logits), logits], axis=1)
    right = logits[np.arange(len(labels)), labels]
    return float(np.mean(np.logaddexp.reduce(logits, axis=1) - right))
