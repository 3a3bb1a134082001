"""What an exported file offers, read from the file itself, and the lines by which other languages load it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

Tensor = dict[str, Any]  # {"name", "dtype", "shape": [..., None where a size is free]}
Contents = dict[str, dict[str, list[Tensor]]]  # signature -> {"inputs", "outputs"}


def contents(path: Path, format_name: str) -> Contents:
    """The signatures of an exported file: for each its inputs and outputs, by name, type and shape."""
    if format_name == "saved_model":
        return of_saved_model(path)
    return of_onnx(path) if format_name == "onnx" else of_litert(path)


def tensor(name: str, dtype: str, shape: Sequence[int | None]) -> Tensor:
    """`name`, of this type and shape."""
    return {"name": name, "dtype": dtype, "shape": [int(size) if size and size > 0 else None for size in shape]}


def of_saved_model(path: Path) -> Contents:
    """Read from saved_model.pb, without loading the model."""
    import tensorflow as tf
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    graph = SavedModel.FromString((path / "saved_model.pb").read_bytes()).meta_graphs[0]

    def tensors(infos):
        return [
            tensor(name, tf.as_dtype(info.dtype).name, [size.size for size in info.tensor_shape.dim])
            for name, info in sorted(infos.items())
        ]

    return {
        name: {"inputs": tensors(signature.inputs), "outputs": tensors(signature.outputs)}
        for name, signature in sorted(graph.signature_def.items())
        if not name.startswith("__")  # what TensorFlow keeps for itself
    }


def of_litert(path: Path) -> Contents:
    """Read by the Interpreter."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(path))

    def tensors(details):
        return [
            tensor(name, np.dtype(detail["dtype"]).name, detail["shape_signature"])
            for name, detail in sorted(details.items())
        ]

    found = {}
    for name in sorted(interpreter.get_signature_list()):
        runner = interpreter.get_signature_runner(name)
        found[name] = {"inputs": tensors(runner.get_input_details()), "outputs": tensors(runner.get_output_details())}
    return found


def of_onnx(path: Path) -> Contents:
    """Read by ONNX's own package; a file has one signature."""
    import onnx

    graph = onnx.load(str(path), load_external_data=False).graph

    def tensors(values):
        found = []
        for value in values:
            kind = value.type.tensor_type
            name = np.dtype(onnx.helper.tensor_dtype_to_np_dtype(kind.elem_type)).name
            found.append(tensor(value.name, name, [size.dim_value for size in kind.shape.dim]))
        return found

    return {"serving_default": {"inputs": tensors(graph.input), "outputs": tensors(graph.output)}}


def lines(path: Path, format_name: str, signatures: Contents) -> Mapping[str, str]:
    """For each language the lines that load a file and call it."""
    if format_name == "saved_model":
        return of_saved_model_lines(path, signatures)
    return of_onnx_lines(path, signatures) if format_name == "onnx" else of_litert_lines(path, signatures)


def names(signatures: Contents, signature: str, side: str = "inputs") -> list[str]:
    """Of the inputs or outputs of a signature."""
    return [each["name"] for each in signatures[signature][side]]


def of_saved_model_lines(path: Path, signatures: Contents) -> Mapping[str, str]:
    """TensorFlow's own loaders, and TensorFlow Serving."""
    arguments = ", ".join(f"{name}={name}" for name in names(signatures, "serving_default"))
    return {
        "Python": f'tf.saved_model.load("{path}").signatures["serving_default"]({arguments})',
        "TensorFlow Serving": f"tensorflow_model_server --rest_api_port=8501 --model_name={path.parent.name} "
        f"--model_base_path={path.parent.resolve()}",
        "C": f'TF_LoadSessionFromSavedModel(options, NULL, "{path}", tags, 1, graph, NULL, status);  // tags: "serve"',
        "Java": f'SavedModelBundle.load("{path}", "serve").call(Map.of(...));',
    }


def of_litert_lines(path: Path, signatures: Contents) -> Mapping[str, str]:
    """LiteRT's runtimes; CompiledModel, of Android and the browser, by a signature of static shapes if there is one."""
    static = [
        name
        for name, sides in signatures.items()
        if all(None not in each["shape"] for side in sides.values() for each in side)
    ]
    fixed = next((name for name in ("serving_default", "padded", "step") if name in static), None)
    arguments = ", ".join(f"{name}={name}" for name in names(signatures, "serving_default"))
    found = {
        "Python": f'Interpreter("{path}").get_signature_runner("serving_default")({arguments})  '
        "# from ai_edge_litert.interpreter import Interpreter",
        "Swift": f'try Interpreter(modelPath: "{path.name}").signatureRunner(with: "serving_default")',
        "C": f'TfLiteInterpreterCreate(TfLiteModelCreateFromFile("{path.name}"), options);',
    }
    if fixed is None:
        return found | {
            "Kotlin, JavaScript": "expect static shapes: export with --length N, which adds the signature `padded`"
        }
    given = ", ".join(names(signatures, fixed))
    return found | {
        "Kotlin": f'CompiledModel.create(context.assets, "{path.name}", CompiledModel.Options(Accelerator.CPU))'
        f'  // then run(inputs, outputs, "{fixed}")',
        "JavaScript": f'(await loadAndCompile("{path.name}", {{accelerator: "wasm"}})).run("{fixed}", {{{given}}})',
    }


def of_onnx_lines(path: Path, signatures: Contents) -> Mapping[str, str]:
    """ONNX Runtime."""
    arguments = ", ".join(f'"{name}": {name}' for name in names(signatures, "serving_default"))
    return {
        "Python": f'onnxruntime.InferenceSession("{path}").run(None, {{{arguments}}})',
        "JavaScript": f'(await ort.InferenceSession.create("{path.name}")).run({{{arguments}}})',
        "C": f'ort->CreateSession(environment, "{path}", options, &session);',
    }
