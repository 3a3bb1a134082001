"""What the network learns from: arrays of pairs, other strings each epoch, and a loss that padding has no part in."""

import keras
import numpy as np
import pytest

from apps.pipeline.runs import Run
from apps.word_reversal import learning as word_reversal_learning
from apps.word_reversal.alphabet import Alphabet
from apps.word_reversal.data import Data
from apps.word_reversal.learning import as_arrays, exact_accuracy, pair_batches, string_batches
from apps.word_reversal.model import Recipe
from apps.word_reversal.random_strings import CHARACTERS, side_of

ALPHABET = Alphabet("abcd", "a to d", 6, 6)
PAIRS = [("ab", "dcb"), ("abcd", "a"), ("c", "ddddd")]
STRINGS = Alphabet(CHARACTERS, "letters", 24, 24)


def words_of(batch):
    return [STRINGS.text([index for index in row if index > 2]) for row in batch[0]["ids"]]


def test_the_decoder_reads_what_it_should_have_written():
    inputs, targets = as_arrays(PAIRS, ALPHABET)
    assert inputs["ids"].tolist() == [[1, 3, 4, 0, 0], [1, 3, 4, 5, 6], [1, 5, 0, 0, 0]]
    assert inputs["previous"].tolist() == [[1, 6, 5, 4, 0, 0], [1, 3, 0, 0, 0, 0], [1, 6, 6, 6, 6, 6]]
    assert targets.tolist() == [[6, 5, 4, 2, 0, 0], [3, 2, 0, 0, 0, 0], [6, 6, 6, 6, 6, 2]]
    assert {array.dtype for array in (*inputs.values(), targets)} == {np.dtype("int32")}


def test_strings_are_others_in_each_epoch_and_the_same_when_it_is_repeated():
    batches = string_batches(STRINGS, 6, 10, 1, "training")
    first = [words_of(batch) for batch in batches]
    assert len(batches) == len(first) == 6 and {len(words) for words in first} == {10}
    assert first == [words_of(batch) for batch in batches]
    batches.epoch = 1
    second = [words_of(batch) for batch in batches]
    assert not {word for words in first for word in words if len(word) > 2} & {
        word for words in second for word in words
    }
    everything = [word for words in first + second for word in words]
    assert {side_of(word) for word in everything} == {"training"}
    assert 13 < np.mean([len(word) for word in everything]) < 20
    assert all(max(map(len, words)) - min(map(len, words)) <= 8 for words in first)  # of like length
    inputs, targets = next(iter(batches))
    for row, word in zip(targets, words_of((inputs, targets)), strict=True):
        assert STRINGS.text(row) == word[::-1]


def test_strings_to_validate_with_are_of_their_own_side():
    words = [word for batch in string_batches(STRINGS, 3, 10, 1, "validation") for word in words_of(batch)]
    assert len(words) == 30 and {side_of(word) for word in words} == {"validation"}


def test_few_pairs_come_several_times_an_epoch():
    training = pair_batches(PAIRS, ALPHABET, 32, 1, shuffle=True)
    assert len(training) >= word_reversal_learning.SMALLEST_EPOCH
    words = [ALPHABET.text(row[row > 2]) for inputs, _ in training for row in inputs["ids"]]
    assert len(words) >= 8 * word_reversal_learning.SMALLEST_EPOCH
    assert {words.count(word) for word, _ in PAIRS} == {len(words) // 3}
    validation = list(pair_batches(PAIRS, ALPHABET, 32, 1, shuffle=False))
    assert len(validation) == 1 and len(validation[0][1]) == 3
    many = [(f"{'ab' * (number % 3)}c", "d") for number in range(5000)]
    assert len(pair_batches(many, ALPHABET, 32, 1, shuffle=True)) == 157


def test_an_answer_counts_if_all_of_it_is_right():
    targets = np.array([[3, 4, 2, 0], [3, 4, 2, 0], [5, 2, 0, 0], [3, 4, 5, 2]])
    found = np.array([[3, 4, 2, 6], [3, 4, 5, 0], [3, 2, 0, 0], [3, 4, 5, 2]])
    logits = keras.ops.one_hot(found, 7)
    assert exact_accuracy(targets, logits).numpy().tolist() == [1.0, 0.0, 0.0, 1.0]


class Constant(keras.layers.Layer):
    """Logits that depend on nothing but the id before: a network to learn in no time."""

    def build(self, _):
        self.table = self.add_weight(shape=(7, 7), initializer="zeros")

    def call(self, previous):
        return keras.ops.take(self.table, previous, axis=0)


def build():
    ids, previous = (keras.Input((None,), dtype="int32", name=name) for name in ("ids", "previous"))
    return keras.Model({"ids": ids, "previous": previous}, Constant()(previous))


def test_padding_has_no_part_in_the_loss(tmp_path):
    model = build()
    recipe = Recipe(epochs=1, learning_rate=0.1, weight_decay=0.0, averaging=0.1, batch_size=8)
    data = Data(ALPHABET, [("a", "bcd"), ("b", "b")], PAIRS, {})
    fitted = word_reversal_learning.learn_pairs(model, data, Run("word_reversal", recipe, "pairs", tmp_path, False))
    assert set(fitted.history[0]) == {"loss", "exact_accuracy", "val_loss", "val_exact_accuracy"}
    inputs, targets = as_arrays(PAIRS, ALPHABET)
    logits = model(inputs).numpy().astype(float)
    losses = np.log(np.exp(logits).sum(axis=-1)) - np.take_along_axis(logits, targets[..., None], -1)[..., 0]
    expected = losses[targets != 0].mean()
    assert fitted.history[0]["val_loss"] == pytest.approx(expected, rel=1e-4)
    padding = [(0, 0), (0, 3)]
    longer = {name: np.pad(value, padding) for name, value in inputs.items()}
    found = model.evaluate(longer, np.pad(targets, padding), verbose=0, batch_size=3)[0]
    assert found == pytest.approx(expected, rel=1e-4)
