"""A trained model -> SavedModel and LiteRT files, written beside and renamed, and checked against the model."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

Function = Callable[..., dict[str, tf.Tensor]]


class ExportError(RuntimeError):
    """What was written doesn't do what the model does; the text says by how much."""


def saved_model(function: Function, signature: Sequence[tf.TensorSpec], models: Sequence[keras.Model], folder: Path) -> None:
    """Writes a SavedModel whose `serving_default` is `function`; an existing `folder` is replaced.

    Args:
        function: tensors as in `signature` -> a dictionary of named tensors. Tables it looks up are saved with it.
        signature: named tf.TensorSpecs; a size that is None may be any.
        models: the models that `function` calls; their weights are saved.
    """
    module = tf.Module()
    module.variables_of_models = [variable.value for model in models for variable in model.variables]
    module.serve = tf.function(function, input_signature=signature, autograph=False)
    folder = Path(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(prefix=f"{folder.name}.", suffix=".partial", dir=folder.parent))
    try:
        tf.saved_model.save(module, str(beside), signatures={"serving_default": module.serve})
        shutil.rmtree(folder, ignore_errors=True)
        os.replace(beside, folder)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def litert(
    function: Function, signature: Sequence[tf.TensorSpec], models: Sequence[keras.Model], path: Path, int8: bool = False
) -> None:
    """Writes a LiteRT file with builtin operators only, signature `serving_default`; an existing `path` is replaced.

    Args:
        function, signature, models: as for `saved_model`, but the batch size must be a number (LiteRT's loops can't do
            without); the time may be None.
        int8: stores weights as 8-bit integers with a scale for each output (dynamic-range quantisation).
    """
    with tempfile.TemporaryDirectory() as folder:
        saved_model(function, signature, models, Path(folder) / "model")
        converter = tf.lite.TFLiteConverter.from_saved_model(f"{folder}/model", signature_keys=["serving_default"])
        if int8:
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        content = converter.convert()
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f"{path.name}.partial")
    try:
        beside.write_bytes(content)
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)
