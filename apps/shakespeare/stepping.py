"""A shipped language model one symbol at a time: LiteRT without TensorFlow, or the SavedModel with it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from apps.pipeline import running
from apps.pipeline.errors import DataError
from apps.pipeline.publishing import FILES
from apps.shakespeare.symbols import Symbols

States = dict[str, np.ndarray]


class Stepper:
    """The signature `step` of one of a folder's artifacts.

    rows: how many sequences it may read side by side.
    """

    def __init__(self, folder: Path, artifact: str):
        self._path, self._symbols = folder / FILES[artifact], len(Symbols.load(folder))
        if artifact == "saved_model":
            import tensorflow as tf

            function = running.load_saved_model(folder / FILES[artifact], "step")
            specs = function.structured_input_signature[1]
            self._sizes = {name: spec.shape[-1] for name, spec in specs.items() if name != "ids"}
            as_tensors = {"ids": tf.int32} | dict.fromkeys(self._sizes, tf.float32)
            self.rows = 512
            self._run: Callable = lambda **inputs: function(
                **{name: tf.constant(value, as_tensors[name]) for name, value in inputs.items()}
            )
        else:
            ids, outputs = {"ids": ("int32", 1)}, ("logits",)
            self._run = running.LiteRT(folder, artifact, "step", ids, outputs)
            shapes = {name: about["shape"] for name, about in self._run.inputs.items()}
            self._sizes = {name: int(shape[-1]) for name, shape in shapes.items() if name != "ids"}
            self.rows = 1

    def zeros(self, rows: int = 1) -> States:
        """The states before the first symbol."""
        return {name: np.zeros((rows, size), np.float32) for name, size in self._sizes.items()}

    def __call__(self, ids: np.ndarray, states: States) -> tuple[np.ndarray, States]:
        """ids int32 (rows,), states -> logits (rows, ids) of what comes next, new states."""
        try:
            outputs = dict(self._run(ids=ids, **states))
            logits = np.asarray(outputs.pop("logits"))
        except (RuntimeError, KeyError) as error:  # an id, or an output, that the model doesn't have
            raise self._another_vocabulary() from error
        if logits.shape[-1] != self._symbols:
            raise self._another_vocabulary()
        return logits, outputs

    def _another_vocabulary(self) -> DataError:
        return DataError(f"expected the vocabulary that {self._path} was made with beside it, got another")
