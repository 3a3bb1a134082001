"""The lesson imdb_with_word_vectors: its three starts, padding, neighbours by hand, and its command line."""

import keras
import numpy as np
import pytest
from PIL import Image

from apps.lessons import imdb_with_word_vectors as lesson
from apps.pipeline.vocabulary import Vocabulary

GOOD, BAD = ("great", "warm", "funny", "moving"), ("dull", "bad", "boring", "cold")


def reviews(count, seed):
    """Texts of words that say what their label is, and of others that don't."""
    generator = np.random.default_rng(seed)
    labels = np.arange(count) % 2
    texts = [
        " ".join(generator.permutation([*generator.choice(GOOD if label else BAD, 3), "the", "film", str(number)]))
        for number, label in enumerate(labels)
    ]
    return texts, labels.astype(np.int32)


@pytest.fixture
def small(monkeypatch):
    settings = {"reviews": 200, "labels": 160, "epochs": 1, "tests": 60}
    monkeypatch.setattr(lesson.imdb, "labelled", lambda split: reviews(240, {"train": 1, "test": 2}[split]))
    monkeypatch.setattr(lesson, "QUICK", settings)
    for name, size in {"SIZE": 4, "UNITS": 3, "LENGTH": 6}.items():
        monkeypatch.setattr(lesson, name, size)


def test_some_texts_are_drawn_in_their_order(monkeypatch):
    texts, labels = reviews(50, 3)
    monkeypatch.setattr(lesson.imdb, "labelled", {"train": (texts, labels)}.__getitem__)
    chosen, their_labels = lesson.some("train", 20, seed=4)
    places = [texts.index(text) for text in chosen]
    assert len(chosen) == len(set(places)) == 20 and places == sorted(places)
    assert their_labels.tolist() == labels[places].tolist()
    assert lesson.some("train", 20, seed=4)[0] == chosen != lesson.some("train", 20, seed=5)[0]


def test_padding_comes_after_the_last_words(monkeypatch):
    monkeypatch.setattr(lesson, "LENGTH", 3)
    vocabulary = Vocabulary(["a", "b"], 3)
    assert lesson.padded(["a b", "b a b b a", "c"], vocabulary).tolist() == [[2, 3, 0], [3, 3, 2], [1, 0, 0]]


@pytest.mark.parametrize("start", lesson.STARTS)
def test_what_the_embedding_starts_from_and_learns(start):
    keras.utils.set_random_seed(1)
    vectors = np.random.default_rng(2).normal(size=(2000, 4)).astype(np.float32)
    model = lesson.build_model(vectors, start)
    embedding = next(layer for layer in model.layers if isinstance(layer, keras.layers.Embedding))
    before = np.array(embedding.embeddings)
    if start == "random":
        assert np.abs(before - vectors).max() > 0.5 and before.std() == pytest.approx(0.1, rel=0.05)
    else:
        np.testing.assert_array_equal(before, vectors)
    ids = np.array([[5, 6, 7, 0], [8, 9, 0, 0]])
    model.run_eagerly = True  # a single step: compiling it would take longer
    model.fit(ids, np.array([0, 1]), verbose=0)
    after = np.array(embedding.embeddings)
    assert (np.abs(after - before).max() > 1e-4) == (start != "frozen")
    assert [layer.rate for layer in model.layers if isinstance(layer, keras.layers.Dropout)] == [0.5, 0.5]
    assert sum(isinstance(layer, keras.layers.Bidirectional) for layer in model.layers) == 2


def test_centred_by_hand():
    vectors = lesson.centred(np.array([[9.0, 9], [8, 8], [3, 1], [1, 1], [5, 4]]))  # the first two are no words
    np.testing.assert_allclose(vectors[2:], 0.5 * np.array([[0, -1], [-2, -1], [2, 2]]) / np.sqrt(14 / 6))


def test_padding_says_nothing():
    keras.utils.set_random_seed(1)
    model = lesson.build_model(np.random.default_rng(2).normal(size=(20, 4)).astype(np.float32), "random")
    short, long = model(np.array([[5, 6, 7]])), model(np.array([[5, 6, 7, 0, 0]]))
    np.testing.assert_allclose(short, long, atol=1e-5)


def test_neighbours_by_hand():
    vocabulary = Vocabulary(["up", "above", "down", "left"], 3)
    vectors = np.array([[0, 0], [9, 9], [0, 1], [0.1, 5], [0, -1], [-1, 0.1]])  # the first two are no words
    assert lesson.nearest("up", vectors, vocabulary, 2) == ["above", "left"]


class Answers:
    """A network that is right about so many of the 60 test reviews."""

    def __init__(self, right):
        self.right = right

    def predict(self, ids, batch_size, verbose):
        labels = lesson.some("test", 60, 1)[1]
        return np.where(np.arange(60) < self.right, labels, 1 - labels)[:, np.newaxis]


@pytest.mark.parametrize(("fine_tuned", "status"), [(54, 0), (36, 1)])
def test_the_command_line(small, tmp_path, capsys, monkeypatch, fine_tuned, status):
    right = {"random": 36, "frozen": 42, "fine-tuned": fine_tuned}
    seen = []

    def learn(model, train, validation, epochs):
        seen.append(({tuple(row) for row in train[0]}, {tuple(row) for row in validation[0]}))
        return [(10, 0.5), (20, 0.6)]

    monkeypatch.setattr(lesson, "WORDS", 500)  # with its number, every review is another
    monkeypatch.setattr(lesson, "build_model", lambda vectors, start: Answers(right[start]))
    monkeypatch.setattr(lesson, "learn", learn)
    assert lesson.main(["--quick", "--plot", str(tmp_path / "plot.png")]) == status
    out = capsys.readouterr().out
    assert "random: 60.00% of 60 test reviews" in out and f"fine-tuned: {fine_tuned / 60:.2%} of 60" in out
    assert "near great: " in out and ("MISSED" in out) == bool(status)
    with Image.open(tmp_path / "plot.png") as picture:
        assert picture.format == "PNG" and np.array(picture).std() > 10
    train, validation = seen[0]
    assert len(train) == 160 and len(validation) == 40 and not train & validation


def test_a_curve_has_three_points_an_epoch():
    class Model:
        def __init__(self):
            self.read = []

        def fit(self, ids, labels, **_):
            assert (ids[:, 0] == labels).all()
            self.read.extend(labels.tolist())

        def evaluate(self, ids, labels, **_):
            return 0.3, len(self.read) / 100

    model = Model()
    train = np.arange(20).reshape(20, 1), np.arange(20)
    assert lesson.learn(model, train, train, 2) == [(n, n / 100) for n in (7, 14, 20, 27, 34, 40)]
    assert sorted(model.read[:20]) == sorted(model.read[20:]) == list(range(20))
    assert model.read[:20] != model.read[20:]
