"""Which path is taken over a sequence: its name, from the cell, the shapes and the purpose; and where it changes.

All give the numbers of `sequence.scan`, are called with the same arguments and return what it does.

    path        what runs                                            taken where
    fused       LiteRT's one operator for an LSTM                    asked for, tanh and sigmoid, states of zeros
    ONNX        ONNX's operator LSTM, GRU or RNN                     an ONNX file, float32, activations that ONNX has
    cuDNN       one kernel of the GPU that the graph runs on; on     tanh and sigmoid, no dropout in the steps; in
                a CPU, one of the others                             training, and after the first few shapes, if
                                                                     this machine has a GPU
    steps       the cell's own step, again and again                 any cell; all LiteRT files but fused ones, in ONNX
                                                                     what has no operator
    plain       the formula's step, which TensorFlow differentiates  inference of any batch or time; beside cuDNN
    XLA         the gradient by hand, its loop compiled              few numbers a step, of known shape
    blocks      the same in blocks of steps                          many numbers a step
    one block   the same over all steps, one small graph for every   after the first few shapes
                shape

To compile takes XLA a second or two for each shape; to build and optimize a graph of blocks takes Keras's time twice.
So after `shared.SHAPES` shapes of a layer's sizes more are to be expected, and take one graph that is there already.
"""

from __future__ import annotations

import contextlib
import contextvars
import enum
from collections.abc import Iterator

import tensorflow as tf

from keras_rnn.cells import RecurrentCell, has_own
from keras_rnn.fast_paths import cudnn, fused, onnx, tracing
from keras_rnn.fast_paths.formulas import Formula, GRUFormula, LSTMFormula, SimpleRNNFormula, formula_of


class Purpose(enum.StrEnum):
    """What a pass over a sequence is for."""

    TRAINING = "training"  # a gradient will be asked for: what it needs is saved on the way
    INFERENCE = "inference"
    BESIDE_CUDNN = "beside cuDNN"  # training, in one graph with the kernel: TensorFlow must be able to derive both


class Path(enum.StrEnum):
    FUSED = "fused"
    ONNX = "ONNX"
    CUDNN = "cuDNN"
    STEPS = "steps"
    PLAIN = "plain"
    XLA = "XLA"
    BLOCKS = "blocks"
    ONE_BLOCK = "one block"


# Numbers a step, batch * units, up to which XLA takes less time than blocks. `python -m benchmarks paths` times both on
# the machine at hand and marks where the other one is faster.
XLA_NUMBERS: dict[tuple[type[Formula], Purpose], int] = {
    (SimpleRNNFormula, Purpose.TRAINING): 2048,
    (LSTMFormula, Purpose.TRAINING): 2048,
    (GRUFormula, Purpose.TRAINING): 2048,
    (SimpleRNNFormula, Purpose.INFERENCE): 512,
    (LSTMFormula, Purpose.INFERENCE): 512,
    (GRUFormula, Purpose.INFERENCE): 512,
}

# Numbers a step from which a plain loop makes the inputs' product in its steps, for the formulas that gain by it. Both
# were timed in one run at 15 shapes on an AMD EPYC with AVX2; no command of `benchmarks` compares the two yet.
IN_LOOP_NUMBERS: dict[type[Formula], int] = {LSTMFormula: 8192}

_taken: contextvars.ContextVar[Path | None] = contextvars.ContextVar("taken", default=None)


@contextlib.contextmanager
def taking(path: Path | None) -> Iterator[None]:
    """Graphs of known shape that are traced inside take `path`, None the one they take otherwise: to compare paths."""
    token = _taken.set(path)
    try:
        yield
    finally:
        _taken.reset(token)


def of_layer(
    cell: RecurrentCell,
    inputs: tf.Tensor,
    states: list[tf.Tensor],
    mask: tf.Tensor | None,
    purpose: Purpose,
    *,
    in_steps: bool = False,
    one_of_few: bool = True,
    use_cudnn: str | bool | None = "auto",
) -> Path | None:
    """FUSED, ONNX, CUDNN or STEPS; None where the cell's formula gives the numbers, and `of_formula` says how.

    Args:
        inputs: `(time, batch, features)`, as for `sequence.scan`; states and mask too.
        in_steps: something asks for the cell's own steps: a Python loop, or dropout of the states.
        one_of_few: as for `of_formula`.
        use_cudnn: as for `fast_paths.run`.

    Raises:
        ValueError: use_cudnn is True where cuDNN can't run the layer.
    """
    in_steps = in_steps or has_own(cell, "step", "project", "with_step_masks")
    has_kernel = not in_steps and inputs.dtype in cudnn.DTYPES and cudnn.mode(cell) is not None
    if use_cudnn is True and not (has_kernel and cudnn.available()):
        raise ValueError(
            f"{cell.name} expected a GPU, float16 to float64 and the activations tanh and sigmoid for use_cudnn=True, "
            'got something else: use_cudnn="auto" takes cuDNN where it can be and the loop elsewhere.'
        )
    if tracing.onnx():
        has_operator = not in_steps and inputs.dtype == tf.float32 and inputs.shape[0] != 1 and onnx.operator_of(cell)
        return Path.ONNX if has_operator else Path.STEPS
    if file := tracing.litert():
        is_fused = file.fused_lstm and has_kernel and cudnn.mode(cell) == "lstm" and mask is None
        return Path.FUSED if is_fused and fused.takes(states) else Path.STEPS
    one_of_many = None not in inputs.shape and not one_of_few and not tracing.saved_model()
    stays_here = (purpose is Purpose.TRAINING or one_of_many) and not cudnn.available()  # not for another machine
    if has_kernel and use_cudnn is not False and not stays_here and inputs.shape[0] != 1:
        return Path.CUDNN
    return without_cudnn(cell, inputs, in_steps)


def without_cudnn(cell: RecurrentCell, inputs: tf.Tensor, in_steps: bool) -> Path | None:
    """What `of_layer` says of a CPU. A single step has nothing to gain."""
    by_formula = formula_of(cell) is not None and inputs.dtype == tf.float32 and inputs.shape[0] != 1
    return None if by_formula and not in_steps else Path.STEPS


def of_formula(formula: type[Formula], inputs: tf.Tensor, units: int, purpose: Purpose, one_of_few: bool) -> Path:
    """PLAIN, XLA, BLOCKS or ONE_BLOCK.

    Args:
        inputs: `(time, batch, features)`.
        one_of_few: the inputs' shape is known, and among the first that came in graphs with layers of this kind.
    """
    if purpose is Purpose.BESIDE_CUDNN:
        return Path.PLAIN
    training, known = purpose is Purpose.TRAINING, None not in inputs.shape[:2]
    if tf.executing_eagerly() or not known:
        return Path.BLOCKS if training else Path.PLAIN
    if _taken.get():
        return _taken.get()
    if not one_of_few:
        return Path.ONE_BLOCK
    return Path.XLA if inputs.shape[1] * units <= XLA_NUMBERS[formula, purpose] else Path.BLOCKS


def here(cell: RecurrentCell, inputs: tf.TensorSpec, purpose: Purpose) -> Path:
    """The path of one of the first shapes `(time, batch, features)` of a layer, without a mask, in a graph that runs on
    this machine."""
    with tf.Graph().as_default():
        if (path := of_layer(cell, inputs, [], None, purpose)) is Path.CUDNN and not cudnn.available():
            path = without_cudnn(cell, inputs, in_steps=False)
        return path or of_formula(formula_of(cell), inputs, cell.units, purpose, one_of_few=True)
