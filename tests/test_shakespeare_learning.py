"""What a language model reads: windows in two orders, states carried on, and the loss that counts every symbol."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

from apps.pipeline.runs import Run
from apps.shakespeare import learning as shakespeare_learning
from apps.shakespeare.evaluation import nats, nats_in_one_pass, nats_in_windows
from apps.shakespeare.learning import WindowReader, learn_text, validation_batches, window_batches
from apps.shakespeare.model import Recipe, build_model
from apps.shakespeare.symbols import UNKNOWN

IDS = np.arange(1, 102, dtype=np.int32)


@pytest.fixture(autouse=True)
def short(monkeypatch):
    monkeypatch.setattr(shakespeare_learning, "SHORTEST_EPOCH", 3)


def epoch(batches, number=0):
    batches.epoch = number
    return list(batches)


@pytest.mark.parametrize("sampling", ["sequential", "random"])
def test_what_follows_is_the_target(sampling):
    for (ids, _), following in epoch(window_batches(IDS, 4, 3, sampling, 0.0, 1)):
        assert ids.shape == following.shape == (3, 4)
        assert ((following - ids) % 101 == 1).all()  # the end goes on at the beginning


def test_sequential_windows_go_on_where_they_were():
    batches = epoch(window_batches(IDS, 4, 3, "sequential", 0.0, 1))
    assert len(batches) == 8
    assert [bool(fresh) for (_, fresh), _ in batches] == [True] + [False] * 7
    for (_, before), ((ids, _), _) in itertools.pairwise(batches):
        assert np.sum(ids[:, 0] == before[:, -1]) >= 2  # all but a row that began again, one symbol further on
    starts = batches[0][0][0][:, 0]
    assert set(np.diff(starts) % 100) == {33}


def test_random_windows_begin_anew_anywhere():
    batches = epoch(window_batches(IDS, 4, 3, "random", 0.0, 1))
    assert all(fresh for (_, fresh), _ in batches)
    starts = np.concatenate([ids[:, 0] for (ids, _), _ in batches])
    assert len(set(starts.tolist())) > 15


@pytest.mark.parametrize("sampling", ["sequential", "random"])
def test_epochs_differ_and_repeat_by_their_number(sampling):
    batches = window_batches(IDS, 4, 3, sampling, 0.0, 1)
    first, second, again = (np.stack([ids for (ids, _), _ in epoch(batches, number)]) for number in (0, 1, 0))
    assert (first == again).all() and (first != second).any()


def test_a_long_text_is_validated_more_often_than_once(monkeypatch):
    monkeypatch.setattr(shakespeare_learning, "LONGEST_EPOCH", 5)
    assert len(epoch(window_batches(IDS, 4, 3, "sequential", 0.0, 1))) == 5


def test_a_short_text_is_read_several_times_before_it_is_validated():
    batches = epoch(window_batches(IDS[:5], 4, 3, "sequential", 0.0, 1))
    assert len(batches) == 3
    assert set(np.stack([ids for (ids, _), _ in batches]).flatten().tolist()) == {1, 2, 3, 4, 5}


def test_some_symbols_are_read_as_unknown_and_none_is_to_be_said():
    batches = epoch(window_batches(np.ones(20_001, np.int32), 50, 8, "sequential", 0.1, 1))
    read = np.stack([ids for (ids, _), _ in batches])
    assert 0.08 < (read == UNKNOWN).mean() < 0.12
    assert all((following == 1).all() for _, following in batches)


def test_validation_reads_each_whole_window_once(monkeypatch):
    monkeypatch.setattr(shakespeare_learning, "WINDOW", 10)
    batches = epoch(validation_batches(IDS, batch_size=4))
    rows = np.concatenate([ids for (ids, _), _ in batches])
    assert rows.flatten().tolist() == list(range(1, 101))
    assert [len(ids) for (ids, _), _ in batches] == [4, 4, 2]


def test_the_state_is_carried_on_in_training_alone():
    keras.utils.set_random_seed(0)
    network = build_model(8, 5, 2, 0.0)
    reader = WindowReader(network, 3)
    ids = np.random.default_rng(0).integers(8, size=(3, 12)).astype(np.int32)
    whole = network(ids)["logits"].numpy()
    yes, no = tf.constant(True), tf.constant(False)
    first = reader((ids[:, :5], yes), training=True)
    np.testing.assert_allclose(reader((ids[:, 5:], no), training=False), network(ids[:, 5:])["logits"], atol=1e-6)
    second = reader((ids[:, 5:], no), training=True)
    np.testing.assert_allclose(np.concatenate([first, second], axis=1), whole, atol=1e-6)
    anew = reader((ids[:, 5:], yes), training=True)
    np.testing.assert_allclose(anew, network(ids[:, 5:])["logits"], atol=1e-6)


def text_of(count):
    """After each symbol comes the one that the symbol before it names: a state is needed to know."""
    generator, ids = np.random.default_rng(1), [1, 2]
    while len(ids) < count:
        ids.append(1 + (ids[-2] + (generator.random() < 0.02)) % 5)
    return np.array(ids, np.int32)


@pytest.mark.parametrize("sampling", ["sequential", pytest.param("random", marks=pytest.mark.slow)])
def test_it_learns(tmp_path, sampling):
    keras.utils.set_random_seed(1)
    ids = text_of(4000)
    network = build_model(6, 16, 1, 0.0)
    options = {"batch_size": 8, "window": 16, "sampling": sampling, "learning_rate": 0.03, "epochs": 4}
    recipe = Recipe(**options, weight_decay=0.0, averaging_steps=5, unknown_rate=0.0)
    fitted = learn_text(network, ids[:3600], ids[3600:], Run("shakespeare", recipe, "a text", tmp_path, False))
    assert fitted.history[-1]["val_loss"] < 0.5 < np.log(5) - 1
    assert np.isclose(fitted.history[-1]["val_perplexity"], np.exp(fitted.history[-1]["val_loss"]))


class Stepper:
    """A network one symbol at a time, as a shipped model is."""

    def __init__(self, network, rows):
        from keras_rnn.interface import Interface

        self.interface, self.rows = Interface(network), rows
        self.function = self.interface.step(None).function

    def zeros(self, rows=1):
        return {name: np.repeat(value.numpy(), rows, 0) for name, value in self.interface.states.items()}

    def __call__(self, ids, states):
        outputs = dict(self.function(ids=tf.constant(ids), **{k: tf.constant(v) for k, v in states.items()}))
        return outputs.pop("logits").numpy(), {name: value.numpy() for name, value in outputs.items()}


@pytest.mark.parametrize("rows", [1, 4])
@pytest.mark.parametrize("count", [2, 9, 21, 23])
def test_nats_are_those_of_the_whole_sequence(count, rows):
    keras.utils.set_random_seed(2)
    network = build_model(6, 4, 1, 0.0)
    ids = np.random.default_rng(count).integers(6, size=count).astype(np.int32)

    def expected(part):
        logits = network(part[None, :-1])["logits"]
        return keras.losses.sparse_categorical_crossentropy(part[None, 1:], logits, from_logits=True).numpy()[0]

    step = Stepper(network, rows)
    np.testing.assert_allclose(nats_in_one_pass(step, ids), expected(ids), atol=1e-5)
    windows = [expected(ids[start : start + 6]) for start in range(0, count - 1, 5)]
    np.testing.assert_allclose(nats_in_windows(step, ids, 5), np.concatenate(windows), atol=1e-5)


def test_nats_of_large_logits():
    logits = np.array([[1000.0, 0.0], [0.0, 1000.0]], np.float32)
    np.testing.assert_allclose(nats(logits, np.array([0, 0])), [0.0, 1000.0])
