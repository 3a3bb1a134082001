"""Training that begins with another model's layers: `train --start-from FOLDER`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from apps.mnist_rows.model import NAME, build_model
from apps.mnist_rows.pictures import Labels
from apps.pipeline.errors import DataError
from apps.pipeline.trained_weights import put, weights_of


def model_from(folder: Path, names: Sequence[str], dropout: float):
    """A model of the classes `names` that reads rows as the one in `folder` does; with the same classes, in the same
    order, it answers as that does, otherwise its last layer begins anew.

    DataError if the folder has no such model.
    """
    weights = weights_of(folder, NAME)
    known = Labels.load(folder).names
    try:
        units = weights[1].shape[0]  # of the first LSTM's recurrent kernel
        before = build_model(len(known), units, dropout)
        put(before.variables, weights)
    except (ValueError, IndexError) as error:
        raise DataError(f"expected a model of this version's network to start from in {folder}, got another") from error
    model = build_model(len(names), units, dropout)
    for old, new in zip(before.layers, model.layers, strict=True):
        if old.weights and (new.name != "logits" or tuple(names) == known):
            put(new.variables, [variable.numpy() for variable in old.variables])
    return model
