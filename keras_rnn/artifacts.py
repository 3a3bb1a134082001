"""Functions -> a SavedModel, a LiteRT or an ONNX file with named signatures, written whole or not at all.

`keras_rnn.export` and `keras_rnn.export_functions` write files by these, and prove them.
"""

from __future__ import annotations

import contextlib
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from keras_rnn import fast_paths
from keras_rnn.failures import full_disk
from whole_files import naming, placed_in, write_whole

ONNX_OPSET = 18  # the newest that tf2onnx writes
WEIGHTS = ("float32", "float16", "int8", "full_int8")  # how a LiteRT file may store them


class Signature(NamedTuple):
    """A function that a file offers: tensors as in `specs`, by their names -> a dictionary of named tensors."""

    function: Callable[..., dict[str, tf.Tensor]]
    specs: Sequence[tf.TensorSpec]  # a size that is None may be any

    def trace(self):
        """The function as a graph."""
        with fast_paths.tracing_for_export():
            return tf.function(self.function, autograph=False).get_concrete_function(**{s.name: s for s in self.specs})

    def traced(self) -> Traced:
        """Itself, as a graph already."""
        return Traced(self.trace(), self.specs)


class Traced(Signature):
    """A signature whose function is a graph, for all files but LiteRT's, which have loops of their own."""

    def trace(self):
        return self.function


def saved_model(signatures: Mapping[str, Signature], resources: Sequence[Any], folder: Path) -> None:
    """Writes a SavedModel; an existing `folder` is replaced.

    Args:
        signatures: by name; the one that servers take is called `serving_default`.
        resources: what the functions use: Keras models, lookup tables.
    """
    module = tf.Module()
    module.resources = [  # tf.saved_model doesn't track Keras variables, only the tf.Variable inside each
        [variable.value for variable in resource.variables] if isinstance(resource, keras.Model) else resource
        for resource in resources
    ]
    functions = {name: signature.trace() for name, signature in signatures.items()}
    module.functions = functions
    folder = Path(folder)
    with placed_in(folder.parent) as beside, full_disk(folder):
        tf.saved_model.save(module, str(beside / folder.name), signatures=functions)


def litert(
    signatures: Mapping[str, Signature],
    resources: Sequence[Any],
    path: Path,
    *,
    weights: str = "float32",
    samples: Mapping[str, Sequence[Mapping[str, np.ndarray]]] | None = None,
    fused_lstm: bool = False,
) -> None:
    """Writes a LiteRT file with builtin operators only; an existing `path` is replaced.

    Args:
        signatures, resources: as for `saved_model`, but the batch size must be a number, without which the loops can't
            be converted; the time may be None.
        weights: "float32"; "float16"; "int8": 8-bit integers with a scale for each output (dynamic range);
            "full_int8": activations too.
        samples: typical inputs of each signature, by which "full_int8" finds the ranges of the activations.
        fused_lstm: LSTMs as LiteRT's one operator, which CompiledModel doesn't load.
    """
    if weights not in WEIGHTS:
        raise ValueError(f"weights expected one of {', '.join(WEIGHTS)}, got {weights!r}.")
    if weights == "full_int8" and not samples:
        raise ValueError('weights="full_int8" expected samples of the inputs, got none.')
    with traced(signatures, resources, fast_paths.LiteRT(weights == "full_int8", fused_lstm)) as source:
        convert(source, list(signatures), path, weights, samples)


@contextlib.contextmanager
def traced(signatures: Mapping[str, Signature], resources: Sequence[Any], file: fast_paths.LiteRT) -> Iterator[Path]:
    """A SavedModel whose loops are made for LiteRT, to convert from, in whichever way the weights are to be stored."""
    temporary = naming(Path(tempfile.gettempdir()), "set TMPDIR to a folder on another disk")
    with temporary, tempfile.TemporaryDirectory() as folder:
        with fast_paths.tracing_for(file):
            saved_model(signatures, resources, Path(folder) / "model")
        yield Path(folder) / "model"


def convert(
    source: Path,
    signatures: Sequence[str],
    path: Path,
    weights: str,
    samples: Mapping[str, Sequence[Mapping[str, np.ndarray]]] | None = None,
) -> None:
    """What `traced` made -> a LiteRT file.

    Args:
        signatures: their names.
        weights, samples: as for `litert`.
    """
    converter = tf.lite.TFLiteConverter.from_saved_model(str(source), signature_keys=signatures)
    if weights != "float32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if weights == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if weights == "full_int8":
        converter.representative_dataset = lambda: (
            (name, dict(sample)) for name, rows in (samples or {}).items() for sample in rows
        )
    with warnings.catch_warnings():  # TensorFlow warns of its own interpreter, with which it finds ranges
        warnings.filterwarnings("ignore", message=r"\s*Warning: tf\.lite\.Interpreter is deprecated")
        content = converter.convert()
    write_whole(Path(path), content)


def onnx(signature: Signature, path: Path) -> None:
    """Writes an ONNX file by tf2onnx; an existing `path` is replaced. It needs the packages of `keras-rnn[onnx]`.

    A layer that ONNX has an operator for becomes that one, LSTM, GRU or RNN; others are loops.

    An output that has the name of an input, as a state of `step` has, gets `new_` before it: ONNX wants them distinct.
    """
    import onnx
    import tf2onnx

    file = fast_paths.ONNX()
    names = [spec.name for spec in signature.specs]

    def function(*values):
        outputs = signature.function(**dict(zip(names, values, strict=True)))
        return {f"new_{name}" if name in names else name: value for name, value in outputs.items()}

    function = tf.function(function, input_signature=signature.specs, autograph=False)
    with fast_paths.tracing_for(file):
        model, _ = tf2onnx.convert.from_function(
            function,
            input_signature=signature.specs,
            opset=ONNX_OPSET,
            custom_op_handlers=fast_paths.onnx.handlers(file),
        )
    for value in [*model.graph.input, *model.graph.output]:
        for axis, size in enumerate(value.type.tensor_type.shape.dim):
            if size.dim_param:
                size.dim_param = ("batch", "time")[axis]
    onnx.checker.check_model(model)
    write_whole(Path(path), model.SerializeToString())


def size_of(path: Path) -> int:
    """The bytes of a file, or of all files in a folder."""
    return sum(part.stat().st_size for part in [path, *path.rglob("*")] if part.is_file())
