"""The lesson opposites: what is read and written, an encoder that ignores what says nothing, and its command line."""

import keras
import numpy as np
import pytest
from PIL import Image

from apps.lessons import opposites

SYMBOLS = "_<>abcdefghijklmnopqrstuvwxyz"


@pytest.fixture(scope="module")
def learned():
    """A model of two pairs."""
    keras.utils.set_random_seed(2)
    return opposites.learn({"up": "down", "man": "women"}, 80)


def spelled(ids):
    return ["".join(SYMBOLS[i] for i in row) for row in ids]


def test_words_begun_answers_and_whole_answers():
    words, read, written = opposites.examples({"up": "down", "black": "white"})
    assert spelled(words) == ["up___", "black"]
    assert spelled(read) == ["<down_", "<white"]
    assert spelled(written) == ["down>_", "white>"]


def test_rows_have_a_single_one_and_padding_none():
    rows = opposites.rows([[0, 1, 28]])
    assert rows.shape == (1, 3, 29) and rows.dtype == np.float32
    assert rows.sum(axis=-1).tolist() == [[0, 1, 1]] and rows[0, 1, 1] == rows[0, 2, 28] == 1


def test_the_decoder_begins_with_the_encoders_state_and_sees_nothing_ahead():
    keras.utils.set_random_seed(3)
    model = opposites.EncoderDecoder()
    words, read, _ = opposites.examples(opposites.PAIRS)
    model((opposites.rows(words), opposites.rows(read)))
    model.set_weights([np.random.default_rng(i).normal(size=w.shape) for i, w in enumerate(model.get_weights())])
    logits = np.array(model((opposites.rows(words), opposites.rows(read))))
    assert logits.shape == (6, 6, 29)
    other = np.array(model((opposites.rows(words[::-1]), opposites.rows(read))))
    assert np.abs(logits[0] - other[0]).max() > 0.1  # another word
    read[:, 4:] = 9
    later = np.array(model((opposites.rows(words), opposites.rows(read))))
    np.testing.assert_allclose(later[:, :4], logits[:, :4], atol=1e-4)


@pytest.mark.slow
def test_answers_are_those_of_the_whole_network(learned):
    """Letter by letter, with the states handed on, or all at once."""
    answer, steps = learned.answer("man")
    assert answer == "women" and steps.shape == (6, 29)
    words, read, _ = opposites.examples({"man": "women"})
    at_once = keras.ops.softmax(learned((opposites.rows(words), opposites.rows(read))))
    np.testing.assert_allclose(steps, np.array(at_once)[0], atol=1e-4)
    assert learned.answer("up")[0] == "down"


@pytest.mark.slow
def test_letters_never_seen_and_padding_say_nothing(learned):
    man, mans, mzan, up = np.concatenate(learned.read(["man", "mans", "mzan", "up"]), axis=1)
    np.testing.assert_array_equal(man, mans)
    assert np.abs(man - up).max() > 0.1
    assert np.abs(man - mzan).max() > 1e-6  # it says nothing, but a step goes by


@pytest.mark.slow
def test_an_answer_ends_though_no_mark_comes(learned):
    weights = learned.scores.get_weights()
    try:
        learned.scores.set_weights([0 * weights[0], np.eye(29, dtype=np.float32)[SYMBOLS.index("a")]])
        answer, steps = learned.answer("up")
        assert answer == "aaaaaa" and len(steps) == 6
    finally:
        learned.scores.set_weights(weights)


@pytest.mark.slow
def test_what_pads_an_answer_counts_nothing(learned):
    words, read, written = opposites.examples({"up": "down", "man": "women"})
    inputs = opposites.rows(words), opposites.rows(read)
    probabilities = np.array(keras.ops.softmax(learned(inputs)))
    counted = [probabilities[i, t, written[i, t]] for i, t in np.ndindex(2, 6) if written[i, t]]
    assert len(counted) == 11  # down> and women>
    assert learned.evaluate(inputs, written, verbose=0) == pytest.approx(-np.log(counted).mean(), rel=1e-3)


@pytest.mark.slow
def test_the_command_line(monkeypatch, tmp_path, capsys, learned):
    monkeypatch.setattr(opposites, "PAIRS", {"up": "down", "man": "women"})
    monkeypatch.setattr(opposites, "learn", lambda pairs, steps: learned)
    assert opposites.main(["--plot", str(tmp_path / "plot.png")]) == 0
    out = capsys.readouterr().out
    assert "ok     all 2 pairs are right" in out and "ok     mans -> women" in out
    with Image.open(tmp_path / "plot.png") as picture:
        assert picture.format == "PNG" and np.array(picture).std() > 10


@pytest.mark.slow
def test_a_missed_answer(monkeypatch, capsys, learned):
    monkeypatch.setattr(opposites, "learn", lambda pairs, steps: learned)
    assert opposites.main([]) == 1  # it knows two of the six
    assert "MISSED all 6 pairs are right" in capsys.readouterr().out
