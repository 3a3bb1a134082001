"""The weights of a trained model's folder, to go on from: those of its SavedModel, which every folder has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from apps.pipeline import model_folder
from apps.pipeline.errors import DataError
from apps.pipeline.publishing import FILES

NEW = -1  # an id that the other model doesn't have
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


def carry_over(
    model: keras.Model, weights: Sequence[np.ndarray], folder: Path, ids: Mapping[str, tuple[int, Sequence[int]]]
) -> None:
    """Gives a model the weights of another one, which knows other words, symbols or labels.

    Args:
        weights: of the other, as from `weights_of`, and `folder` where it is.
        ids: by the end of its path, for each variable that has an entry for each id: its axis, and for each id here
            that of the other model, NEW where it has none and the entry stays as it is.

    DataError if the other isn't made of the same layers.
    """
    try:
        for variable, weight in zip(model.variables, weights, strict=True):
            if variable.path.endswith("seed_generator_state"):
                continue
            axis, others = ids.get("/".join(variable.path.split("/")[-2:]), (0, None))
            if others is not None:
                known = np.flatnonzero(np.asarray(others) != NEW)
                entries = np.moveaxis(np.array(variable), axis, 0)
                entries[known] = np.moveaxis(weight, axis, 0)[np.asarray(others)[known]]
                weight = np.moveaxis(entries, 0, axis)
            variable.assign(weight)
    except (ValueError, IndexError) as error:
        raise another_network(folder) from error


def another_network(folder: Path) -> DataError:
    """What to say where the weights in a folder don't fit this version's network."""
    return DataError(f"expected a model of this version's network to start from in {folder}, got another")


def numbers_of(names: Sequence[str], others: Sequence[str], first: int = 0, missing: int = NEW) -> list[int]:
    """For each name its number among the other model's, which begin at `first`; `missing` where it has none."""
    known = {name: number for number, name in enumerate(others, first)}
    return [known.get(name, missing) for name in names]
