"""LiteRT's loops, scan around masked steps and operator for LSTMs, converted and run, against the plain loop."""

import itertools
import tempfile

import keras
import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter
from closeness import assert_close
from grids import rows_of

from keras_rnn import GRU, LSTM, GRUCell, LSTMCell, SimpleRNN, SimpleRNNCell, fast_paths
from keras_rnn.fast_paths import LiteRT, fused, litert
from keras_rnn.sequence import scan

FEATURES, UNITS = 3, 5
LENGTHS = (7, 1, 2, 3, 6, 20, 20)  # around the blocks of 6 and 3 steps that the tests have
DIRECTIONS_AND_ZEROS = list(itertools.product((False, True), repeat=2))


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(litert, "BLOCKS", (6, 3))


def converted(function, specs, file=None, **settings):
    """A LiteRT file's content; `settings` are the converter's."""
    file = file or LiteRT()
    with tempfile.TemporaryDirectory() as folder:
        with fast_paths.tracing_for(file):
            traced = tf.function(function, autograph=False).get_concrete_function(**{s.name: s for s in specs})
        module = tf.Module()
        module.function = traced
        module.variables_kept = traced.variables
        tf.saved_model.save(module, folder, signatures={"serving_default": traced})
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        for name, value in settings.items():
            setattr(converter, name, value)
        return converter.convert()


def runner(content):
    return Interpreter(model_content=content).get_signature_runner()


def operators(content):
    return [operator["op_name"] for operator in Interpreter(model_content=content)._get_ops_details()]


def build(cell, seed=0):
    cell.build((None, FEATURES))
    generator = np.random.default_rng(seed)
    cell.set_weights([generator.normal(size=weight.shape) for weight in cell.get_weights()])
    return cell


def mask_of(kind, time, batch=1):
    steps = np.arange(time)[:, None]
    masks = {
        "right": steps < (time + 1) // 2,
        "left": steps >= time // 2,
        "scattered": np.random.default_rng(time).random((time, batch)) < 0.6,
        "all": steps < 0,
        "none": steps >= 0,
    }
    return np.broadcast_to(masks[kind], (time, batch))


def every_option(cell, inputs, mask, states):
    """All results of a cell over a sequence, by name, for the options that `fast_paths.run` has for LiteRT.

    Cells with gates, which take longer to convert, have fewer: what the options do isn't theirs.
    """
    results = {}
    for go_backwards, zeros in DIRECTIONS_AND_ZEROS if cell.gates == 1 else [(True, False)]:
        for all_outputs, used in itertools.product((False, True), (None, mask)):
            if zeros and used is None:
                continue
            last, outputs, new_states = fast_paths.run(
                cell,
                inputs,
                states,
                used,
                go_backwards=go_backwards,
                zero_output_for_mask=zeros,
                return_all_outputs=all_outputs,
                use_cudnn=False,
            )
            name = f"{'backwards' if go_backwards else 'forwards'}_{zeros}_{all_outputs}_{used is not None}"
            results |= {f"{name}_last": last, **{f"{name}_{i}": state for i, state in enumerate(new_states)}}
            if all_outputs:
                results[f"{name}_outputs"] = outputs
    return results


def random_case(time, kind, states, batch=1):
    generator = np.random.default_rng(time)
    case = {
        "inputs": generator.normal(size=(time, batch, FEATURES)).astype("float32"),
        "mask": mask_of(kind, time, batch),
    }
    return case | {f"state_{i}": generator.normal(size=(batch, UNITS)).astype("float32") for i in range(states)}


def loop_file(cell, states, time=None, batch=1):
    specs = [
        tf.TensorSpec((time, batch, FEATURES), tf.float32, name="inputs"),
        tf.TensorSpec((time, batch), tf.bool, name="mask"),
        *(tf.TensorSpec((batch, UNITS), tf.float32, name=f"state_{i}") for i in range(states)),
    ]
    return converted(lambda inputs, mask, **states: every_option(cell, inputs, mask, [*states.values()]), specs)


@pytest.mark.parametrize(
    ("cell_class", "states", "time", "batch"),
    [
        pytest.param(SimpleRNNCell, 1, None, 2, marks=pytest.mark.slow),
        pytest.param(SimpleRNNCell, 1, 20, 1, marks=pytest.mark.slow),
        (LSTMCell, 2, None, 1),
        pytest.param(GRUCell, 1, None, 1, marks=pytest.mark.slow),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_the_files_loop_gives_the_plain_loops_numbers(cell_class, states, time, batch):
    """Forwards and backwards, last and all outputs, every kind of mask, from given states, call after call."""
    cell = build(cell_class(UNITS))
    run = runner(loop_file(cell, states, time, batch))
    for length, kind in itertools.product([time] if time else LENGTHS, ("right", "left", "scattered", "all", "none")):
        case = random_case(length, kind, states, batch)
        given = [tf.constant(case[f"state_{i}"]) for i in range(states)]
        expected = every_option(cell, tf.constant(case["inputs"]), tf.constant(case["mask"]), given)
        found = run(**case)
        for name, value in expected.items():
            assert found[name].shape == value.shape, name
            assert_close(found[name], value, what=f"{name} {length} {kind}")


def nodes(function, file=None):
    """The operators of a graph, those inside its loops too."""
    with fast_paths.tracing_for(file or LiteRT()):
        graph = tf.function(function, autograph=False).get_concrete_function().graph.as_graph_def()
    return [node.op for part in (graph, *graph.library.function) for node in getattr(part, "node", ()) or part.node_def]


@pytest.mark.parametrize("all_outputs", [False, True])
def test_an_output_is_written_by_one_operator_and_only_if_it_is_wanted(all_outputs):
    cell = build(LSTMCell(UNITS))
    found = nodes(
        lambda: fast_paths.run(
            cell, tf.ones((9, 1, FEATURES)), [tf.zeros((1, UNITS))] * 2, return_all_outputs=all_outputs
        )[0]
    )
    levels = 1 + len(litert.BLOCKS) if all_outputs else 0
    assert found.count("XlaDynamicUpdateSlice") == levels
    assert found.count("While") + found.count("StatelessWhile") == max(1, levels)
    assert not any(operator.startswith("TensorList") for operator in found)


def test_arrays_are_no_longer_than_their_blocks(monkeypatch):
    """A write copies the array: those that are written at every step must be short, however long the sequence is."""
    written = []

    def update(array, rows, indices):
        written.append((array.shape[0], rows.shape[0]))
        return tf.tensor_scatter_nd_update(array, indices[0] + tf.range(rows.shape[0])[:, None], rows)

    monkeypatch.setattr(litert, "xla_dynamic_update_slice", update)
    states = [tf.zeros((1, UNITS))]
    with fast_paths.tracing_for(LiteRT()):
        fast_paths.run(build(SimpleRNNCell(UNITS)), tf.ones((20, 1, FEATURES)), states, use_cudnn=False)
    one_block = [*[(3, 1)] * 3, (6, 3)] * 2 + [(20, 6)]
    assert written == one_block * 3 + [(2, 1), (2, 1), (2, 2), (20, 2)]


@pytest.mark.parametrize(("go_backwards", "zeros"), DIRECTIONS_AND_ZEROS)
@pytest.mark.parametrize("before", [False, True])
def test_masked_steps_are_not_taken(go_backwards, zeros, before):
    """For every mask of 4 steps: the numbers of `scan` with the mask, from as many steps as it keeps."""
    inputs = tf.constant(np.random.default_rng(0).normal(size=(4, 1, 2)), tf.float32)
    start = [tf.fill((1, 2), 5.0), tf.zeros((1, 2))]
    last_output = tf.fill((1, 2), 9.0) if before else None
    steps = []

    def step(inputs, states):
        return [0.5 * states[0] + inputs, states[1] + 1]

    for mask, all_outputs in itertools.product(itertools.product([False, True], repeat=4), (False, True)):
        mask = tf.constant(mask)[:, None]
        options = {"go_backwards": go_backwards, "return_all_outputs": all_outputs}

        def kept(inputs, options=options):
            steps.append(inputs.shape[0])
            return scan(step, inputs, start, **options)

        masking = {"last_output": last_output, "zero_output_for_mask": zeros}
        expected = scan(step, inputs, start, mask, **masking, **options)
        found = litert.scan_unmasked(kept, inputs, mask, go_backwards=go_backwards, **masking)
        assert steps[-1] == mask.numpy().sum()
        if all_outputs:
            assert_close(found[1], expected[1], what=str(mask.numpy()[:, 0]))
        else:
            assert found[1] is None
        for one, other in zip([found[0], *found[2]], [expected[0], *expected[2]], strict=True):
            assert_close(one, other, what=str(mask.numpy()[:, 0]))


def test_a_layer_that_is_to_be_unrolled_stays_so():
    cell, mask = build(SimpleRNNCell(UNITS)), tf.constant(mask_of("right", 4))
    states = [tf.zeros((1, UNITS))]
    found = nodes(lambda: fast_paths.run(cell, tf.ones((4, 1, FEATURES)), states, mask, unroll=True)[0])
    assert "While" not in found and "StatelessWhile" not in found and found.count("MatMul") >= 4


# The operator for LSTMs


ROW = [tf.TensorSpec((1, None, FEATURES), tf.float32, name="inputs")]
WIDE = 40  # units: 8 bits are for matrices of 1,024 numbers or more


def lstm_model(**options):
    """A model whose LSTM, or two in both directions, gets 40 features; random weights."""
    keras.utils.set_random_seed(3)
    inputs = keras.Input((None, FEATURES))
    layer = LSTM(WIDE, bias_initializer="normal", recurrent_initializer="normal", **options)
    layer = keras.layers.Bidirectional(layer) if options.get("return_sequences") else layer
    return keras.Model(inputs, layer(keras.layers.Dense(WIDE, kernel_initializer="normal")(inputs)))


def fused_file(model, **settings):
    return converted(lambda inputs: {"output": model(inputs, training=False)}, ROW, LiteRT(fused_lstm=True), **settings)


def largest_errors(model, content):
    """How far the answers of a file are from the model's, and from those of an interpreter that has run nothing else.

    Three calls of each length, without a change of length in between, which would empty the states.
    """
    run = runner(content)
    generator = np.random.default_rng(0)
    far, kept = 0.0, 0.0
    for time in (1, 1, 1, 3, 3, 3, 20, 20):
        inputs = (5 * generator.normal(size=(1, time, FEATURES))).astype("float32")
        found = np.array(run(inputs=inputs)["output"])
        far = max(far, np.abs(found - model(inputs)).max())
        kept = max(kept, np.abs(found - runner(content)(inputs=inputs)["output"]).max())
    return far, kept


@pytest.mark.parametrize(
    "options",
    rows_of([{}, {"go_backwards": True, "use_bias": False}, {"return_sequences": True}], lambda options: not options),
    ids=["last", "back", "both"],
)
def test_the_operator_gives_the_models_numbers_at_every_call(options):
    model = lstm_model(**options)
    content = fused_file(model)
    found = operators(content)
    assert found.count("UNIDIRECTIONAL_SEQUENCE_LSTM") == (2 if options.get("return_sequences") else 1)
    assert "WHILE" not in found
    far, kept = largest_errors(model, content)
    assert far < 1e-5 and kept == 0


@pytest.mark.parametrize(
    ("settings", "error", "size"),
    [
        ({"optimizations": [tf.lite.Optimize.DEFAULT]}, 0.1, 0.4),
        pytest.param(
            {
                "optimizations": [tf.lite.Optimize.DEFAULT],
                "target_spec": tf.lite.TargetSpec(supported_types=[tf.float16]),
            },
            0.01,
            0.65,
            marks=pytest.mark.slow,
        ),
    ],
    ids=["int8", "float16"],
)
def test_the_operator_in_fewer_bits_keeps_nothing_either(settings, error, size):
    model = lstm_model()
    content = fused_file(model, **settings)
    assert len(content) < size * len(fused_file(model))
    far, kept = largest_errors(model, content)
    assert 1e-6 < far < error and kept == 0


def test_without_the_step_before_it_the_operator_keeps_its_states(monkeypatch):
    def without(inputs, kernel, recurrent_kernel, bias):
        return tf.concat([tf.zeros_like(inputs[:1]), inputs], axis=0), kernel

    monkeypatch.setattr(fused, "with_reset", without)
    model = lstm_model()
    assert largest_errors(model, fused_file(model))[1] > 0.01


@pytest.mark.parametrize("scale", [0.0, 1e-4, 30.0])
def test_the_step_closes_the_gates_whatever_the_weights(scale):
    generator = np.random.default_rng(0)
    kernel, recurrent_kernel, bias = (
        tf.constant(scale * generator.normal(size=shape), tf.float32)
        for shape in ((FEATURES, 4 * UNITS), (UNITS, 4 * UNITS), (4 * UNITS,))
    )
    inputs = tf.random.normal((2, 1, FEATURES))
    longer, wider = fused.with_reset(inputs, kernel, recurrent_kernel, bias)
    np.testing.assert_array_equal(longer[1:, :, :FEATURES], inputs)
    np.testing.assert_array_equal(longer[1:, :, FEATURES:], 0)
    np.testing.assert_array_equal(wider[:FEATURES], kernel)
    for hidden in generator.choice([-1.0, 1.0], size=(20, 1, UNITS)).astype("float32"):
        gates = tf.split(longer[0] @ wider + hidden @ recurrent_kernel + bias, 4, axis=1)
        for gate in (gates[0], gates[1], gates[3]):
            assert tf.reduce_max(gate) < -104 and tf.reduce_max(tf.sigmoid(gate)) == 0
        assert np.isfinite(gates[2]).all()
    if scale:  # 8-bit weights keep their scale
        for gate, with_row in zip(tf.split(kernel, 4, 1), tf.split(wider, 4, 1), strict=True):
            assert tf.reduce_max(tf.abs(with_row)) <= max(tf.reduce_max(tf.abs(gate)), 0.01)


def loop_models():
    """Models whose layers the operator can't be: name -> outputs of an input and a state."""
    inputs, state = keras.Input((None, FEATURES)), [keras.Input((UNITS,)), keras.Input((UNITS,))]
    masked = keras.layers.Masking()(inputs)
    yield "a mask", keras.Model([inputs, *state], LSTM(UNITS)(masked))
    yield "states", keras.Model([inputs, *state], LSTM(UNITS)(inputs, initial_state=state))
    yield "relu", keras.Model([inputs, *state], LSTM(UNITS, activation="relu")(inputs))
    yield "the memory", keras.Model([inputs, *state], LSTM(UNITS, return_state=True)(inputs)[2])
    yield "GRU", keras.Model([inputs, *state], GRU(UNITS)(inputs))
    yield "SimpleRNN", keras.Model([inputs, *state], SimpleRNN(UNITS)(inputs))


def test_what_the_operator_is_not_stays_a_loop():
    models = dict(loop_models())
    states = [tf.TensorSpec((1, UNITS), tf.float32, name=name) for name in ("hidden", "memory")]

    def function(inputs, hidden, memory):
        return {name.replace(" ", "_"): model([inputs, hidden, memory]) for name, model in models.items()}

    content = converted(function, [*ROW, *states], LiteRT(fused_lstm=True))
    found = operators(content)
    assert "UNIDIRECTIONAL_SEQUENCE_LSTM" not in found and found.count("WHILE") == len(models)
    run = runner(content)
    generator = np.random.default_rng(0)
    for time in (4, 4, 1):
        shapes = {"inputs": (1, time, FEATURES), "hidden": (1, UNITS), "memory": (1, UNITS)}
        case = {name: generator.normal(size=shape).astype("float32") for name, shape in shapes.items()}
        case["inputs"][0, time // 2] = 0  # masked
        for name, value in function(**case).items():
            assert_close(run(**case)[name], value, what=name)


def test_the_operator_begins_with_zeros_that_are_known():
    zeros, ones = tf.zeros((1, UNITS)), tf.ones((1, UNITS))
    assert fused.takes([zeros, zeros]) and not fused.takes([zeros, ones]) and not fused.takes([ones, zeros])


def test_full_int8_refuses_the_operator():
    with pytest.raises(ValueError, match=r"full_int8 expected fused_lstm=False, got True"):
        LiteRT(full_int8=True, fused_lstm=True)
