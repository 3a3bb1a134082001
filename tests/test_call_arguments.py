"""What a layer is called with: cast and fitted where its meaning is clear, and a sentence about it where it isn't."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from closeness import assert_close
from grids import grid
from layer_table import BATCH, FEATURES, NAMES, TIME, UNITS, VARIANTS, Row, random_inputs, random_states

import keras_rnn

INPUTS = random_inputs()
every_layer = pytest.mark.parametrize("name", NAMES)


@pytest.mark.parametrize("kind", ["bool", "uint8", "int64", "float16", "float64"])
@every_layer
def test_any_numbers_are_cast_as_keras_does(name, kind):
    layer, twin = Row(name).pair()
    inputs = (INPUTS > 0).astype(kind)
    assert_close(layer(inputs), twin(inputs))
    cell, states = layer.cell, [tf.constant(state) for state in random_states(layer)]
    assert_close(list(cell(inputs[:, 0], states)[0]), list(twin.cell(inputs[:, 0], states)[0]))


@pytest.mark.parametrize("training", [False, True], ids=["inference", "training"])
@every_layer
def test_one_row_of_initial_state_serves_the_whole_batch(name, training):
    layer, twin = Row(name).pair()
    rows = [state[:1] for state in random_states(layer)]
    expected = twin(INPUTS, initial_state=rows, training=training)
    assert_close(layer(INPUTS, initial_state=rows, training=training), expected)
    graph = tf.function(lambda x: layer(x, initial_state=rows, training=training))
    for batch in (None, BATCH):
        assert_close(graph.get_concrete_function(tf.TensorSpec((batch, None, FEATURES)))(INPUTS), expected)


@pytest.mark.parametrize("masked", [False, True], ids=["unmasked", "masked"])
@pytest.mark.parametrize("name", [*NAMES, *VARIANTS])
def test_empty_time_in_a_graph_gives_no_outputs(name, masked):
    layer = Row(name, VARIANTS.get(name, {})).ours(return_sequences=True)
    layer.build((None, None, FEATURES))
    specs = [tf.TensorSpec((None, None, FEATURES)), *([tf.TensorSpec((None, None), tf.bool)] if masked else [])]
    graph = tf.function(lambda x, mask=None: layer(x, mask=mask), input_signature=specs)
    empty = [INPUTS[:, :0], *([np.ones((BATCH, 0), bool)] if masked else [])]
    assert graph(*empty).shape == (BATCH, 0, layer.cell.output_size)
    whole = [INPUTS, *([np.ones((BATCH, TIME), bool)] if masked else [])]
    assert_close(graph(*whole), layer(INPUTS))


@pytest.mark.parametrize(
    ("inputs", "states", "sentence"),
    [
        (INPUTS, 1, r"lstm expected as many tensors in initial_state as it has states \(hidden, memory\), got 1\."),
        (INPUTS, 3, r"lstm expected as many tensors in initial_state as it has states \(hidden, memory\), got 3\."),
        (INPUTS[..., :2], 0, r"expected sequences of shape \(batch, time, 6\), as it was built for, got \(5, 4, 2\)\."),
        (INPUTS[:2], 2, r"expected its initial hidden state to be of shape \(2, 3\), got \(5, 3\)\."),
        (np.full(INPUTS.shape, "a"), 0, "expected sequences of numbers, got strings"),
    ],
)
def test_wrong_arguments_are_named(inputs, states, sentence):
    layer = keras_rnn.LSTM(UNITS, name="lstm")
    layer.build(INPUTS.shape)
    state = [np.zeros((BATCH, UNITS), "float32")] * states or None
    with pytest.raises(ValueError, match=sentence):
        layer(inputs, initial_state=state)


@pytest.mark.parametrize(("name", "around"), grid(NAMES, ["Bidirectional", "alone"]))
def test_stateful_model_predicts_after_loading(name, around, tmp_path):
    """Predicted, saved, loaded and predicted again: each prediction goes on where the last one ended."""

    def predictions(module):
        keras.utils.set_random_seed(2)
        layer = getattr(module, name)(UNITS, stateful=True)
        layer = keras.layers.Bidirectional(layer) if around == "Bidirectional" else layer
        model = keras.Sequential([keras.Input((TIME, FEATURES), batch_size=BATCH), layer])
        model.save(tmp_path / "model.keras")
        model = keras.models.load_model(tmp_path / "model.keras")
        graph = tf.function(model)
        return [*(model.predict(INPUTS, batch_size=BATCH, verbose=0) for _ in range(2)), graph(INPUTS), model(INPUTS)]

    assert_close(predictions(keras_rnn), predictions(keras.layers))
