"""Training that begins with another model's symbols and layers: `train --start-from FOLDER`."""

from __future__ import annotations

from pathlib import Path

from apps.pipeline.trained_weights import carry_over, weights_of
from apps.shakespeare.model import NAME, Recipe, build_model
from apps.shakespeare.symbols import UNKNOWN, Symbols


def model_from(folder: Path, symbols: Symbols, recipe: Recipe):
    """A model of `symbols`, the first of which are those of the model in `folder`, that begins with all that it has
    learned; new symbols begin as its unknown one. DataError if the folder has no such model."""
    model = build_model(len(symbols), recipe.units, recipe.layers, recipe.dropout)
    known = len(Symbols.load(folder))
    ids = [number if number < known else UNKNOWN for number in range(len(symbols))]
    carry_over(model, weights_of(folder, NAME), folder, {"embedding/embeddings": (0, ids)})
    return model
