"""What a text teaches without a label: to predict the next word and, backwards, the previous one."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf

from apps.pipeline import training
from apps.pipeline.batches import Batches
from apps.pipeline.errors import DataError
from apps.pipeline.runs import Stage
from apps.pipeline.vocabulary import PADDING

CHUNK_LENGTH, BATCH_SIZE, NEGATIVES = 128, 64, 512


def pretrain_bidirectional(
    embedding: keras.layers.Embedding,
    bidirectional: keras.layers.Bidirectional,
    sequences: Sequence[np.ndarray],
    stage: Stage,
) -> training.Fitted:
    """Trains `embedding` and `bidirectional` as language models of `sequences`; a hundredth of them is held out.

    DataError if they are too short to hold any out, or if the checkpoint is damaged or of other settings.
    """
    rows = chunks(sequences, CHUNK_LENGTH)
    if len(rows) < 2:
        raise DataError(
            f"expected texts of at least {2 * CHUNK_LENGTH + 1} words in all to train a language model on, "
            f"got {sum(map(len, sequences))}: add texts, or train without one"
        )
    held_out = max(1, len(rows) // 100)
    batches, validation = (
        chunk_batches(part, embedding.input_dim, NEGATIVES, BATCH_SIZE, stage.recipe.seed)
        for part in (rows[held_out:], rows[:held_out])
    )
    return training.learn(LanguageModel(embedding, bidirectional), batches, validation, stage)


class LanguageModel(keras.Model):
    """The two halves of a bidirectional layer as language models of their own, with the embedding as output weights.

        forward    reads a b c d   predicts b c d e
        backward   reads e d c b   predicts d c b a      (the backward half starts at the end)

    Called on (ids int32 (batch, time + 1), negatives int32 (n,)) it gives the loss of each prediction in nats, float32
    (batch, time, 2): an estimate from the n negatives (sampled softmax, Jean et al. 2015), as the sum over 30,000 words
    would take most of the time.

    Args:
        embedding: as wide as `bidirectional` has units; its ids are sorted from common to rare.
        bidirectional: returns sequences.
    """

    def __init__(self, embedding: keras.layers.Embedding, bidirectional: keras.layers.Bidirectional):
        super().__init__()
        if embedding.output_dim != bidirectional.forward_layer.units:
            raise ValueError(
                f"LanguageModel expected as many units as the embedding is wide ({embedding.output_dim}), "
                f"got {bidirectional.forward_layer.units}."
            )
        self.embedding, self.bidirectional = embedding, bidirectional
        self.word_bias = self.add_weight(shape=(embedding.input_dim,), initializer="zeros", name="word_bias")

    def get_config(self):
        layers = {"embedding": self.embedding, "bidirectional": self.bidirectional}
        return {name: keras.saving.serialize_keras_object(layer) for name, layer in layers.items()}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        return cls(**{name: keras.saving.deserialize_keras_object(layer) for name, layer in config.items()})

    def call(self, inputs):
        ids, negatives = inputs
        vectors = tf.gather(self.embedding.embeddings.value, ids)  # no call of the layer: it would mask the id 0
        forward = self.bidirectional.forward_layer(vectors[:, :-1])
        backward = self.bidirectional.backward_layer(vectors[:, 1:])
        forward_losses = self.prediction_losses(forward, ids[:, 1:], negatives)
        backward_losses = self.prediction_losses(backward, ids[:, -2::-1], negatives)
        return tf.stack([forward_losses, backward_losses], axis=-1)

    def prediction_losses(self, hidden, targets, negatives):
        """Cross-entropy of `targets` (batch, time) among the negatives; `hidden` is (batch, time, width)."""
        vectors, size = self.embedding.embeddings.value, self.embedding.input_dim
        shape = tf.shape(targets)
        hidden, targets = tf.reshape(hidden, [-1, vectors.shape[1]]), tf.reshape(targets, [-1])

        def correction(ids):  # how often a word is drawn mustn't change its score
            return tf.gather(self.word_bias.value, ids) - tf.math.log(log_uniform_probability(ids, size))

        right = tf.reduce_sum(hidden * tf.gather(vectors, targets), axis=-1) + correction(targets)
        wrong = tf.matmul(hidden, tf.gather(vectors, negatives), transpose_b=True) + correction(negatives)
        same = tf.equal(tf.expand_dims(targets, 1), tf.expand_dims(negatives, 0))
        wrong = tf.where(same, wrong.dtype.min, wrong)
        right = tf.expand_dims(right, 1)
        losses = tf.reduce_logsumexp(tf.concat([right, wrong], axis=1), axis=1) - right[:, 0]
        return tf.reshape(losses, shape)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        return tf.reduce_mean(y_pred)


def log_uniform_probability(ids, size):
    """Zipf's law: P(id) = log(1 + 1 / (id + 1)) / log(size + 1), for ids 0 to size - 1 from common to rare."""
    return tf.math.log1p(1.0 / (tf.cast(ids, tf.float32) + 1.0)) / np.log(size + 1.0)


def draw_log_uniform(generator: np.random.Generator, size: int, count: int) -> np.ndarray:
    """`count` ids below `size` by `log_uniform_probability`, int32, repeats possible."""
    return (np.exp(generator.random(count) * np.log(size + 1.0)) - 1.0).astype(np.int32).clip(0, size - 1)


def chunks(sequences: Sequence[np.ndarray], length: int) -> np.ndarray:
    """All texts after each other, a 0 before each, cut into int32 (chunks, length + 1): one more than is predicted.

    0 a b c 0 d e f 0    with length 3:    [0 a b c] [c 0 d e]     neighbours share the token at the cut;
                                                                   a rest that fills no chunk is left out
    """
    stream = np.concatenate([np.concatenate([[PADDING], sequence]) for sequence in sequences]).astype(np.int32)
    starts = np.arange(0, len(stream) - length, length)
    return stream[starts[:, None] + np.arange(length + 1)]


def chunk_batches(rows: np.ndarray, vocabulary_size: int, negatives: int, batch_size: int, seed: int) -> Batches:
    """Batches for `LanguageModel`: chunks in random order, and the negatives they share."""

    def draw(generator: np.random.Generator) -> list[np.ndarray]:
        order = generator.permutation(len(rows))
        return [order[start : start + batch_size] for start in range(0, len(rows), batch_size)]

    def assemble(indices: np.ndarray, generator: np.random.Generator):
        return ((rows[indices], draw_log_uniform(generator, vocabulary_size, negatives)),)

    signature = ((tf.TensorSpec((None, rows.shape[1]), tf.int32), tf.TensorSpec((negatives,), tf.int32)),)
    return Batches(draw, assemble, signature, seed, common=[1])
