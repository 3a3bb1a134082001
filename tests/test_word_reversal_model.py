"""The encoder-decoder: its attention by hand, padding that changes nothing, and one step equals all."""

import numpy as np
import pytest
import tensorflow as tf

from apps.word_reversal.model import STATES, build_model

SYMBOLS, UNITS = 7, 5
IDS = np.array([[1, 3, 4, 5, 6], [1, 6, 6, 0, 0], [1, 0, 0, 0, 0]], np.int32)
PREVIOUS = np.array([[1, 4, 5, 3], [1, 3, 3, 0], [1, 6, 0, 0]], np.int32)


@pytest.fixture(scope="module")
def translator():
    """One with random weights, large ones so that attention isn't even."""
    model = build_model(SYMBOLS, UNITS, 0.0)
    generator = np.random.default_rng(0)
    for weight in model.weights:
        weight.assign(generator.normal(0, 1, weight.shape))
    return model


@pytest.fixture(scope="module")
def encoded(translator):
    return {name: value.numpy() for name, value in translator.get_layer("encoder")(IDS).items()}


def decode(translator, encoded, ids, previous):
    inputs = {"ids": ids, "previous": previous, **encoded}
    outputs = translator.get_layer("decoder")({name: tf.constant(value) for name, value in inputs.items()})
    return {name: value.numpy() for name, value in outputs.items()}


def softmax(scores):
    powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def test_the_whole_is_encoder_and_decoder(translator, encoded):
    outputs = decode(translator, encoded, IDS, PREVIOUS)
    np.testing.assert_allclose(translator({"ids": IDS, "previous": PREVIOUS}), outputs["logits"], atol=1e-5)
    assert outputs["logits"].shape == (3, 4, SYMBOLS) and outputs["attention"].shape == (3, 4, 5)
    assert encoded["encoded"].shape == (3, 5, 3 * UNITS)
    assert build_model(67, 128, 0.0).count_params() == 601_155


def test_the_encoder_gives_both_directions_and_the_letters(translator, encoded):
    encoder = translator.get_layer("encoder")
    (letters,) = encoder.get_layer("letters").get_weights()
    np.testing.assert_allclose(encoded["encoded"][0, :, 2 * UNITS :], letters[IDS[0]], atol=1e-6)
    both = encoded["encoded"][0, :, : 2 * UNITS]
    backwards = encoder(IDS[:1, ::-1])["encoded"].numpy()[0, ::-1]
    assert np.abs(both - backwards[:, : 2 * UNITS]).max() > 0.1
    changed = IDS.copy()
    changed[0, 2] = 5
    moved = np.abs(encoder(changed)["encoded"].numpy()[0] - encoded["encoded"][0]) > 1e-6
    assert not moved[:2, :UNITS].any() and moved[2:, :UNITS].any(axis=1).all()  # forwards
    assert moved[:3, UNITS : 2 * UNITS].any(axis=1).all() and not moved[3:, UNITS : 2 * UNITS].any()  # backwards


def test_attention_by_hand(translator, encoded):
    decoder, outputs = translator.get_layer("decoder"), decode(translator, encoded, IDS, PREVIOUS)
    first = [encoded[name] for name in STATES]
    letters = decoder.get_layer("previous_letters")(PREVIOUS)
    written = decoder.get_layer("write")(letters, initial_state=first)[0].numpy()
    (query,) = decoder.get_layer("query").get_weights()
    scores = np.einsum("bsu,uf,btf->bst", written, query, encoded["encoded"]) / np.sqrt(3 * UNITS)
    attention = softmax(np.where(IDS[:, None, :] == 0, -np.inf, scores))
    np.testing.assert_allclose(outputs["attention"], attention, atol=1e-5)
    seen = attention @ encoded["encoded"]
    kernel, bias = decoder.get_layer("features").get_weights()
    features = np.tanh(np.concatenate([seen, written], axis=-1) @ kernel + bias)
    kernel, bias = decoder.get_layer("logits").get_weights()
    np.testing.assert_allclose(outputs["logits"], features @ kernel + bias, atol=1e-4)


def test_padding_changes_nothing(translator, encoded):
    outputs = decode(translator, encoded, IDS, PREVIOUS)
    for row, length in enumerate((5, 3, 1)):
        alone = IDS[row : row + 1, :length]
        found = decode(translator, translator.get_layer("encoder")(alone), alone, PREVIOUS[row : row + 1])
        np.testing.assert_allclose(found["logits"], outputs["logits"][row : row + 1], atol=1e-5)
        np.testing.assert_allclose(found["attention"][0], outputs["attention"][row, :, :length], atol=1e-5)
        assert (outputs["attention"][row, :, length:] == 0).all()
    np.testing.assert_allclose(outputs["attention"].sum(axis=-1), 1.0, atol=1e-5)


def test_step_after_step_is_the_same_as_all_at_once(translator, encoded):
    """So a decoder trained on whole answers can write one letter at a time."""
    whole, states = decode(translator, encoded, IDS, PREVIOUS), {name: encoded[name] for name in STATES}
    for step in range(PREVIOUS.shape[1]):
        now = decode(translator, {"encoded": encoded["encoded"], **states}, IDS, PREVIOUS[:, step : step + 1])
        np.testing.assert_allclose(now["logits"][:, 0], whole["logits"][:, step], atol=1e-5)
        states = {name: now[name] for name in STATES}
    for name in STATES:
        np.testing.assert_allclose(states[name], whole[name], atol=1e-5)


def test_a_letter_does_not_see_those_after_it(translator, encoded):
    changed = PREVIOUS.copy()
    changed[:, 2] = 2
    before, after = (decode(translator, encoded, IDS, previous)["logits"] for previous in (PREVIOUS, changed))
    np.testing.assert_array_equal(before[:, :2], after[:, :2])
    assert (np.abs(before[:, 2] - after[:, 2]).max(axis=-1) > 1e-3).all()


def test_dropout_is_for_training_only():
    model = build_model(SYMBOLS, UNITS, 0.5)
    inputs = {"ids": IDS, "previous": PREVIOUS}
    np.testing.assert_array_equal(model(inputs), model(inputs, training=False))
    assert np.abs(model(inputs, training=True) - model(inputs)).max() > 1e-4
