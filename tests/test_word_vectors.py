"""Word vectors and the two language models, against sums by hand and in NumPy."""

import keras
import numpy as np
import pytest

from apps.pipeline import word_vectors
from apps.pipeline.errors import DataError
from apps.pipeline.runs import Recipe, Stage
from apps.pipeline.vocabulary import PADDING, UNKNOWN, Vocabulary

SETTINGS = {"seed": 3, "words": 20}


@pytest.fixture(scope="module")
def corpus():
    """Texts of animals or of metals, never both: (ids of each text, vocabulary)."""
    generator = np.random.default_rng(5)
    topics = (["cat", "dog", "cow", "hen"], ["tin", "iron", "gold", "zinc"])
    texts = [" ".join(generator.choice(topics[number % 2], 60)) for number in range(200)]
    vocabulary = Vocabulary.from_texts(texts, 8, 100)
    return [np.array([*vocabulary.all_ids(text), UNKNOWN]) for text in texts], vocabulary


def test_word_vectors(corpus):
    """Words that share contexts are near each other; padding is 0 and the unknown word the mean of all."""
    sequences, vocabulary = corpus
    vectors = word_vectors.word_vectors(sequences, vocabulary, size=12, epochs=20, seed=2)
    again = word_vectors.word_vectors(sequences, vocabulary, size=12, epochs=20, seed=2)
    np.testing.assert_array_equal(vectors, again)
    assert not np.array_equal(vectors, word_vectors.word_vectors(sequences, vocabulary, size=12, epochs=20, seed=3))
    assert vectors.shape == (10, 12) and vectors.dtype == np.float32
    assert not vectors[PADDING].any()
    words = vectors[2:]
    assert words.std() == pytest.approx(word_vectors.STANDARD_DEVIATION, rel=1e-5)
    np.testing.assert_allclose(vectors[UNKNOWN], words.mean(axis=0), atol=1e-6)
    directions = words / np.linalg.norm(words, axis=1, keepdims=True)
    likeness = directions @ directions.T
    animal = np.array([word in ("cat", "dog", "cow", "hen") for word in vocabulary.words])
    same_topic = animal[:, None] == animal[None, :]
    assert likeness[same_topic].min() > likeness[~same_topic].max()


def test_word_vectors_of_words_that_no_text_has():
    """As with a vocabulary made from more texts: they start at random, on the scale of the others."""
    vocabulary = Vocabulary(["a", "b", "c", "d"], 9)
    vectors = word_vectors.word_vectors([np.array([2, 3, 2, 3, 2])] * 9, vocabulary, size=40, epochs=1, seed=2)
    assert vectors[2:4].std() == pytest.approx(0.1, rel=1e-5)
    assert vectors[4:].any(axis=1).all() and np.isfinite(vectors).all()


def test_pretrain_embedding_and_its_file(tmp_path, corpus, monkeypatch):
    sequences, vocabulary = corpus
    file = tmp_path / "vectors.npz"

    def run(resume):
        embedding = keras.layers.Embedding(len(vocabulary), 6)
        embedding.build()
        stage = Stage(Recipe(seed=SETTINGS["seed"]), file, SETTINGS, resume)
        seconds = word_vectors.pretrain_embedding(embedding, sequences, vocabulary, stage)
        return seconds, embedding.get_weights()[0]

    seconds, vectors = run(resume=True)  # nothing to resume from yet
    np.testing.assert_array_equal(vectors, word_vectors.word_vectors(sequences, vocabulary, 6, 1, SETTINGS["seed"]))
    with monkeypatch.context() as patch:
        patch.setattr(word_vectors, "word_vectors", lambda *_: pytest.fail("made them again"))
        again_seconds, again = run(resume=True)
    assert again_seconds == seconds > 0.0
    np.testing.assert_array_equal(again, vectors)
    with monkeypatch.context() as patch:
        patch.setattr(word_vectors, "word_vectors", lambda *_: vectors + 1.0)
        np.testing.assert_array_equal(run(resume=False)[1], vectors + 1.0)
    with monkeypatch.context() as patch:
        patch.setitem(SETTINGS, "words", 30)
        with pytest.raises(DataError, match=r"\(words 20 in .*vectors\.npz\), got words 30"):
            run(resume=True)
    file.write_bytes(file.read_bytes()[:-40])
    with pytest.raises(DataError, match=r"in .*vectors\.npz, got a damaged file"):
        run(resume=True)
