"""What the trained network and a linear classifier together think of texts that have no label."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf

from apps.pipeline.batches import padded


def second_opinions(
    model: keras.Model,
    labelled: tuple[Sequence[np.ndarray], np.ndarray],
    unlabelled: Sequence[np.ndarray],
    batch_size: int = 128,
) -> np.ndarray:
    """Probabilities of the second label, float64 (texts,): the mean log-odds of `model` and of a linear classifier.

    They err on different texts, so their mean is right more often than either.
    """
    logits = network_logits(model, unlabelled, batch_size)[:, 0]
    logits += WordPairClassifier(*labelled).logits(unlabelled)
    return 1.0 / (1.0 + np.exp(-logits / 2.0))


def network_logits(model: keras.Model, rows: Sequence[np.ndarray], batch_size: int) -> np.ndarray:
    """The logits of `model` for the ids of each text, float64 (texts, logits)."""
    order = np.argsort([len(row) for row in rows], kind="stable")
    logits = np.zeros((len(rows), model.output_shape[-1]))
    call = tf.function(lambda ids: model(ids, training=False), input_signature=[tf.TensorSpec((None, None), tf.int32)])
    for start in range(0, len(order), batch_size):
        part = order[start : start + batch_size]
        logits[part] = call(padded([rows[index] for index in part])).numpy()
    return logits


class WordPairClassifier:
    """Logistic regression on tf-idf of words and pairs, each scaled by its naive-Bayes log-count ratio.

    Wang and Manning 2012, "Baselines and bigrams: simple, good sentiment and topic classification".

    Args:
        sequences: ids of each text.
        labels: 0 or 1, (texts,).
    """

    def __init__(self, sequences: Sequence[np.ndarray], labels: np.ndarray):
        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.linear_model import LogisticRegression

        self._vectorizer = TfidfVectorizer(analyzer=_words_and_pairs, min_df=3, sublinear_tf=True)
        features = self._vectorizer.fit_transform(sequences)
        present = features > 0
        counts = np.stack([np.asarray(present[labels == label].sum(axis=0)).ravel() + 1.0 for label in (0, 1)])
        negative, positive = np.log(counts / counts.sum(axis=1, keepdims=True))
        self._ratios = positive - negative
        self._regression = LogisticRegression(C=40.0, max_iter=200).fit(features.multiply(self._ratios).tocsr(), labels)

    def logits(self, sequences: Sequence[np.ndarray]) -> np.ndarray:
        """Log-odds of label 1, float64 (texts,)."""
        features = self._vectorizer.transform(sequences).multiply(self._ratios).tocsr()
        return self._regression.decision_function(features)


def _words_and_pairs(sequence: np.ndarray) -> list[str]:
    words = [str(number) for number in sequence]
    return words + [f"{first} {second}" for first, second in itertools.pairwise(words)]
