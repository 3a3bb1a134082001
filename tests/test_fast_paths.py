"""The choice among the fast paths."""

import pytest
import tensorflow as tf

from keras_rnn import GRUCell, LSTMCell, PeepholeLSTMCell, SimpleRNNCell, fast_paths
from keras_rnn.fast_paths import Path, Purpose, choice, cudnn


def operators():
    """Of an LSTM's graph, those inside its loops too."""
    cell = LSTMCell(4)
    cell.build((2, 3))

    def outputs():
        return fast_paths.run(cell, tf.ones((9, 2, 3)), [tf.zeros((2, 4))] * 2, use_cudnn=False)[1]

    graph = tf.function(outputs, autograph=False).get_concrete_function().graph.as_graph_def()
    return [node.op for part in graph.library.function for node in part.node_def]


def test_only_what_is_traced_inside_is_made_for_litert():
    with fast_paths.tracing_for(fast_paths.LiteRT()):
        assert "XlaDynamicUpdateSlice" in operators()
    with pytest.raises(RuntimeError), fast_paths.tracing_for(fast_paths.LiteRT()):
        raise RuntimeError
    assert "XlaDynamicUpdateSlice" not in operators()


def here(cell, shape=(9, 2, 3), dtype=tf.float32, purpose=Purpose.TRAINING):
    return choice.here(cell, tf.TensorSpec(shape, dtype), purpose)


@pytest.mark.parametrize(
    ("cell", "options", "expected"),
    [
        (LSTMCell(4), {}, Path.XLA),
        (LSTMCell(4), {"purpose": Purpose.INFERENCE}, Path.XLA),
        (GRUCell(4), {"shape": (9, 513, 3)}, Path.BLOCKS),
        (SimpleRNNCell(4), {"shape": (9, 1025, 3), "purpose": Purpose.INFERENCE}, Path.BLOCKS),
        (LSTMCell(4), {"shape": (None, 2, 3)}, Path.BLOCKS),
        (LSTMCell(4), {"shape": (9, None, 3), "purpose": Purpose.INFERENCE}, Path.PLAIN),
        (LSTMCell(4), {"purpose": Purpose.BESIDE_CUDNN}, Path.PLAIN),
        (LSTMCell(4), {"shape": (1, 2, 3)}, Path.STEPS),
        (LSTMCell(4), {"dtype": tf.float64}, Path.STEPS),
        (LSTMCell(4, activation="relu"), {}, Path.STEPS),
        (GRUCell(4, reset_after=False), {}, Path.STEPS),
        (PeepholeLSTMCell(4), {}, Path.STEPS),
    ],
)
def test_a_path_has_a_name(cell, options, expected):
    assert here(cell, **options) is expected


def test_a_gpu_has_its_kernel(monkeypatch):
    monkeypatch.setattr(cudnn, "available", lambda: True)
    assert here(GRUCell(4)) is Path.CUDNN
    assert here(GRUCell(4, reset_after=False)) is Path.STEPS


def test_a_path_can_be_taken_to_compare_it():
    with choice.taking(Path.ONE_BLOCK):
        assert here(LSTMCell(4)) is Path.ONE_BLOCK
        assert here(LSTMCell(4, activation="relu")) is Path.STEPS
    assert here(LSTMCell(4)) is Path.XLA
