"""The lesson time_machine: the recurrence by hand, windows in both orders, perplexity, clipping, its command line."""

import itertools
from functools import partial

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from apps.lessons import time_machine
from keras_rnn import GRU, LSTM, SimpleRNN

TEXT = "the quick brown fox jumps over the lazy dog and runs away "


def ids_of(text):
    return np.array([time_machine.SYMBOLS.index(letter) for letter in text], np.int32)


@pytest.fixture(autouse=True)
def seed():
    keras.utils.set_random_seed(3)


def test_from_scratch_is_our_simple_rnn():
    scratch = time_machine.FromScratch(6)
    layer = SimpleRNN(6, return_sequences=True, return_state=True)
    layer.build((None, None, 27))
    weights = [np.random.normal(size=weight.shape).astype(np.float32) for weight in scratch.trainable_variables]
    layer.set_weights(weights)
    for variable, weight in zip(scratch.trainable_variables, weights, strict=True):
        variable.assign(weight)
    one_hot, state = tf.one_hot(ids_of(TEXT[:20]).reshape(2, 10), 27), tf.random.normal((2, 6))
    for states in (None, [state]):
        for ours, expected in zip(scratch(one_hot, states), layer(one_hot, initial_state=states), strict=True):
            np.testing.assert_allclose(ours, expected, atol=1e-5)


@pytest.mark.parametrize("layer", [time_machine.FromScratch, SimpleRNN, GRU, LSTM])
def test_states_go_on_and_gradients_reach_every_weight(layer):
    network = time_machine.LanguageModel(layer, 5)
    ids = ids_of(TEXT[:24]).reshape(2, 12)
    with tf.GradientTape() as tape:
        whole, _ = network(ids, None)
        loss = tf.reduce_sum(whole**2)
    assert whole.shape == (2, 12, 27)
    assert all(gradient is not None for gradient in tape.gradient(loss, network.variables))
    first, states = network(ids[:, :7], None)
    second, _ = network(ids[:, 7:], states)
    np.testing.assert_allclose(tf.concat([first, second], 1), whole, atol=1e-5)


def test_sequential_windows_go_on_in_the_next_batch():
    batches = list(time_machine.windows(np.arange(1000), 4, False))
    assert all(batch.shape == (4, 36) for batch in batches) and len(batches) in (6, 7)
    assert 0 <= batches[0][0, 0] < 35
    for before, after in itertools.pairwise(batches):
        np.testing.assert_array_equal(after[:, 0], before[:, -1])
    for batch in batches:
        np.testing.assert_array_equal(np.diff(batch), 1)
    begins = {next(time_machine.windows(np.arange(1000), 4, False))[0, 0] for _ in range(20)}
    assert len(begins) > 5  # epochs begin elsewhere


def test_random_windows_are_all_there_in_another_order():
    batches = np.concatenate(list(time_machine.windows(np.arange(1000), 4, True)))
    starts = np.sort(batches[:, 0])
    np.testing.assert_array_equal(np.diff(starts), 35)
    assert (batches[:, 0] != starts).any()
    np.testing.assert_array_equal(np.diff(batches), 1)


class Fixed(time_machine.LanguageModel):
    """A network that knows nothing of its input: the probabilities of each symbol are given."""

    def __init__(self, probabilities):
        self.logits, self.variables, self.given = tf.constant(np.log(probabilities), tf.float32), [], []

    def __call__(self, ids, states):
        self.given.append(states is None)
        return tf.broadcast_to(self.logits, (*ids.shape, 27)), [tf.zeros(1)]


def test_perplexity_by_hand():
    guess = Fixed(np.full(27, 1 / 27))
    assert time_machine.perplexity(partial(guess.step, None), ids_of(TEXT * 9), 2, True) == pytest.approx(27, rel=1e-5)
    assert len(guess.given) > 2 and all(guess.given)  # random windows begin anew
    half = Fixed([0.5, 0.5, *[1e-9] * 25])
    assert time_machine.perplexity(partial(half.step, None), ids_of("a " * 200), 2, False) == pytest.approx(2, rel=1e-5)
    assert half.given[0] and not any(half.given[1:])  # sequential ones go on


def test_gradients_are_clipped_together():
    network = time_machine.LanguageModel(time_machine.FromScratch, 5)
    before = [variable.numpy() for variable in network.variables]
    network.output[0].assign(50 * tf.random.normal((5, 27)))  # a large gradient
    before[3] = network.output[0].numpy()
    optimizer = keras.optimizers.SGD(1.0)
    optimizer.build(network.variables)
    ids = tf.constant(ids_of(TEXT[:36])[np.newaxis])
    network.step(optimizer, ids, None)
    moved = [variable.numpy() - old for variable, old in zip(network.variables, before, strict=True)]
    assert np.sqrt(sum((part**2).sum() for part in moved)) == pytest.approx(1.0, abs=1e-3)
    after = [variable.numpy() for variable in network.variables]
    network.step(None, ids, None)  # no optimizer: nothing moves
    for variable, kept in zip(network.variables, after, strict=True):
        np.testing.assert_array_equal(variable, kept)


def test_a_prefix_warms_the_state_up_and_the_likeliest_characters_follow():
    class Alphabet:
        """After a the likeliest is b, and so on; it counts what it has read."""

        def __call__(self, ids, states):
            count = (states or 0) + 1
            return tf.one_hot([[(ids[0, 0] + 1) % 27]], 27), count

    assert time_machine.continuation(Alphabet(), "xab", 4) == "xabcdef"
    assert time_machine.continuation(Alphabet(), "y", 3) == "yz a"


def test_training_ends_at_the_goal_or_the_last_epoch(monkeypatch, capsys):
    values = iter([5.0, 90.0, 1.5, 80.0, 1.05, 95.0, 1.0, 1.0])
    monkeypatch.setattr(time_machine, "perplexity", lambda *arguments: next(values))
    network = time_machine.LanguageModel(time_machine.FromScratch, 3)
    curve = time_machine.learn(network, (np.zeros(10), np.zeros(10)), 1, False, 300)
    assert curve.tolist() == [[1, 5.0, 90.0], [2, 1.5, 80.0], [3, 1.05, 95.0]]
    assert "3 epochs" in capsys.readouterr().out
    values = iter([5.0, 90.0] * 4)
    assert len(time_machine.learn(network, (np.zeros(10), np.zeros(10)), 1, False, 2)) == 2


@pytest.mark.slow
def test_the_command_line(monkeypatch, tmp_path, capsys):
    """Few epochs reach no goal: exit status 1, and the picture all the same."""
    path = tmp_path / "text.txt"
    path.write_text(TEXT * 70)
    teach = time_machine.teach
    monkeypatch.setattr(time_machine, "teach", lambda given, checks: teach(given, checks, epochs=2))
    monkeypatch.setattr(time_machine, "GOALS", (1.1, 26.0))
    monkeypatch.setattr(time_machine, "WINDOW", 5)
    for name in ("SimpleRNN", "GRU", "LSTM"):  # which take long to compile
        monkeypatch.setattr(time_machine, name, time_machine.FromScratch)
    assert time_machine.main(["--quick", "--data", str(path), "--plot", str(tmp_path / "plot.png")]) == 1
    out = capsys.readouterr().out
    assert "MISSED FromScratch, sequential" in out and "ok     FromScratch, random" in out
    assert out.count("characters/s") == 5
    with Image.open(tmp_path / "plot.png") as picture:
        assert picture.format == "PNG" and np.array(picture).std() > 10


def test_a_text_that_is_too_short(tmp_path, capsys):
    path = tmp_path / "text.txt"
    path.write_text(TEXT)
    assert time_machine.main(["--data", str(path)]) == 2
    assert "expected a text of 20,000 letters" in capsys.readouterr().err


def test_reached_goals(monkeypatch):
    monkeypatch.setattr(time_machine.time_machine, "letters", lambda count, path: TEXT * 1000)
    monkeypatch.setattr(time_machine, "LanguageModel", lambda layer, units: layer)
    monkeypatch.setattr(time_machine, "continuation", lambda network: "")

    def learn(layer, ids, batch_size, random, epochs):
        """Our layers needn't reach the goal."""
        return np.array([[1, 1.1 + 0.5 * random if layer is time_machine.FromScratch else 9.0, 30.0]])

    monkeypatch.setattr(time_machine, "learn", learn)
    assert time_machine.main(["--quick"]) == 0
