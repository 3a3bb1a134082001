"""The files of a trained model: the signatures that take words, and LiteRT files that take letters."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from apps.pipeline import publishing
from apps.pipeline.publishing import FILES
from apps.word_reversal.alphabet import Alphabet
from apps.word_reversal.model import NAME

ARTIFACTS = ("saved_model", "litert", "litert_float16", "litert_int8")
PACKAGES = ("tensorflow", "keras", "ai-edge-litert", "numpy")  # that figures may depend on


def write(model, alphabet: Alphabet, output: Path, how: dict[str, Any]) -> None:
    """A trained model -> SavedModel, LiteRT files, alphabet, results without figures yet, and model card."""
    from apps.word_reversal.in_graph import signatures
    from keras_rnn import artifacts
    from keras_rnn.exporting import WEIGHTS

    with publishing.new_folder(output, NAME, how) as folder:
        alphabet.save(folder)
        resources = [model, *alphabet.tables]
        artifacts.saved_model(signatures(model, alphabet, None), resources, folder / FILES["saved_model"])
        for name in ARTIFACTS[1:]:
            one = signatures(model, alphabet, 1)
            artifacts.litert(one, [model], folder / FILES[name], weights=WEIGHTS[name])


def load_trained(path: Path):
    """(model, alphabet) of a model.keras that `train` wrote; DataError if it isn't one."""
    from apps.pipeline import training

    return training.load_trained(
        path, NAME, Alphabet.load, lambda model, alphabet: model.output_shape[-1] == len(alphabet)
    )
