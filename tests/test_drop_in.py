"""Working scripts with `from keras.layers import LSTM` replaced by `from keras_rnn import LSTM`: nothing changes."""

import importlib

import keras
import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter
from closeness import assert_close
from grids import rows_of, slow_unless
from layer_table import BATCH, FEATURES, MASK, NAMES, TIME, UNITS, random_inputs, random_weights

import keras_rnn

every_layer = pytest.mark.parametrize("name", NAMES)
INPUTS = np.where(MASK[..., None], random_inputs(), 0).astype("float32")  # keras.layers.Masking makes MASK of it
MODULES = keras_rnn, keras.layers


def results(make, *arguments, **keywords):
    """What the layer or model made of our layers and that made of the twins answer, with the same random weights."""
    answers = []
    for module in MODULES:
        layer = make(module)
        layer(*arguments, **keywords)
        layer.set_weights(random_weights(layer))
        answers.append(layer(*arguments, **keywords))
    return answers


def masked_model(layer, features=FEATURES, head=1):
    inputs = keras.Input((None, features))
    return keras.Model(inputs, keras.layers.Dense(head)(layer(keras.layers.Masking()(inputs))))


@pytest.mark.parametrize("name", rows_of(NAMES, lambda name: name != "LSTM"))
def test_training_with_a_global_seed_gives_the_same_history(name):
    """Initial weights, dropout, optimiser: the losses of both scripts are the same, epoch by epoch."""
    histories = []
    for module in MODULES:
        keras.utils.set_random_seed(1)
        model = masked_model(getattr(module, name)(UNITS, dropout=0.2, recurrent_dropout=0.1, kernel_regularizer="l2"))
        model.compile("adam", "mse", run_eagerly=name != "LSTM")  # one graph is enough: tracing takes two seconds
        histories.append(model.fit(INPUTS, np.arange(BATCH), epochs=3, verbose=0).history["loss"])
    assert_close(*histories)


@every_layer
@pytest.mark.parametrize(
    ("merge_mode", "return_sequences"),
    [("concat", False), ("concat", True), ("sum", True), ("ave", True), ("mul", True), (None, True)],
)
def test_bidirectional(name, merge_mode, return_sequences):
    def make(module):
        layer = getattr(module, name)(UNITS, return_sequences=return_sequences, return_state=True)
        return keras.layers.Bidirectional(layer, merge_mode=merge_mode)

    assert_close(*results(make, random_inputs(), mask=MASK))


@every_layer
def test_stateful_goes_on_where_the_last_batch_ended(name):
    answers = []
    for module in MODULES:
        layer = getattr(module, name)(UNITS, stateful=True)
        layer.build(INPUTS.shape)
        layer.set_weights(random_weights(layer))
        layer.reset_state()
        answers.append([layer(INPUTS), layer(INPUTS), layer.states])
        layer.reset_state()
        answers[-1].append(layer(INPUTS))
    assert_close(*answers)
    assert np.abs(answers[0][0] - answers[0][1]).max() > 1e-3
    assert_close(answers[0][3], answers[0][0])


@every_layer
def test_encoder_decoder_passes_states_in_a_functional_model(name):
    """The last states of one layer are the initial states of the next, by keyword; unknown batch and time."""

    def make(module):
        source, target = keras.Input((None, FEATURES)), keras.Input((None, FEATURES))
        _, *states = getattr(module, name)(UNITS, return_state=True)(source)
        outputs = getattr(module, name)(UNITS, return_sequences=True)(target, initial_state=states)
        return keras.Model([source, target], outputs)

    assert_close(*results(make, [INPUTS, INPUTS[:, :2]]))


@every_layer
def test_time_distributed(name):
    nested = np.stack([INPUTS, INPUTS[::-1]], axis=1)
    assert_close(*results(lambda module: keras.layers.TimeDistributed(getattr(module, name)(UNITS)), nested))


@every_layer
def test_mixed_bfloat16(name):
    """The policy's compute type inside, the weights in float32."""
    ours, twin = results(lambda module: getattr(module, name)(UNITS, dtype="mixed_bfloat16"), INPUTS)
    assert ours.dtype == twin.dtype == tf.bfloat16
    assert_close(ours, twin, sums=TIME)
    assert {w.dtype for w in getattr(keras_rnn, name)(UNITS, dtype="mixed_bfloat16").weights} <= {"float32"}


@every_layer
def test_mask_reaches_the_next_layer_and_the_loss_if_it_does_in_keras(name):
    def make(module):
        first, second = (getattr(module, name)(UNITS, return_sequences=True) for _ in range(2))
        return keras.Sequential([keras.Input((None, FEATURES)), keras.layers.Masking(), first, second])

    assert_close(*results(make, INPUTS))
    losses = []
    for module in MODULES:
        model = make(module)
        model.set_weights(random_weights(model))
        model.compile(loss="mse", run_eagerly=True)
        targets = np.where(MASK[..., None], 0, 1e6) * np.ones(UNITS)  # a masked step in the loss can't be overlooked
        losses.append(model.evaluate(INPUTS, targets, verbose=0))
    assert_close(*losses)


@every_layer
def test_activity_regularizer_adds_to_the_loss(name):
    layer = getattr(keras_rnn, name)(UNITS, activity_regularizer=keras.regularizers.L1(0.5))
    outputs = layer(INPUTS)
    assert_close(sum(layer.losses), 0.5 * np.abs(outputs).sum() / BATCH)


@every_layer
def test_saved_model_file_loads_with_nothing_but_the_import(name, tmp_path):
    layer = getattr(keras_rnn, name)(UNITS, dropout=0.2, seed=3)
    model = masked_model(keras.layers.Bidirectional(layer))
    model.set_weights(random_weights(model))
    model.save(tmp_path / "model.keras")
    assert_close(keras.models.load_model(tmp_path / "model.keras")(INPUTS), model(INPUTS))


@every_layer
def test_weight_files_go_both_ways(name, tmp_path):
    for source, target in (MODULES, MODULES[::-1]):
        models = [masked_model(getattr(module, name)(UNITS)) for module in (source, target)]
        models[0].set_weights(random_weights(models[0]))
        models[0].save_weights(tmp_path / "model.weights.h5")
        models[1].load_weights(tmp_path / "model.weights.h5")
        assert_close(models[1](INPUTS), models[0](INPUTS))


@pytest.mark.parametrize(
    ("name", "masked"),
    [*(slow_unless(name == "GRU", name, True) for name in NAMES), slow_unless(False, "LSTM", False)],
)
def test_converts_to_litert_with_builtin_operators_for_every_length(name, masked, tmp_path):
    layer = getattr(keras_rnn, name)(UNITS, return_sequences=masked, dropout=0.2, recurrent_dropout=0.1)
    inputs = keras.Input((None, FEATURES))
    model = keras.Model(inputs, layer(keras.layers.Masking()(inputs) if masked else inputs))
    model.set_weights(random_weights(model))
    model.export(tmp_path, verbose=False, input_signature=[tf.TensorSpec((1, None, FEATURES))])
    interpreter = Interpreter(model_content=tf.lite.TFLiteConverter.from_saved_model(str(tmp_path)).convert())
    assert not [op["op_name"] for op in interpreter._get_ops_details() if op["op_name"].startswith("Flex")]
    for sample in (INPUTS[2:3], INPUTS[2:3, :2], INPUTS[1:2, :3]):  # masked in the middle and on the left
        interpreter.resize_tensor_input(interpreter.get_input_details()[0]["index"], sample.shape)
        interpreter.allocate_tensors()
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], sample)
        interpreter.invoke()
        assert_close(interpreter.get_tensor(interpreter.get_output_details()[0]["index"]), model(sample))


def test_another_keras_backend_is_refused_in_one_sentence(monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(ImportError) as refusal:
        importlib.reload(keras_rnn)
    assert str(refusal.value) == (
        'keras_rnn expected the Keras backend "tensorflow", got "jax": '
        "set the environment variable KERAS_BACKEND=tensorflow before Keras is imported."
    )
