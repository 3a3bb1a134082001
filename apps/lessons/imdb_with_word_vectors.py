"""Classifies film reviews with word vectors learned beforehand, frozen or fine-tuned, against random ones.

    vectors    word2vec: a word's vector predicts the words around it, so words of similar use lie near each other
    network    E[id_t] -> two bidirectional LSTMs, each with dropout 0.5 after it -> p = sigmoid(w·h + b)

    random        E begins with noise and learns from the labels alone
    frozen        E is word2vec's and stays
    fine-tuned    E begins as word2vec's and learns on

Skip-gram with negative sampling: Mikolov et al. (2013), by gensim; bidirectional: Schuster & Paliwal (1997); dropout:
Srivastava et al. (2014); the reviews: Maas et al. (2011).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import keras
import numpy as np

from apps.corpora import imdb
from apps.lessons.lesson import Checks, flags, run
from apps.pipeline import command_line, word_vectors
from apps.pipeline.vocabulary import FIRST_WORD, PADDING, Vocabulary
from keras_rnn import LSTM

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WORDS, SIZE, UNITS, LENGTH = 20_000, 64, 32, 150  # LENGTH: words of a review that are read, its last ones
FULL = {"reviews": 25_000, "labels": 22_000, "epochs": 3, "tests": 25_000}
QUICK = {"reviews": 8_000, "labels": 3_000, "epochs": 3, "tests": 4_000}
STARTS = ("random", "frozen", "fine-tuned")


def some(split: str, count: int, seed: int) -> tuple[list[str], np.ndarray]:
    """`count` of IMDB's texts and their labels, drawn without replacement, in their order."""
    texts, labels = imdb.labelled(split)
    chosen = np.sort(np.random.default_rng(seed).permutation(len(texts))[:count])
    return [texts[i] for i in chosen], labels[chosen]


def padded(texts: Sequence[str], vocabulary: Vocabulary) -> np.ndarray:
    """The ids of each text's last words, int32 (texts, LENGTH), with 0 after them."""
    rows = [vocabulary.ids(text) for text in texts]
    return np.array([row + [0] * (LENGTH - len(row)) for row in rows], np.int32)


def centred(vectors: np.ndarray) -> np.ndarray:
    """Word vectors less their mean, which hides how they differ (Mu & Viswanath 2018), scaled to a deviation of 0.5."""
    vectors = vectors - vectors[FIRST_WORD:].mean(axis=0)
    return vectors * (0.5 / vectors[FIRST_WORD:].std())


def build_model(vectors: np.ndarray, start: str) -> keras.Model:
    """ids (batch, time) -> the probability that a review is positive, (batch, 1).

    Args:
        vectors: (ids, SIZE), of which "random" takes no more than the shape.
    """
    noise = keras.initializers.RandomNormal(stddev=0.1)
    initial = noise if start == "random" else keras.initializers.Constant(vectors)
    ids = keras.Input((None,), dtype="int32")
    embedding = keras.layers.Embedding(*vectors.shape, initial, trainable=start != "frozen")
    is_word = keras.ops.not_equal(ids, PADDING)
    hidden = keras.layers.Bidirectional(LSTM(UNITS, return_sequences=True))(embedding(ids), mask=is_word)
    hidden = keras.layers.Bidirectional(LSTM(UNITS))(keras.layers.Dropout(0.5)(hidden), mask=is_word)
    probability = keras.layers.Dense(1, activation="sigmoid")(keras.layers.Dropout(0.5)(hidden))
    model = keras.Model(ids, probability)
    optimizer = keras.optimizers.Adam(0.002, global_clipnorm=1.0)
    model.compile(optimizer, loss="binary_crossentropy", metrics=["accuracy"], jit_compile=False)
    return model


def learn(model: keras.Model, train: tuple, validation: tuple, epochs: int) -> list[tuple[int, float]]:
    """Trains on (ids, labels) -> (reviews read, validation accuracy), three times an epoch."""
    curve, read = [], 0
    for _ in range(epochs):
        for part in np.array_split(np.random.permutation(len(train[0])), 3):
            model.fit(train[0][part], train[1][part], batch_size=64, verbose=0)
            read += len(part)
            curve.append((read, model.evaluate(*validation, batch_size=250, verbose=0)[1]))
    return curve


def nearest(word: str, vectors: np.ndarray, vocabulary: Vocabulary, count: int = 5) -> list[str]:
    """The words whose vectors make the smallest angles with that of `word`."""
    directions = vectors[FIRST_WORD:] / np.linalg.norm(vectors[FIRST_WORD:], axis=1, keepdims=True)
    order = np.argsort(-directions @ directions[vocabulary.words.index(word)])
    return [vocabulary.words[i] for i in order[1 : count + 1]]


def draw(curves: dict[str, list], accuracies: dict[str, float]) -> Figure:
    """Validation accuracy against the reviews read, and what was reached on the test reviews."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4.5), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1.6, 1))
    for start, curve in curves.items():
        read, accuracy = np.transpose(curve)
        left.plot(read / 1000, 100 * accuracy, "o-", label=start)
    left.set(xlabel="labelled reviews read (thousands)", ylabel="validation accuracy (%)")
    left.legend()
    colours = [line.get_color() for line in left.lines]
    bars = right.bar(list(accuracies), [100 * accuracy for accuracy in accuracies.values()], color=colours)
    right.bar_label(bars, fmt="%.1f %%")
    right.set(ylabel="test accuracy (%)", ylim=(50, 100), title="word vectors at the start")
    return figure


def teach(given: argparse.Namespace, checks: Checks) -> Figure | None:
    """Word vectors, then the three networks, each measured once on the test reviews."""
    command_line.need("gensim")
    settings = QUICK if given.quick else FULL
    reviews, labels = some("train", settings["reviews"], given.seed)
    test_reviews, test_labels = some("test", settings["tests"], given.seed)
    vocabulary = Vocabulary.from_texts(reviews, WORDS, LENGTH)
    sequences = [np.array(vocabulary.all_ids(text), np.int32) for text in reviews]
    vectors = centred(word_vectors.word_vectors(sequences, vocabulary, SIZE, epochs=3, seed=given.seed))
    for word in ("great", "boring", "actor"):
        if word in vocabulary.words:
            print(f"near {word}: {', '.join(nearest(word, vectors, vocabulary))}", flush=True)
    ids, order = padded(reviews, vocabulary), np.random.default_rng(given.seed).permutation(len(reviews))
    labelled, held_out = order[: settings["labels"]], order[settings["labels"] :][:2000]
    train, validation = ((ids[part], labels[part]) for part in (labelled, held_out))
    tests = padded(test_reviews, vocabulary)
    curves, accuracies = {}, {}
    for start in STARTS:
        keras.utils.set_random_seed(given.seed)
        model = build_model(vectors, start)
        curves[start] = learn(model, train, validation, settings["epochs"])
        accuracies[start] = float(np.mean((model.predict(tests, 250, 0)[:, 0] > 0.5) == test_labels))
        print(f"{start}: {accuracies[start]:.2%} of {len(test_labels):,} test reviews", flush=True)
    checks.check("fine-tuned word vectors beat random ones", accuracies["fine-tuned"] > accuracies["random"])
    return draw(curves, accuracies) if given.plot else None


def main(argv: Sequence[str] | None = None) -> int:
    """The command line -> its exit status; see `--help`."""
    parser = flags(__file__)
    parser.add_argument("--quick", action="store_true", help="fewer reviews: a few minutes in place of twenty")
    return run(teach, parser, argv)


if __name__ == "__main__":
    sys.exit(main())
