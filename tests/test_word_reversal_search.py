"""Beam search against all answers there are, and greedy search as the beam of one."""

import itertools

import numpy as np
import pytest

from apps.word_reversal.alphabet import END, PADDING, START
from apps.word_reversal.search import beam_search

SYMBOLS = 6  # padding, start mark, end mark and three characters


def chain(seed, end=1.0):
    """A step whose log-probabilities depend on all that was written before, which is its state."""

    def step(previous, states):
        written = (*states["written"].tolist(), previous)
        logits = np.random.default_rng([seed, *written]).normal(0, 2, SYMBOLS)
        logits[END] += end
        log_probabilities = logits - np.log(np.exp(logits).sum())
        attention = np.full(3, len(written), np.float32)
        return log_probabilities.astype(np.float32), attention, {"written": np.array(written)}

    return step


FIRST = {"written": np.zeros(0, int)}


def probability(step, ids):
    states, previous, total = FIRST, START, 0.0
    for index in ids:
        found, _, states = step(previous, states)
        total, previous = total + float(found[index]), index
    return total


def every_answer(step, longest):
    """All answers, the likeliest first."""
    characters = range(END + 1, SYMBOLS)
    whole = [(*letters, END) for length in range(longest) for letters in itertools.product(characters, repeat=length)]
    whole += itertools.product(characters, repeat=longest)
    return sorted(whole, key=lambda ids: -probability(step, ids))


@pytest.mark.parametrize("seed", range(5))
def test_a_wide_beam_finds_the_likeliest_answers_of_all(seed):
    step = chain(seed)
    expected = every_answer(step, 4)
    found = beam_search(step, FIRST, 200, 4)
    assert [answer.ids for answer in found[:50]] == expected[:50]
    for answer in found[:10]:
        assert answer.log_probability == pytest.approx(probability(step, answer.ids))


@pytest.mark.parametrize("seed", range(20))
def test_the_beam_of_one_is_greedy(seed):
    step = chain(seed)
    ids, previous, states = [], START, FIRST
    while len(ids) < 5 and previous != END:
        found, _, states = step(previous, states)
        previous = int(np.argmax(found[END:])) + END
        ids.append(previous)
    (answer,) = beam_search(step, FIRST, 1, 5)
    assert list(answer.ids) == ids


def test_some_beam_is_better_than_greedy_and_none_is_worse_than_its_own_best():
    better = 0
    for seed in range(30):
        step = chain(seed)
        greedy, wide = (beam_search(step, FIRST, width, 4)[0].log_probability for width in (1, 4))
        better += wide > greedy + 1e-6
        found = [answer.log_probability for answer in beam_search(step, FIRST, 4, 4)]
        assert len(found) == 4 and found == sorted(found, reverse=True)
    assert better >= 3


def test_an_answer_ends_at_its_bound():
    (answer,) = beam_search(chain(0, end=-100.0), FIRST, 1, 7)
    assert len(answer.ids) == 7 and END not in answer.ids and not answer.finished()
    assert [look[0] for look in answer.attention] == [1, 2, 3, 4, 5, 6, 7]
    (answer,) = beam_search(chain(0, end=100.0), FIRST, 1, 7)
    assert answer.ids == (END,) and answer.finished()


def test_padding_and_start_mark_are_never_written():
    def step(previous, states):
        log_probabilities = np.full(SYMBOLS, -9.0, np.float32)
        log_probabilities[[PADDING, START]] = 0.0
        return log_probabilities, np.zeros(1), states

    for answer in beam_search(step, FIRST, 10, 3):
        assert min(answer.ids) >= END


def test_of_equal_ones_the_lower_id_comes_first():
    def step(previous, states):
        return np.zeros(SYMBOLS, np.float32), np.zeros(1), states

    assert beam_search(step, FIRST, 1, 3)[0].ids == (END,)
    assert [answer.ids for answer in beam_search(step, FIRST, 3, 1)] == [(END,), (END + 1,), (END + 2,)]


def test_a_finished_answer_stays_and_is_not_continued():
    calls = []

    def step(previous, states):
        calls.append(previous)
        log_probabilities = np.full(SYMBOLS, -50.0, np.float32)
        log_probabilities[END], log_probabilities[4] = (-0.1, -2.0) if previous == START else (-3.0, -0.1)
        return log_probabilities, np.zeros(1), states

    found = beam_search(step, FIRST, 2, 3)
    assert [answer.ids for answer in found] == [(END,), (4, 4, 4)]
    assert calls == [START, 4, 4]
