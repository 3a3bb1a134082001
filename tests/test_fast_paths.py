"""Every fast path against the plain loop, on random numbers."""

import numpy as np
import pytest
import tensorflow as tf

from keras_rnn import LSTMCell, fast_paths

FEATURES, BATCH, UNITS = 3, 2, 4


@pytest.fixture(scope="module")
def cell():
    cell = LSTMCell(UNITS)
    cell.build((BATCH, FEATURES))
    generator = np.random.default_rng(0)
    cell.set_weights([generator.normal(size=weight.shape) for weight in cell.get_weights()])
    return cell


def run(cell, time, go_backwards, mask):
    generator = np.random.default_rng(time)
    inputs = tf.constant(generator.normal(size=(time, BATCH, FEATURES)), tf.float32)
    states = [tf.constant(generator.normal(size=(BATCH, UNITS)), tf.float32) for _ in range(2)]
    mask = tf.constant(generator.random((time, BATCH)) < 0.6) if mask else None
    last, outputs, states = fast_paths.run(cell, inputs, states, mask, go_backwards=go_backwards)
    return [tensor.numpy() for tensor in (last, outputs, *states)]


@pytest.mark.parametrize("mask", [False, True], ids=["whole", "masked"])
@pytest.mark.parametrize("go_backwards", [False, True], ids=["forwards", "backwards"])
@pytest.mark.parametrize("time", [1, 3, 4, 5, 11])
def test_blocks_give_the_plain_loops_numbers(cell, time, go_backwards, mask, monkeypatch):
    plain = run(cell, time, go_backwards, mask)
    monkeypatch.setattr(fast_paths.litert, "BLOCK", 4)
    with fast_paths.tracing_for(fast_paths.LiteRT()):
        in_blocks = run(cell, time, go_backwards, mask)
    for expected, got in zip(plain, in_blocks, strict=True):
        np.testing.assert_allclose(got, expected, atol=1e-6)


def test_blocks_write_each_of_the_outputs_once_a_block(cell, monkeypatch):
    monkeypatch.setattr(fast_paths.litert, "BLOCK", 4)
    with fast_paths.tracing_for(fast_paths.LiteRT()):
        graph = tf.function(lambda: run_in_graph(cell)).get_concrete_function().graph
    loops = [node.op for node in graph.as_graph_def().node if node.op in ("While", "StatelessWhile")]
    assert len(loops) == 1  # the outer one; the inner one is in its body
    inside = [node.op for function in graph.as_graph_def().library.function for node in function.node_def]
    assert sum(op in ("While", "StatelessWhile") for op in inside) == 1


def run_in_graph(cell):
    states = [tf.zeros((BATCH, UNITS))] * 2
    return fast_paths.run(cell, tf.ones((9, BATCH, FEATURES)), states, use_cudnn=False)[1]


def test_only_what_is_traced_inside_is_made_for_litert(cell):
    with pytest.raises(RuntimeError), fast_paths.tracing_for(fast_paths.LiteRT()):
        raise RuntimeError
    graph = tf.function(lambda: run_in_graph(cell)).get_concrete_function().graph.as_graph_def()
    inside = [node.op for function in graph.library.function for node in function.node_def]
    assert "While" not in inside and "StatelessWhile" not in inside
