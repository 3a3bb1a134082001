"""The one table of what files there are: a new format is a row here and its writer in artifacts.py."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Format:
    """A kind of file.

    Attributes:
        file: its name in a model's folder.
        tolerance: how far its answers may be from the model's, relative to the largest number in an answer, or to 1
            if that is more.
        weights: how a LiteRT file stores them; None for other files.
    """

    file: str
    tolerance: float
    weights: str | None = None

    @property
    def batch(self) -> int | None:
        """The number of rows that it takes, None for any: LiteRT's loops need a number."""
        return None if self.weights is None else 1


FORMATS = {
    "saved_model": Format("1", 1e-5),  # the numbered folder that TensorFlow Serving expects
    "litert": Format("model.tflite", 1e-5, "float32"),
    "litert_float16": Format("model_float16.tflite", 1e-2, "float16"),
    "litert_int8": Format("model_int8.tflite", 0.1, "int8"),
    "litert_full_int8": Format("model_full_int8.tflite", 0.3, "full_int8"),
    "onnx": Format("model.onnx", 1e-5),
}
ONNX_STEP = "model_step.onnx"  # an ONNX file has one signature
