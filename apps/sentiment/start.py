"""Training that begins with another model's words, vectors and layers: `train --start-from FOLDER`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from apps.pipeline.batches import padded
from apps.pipeline.trained_weights import NEW, another_network, carry_over, weights_of
from apps.pipeline.vocabulary import UNKNOWN, Vocabulary, tokenize
from apps.sentiment.model import NAME, build_model

RAREST = 2  # how often a word that the other model doesn't know must be there to be learned


def vocabulary_from(folder: Path, texts: Sequence[str], names: Sequence[str]) -> Vocabulary:
    """The words of the model in `folder`, with the same ids, and behind them new ones of the texts."""
    known = Vocabulary.load(folder)
    there = set(known.words)
    counts = Counter(token for text in texts for token in tokenize(text) if token not in there)
    new = sorted((word for word, count in counts.items() if count >= RAREST), key=lambda word: (-counts[word], word))
    return Vocabulary((*known.words, *new), known.keep_last, names)


def model_from(folder: Path, vocabulary: Vocabulary, sequences: Sequence[np.ndarray], labels: np.ndarray):
    """A model for the labels of `vocabulary` that begins with all that the one in `folder` has learned.

    Words that it doesn't know begin as its unknown word. Where both have two labels the last layer is taken over too,
    turned round if that fits the texts better; where there are more it begins anew.

    sequences, labels: ids of the texts to be trained on, and the numbers of their labels.
    """
    weights = weights_of(folder, NAME)
    if len(weights) < 2 or weights[0].ndim != 2 or weights[-1].ndim != 1:
        raise another_network(folder)
    (words, units), before = weights[0].shape, weights[-1].shape[0]  # what its last bias has a number for
    model = build_model(len(vocabulary), units, len(vocabulary.labels))
    same_end = before == model.output_shape[-1]
    ids: dict[str, tuple[int, list[int]]] = {
        "embedding/embeddings": (0, [number if number < words else UNKNOWN for number in range(len(vocabulary))])
    }
    if not same_end:
        ids |= {"logit/kernel": (1, [NEW] * model.output_shape[-1]), "logit/bias": (0, [NEW] * model.output_shape[-1])}
    carry_over(model, weights, folder, ids)
    if same_end and model.output_shape[-1] == 1 and _right(model, sequences, labels) < 0.5:
        last = model.get_layer("logit")
        last.set_weights([-weight for weight in last.get_weights()])
    return model


def _right(model: keras.Model, sequences: Sequence[np.ndarray], labels: np.ndarray, most: int = 500) -> float:
    """The part of some texts whose two labels the model tells apart rightly."""
    rows = [sequences[number] for number in np.linspace(0, len(labels) - 1, min(len(labels), most)).astype(int)]
    chosen = labels[np.linspace(0, len(labels) - 1, len(rows)).astype(int)]
    call = tf.function(lambda ids: model(ids, training=False), input_signature=[tf.TensorSpec((None, None), tf.int32)])
    parts = [call(padded(rows[start : start + 50])).numpy()[:, 0] for start in range(0, len(rows), 50)]
    return float(np.mean((np.concatenate(parts) > 0.0) == chosen))
