"""Opinions of texts without a label: the linear classifier, and its mean with a network."""

import keras
import numpy as np
import pytest

from apps.pipeline.vocabulary import UNKNOWN
from apps.sentiment.opinions import WordPairClassifier, second_opinions


def classifier(seed=1):
    keras.utils.set_random_seed(seed)
    ids = keras.Input((None,), dtype="int32")
    embedding = keras.layers.Embedding(1100, 8, name="embedding")(ids)
    is_word = keras.ops.expand_dims(keras.ops.cast(keras.ops.not_equal(ids, 0), "float32"), -1)
    return keras.Model(ids, keras.layers.Dense(1)(keras.ops.sum(embedding * is_word, axis=1)))


GOOD, NOT = 3, 2


def pairs_only(count, seed):
    """ "not good" (0) and "good ... not" (1): the same words, of which only the order tells."""
    generator = np.random.default_rng(seed)
    rows, labels = [], np.arange(count) % 2
    for label in labels:
        words = generator.integers(10, 14, 8).tolist()
        place = generator.integers(0, 5)
        words[place : place + 2] = [NOT, GOOD] if label == 0 else [GOOD, NOT]
        rows.append(np.array(words))
    return rows, labels


def test_the_linear_classifier_knows_pairs_of_words():
    linear = WordPairClassifier(*pairs_only(80, seed=1))
    rows, labels = pairs_only(60, seed=2)
    logits = linear.logits(rows)
    assert logits.shape == (60,) and logits.dtype == np.float64
    assert np.mean((logits > 0) == labels) == 1.0
    assert np.isfinite(linear.logits([np.array([UNKNOWN]), np.array([99, 98])])).all()  # nothing that it has seen


def test_the_linear_classifier_gives_log_odds():
    """Two words, each in 30 of the texts of its side and 10 of the other: at odds of 3, a logit about log(3)."""
    labels = np.array([0] * 40 + [1] * 40)
    rows = [np.array([5 if (n % 40 < 30) == bool(label) else 6]) for n, label in enumerate(labels)]
    positive, negative = WordPairClassifier(rows, labels).logits([np.array([5]), np.array([6])])
    assert positive == pytest.approx(np.log(3), abs=0.1)
    assert negative == pytest.approx(-np.log(3), abs=0.1)


def test_second_opinions_are_mean_log_odds_in_the_order_of_the_texts():
    model = classifier()
    labelled = pairs_only(80, seed=1)
    texts, _ = pairs_only(13, seed=5)
    unlabelled = [row[: 3 + 5 * n % 7] for n, row in enumerate(texts)]
    assert len({len(row) for row in unlabelled}) > 3
    linear = WordPairClassifier(*labelled).logits(unlabelled)
    expected = []
    for row, other in zip(unlabelled, linear, strict=True):
        logit = float(model(row[None])[0, 0])
        expected.append(1.0 / (1.0 + np.exp(-(logit + other) / 2.0)))
    found = second_opinions(model, labelled, unlabelled, batch_size=4)
    assert np.ptp(expected) > 0.5
    np.testing.assert_allclose(found, expected, rtol=1e-4)
