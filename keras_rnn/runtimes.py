"""An exported file in use: each of its signatures as a function from named arrays to named arrays."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import tensorflow as tf

Arrays = Mapping[str, np.ndarray]
Runner = Callable[[Arrays], dict[str, np.ndarray]]


def saved_model(folder: Path) -> dict[str, Runner]:
    """The signatures of a SavedModel."""
    loaded = tf.saved_model.load(str(folder))

    def runner(signature):
        def run(inputs):
            _ = loaded  # which owns the variables
            return {name: value.numpy() for name, value in signature(**as_tensors(inputs)).items()}

        return run

    return {name: runner(signature) for name, signature in loaded.signatures.items()}


def as_tensors(inputs: Arrays) -> dict[str, tf.Tensor]:
    """The arrays as tensors."""
    return {name: tf.constant(value) for name, value in inputs.items()}


def litert(path: Path) -> dict[str, Runner]:
    """The signatures of a LiteRT file, run by the Interpreter, which takes any length."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(path))

    def runner(name):
        run = interpreter.get_signature_runner(name)
        return lambda inputs: run(**inputs)

    return {name: runner(name) for name in interpreter.get_signature_list()}


def onnx(path: Path) -> Runner:
    """The one signature of an ONNX file."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]

    def run(inputs):
        found = dict(zip(names, session.run(names, dict(inputs)), strict=True))
        return {
            name.removeprefix("new_") if name.removeprefix("new_") in inputs else name: found[name] for name in names
        }

    return run


def compiled(path: Path) -> dict[str, Runner]:
    """The signatures of a LiteRT file whose shapes are static, run as Android and the browser do, by CompiledModel.

    The others are left out: CompiledModel writes an output of unknown size past the end of its buffer.
    """
    from ai_edge_litert.compiled_model import CompiledModel
    from ai_edge_litert.interpreter import Interpreter

    model = CompiledModel.from_file(str(path))
    interpreter = Interpreter(model_path=str(path))

    def runner(name, outputs):
        def run(inputs):
            given = {key: model.create_input_buffer_by_name(name, key) for key in inputs}
            for key, buffer in given.items():
                buffer.write(np.ascontiguousarray(inputs[key]))
            found = {key: model.create_output_buffer_by_name(name, key) for key in outputs}
            model.run_by_name(name, given, found)
            return {
                key: found[key].read(int(np.prod(detail["shape"])), detail["dtype"]).reshape(detail["shape"])
                for key, detail in outputs.items()
            }

        return run

    runners = {}
    for name in interpreter.get_signature_list():
        signature = interpreter.get_signature_runner(name)
        outputs = signature.get_output_details()
        details = [*signature.get_input_details().values(), *outputs.values()]
        if all(size >= 0 for detail in details for size in detail["shape_signature"]):
            runners[name] = runner(name, outputs)
    return runners
