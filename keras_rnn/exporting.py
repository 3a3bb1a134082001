"""`keras_rnn.export`: a Keras model -> files for every runtime, and the proof that they give the model's answers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import keras

from keras_rnn import agreement, artifacts, runtimes
from keras_rnn.agreement import Case
from keras_rnn.artifacts import Signature
from keras_rnn.failures import ExportError, all_layers
from keras_rnn.interface import Interface
from keras_rnn.runtimes import Arrays, Runner
from keras_rnn.samples import checked, random_inputs
from whole_files import placed_in

FILES = {
    "saved_model": "1",  # the numbered folder that TensorFlow Serving expects
    "litert": "model.tflite",
    "litert_float16": "model_float16.tflite",
    "litert_int8": "model_int8.tflite",
    "litert_full_int8": "model_full_int8.tflite",
    "onnx": "model.onnx",
}
ONNX_STEP = "model_step.onnx"  # an ONNX file has one signature
WEIGHTS = {
    "litert": "float32",
    "litert_float16": "float16",
    "litert_int8": "int8",
    "litert_full_int8": "full_int8",
}
# How far a file's answers may be from the model's, as a part of the largest number in an answer, or of 1 below that.
TOLERANCES = {
    "saved_model": 1e-5,
    "litert": 1e-5,
    "litert_float16": 1e-2,
    "litert_int8": 0.1,
    "litert_full_int8": 0.3,
    "onnx": 1e-5,
}


@dataclass(frozen=True)
class Exported:
    """A file that was written, and how far its answers were from the model's."""

    path: Path
    size: int  # bytes
    signatures: tuple[str, ...]
    difference: float  # the largest over all signatures, inputs and calls, as TOLERANCES has it


def export(
    model: keras.Model,
    folder: str | Path,
    *,
    formats: Iterable[str] = ("saved_model", "litert"),
    step: bool = False,
    length: int | None = None,
    fused_lstm: bool = False,
    inputs: Sequence[Arrays] | None = None,
) -> dict[str, Exported]:
    """Writes `model` for other programs, once each file has given its answers.

        folder/1/                       SavedModel; batch and time may be any; on CPU and GPU
        folder/model.tflite             LiteRT, builtin operators only; batch 1
        folder/model_float16.tflite     weights in half precision
        folder/model_int8.tflite        weights in 8 bits (dynamic range)
        folder/model_full_int8.tflite   activations in 8 bits too, where the operators allow
        folder/model.onnx               ONNX; batch and time may be any; needs `keras-rnn[onnx]`

    Each has the signature `serving_default`: the model's inputs by their names -> its outputs by the names of their
    layers. Each is run with inputs of several lengths, twice, by every runtime that is to load it.

    Args:
        model: Functional or Sequential, with layers of this package; those of Keras go where they can.
        folder: what is in it under the names above is replaced, all together.
        formats: of FILES.
        step: add the signature `step`: one time step of the inputs and the states `lstm_hidden`, `lstm_memory`, ...
            (zeros at the beginning) -> one step of the outputs and the new states under the same names.
        length: add to the LiteRT files the signature `padded`, which Android's and the browser's CompiledModel can
            load: inputs of this many time steps, and `length` int32 (), how many of them count.
        fused_lstm: in the LiteRT files, make LSTMs without mask or given states LiteRT's one operator for them, for
            microcontrollers; CompiledModel doesn't load such a file. It begins each call with zeros, as the loop does.
        inputs: to check with, arrays with a batch dimension by the inputs' names; needed for `litert_full_int8`, which
            finds ranges by them. Without them random ones are made.

    Raises:
        ExportError: with the layer and the reason, or with how far apart which answers are.
    """
    formats = [formats] if isinstance(formats, str) else list(formats)
    if not formats or any(name not in FILES for name in formats):
        raise ExportError(f"formats expected some of {', '.join(FILES)}, got {formats}.")
    if "litert_full_int8" in formats and not inputs:
        raise ExportError("litert_full_int8 expected inputs=, by which to find the ranges of activations, got none.")
    if fused_lstm and "litert_full_int8" in formats:
        raise ExportError(
            "fused_lstm=True expected formats without litert_full_int8, got it: 8 bits can't empty states."
        )
    interface = Interface(model)
    interface.expect_known_time()
    if length is not None:
        interface.expect_length(length)
    more = [] if length is None else [length]
    samples = [checked(interface, sample) for sample in inputs] if inputs else random_inputs(interface, *more)
    cases = [Case.of(interface, sample) for sample in samples]
    if length is not None:
        agreement.expect_padding(interface, cases, length)
    folder = Path(folder)
    with placed_in(folder) as beside:
        options = {"step": step, "length": length, "fused_lstm": fused_lstm}
        written = [write(name, interface, cases, beside / FILES[name], **options) for name in formats]
    return {name: replace(exported, path=folder / FILES[name]) for name, exported in zip(formats, written, strict=True)}


def write(
    name: str,
    interface: Interface,
    cases: Sequence[Case],
    path: Path,
    *,
    step: bool,
    length: int | None,
    fused_lstm: bool,
) -> Exported:
    """One format, checked."""
    any_batch = name in ("saved_model", "onnx")
    batch = None if any_batch else 1
    cases = cases if any_batch else [row for case in cases for row in case.rows()]
    signatures = {"serving_default": interface.whole(batch)}
    if length is not None and not any_batch:
        signatures["padded"] = interface.padded(length)
    if step:
        signatures["step"] = interface.step(batch)
    if name == "saved_model":
        artifacts.saved_model(signatures, interface.resources, path)
        runtime = [runtimes.saved_model(path)]
    elif name == "onnx":
        runtime = [write_onnx(signatures, path)]
    else:
        full = name == "litert_full_int8"
        samples = agreement.typical_inputs(interface, signatures, cases, length) if full else None
        try:
            artifacts.litert(
                signatures,
                interface.resources,
                path,
                weights=WEIGHTS[name],
                samples=samples,
                fused_lstm=fused_lstm,
            )
        except OSError:  # a full disk, say
            raise
        except Exception as error:  # of the converter, which has several
            raise ExportError(blame(interface, error)) from error
        runtime = [runtimes.litert(path)] if fused_lstm else [runtimes.litert(path), runtimes.compiled(path)]
    apart = [agreement.check(interface, runners, cases, TOLERANCES[name], length, name) for runners in runtime]
    return Exported(path, artifacts.size_of(path), tuple(signatures), max(apart))


def write_onnx(signatures: Mapping[str, Signature], path: Path) -> dict[str, Runner]:
    """A file for each signature -> what runs them."""
    runners = {}
    for name, signature in signatures.items():
        file = path.with_name(ONNX_STEP) if name == "step" else path
        try:
            artifacts.onnx(signature, file)
            runners[name] = runtimes.onnx(file)
        except ImportError as error:
            raise ExportError(f"onnx expected the packages of keras-rnn[onnx], got no {error.name}.") from None
        except Exception as error:  # of the converter, of the checker
            raise ExportError(f"expected a model that tf2onnx takes, got: {str(error).strip()[:200]}") from error
    return runners


def blame(interface: Interface, error: Exception) -> str:
    """Why a model couldn't be converted, and by which of its layers."""
    for layer in all_layers(interface.model):
        if not isinstance(layer, keras.Model) and layer.compute_dtype in ("float16", "bfloat16", "float64"):
            return (
                f"expected layers that compute in float32 for LiteRT, got {layer.name} in {layer.compute_dtype}: make "
                "the model again with the dtype policy float32, and give it these weights."
            )
    missing = set(re.findall(r"'tf\.(\w+)' op is neither a custom op nor a flex op", str(error)))
    if not missing:
        return f"expected a model that LiteRT's converter takes, got: {str(error).strip().splitlines()[0]}"
    names = {layer.name for layer in interface.model.layers}
    operations = interface.whole(1).trace().graph.as_graph_def().node
    scopes = {part for node in operations if node.op in missing for part in node.name.split("/")}
    layers = names & (scopes | {re.sub(r"_\d+$", "", scope) for scope in scopes})  # Keras numbers the calls
    return (
        f"expected layers that LiteRT has operators for, got {', '.join(sorted(layers)) or interface.model.name}, "
        f"which needs {', '.join(sorted(missing))}."
    )
