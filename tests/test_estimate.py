"""How long a training will take."""

import keras
import numpy as np
import pytest

from apps.pipeline import estimate
from apps.pipeline.estimate import Estimate, in_words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (3, "less than a minute"),
        (65, "about 1 minute"),
        (610, "about 10 minutes"),
        (5900, "about 98 minutes"),
        (9000, "about 2.5 hours"),
    ],
)
def test_a_length_of_time_in_words(seconds, words):
    assert in_words(seconds) == words


@pytest.mark.parametrize(("batches", "said"), [(30, 1), (5, 0)])
def test_it_is_said_once_after_the_first_batches(batches, said, capsys, monkeypatch):
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    moments = iter(np.arange(0.0, 1e6, 60.0))
    monkeypatch.setattr(estimate.time, "perf_counter", lambda: next(moments))
    rows = np.zeros((batches, 1))
    model.fit(rows, rows, batch_size=1, epochs=1, verbose=0, callbacks=[Estimate(batches, 4, True)])
    out = capsys.readouterr().out
    assert out.count("for 4 epochs, less if it stops getting better") == said
    if said:
        assert "about 6 minutes" in out  # 20 batches took a minute: 30 take 1.5, four times
