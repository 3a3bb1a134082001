"""Learns to tag: word vectors, then the labels of the sentences of tagged texts."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf

from apps.chinese_pos import sentences
from apps.chinese_pos.data import TaggedText
from apps.chinese_pos.lexicon import FEATURES, PLACES, UNKNOWN, Lexicon, TagCounts, words_read
from apps.pipeline import training
from apps.pipeline.batches import Batches, grouped_by_length, times_over
from apps.pipeline.runs import Run
from apps.pipeline.vocabulary import Vocabulary
from apps.pipeline.word_vectors import pretrain_embedding

VECTORS = ("seed", "character_size", "pair_size", "pairs", "rarest", "word_vector_epochs")  # what decides this stage
SMALLEST_EPOCH = 250  # batches: an epoch repeats a smaller text, or it would be too short to judge
HIDDEN_COLUMNS = 3  # of the features, the ids: what training makes unknown now and then


@dataclass(frozen=True, eq=False)
class LabelledSentences:
    """Sentences as a network gets them: of each, features int32 (characters, FEATURES), labels int32 (characters,)."""

    features: list[np.ndarray]
    labels: list[np.ndarray]


def labelled_sentences(
    texts: Sequence[TaggedText], lexicon: Lexicon, counts: TagCounts | None = None
) -> LabelledSentences:
    """The sentences of tagged texts. A word whose tag the lexicon lacks is left out with its sentence.

    counts: how often each word of the lexicon has which tag. Given when the lexicon was built from these texts: each
        text's own counts are subtracted (leave-one-out), so that training meets unknown words as inference will.
    """
    numbers = {tag: number for number, tag in enumerate(lexicon.tags)}
    result = LabelledSentences([], [])
    for text in texts:
        read = sentences.read(text.text)
        words = words_read(text, read, lexicon.string_of(read))
        left_out = None
        if counts is not None:
            here: dict[str, Counter[str]] = {}
            for _, _, word, tag in words:
                here.setdefault(word, Counter())[tag] += 1
            left_out = {word: counts[word] - tags for word, tags in here.items()}
        features = lexicon.features(read, left_out)
        labels = labels_of(words, read.apart, numbers)
        for part in read.sentences():
            if (labels[part] >= 0).all():
                result.features.append(features[part])
                result.labels.append(labels[part])
    return result


def labels_of(words: Sequence[tuple[int, int, str, str]], apart: np.ndarray, numbers: dict[str, int]) -> np.ndarray:
    """Place and tag of each character, int32 (characters,); -1 without a word or with a tag that has no number.

    A word with white space inside is as many words as it has parts.
    """
    begin, inside, end, single = (place * len(numbers) for place in range(len(PLACES)))
    labels = np.full(len(apart), -1, np.int32)
    for first, last, _, tag in words:
        if tag not in numbers:
            continue
        cuts = [first, *(first + 1 + np.flatnonzero(apart[first + 1 : last])).tolist(), last]
        for start, stop in itertools.pairwise(cuts):
            labels[start:stop] = inside
            labels[start], labels[stop - 1] = (begin, end) if stop - start > 1 else (single, single)
            labels[start:stop] += numbers[tag]
    return labels


def tagging_batches(data: LabelledSentences, batch_size: int, unknown_rate: float, seed: int, shuffle: bool) -> Batches:
    """Batches of (features int32 (batch, time, FEATURES), labels int32 (batch, time), weights float32 (batch, time)).

    The weights are 0 for padding.

    Args:
        unknown_rate: the share of characters and pairs that are replaced by unknown ones, drawn afresh in each epoch.
    """

    def assemble(indices: np.ndarray, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        indices = indices % len(data.labels)
        time = max(len(data.labels[index]) for index in indices)
        features = np.zeros((len(indices), time, len(FEATURES)), np.int32)
        labels = np.zeros((len(indices), time), np.int32)
        weights = np.zeros((len(indices), time), np.float32)
        for row, index in enumerate(indices):
            length = len(data.labels[index])
            features[row, :length], labels[row, :length] = data.features[index], data.labels[index]
            weights[row, :length] = 1.0
        ids = features[:, :, :HIDDEN_COLUMNS]
        ids[(generator.random(ids.shape) < unknown_rate) & (weights[:, :, None] > 0)] = UNKNOWN
        return features, labels, weights

    times = times_over(len(data.labels), batch_size, SMALLEST_EPOCH) if shuffle else 1
    lengths = np.tile([len(labels) for labels in data.labels], times)
    signature = (
        tf.TensorSpec((None, None, len(FEATURES)), tf.int32),
        tf.TensorSpec((None, None), tf.int32),
        tf.TensorSpec((None, None), tf.float32),
    )
    return Batches(grouped_by_length(lengths, batch_size, shuffle), assemble, signature, seed)


def pretrain(model: keras.Model, data: LabelledSentences, lexicon: Lexicon, run: Run) -> None:
    """Gives the model's characters and pairs the vectors of word2vec on the sentences, if the recipe says so."""
    epochs, seconds = run.recipe.word_vector_epochs, 0.0
    if not epochs:
        return
    for column, (name, known) in enumerate({"character": lexicon.characters, "pair": lexicon.pairs}.items()):
        ids = [features[:, column] for features in data.features]
        stage = run.stage(f"{name}_vectors", VECTORS, epochs=epochs)
        seconds += pretrain_embedding(model.get_layer(name), ids, Vocabulary(known, keep_last=0), stage)
    run.finished("vectors", seconds, epochs)


def learn_to_tag(
    model: keras.Model, data: LabelledSentences, validation: LabelledSentences, run: Run
) -> training.Fitted:
    """Trains `model`, features (batch, time, FEATURES) -> scores (batch, time, labels), and keeps the best epoch."""
    recipe = run.recipe
    fitted = training.learn(
        model,
        tagging_batches(data, recipe.batch_size, recipe.unknown_rate, recipe.seed, shuffle=True),
        tagging_batches(validation, 128, 0.0, 0, shuffle=False),
        run.stage("labels"),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction="mean_with_sample_weight"),
        weighted_metrics=[keras.metrics.SparseCategoricalAccuracy("accuracy")],
        without_decay=["bias"],
    )
    result = f"validation accuracy of labels {fitted.kept['val_accuracy']:.2%}"
    run.finished("labels", fitted.seconds, len(fitted.history), result)
    return fitted
