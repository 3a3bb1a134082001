"""Where masks go: our layers hand on what the installed Keras's do, and the apps' models don't depend on it.

Until 3.15 Keras's RNN, Bidirectional and TimeDistributed hand their mask on; from 3.16 on they don't.
"""

import keras
import numpy as np
import pytest
from closeness import assert_close
from layer_table import FEATURES, MASK, NAMES, UNITS, VARIANTS, random_inputs

import keras_rnn
from apps.chinese_pos import model as chinese_pos
from apps.chinese_pos.lexicon import FEATURES as COLUMNS
from apps.chinese_pos.lexicon import Lexicon
from apps.lessons import imdb_with_word_vectors
from apps.sentiment import model as sentiment
from apps.word_reversal import model as word_reversal

TWINS = {
    name: next(twin for twin in (keras.layers.SimpleRNN, keras.layers.LSTM, keras.layers.GRU) if twin.__name__ in name)
    for name in [*NAMES, *VARIANTS]
}
WRAPPERS = {
    "RNN": lambda layer: keras.layers.RNN(layer.cell, return_sequences=layer.return_sequences),
    "Bidirectional": keras.layers.Bidirectional,
    "TimeDistributed": keras.layers.TimeDistributed,
}


@pytest.mark.parametrize("return_sequences", [False, True], ids=["last", "sequences"])
@pytest.mark.parametrize(
    ("name", "wrapper"), [(name, "layer") for name in TWINS] + [("GRU", each) for each in WRAPPERS]
)
def test_a_layer_hands_on_the_mask_that_its_twin_hands_on(name, wrapper, return_sequences):
    inputs, mask = random_inputs(), MASK
    if wrapper == "TimeDistributed":
        inputs, mask = np.stack([inputs, inputs[::-1]], 1), np.stack([mask, mask[::-1]], 1)
    inputs, mask = keras.ops.convert_to_tensor(inputs), keras.ops.convert_to_tensor(mask)
    options = {"return_sequences": return_sequences}
    layers = getattr(keras_rnn, name)(UNITS, **options, **VARIANTS.get(name, {})), TWINS[name](UNITS, **options)
    wrap = WRAPPERS.get(wrapper, lambda layer: layer)
    found = [getattr(wrap(layer)(inputs, mask=mask), "_keras_mask", None) for layer in layers]
    ours, twins = found
    assert (ours is None) == (twins is None)
    if ours is not None:
        np.testing.assert_array_equal(ours, twins)


MODELS = {
    "sentiment": lambda: sentiment.build_model(9, UNITS),
    "word_reversal": lambda: word_reversal.build_encoder(9, UNITS, 0.0),
    "chinese_pos": lambda: chinese_pos.build_model(Lexicon("nv", "我爱中", [], {}), chinese_pos.Recipe(units=UNITS)),
    "imdb_with_word_vectors": lambda: imdb_with_word_vectors.build_model(np.zeros((9, FEATURES)), "random"),
}


@pytest.mark.parametrize("handed_on", [True, False])
@pytest.mark.parametrize("app", MODELS)
def test_padding_changes_no_answer_whether_or_not_keras_hands_masks_on(app, handed_on, monkeypatch):
    if not handed_on:
        monkeypatch.setattr(keras.Layer, "_set_mask_metadata", lambda *_: None)
    keras.utils.set_random_seed(1)
    model = MODELS[app]()
    ids = np.array([[4, 1, 2, 3]], np.int32)
    ids = ids if app != "chinese_pos" else np.stack([ids] + [ids % 2] * (len(COLUMNS) - 1), -1)  # what is known of each
    padded = np.concatenate([ids, np.zeros_like(ids)], 1)

    def answers(ids):
        found = model(ids)
        found = found if isinstance(found, dict) else {"answer": found}
        return {name: value[:, :4] if len(value.shape) == 3 else value for name, value in found.items()}

    assert_close(answers(padded), answers(ids))
    assert all(np.abs(value).max() > 1e-3 for value in answers(ids).values())
