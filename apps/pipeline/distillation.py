"""A second opinion for texts without a label: a linear classifier of words and word pairs, quick and unlike an LSTM."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


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
    return words + [f"{first} {second}" for first, second in zip(words, words[1:], strict=False)]
