"""Training that begins with another model's layers: `train --start-from FOLDER`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from apps.mnist_rows.model import NAME, build_model
from apps.mnist_rows.pictures import Labels
from apps.pipeline.trained_weights import another_network, carry_over, numbers_of, weights_of


def model_from(folder: Path, names: Sequence[str], dropout: float):
    """A model of the classes `names` that reads rows as the one in `folder` does, and answers as that does where it
    knows them; classes that it doesn't know begin anew.

    DataError if the folder has no such model.
    """
    weights = weights_of(folder, NAME)
    if len(weights) < 2 or weights[1].ndim != 2:
        raise another_network(folder)
    model = build_model(len(names), weights[1].shape[0], dropout)  # of the first LSTM's recurrent kernel
    classes = numbers_of(names, Labels.load(folder).names)
    carry_over(model, weights, folder, {"logits/kernel": (1, classes), "logits/bias": (0, classes)})
    return model
