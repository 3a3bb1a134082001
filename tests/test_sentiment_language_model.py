"""The two language models that share the classifier's weights: their chunks, their loss, and their training."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from apps.pipeline.checkpoints import Checkpoints
from apps.pipeline.errors import DataError
from apps.pipeline.runs import Recipe, Stage
from apps.sentiment import language_model as language_model_module
from apps.sentiment.language_model import (
    LanguageModel,
    chunk_batches,
    chunks,
    draw_log_uniform,
    log_uniform_probability,
    pretrain_bidirectional,
)
from keras_rnn import LSTM

SETTINGS = {"seed": 3, "words": 20}


def test_chunks_by_hand():
    rows = chunks([np.array([5, 6, 7]), np.array([8]), np.array([9, 4, 3])], 3)
    assert rows.dtype == np.int32
    assert rows.tolist() == [[0, 5, 6, 7], [7, 0, 8, 0], [0, 9, 4, 3]]  # 0 5 6 7 0 8 0 9 4 3
    assert chunks([np.array([5, 6, 7]), np.array([8, 9])], 3).tolist() == [[0, 5, 6, 7], [7, 0, 8, 9]]
    assert chunks([np.array([5, 6, 7]), np.array([8])], 3).tolist() == [[0, 5, 6, 7]]  # the rest fills no chunk


def test_chunk_batches():
    rows = np.arange(10 * 4, dtype=np.int32).reshape(10, 4)
    batches = chunk_batches(rows, vocabulary_size=40, negatives=7, batch_size=3, seed=1)
    epochs = []
    for batches.epoch in (0, 1, 0):
        epochs.append([(ids.tolist(), negatives.tolist()) for ((ids, negatives),) in batches])
    assert epochs[0] == epochs[2] != epochs[1]
    assert len(batches) == len(epochs[0]) == 4
    for epoch in epochs:
        assert sorted(row for ids, _ in epoch for row in ids) == rows.tolist()
        assert len({tuple(negatives) for _, negatives in epoch}) == 4
    for ((ids, negatives),) in batches.dataset().as_numpy_iterator():
        assert ids.dtype == negatives.dtype == np.int32 and negatives.shape == (7,)


def test_log_uniform_draws_follow_their_probability():
    size, count = 50, 200_000
    probability = log_uniform_probability(np.arange(size), size).numpy()
    assert probability.sum() == pytest.approx(1.0, abs=1e-5)
    np.testing.assert_allclose(probability, np.log((np.arange(size) + 2) / (np.arange(size) + 1)) / np.log(51), 1e-5)
    drawn = draw_log_uniform(np.random.default_rng(4), size, count)
    assert drawn.dtype == np.int32 and drawn.shape == (count,)
    counts = np.bincount(drawn, minlength=size)
    assert len(counts) == size
    deviations = (counts - count * probability) / np.sqrt(count * probability * (1 - probability))
    assert np.abs(deviations).max() < 4.0  # in standard deviations; an id too far would be 100 off


def layers(size=11, units=5, seed=1):
    """An embedding and a bidirectional layer, built, with random weights everywhere."""
    keras.utils.set_random_seed(seed)
    embedding = keras.layers.Embedding(size, units, mask_zero=True)
    bidirectional = keras.layers.Bidirectional(LSTM(units, return_sequences=True))
    embedding.build((None, None))
    bidirectional.build((None, None, units))
    generator = np.random.default_rng(seed)
    for layer in (embedding, bidirectional):
        layer.set_weights([generator.normal(scale=0.7, size=weight.shape) for weight in layer.get_weights()])
    return embedding, bidirectional


def sigmoid(x):
    return 1.0 / (1.0 + np.exp(-x))


def last_output(vectors, kernel, recurrent_kernel, bias):
    """What an LSTM gives after it has read the vectors (time, features) of one sequence."""
    output = memory = np.zeros(recurrent_kernel.shape[0])
    for vector in vectors:
        gates = vector @ kernel + output @ recurrent_kernel + bias
        input_gate, forget_gate, candidate, output_gate = np.split(gates, 4)
        memory = sigmoid(forget_gate) * memory + sigmoid(input_gate) * np.tanh(candidate)
        output = sigmoid(output_gate) * np.tanh(memory)
    return output


def sampled_softmax_loss(output, target, negatives, vectors, word_bias):
    """-log of the target's part among itself and the negatives that aren't the target."""
    size = len(vectors)

    def score(word):
        probability = np.log((word + 2) / (word + 1)) / np.log(size + 1)
        return output @ vectors[word] + word_bias[word] - np.log(probability)

    others = [np.exp(score(word)) for word in negatives if word != target]
    return np.log(np.exp(score(target)) + sum(others)) - score(target)


@pytest.fixture(scope="module")
def language_model():
    embedding, bidirectional = layers()
    model = LanguageModel(embedding, bidirectional)
    model.word_bias.assign(np.random.default_rng(6).normal(size=11))
    return model


def test_the_loss_is_the_sampled_softmax_of_the_next_and_of_the_previous_word(language_model):
    """Word by word: forward reads up to a word and predicts the next, backward reads from the end and predicts the
    one before. No two targets are equal, so one that is off by a place shows."""
    ids = np.array([[3, 7, 1, 0, 9, 5], [8, 2, 6, 10, 4, 0]], np.int32)
    negatives = np.array([1, 0, 4, 4, 9, 2], np.int32)  # some of them targets, one twice
    losses = language_model((ids, negatives)).numpy()
    assert losses.shape == (2, 5, 2)
    vectors = language_model.embedding.get_weights()[0].astype(np.float64)
    word_bias = language_model.word_bias.numpy().astype(np.float64)
    forward, backward = (
        [weight.astype(np.float64) for weight in layer.get_weights()]
        for layer in (language_model.bidirectional.forward_layer, language_model.bidirectional.backward_layer)
    )
    expected = np.zeros_like(losses)
    for row, text in enumerate(ids):
        for step in range(1, len(text)):
            read, target = text[:step], text[step]
            expected[row, step - 1, 0] = sampled_softmax_loss(
                last_output(vectors[read], *forward), target, negatives, vectors, word_bias
            )
            read, target = text[::-1][:step], text[::-1][step]
            expected[row, step - 1, 1] = sampled_softmax_loss(
                last_output(vectors[read], *backward), target, negatives, vectors, word_bias
            )
    np.testing.assert_allclose(losses, expected, rtol=1e-4, atol=1e-5)
    assert float(language_model.compute_loss(y_pred=losses)) == pytest.approx(expected.mean(), rel=1e-5)


def test_a_negative_that_is_the_target_does_not_count(language_model):
    """With no other negative there is nothing to be wrong about."""
    hidden = np.random.default_rng(7).normal(size=(2, 3, 5)).astype(np.float32)
    negatives = np.array([4, 4], np.int32)
    losses = language_model.prediction_losses(hidden, np.full((2, 3), 4, np.int32), negatives)
    np.testing.assert_allclose(losses, 0.0, atol=1e-6)
    others = language_model.prediction_losses(hidden, np.full((2, 3), 3, np.int32), negatives)
    assert np.all(others.numpy() > 1e-3)


def test_gradients_reach_all_that_is_shared_with_the_classifier(language_model):
    ids = np.random.default_rng(8).integers(0, 11, (4, 6)).astype(np.int32)
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(language_model((ids, np.arange(5, dtype=np.int32))))
    variables = language_model.trainable_variables
    assert len(variables) == 1 + 6 + 1  # embedding, three weights of each direction, bias
    for variable, gradient in zip(variables, tape.gradient(loss, [v.value for v in variables]), strict=True):
        assert np.abs(tf.convert_to_tensor(gradient).numpy()).max() > 0.0, variable.path


def test_units_and_embedding_must_be_as_wide():
    embedding, _ = layers(units=4)
    _, bidirectional = layers(units=5)
    with pytest.raises(ValueError, match=r"as many units as the embedding is wide \(4\), got 5"):
        LanguageModel(embedding, bidirectional)


@pytest.fixture
def small(monkeypatch):
    """Language models of short chunks, whose training takes a second."""
    monkeypatch.setattr(language_model_module, "CHUNK_LENGTH", 12)
    monkeypatch.setattr(language_model_module, "BATCH_SIZE", 8)
    monkeypatch.setattr(language_model_module, "NEGATIVES", 20)


def cycle(texts=300):
    """Texts that make the stream 0 2 3 4 5 6 0 2 3 4 5 6 ..., in which each word follows from either neighbour."""
    return [np.arange(2, 7)] * texts


def pretrain(checkpoint, sequences, epochs, resume=False, units=16, seed=1):
    embedding, bidirectional = layers(size=7, units=units, seed=seed)
    recipe = Recipe(seed=SETTINGS["seed"], epochs=epochs, weight_decay=0.0, warm_up=0.05)
    fitted = pretrain_bidirectional(embedding, bidirectional, sequences, Stage(recipe, checkpoint, SETTINGS, resume))
    return fitted, [*embedding.get_weights(), *bidirectional.get_weights()]


@pytest.mark.slow
def test_both_directions_learn_a_cycle(tmp_path, small):
    before = [weight.copy() for layer in layers(size=7, units=16) for weight in layer.get_weights()]
    fitted, after = pretrain(tmp_path / "a.npz", cycle(1200), epochs=6)
    values = [logs["val_loss"] for logs in fitted.history]
    assert values[0] > 0.5 and fitted.kept["val_loss"] < 0.1
    assert all(np.abs(new - old).max() > 0.01 for new, old in zip(after, before, strict=True))


@pytest.mark.slow
def test_a_resumed_language_model_equals_one_that_was_not_cut(tmp_path, small, monkeypatch):
    whole, weights = pretrain(tmp_path / "whole.npz", cycle(60), epochs=2, units=4)
    save = Checkpoints.save

    def save_and_stop(self):
        save(self)
        if len(self.history) == 1:
            raise InterruptedError

    with monkeypatch.context() as patch:
        patch.setattr(Checkpoints, "save", save_and_stop)
        with pytest.raises(InterruptedError):
            pretrain(tmp_path / "cut.npz", cycle(60), epochs=2, units=4)
    resumed, again = pretrain(tmp_path / "cut.npz", cycle(60), epochs=2, units=4, resume=True, seed=9)
    assert resumed.history == whole.history
    for ours, theirs in zip(again, weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    monkeypatch.setitem(SETTINGS, "seed", 4)
    with pytest.raises(DataError, match=r"the run to resume \(seed 3 in .*cut\.npz\), got seed 4"):
        pretrain(tmp_path / "cut.npz", cycle(60), epochs=2, units=4, resume=True)


def test_texts_too_short_for_a_language_model(tmp_path, small):
    with pytest.raises(
        DataError, match="expected texts of at least 25 words in all to train a language model on, got 20"
    ):
        pretrain(tmp_path / "a.npz", [np.full(10, 3)] * 2, epochs=1)
