"""A trained model -> SavedModel and LiteRT files, written beside and renamed."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from keras_rnn import fast_paths

Function = Callable[..., dict[str, tf.Tensor]]


def saved_model(function: Function, signature: Sequence[tf.TensorSpec], resources: Sequence[Any], folder: Path) -> None:
    """Writes a SavedModel whose `serving_default` is `function`; an existing `folder` is replaced.

    Args:
        function: tensors as in `signature` -> a dictionary of named tensors. Tables it looks up are saved with it.
        signature: named tf.TensorSpecs; a size that is None may be any.
        resources: what `function` uses: Keras models, lookup tables.
    """
    module = tf.Module()
    module.resources = [  # a Keras variable isn't one that TensorFlow saves; what it holds is
        [variable.value for variable in resource.variables] if isinstance(resource, keras.Model) else resource
        for resource in resources
    ]
    module.serve = tf.function(function, input_signature=signature, autograph=False)
    folder = Path(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    beside = folder.with_name(f"{folder.name}.partial")
    replaced = folder.with_name(f"{folder.name}.replaced.partial")
    for leftover in (beside, replaced):  # of an export that was killed
        shutil.rmtree(leftover, ignore_errors=True)
    try:
        tf.saved_model.save(module, str(beside), signatures={"serving_default": module.serve})
        if folder.exists():
            os.replace(folder, replaced)
        os.replace(beside, folder)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
        shutil.rmtree(replaced, ignore_errors=True)


def litert(
    function: Function,
    signature: Sequence[tf.TensorSpec],
    resources: Sequence[Any],
    path: Path,
    int8: bool = False,
) -> None:
    """Writes a LiteRT file with builtin operators only, signature `serving_default`; an existing `path` is replaced.

    Args:
        function, signature, resources: as for `saved_model`, but the batch size must be a number, without which the
            loops can't be converted; the time may be None.
        int8: stores weights as 8-bit integers with a scale for each output (dynamic-range quantisation).
    """
    with tempfile.TemporaryDirectory() as folder:
        with fast_paths.for_litert():
            saved_model(function, signature, resources, Path(folder) / "model")
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
