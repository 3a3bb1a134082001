"""What a model of whole texts says of short ones, and how loudly."""

import keras
import numpy as np
import pytest

from apps.sentiment.few_words import CHOICES, FewWords, calibrate, loss_of
from apps.sentiment.model import build_model
from apps.sentiment.opinions import network_logits


def test_logits_are_smaller_for_fewer_words():
    ids = np.zeros((3, 400), np.int32)
    for row, words in zip(ids, (4, 100, 400), strict=True):
        row[:words] = 7
    logits = np.ones((3, 2), np.float32)
    np.testing.assert_array_equal(FewWords(0.0)(logits, ids), logits)
    np.testing.assert_allclose(FewWords(100.0)(logits, ids), [[0.2] * 2, [1.0] * 2, [1.0] * 2], rtol=1e-6)
    again = FewWords.from_config(FewWords(25.0, name="few_words").get_config())
    assert (again.enough, again.name) == (25.0, "few_words")


@pytest.mark.parametrize("labels", [2, 3], ids=["two labels", "three labels"])
def test_calibration_makes_a_model_no_surer_of_short_texts_than_it_may_be(labels):
    """It is as sure of three words as of hundreds; these it tells apart, and those it can't."""
    keras.utils.set_random_seed(1)
    model, generator = build_model(50, 4, labels), np.random.default_rng(1)
    whole = [generator.integers(2, 50, generator.integers(200, 320)) for _ in range(40)]
    parts = [row[:3] for row in whole]
    logits = network_logits(model, whole, batch_size=16)
    scale = 20.0 / logits.std(axis=0)
    last = model.get_layer("logit")
    last.set_weights([last.get_weights()[0] * scale, -logits.mean(axis=0) * scale])
    before = [network_logits(model, rows, batch_size=16) for rows in (whole, parts)]
    answers = (before[0] > 0)[:, 0] if labels == 2 else before[0].argmax(axis=1)
    first, then = calibrate(model, whole, parts, answers.astype(np.int32))
    enough = model.get_layer("few_words").enough
    assert enough in CHOICES[1:] and then < first
    after = [network_logits(model, rows, batch_size=16) for rows in (whole, parts)]
    for old, new, rows in zip(before, after, (whole, parts), strict=True):
        factor = [[min(1.0, np.sqrt(len(row) / enough))] for row in rows]
        np.testing.assert_allclose(new, old * factor, rtol=1e-4, atol=1e-4)
    calibrate(model, whole, whole, answers.astype(np.int32))
    assert (
        np.abs(network_logits(model, whole, batch_size=16) - before[0]).max() < 1e-4
    )  # where it is right it may say so


def test_loss_of_two_and_of_several_labels():
    two = loss_of(np.array([[0.0], [np.log(3.0)]]), np.array([0, 1]))
    assert two == pytest.approx((np.log(2.0) + np.log(4 / 3)) / 2)
    assert loss_of(np.array([[0.0, 0.0, np.log(2.0)]]), np.array([2])) == pytest.approx(np.log(2.0))
