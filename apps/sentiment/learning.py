"""Learning from labels: a pretrained classifier of texts is fine-tuned, and texts without a label get an opinion."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from apps.pipeline.training import AdamW, Batches, Fitted, accuracy, cosine_with_warm_up, fit, grouped_by_length, padded
from apps.pipeline.vocabulary import PADDING, UNKNOWN

Texts = tuple[Sequence[np.ndarray], np.ndarray]  # the ids of each text, and the probability of its second label


def text_batches(texts: Texts, batch_size: int, unknown_rate: float, seed: int, shuffle: bool) -> Batches:
    """Batches of (ids int32 (batch, time), probabilities float32 (batch, 1)), grouped by length.

    unknown_rate: how many of the words become unknown ones, others each epoch.
    """
    rows, targets = texts[0], np.asarray(texts[1], np.float32)[:, None]

    def assemble(indices: np.ndarray, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        ids = padded([rows[index] for index in indices])
        unknown = (generator.random(ids.shape) < unknown_rate) & (ids != PADDING)
        return np.where(unknown, UNKNOWN, ids).astype(np.int32), targets[indices]

    draw = grouped_by_length(np.array([len(row) for row in rows]), batch_size, shuffle)
    signature = (tf.TensorSpec((None, None), tf.int32), tf.TensorSpec((None, 1), tf.float32))
    return Batches(draw, assemble, signature, seed)


def fine_tune(
    model: keras.Model,
    texts: Texts,
    validation: Texts,
    checkpoint: Path,
    *,
    epochs: int,
    batch_size: int,
    unknown_rate: float,
    settings: dict,
    resume: bool,
) -> Fitted:
    """Trains all of `model`, ids (batch, time) -> logit of the second label (batch, 1), and keeps the best epoch.

    Layers called "embedding" and "bidirectional" learn more slowly than those after them.
    """
    batches = text_batches(texts, batch_size, unknown_rate, settings["seed"], shuffle=True)
    optimizer = AdamW(
        cosine_with_warm_up(1.5e-3, len(batches) * epochs),
        weight_decay=0.01,
        global_clipnorm=1.0,
        factors={"embedding": 0.5, "bidirectional": 0.7},
    )
    optimizer.exclude_from_weight_decay(var_names=["embedding"])
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    model.compile(optimizer, loss, metrics=[accuracy], jit_compile=False)  # XLA would compile for every length
    return fit(
        model,
        batches,
        text_batches(validation, batch_size, 0.0, 0, shuffle=False),
        checkpoint,
        epochs=epochs,
        settings=settings,
        monitor="val_accuracy",
        resume=resume,
        log_folder=checkpoint.parent / "logs" / checkpoint.stem,
    )


def second_opinions(
    model: keras.Model, labelled: Texts, unlabelled: Sequence[np.ndarray], batch_size: int = 128
) -> np.ndarray:
    """Probabilities of the second label, float64 (texts,): the mean log-odds of `model` and of a linear classifier.

    They err on different texts, so their mean is right more often than either.
    """
    order = np.argsort([len(row) for row in unlabelled], kind="stable")
    logits = np.zeros(len(unlabelled))
    call = tf.function(lambda ids: model(ids, training=False), input_signature=[tf.TensorSpec((None, None), tf.int32)])
    for start in range(0, len(order), batch_size):
        part = order[start : start + batch_size]
        logits[part] = call(padded([unlabelled[index] for index in part])).numpy()[:, 0]
    logits += WordPairClassifier(*labelled).logits(unlabelled)
    return 1.0 / (1.0 + np.exp(-logits / 2.0))


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
