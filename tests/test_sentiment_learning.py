"""Learning from labels, and the opinions that texts without one get."""

import keras
import numpy as np
import pytest

from apps.pipeline.vocabulary import UNKNOWN
from apps.sentiment import learning as sentiment_learning
from apps.sentiment.learning import WordPairClassifier, fine_tune, second_opinions, text_batches


def numbered(count, seed=1):
    """Texts of 3 to 30 ids, each of which begins with a number of its own."""
    generator = np.random.default_rng(seed)
    return [np.array([1000 + n, *generator.integers(2, 9, generator.integers(2, 30))]) for n in range(count)]


def test_a_batch_is_of_whole_texts_with_their_targets():
    rows = numbered(50)
    targets = np.linspace(0.0, 1.0, 50)
    seen = []
    for ids, probabilities in text_batches((rows, targets), 8, 0.0, seed=1, shuffle=True):
        assert ids.dtype == np.int32 and probabilities.dtype == np.float32 and probabilities.shape == (len(ids), 1)
        for row, probability in zip(ids, probabilities[:, 0], strict=True):
            number = row[0] - 1000
            seen.append(number)
            assert row.tolist() == [*rows[number], *[0] * (len(row) - len(rows[number]))]
            assert probability == np.float32(targets[number])
    assert sorted(seen) == list(range(50))
    dataset = text_batches((rows, targets), 8, 0.0, seed=1, shuffle=True).dataset()
    assert sum(len(ids) for ids, _ in dataset.as_numpy_iterator()) == 50


def test_unknown_words_are_where_words_are():
    rows = [np.full(length, 7) for length in range(1, 200)]
    batches = text_batches((rows, np.zeros(len(rows))), 16, 0.25, seed=1, shuffle=True)
    first = list(batches)
    words = np.concatenate([ids[ids != 0] for ids, _ in first])
    assert set(words) == {UNKNOWN, 7}
    assert len(words) == sum(map(len, rows))  # no padding became a word, nor the other way
    assert np.mean(words == UNKNOWN) == pytest.approx(0.25, abs=0.02)
    for ids, _ in first:
        for row in ids:
            assert row[: np.count_nonzero(row)].all()
    batches.epoch = 1
    others = np.concatenate([ids[ids != 0] for ids, _ in batches])
    assert not np.array_equal(words, others)
    assert np.mean(others == UNKNOWN) == pytest.approx(0.25, abs=0.02)


def classifier(seed=1):
    keras.utils.set_random_seed(seed)
    ids = keras.Input((None,), dtype="int32")
    embedding = keras.layers.Embedding(1100, 8, name="embedding")(ids)
    is_word = keras.ops.expand_dims(keras.ops.cast(keras.ops.not_equal(ids, 0), "float32"), -1)
    return keras.Model(ids, keras.layers.Dense(1)(keras.ops.sum(embedding * is_word, axis=1)))


def labelled_texts(count=60, seed=3):
    """The word 5 makes a text positive, the word 6 negative."""
    generator = np.random.default_rng(seed)
    labels = np.arange(count) % 2
    rows = [np.concatenate([generator.integers(10, 40, generator.integers(1, 12)), [6 - label]]) for label in labels]
    return rows, labels.astype(np.int32)


def tune(checkpoint, model=None, **changes):
    model = model or classifier()
    options = {"epochs": 12, "batch_size": 8, "unknown_rate": 0.0, "settings": {"seed": 1}, "resume": False}
    return model, fine_tune(model, labelled_texts(), labelled_texts(30, seed=4), checkpoint, **options | changes)


@pytest.fixture
def quick(monkeypatch):
    """A learning rate at which 12 small epochs are enough."""
    schedule = sentiment_learning.cosine_with_warm_up
    monkeypatch.setattr(sentiment_learning, "cosine_with_warm_up", lambda peak, steps: schedule(100 * peak, steps))


def test_fine_tune_learns_and_validates_on_texts_as_they_are(tmp_path, quick, monkeypatch):
    made = []

    def recorded(texts, batch_size, unknown_rate, seed, shuffle):
        made.append((len(texts[0]), unknown_rate, shuffle))
        return text_batches(texts, batch_size, unknown_rate, seed, shuffle)

    monkeypatch.setattr(sentiment_learning, "text_batches", recorded)
    model, fitted = tune(tmp_path / "labels.npz", unknown_rate=0.1)
    assert sorted(made) == [(30, 0.0, False), (60, 0.1, True)]
    assert fitted.best("val_accuracy") >= 0.9
    rows, labels = labelled_texts(30, seed=4)
    logits = [float(model(row[None])[0, 0]) for row in rows]
    assert np.mean((np.array(logits) > 0) == labels) == pytest.approx(fitted.best("val_accuracy"))
    assert list((tmp_path / "logs" / "labels").rglob("*tfevents*"))


def test_fine_tune_again_gives_the_same_model(tmp_path):
    first, fitted = tune(tmp_path / "a.npz", epochs=2, unknown_rate=0.1)
    second, again = tune(tmp_path / "b.npz", epochs=2, unknown_rate=0.1)
    assert fitted.history == again.history
    for ours, theirs in zip(first.get_weights(), second.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    _, other = tune(tmp_path / "c.npz", epochs=2, unknown_rate=0.1, settings={"seed": 2})
    assert other.history != fitted.history


def test_the_pretrained_layers_learn_more_slowly_and_the_embedding_does_not_shrink(tmp_path):
    model, _ = tune(tmp_path / "a.npz", epochs=1)
    embedding, kernel, _ = model.trainable_variables
    optimizer = model.optimizer
    factors = dict(zip([v.path for v in model.trainable_variables], optimizer.factor_of_variable, strict=True))
    assert factors[embedding.path] == 0.5 and factors[kernel.path] == 1.0
    assert not optimizer._use_weight_decay(embedding) and optimizer._use_weight_decay(kernel)


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
