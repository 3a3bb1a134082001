"""`keras_rnn.export`: a Keras model -> files for every runtime, and the proof that they give the model's answers."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import keras

import native_logs
from keras_rnn import agreement
from keras_rnn.agreement import Case
from keras_rnn.artifacts import Signature
from keras_rnn.failures import ExportError, all_layers
from keras_rnn.formats import FORMATS
from keras_rnn.interface import Interface
from keras_rnn.proving import Exported, Sources, expect_formats, write
from keras_rnn.runtimes import Arrays
from keras_rnn.samples import checked, random_inputs
from whole_files import placed_in


@native_logs.filtered()
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
        formats: of FORMATS.
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
    formats = expect_formats(formats)
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
    rows = [row for case in cases for row in case.rows()]
    signatures = {batch: signatures_for(interface, batch, step=step, length=length) for batch in (None, 1)}
    written = {}
    with placed_in(folder) as beside, Sources() as sources:
        for name in formats:
            batch, path = FORMATS[name].batch, beside / FORMATS[name].file
            mine = signatures[batch]
            typical = name == "litert_full_int8" and agreement.typical_inputs(interface, mine, rows, length)
            exported = write(
                name,
                path,
                mine,
                interface.resources,
                dict.fromkeys(mine, rows if batch else cases),
                sources,
                blame=functools.partial(blame, interface),
                interface=interface,
                length=length,
                fused_lstm=fused_lstm and batch is not None,
                samples=typical or None,
            )
            written[name] = replace(exported, path=folder / path.name)
    return written


def signatures_for(interface: Interface, batch: int | None, *, step: bool, length: int | None) -> dict[str, Signature]:
    """Those of a file that takes `batch` rows: only files of a fixed batch have `padded`."""
    signatures = {"serving_default": interface.whole(batch)}
    if length is not None and batch:
        signatures["padded"] = interface.padded(length)
    if step:
        signatures["step"] = interface.step(batch)
    return signatures


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
