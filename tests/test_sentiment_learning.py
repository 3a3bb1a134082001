"""The learning of the sentiment app: batches of texts, and what fine-tuning keeps."""

import dataclasses

import keras
import numpy as np
import pytest

from apps.pipeline.runs import Stage
from apps.pipeline.vocabulary import UNKNOWN
from apps.sentiment import learning as sentiment_learning
from apps.sentiment.learning import accuracy, fine_tune, text_batches
from apps.sentiment.model import Recipe


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
    recipe = Recipe(**{"epochs": 12, "batch_size": 8, "unknown_rate": 0.0} | changes)
    stage = Stage(recipe, checkpoint, dataclasses.asdict(recipe))
    return model, fine_tune(model, labelled_texts(), labelled_texts(30, seed=4), stage)


def test_fine_tune_learns_and_validates_on_texts_as_they_are(tmp_path, monkeypatch):
    made = []

    def recorded(texts, batch_size, unknown_rate, seed, shuffle, weights):
        made.append((len(texts[0]), unknown_rate, shuffle))
        return text_batches(texts, batch_size, unknown_rate, seed, shuffle, weights)

    monkeypatch.setattr(sentiment_learning, "text_batches", recorded)
    model, fitted = tune(tmp_path / "labels.npz", unknown_rate=0.1, learning_rate=0.15)
    assert sorted(made) == [(30, 0.0, False), (60, 0.1, True)]
    assert fitted.kept["val_accuracy"] >= 0.9
    rows, labels = labelled_texts(30, seed=4)
    logits = [float(model(row[None])[0, 0]) for row in rows]
    assert np.mean((np.array(logits) > 0) == labels) == pytest.approx(fitted.kept["val_accuracy"])
    assert list((tmp_path / "logs" / "labels").rglob("*tfevents*"))


@pytest.mark.slow
def test_fine_tune_again_gives_the_same_model(tmp_path):
    first, fitted = tune(tmp_path / "a.npz", epochs=2, unknown_rate=0.1)
    second, again = tune(tmp_path / "b.npz", epochs=2, unknown_rate=0.1)
    assert fitted.history == again.history
    for ours, theirs in zip(first.get_weights(), second.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    _, other = tune(tmp_path / "c.npz", epochs=2, unknown_rate=0.1, seed=2)
    assert other.history != fitted.history


def test_the_pretrained_layers_learn_more_slowly_and_the_embedding_does_not_shrink(tmp_path):
    model, _ = tune(tmp_path / "a.npz", epochs=1)
    embedding, kernel, _ = model.trainable_variables
    optimizer = model.optimizer
    factors = dict(zip([v.path for v in model.trainable_variables], optimizer.factor_of_variable, strict=True))
    assert factors[embedding.path] == 0.5 and factors[kernel.path] == 1.0
    assert not optimizer._use_weight_decay(embedding) and optimizer._use_weight_decay(kernel)


def test_accuracy_of_hard_and_soft_targets():
    targets = np.array([[1.0], [0.0], [0.7], [0.3], [1.0], [0.0]], np.float32)
    logits = np.array([[0.2], [-3.0], [-0.1], [-0.1], [-2.0], [4.0]], np.float32)
    assert np.array(accuracy(targets, logits)).ravel().tolist() == [1, 1, 0, 1, 0, 0]
