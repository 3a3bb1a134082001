"""The weights of a trained model's folder, to go on from: those of its SavedModel, which every folder has."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tensorflow as tf

from apps.pipeline import model_folder
from apps.pipeline.errors import DataError
from apps.pipeline.publishing import FILES

_PLACE = "resources/0/{}/.ATTRIBUTES/VARIABLE_VALUE"  # where `keras_rnn.artifacts.saved_model` has a model's variables


def weights_of(folder: Path, app: str) -> list[np.ndarray]:
    """The model's variables in Keras's order; DataError if the folder has none, or is another app's."""
    model_folder.expect_app(folder, app)
    path = folder / FILES["saved_model"]
    if not (path / "saved_model.pb").is_file():
        raise DataError(f"expected the folder of a trained model to start from, got no SavedModel in {folder}")
    model_folder.expect_whole(path)
    try:
        checkpoint = tf.train.load_checkpoint(str(path / "variables" / "variables"))
        count = sum(name.startswith("resources/0/") for name in checkpoint.get_variable_to_shape_map())
        return [checkpoint.get_tensor(_PLACE.format(number)) for number in range(count)]
    except (tf.errors.OpError, ValueError, RuntimeError) as error:
        raise DataError(f"expected the weights of a SavedModel in {path}, got {type(error).__name__}") from error


def put(variables, weights: list[np.ndarray]) -> None:
    """Gives variables the weights of others of the same shapes; those of random generators stay as they are."""
    for variable, weight in zip(variables, weights, strict=True):
        if not variable.path.endswith("seed_generator_state"):
            variable.assign(weight)
