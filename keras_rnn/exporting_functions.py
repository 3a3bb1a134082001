"""`keras_rnn.export_functions`: functions of tensors -> files, and the proof that they give the functions' answers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

import native_logs
from keras_rnn.agreement import Case
from keras_rnn.artifacts import Signature
from keras_rnn.failures import ExportError, reason
from keras_rnn.formats import FORMATS
from keras_rnn.proving import Exported, Sources, expect_formats, write
from keras_rnn.runtimes import Arrays, as_tensors
from whole_files import placed_in

OF_FUNCTIONS = tuple(name for name in FORMATS if name != "onnx")  # whose file has one signature


@native_logs.filtered()
def export_functions(
    functions: Mapping[str, Signature],
    folder: str | Path,
    *,
    cases: Mapping[str, Sequence[Arrays]],
    resources: Sequence[Any] = (),
    formats: Iterable[str] = ("saved_model",),
) -> dict[str, Exported]:
    """What `export` does for a model, for any functions: those that take strings, say, or call a model in a loop.

    Args:
        functions: by the names of their signatures; servers take `serving_default`. LiteRT wants a batch of 1.
        folder: what is in it under the names of the formats is replaced, all together.
        cases: inputs of each function, arrays by their names, on which its files must give its answers.
        resources: what the functions use: Keras models, lookup tables.
        formats: of FORMATS, without onnx.

    Raises:
        ExportError: with the reason, or with how far apart which answers are.
    """
    formats = expect_formats(formats, OF_FUNCTIONS)
    for name in functions:
        if not cases.get(name):
            raise ExportError(f"{name} expected inputs in cases= to check its files with, got none.")
    graphs = {name: function.traced() for name, function in functions.items()}
    proofs = {name: cases_of(name, graph, cases[name]) for name, graph in graphs.items()}
    samples = {name: [case.inputs for case in each] for name, each in proofs.items()}
    folder, written = Path(folder), {}
    with placed_in(folder) as beside, Sources() as sources:
        for name in formats:
            path, mine = beside / FORMATS[name].file, functions if FORMATS[name].weights else graphs
            exported = write(name, path, mine, resources, proofs, sources, blame=blame, samples=samples)
            written[name] = replace(exported, path=folder / path.name)
    return written


def cases_of(name: str, signature: Signature, given: Sequence[Arrays]) -> list[Case]:
    """The inputs with the function's answers."""
    function, found = signature.trace(), []
    specs = {spec.name: spec for spec in signature.specs}
    for inputs in given:
        if inputs.keys() != specs.keys():
            raise ExportError(f"{name} expected cases of {', '.join(specs)}, got {', '.join(inputs)}.")
        arrays = {key: np.asarray(value, specs[key].dtype.as_numpy_dtype) for key, value in inputs.items()}
        for key, array in arrays.items():
            if not specs[key].shape.is_compatible_with(array.shape):
                raise ExportError(f"{name} expected cases with {key} of shape {specs[key].shape}, got {array.shape}.")
        try:
            outputs = {key: value.numpy() for key, value in function(**as_tensors(arrays)).items()}
        except Exception as error:  # of any operation
            raise ExportError(f"{name} can't run on what cases= has for it: {reason(error)}") from error
        found.append(Case(arrays, outputs))
    return found


def blame(error: Exception) -> str:
    """Why functions couldn't be converted."""
    return f"expected functions that LiteRT's converter takes, got: {reason(error)}"
