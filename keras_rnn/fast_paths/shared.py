"""The passes in graphs that all models share: for a few shapes by XLA, for all others one graph of any shape.

A graph of its own for each model would stay behind when the model goes, because TensorFlow keeps what XLA compiled, and
every function that was called in a graph. And a graph for each length would have to be made, or compiled, at every new
length. So only the first few shapes that come with a layer's sizes have graphs of their own.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

import tensorflow as tf

from keras_rnn.fast_paths.blocks import Passes

SHAPES = 3  # of inputs, for one kind of passes and one size of weights, that have graphs of their own
COMPILED = 32  # pairs of passes that XLA compiles in a process
TRACED = 64  # pairs of passes for any shape in a process

Shapes = tuple[tuple[int | None, ...], ...]
_shapes: dict[tuple, set[tuple]] = {}  # of inputs, by the kind of layer
_compiled: set[tuple] = set()
_traced: set[tuple] = set()


def admitted(key: tuple, keys: set[tuple], limit: int) -> bool:
    """Whether `key` is one of the first `limit` that came."""
    if key not in keys and len(keys) < limit:
        keys.add(key)
    return key in keys


def shapes_of(arguments: Sequence[tf.Tensor]) -> Shapes:
    return tuple(tuple(tensor.shape) for tensor in arguments)


def loosened(passes: Passes, shapes: Shapes) -> Shapes:
    """Shapes of arguments, for any batch and time."""
    (_, _, features), *others = shapes
    states = passes.formula.states
    weights = others[: len(others) - states - passes.masked]
    return (None, None, features), *weights, *[(None, weights[2][0])] * states, *[(None, None)] * passes.masked


def is_one_of_few(kind: tuple, shape: tuple[int | None, ...]) -> bool:
    """Whether a shape of inputs is known, and of the first few that came in graphs with layers of one kind."""
    return None not in shape and admitted(shape, _shapes.setdefault(kind, set()), SHAPES)


def compiled(passes: Passes, arguments: Sequence[tf.Tensor]) -> tuple[Callable, Callable] | None:
    """`passes.forward` and `passes.backward` by XLA for the known shapes of these arguments; None if XLA has compiled
    enough in this process."""
    shapes = shapes_of(arguments)
    return ways(passes, shapes, by_xla=True) if admitted((passes, shapes), _compiled, COMPILED) else None


def of_any_shape(passes: Passes, arguments: Sequence[tf.Tensor]) -> tuple[Callable, Callable] | None:
    """`passes.forward` and `passes.backward` in one graph for any batch and time; None if there are enough of them in
    this process."""
    shapes = loosened(passes, shapes_of(arguments))
    return ways(passes, shapes, by_xla=False) if admitted((passes, shapes), _traced, TRACED) else None


def ways(passes: Passes, shapes: Shapes, by_xla: bool) -> tuple[Callable, Callable]:
    def forward(arguments, save=True):
        return forward_of(passes, shapes, by_xla, save)(*arguments)

    def backward(arguments, of_results, saved):
        return backward_of(passes, shapes, by_xla)(*arguments, *of_results, *saved)

    return forward, backward


@functools.cache
def forward_of(passes: Passes, shapes: Shapes, by_xla: bool, save: bool) -> Callable:
    """`passes.forward` for arguments of these shapes."""
    return traced(lambda *arguments: passes.forward(arguments, save), specs_of(passes, shapes), by_xla)


@functools.cache
def backward_of(passes: Passes, shapes: Shapes, by_xla: bool) -> Callable:
    """`passes.backward` for arguments of these shapes, behind them the gradients of results, and what was saved."""
    results, saved = forward_of(passes, shapes, by_xla, True).structured_outputs
    first, last = len(shapes), len(shapes) + len(results)

    def backward(*tensors):
        return passes.backward(tensors[:first], tensors[first:last], list(tensors[last:]))

    others = [tf.TensorSpec.from_tensor(tensor) for tensor in (*results, *saved)]
    return traced(backward, [*specs_of(passes, shapes), *others], by_xla)


def specs_of(passes: Passes, shapes: Shapes) -> list[tf.TensorSpec]:
    types = [tf.float32] * (len(shapes) - passes.masked) + [tf.bool] * passes.masked
    return [tf.TensorSpec(*pair) for pair in zip(shapes, types, strict=True)]


def traced(function: Callable, specs: Sequence[tf.TensorSpec], by_xla: bool) -> Callable:
    """A function's graph, which may be called, and differentiated, in every other graph: with a tf.function that is
    compiled, TensorFlow can't take the gradient of a branch of tf.cond."""
    function = tf.function(function, input_signature=specs, jit_compile=by_xla or None, autograph=False)
    with tf.init_scope():  # not as a part of the graph that asks for it
        return function.get_concrete_function()
