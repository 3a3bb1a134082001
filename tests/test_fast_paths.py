"""The choice among the fast paths."""

import pytest
import tensorflow as tf

from keras_rnn import LSTMCell, fast_paths


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
