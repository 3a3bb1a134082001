"""A sample of the faults that `python -m tests.faults` tries by the thousand."""

import os
import signal

import pytest
from faults import KINDS, SLOW
from faults.__main__ import APPS, attempt, batch, table

SLOWER = (*SLOW, "large inputs")  # these take seconds each


@pytest.mark.parametrize("app", APPS)
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in SLOWER])
def test_a_fault_is_held(kind, app):
    assert [attempt(kind, app, 20, number) for number in range(2)] == [None, None]


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "app"), [*((kind, "shakespeare") for kind in SLOW), ("large inputs", "mnist_rows")])
def test_a_fault_that_takes_long_is_held(kind, app):
    assert attempt(kind, app, 20, 0) is None


def test_a_fault_that_ends_the_process_is_counted(monkeypatch):
    """And one that isn't held is told in a line, with which the campaign fails."""

    def fault(trial):
        if trial.app == "sentiment":
            os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError("two\nlines")

    monkeypatch.setitem(KINDS, "a flipped bit", fault)
    assert batch("a flipped bit", "sentiment", 1, range(3)) == ["the process ended with status -9"]
    (told,) = batch("a flipped bit", "mnist_rows", 1, range(1))
    assert told.startswith("AssertionError: two") and "\n" not in told
    rows = table({("a", "tries"): 1200, ("a", "failed"): 3}, ["a"]).splitlines()
    assert rows[-1] == "| a | 1,200 | 1,197 | 3 |"
