"""The files of a trained model: the signatures that take words, and LiteRT files that take letters."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from apps.pipeline import publishing
from apps.word_reversal.alphabet import FIRST_CHARACTER, START, Alphabet
from apps.word_reversal.model import NAME

ARTIFACTS = ("saved_model", "litert", "litert_float16", "litert_int8")
PACKAGES = ("tensorflow", "keras", "ai-edge-litert", "numpy")  # that figures may depend on


def write(model, alphabet: Alphabet, output: Path, how: dict[str, Any]) -> None:
    """A trained model -> SavedModel, LiteRT files, alphabet, results without figures yet, and model card."""
    from apps.word_reversal.in_graph import signatures
    from keras_rnn import export_functions

    with publishing.new_folder(output, NAME, how) as folder:
        alphabet.save(folder)
        for batch, formats, tables in ((None, ARTIFACTS[:1], alphabet.tables), (1, ARTIFACTS[1:], ())):
            functions = signatures(model, alphabet, batch)
            cases = cases_of(functions, alphabet, batch or 3)
            export_functions(functions, folder, cases=cases, resources=[model, *tables], formats=formats)


def cases_of(functions: dict[str, Any], alphabet: Alphabet, batch: int) -> dict[str, list[dict[str, Any]]]:
    """Random words of several lengths, what the encoder makes of them, and the first step of their answers."""
    generator, cases = np.random.default_rng(0), {name: [] for name in functions}
    for length in sorted({1, min(7, alphabet.longest_word), alphabet.longest_word}):
        ids = generator.integers(FIRST_CHARACTER, len(alphabet), (batch, length), np.int32)
        states = {name: value.numpy() for name, value in functions["encode"].function(ids).items()}
        cases["encode"].append({"ids": ids})
        cases["step"].append({"previous": [START] * batch, "ids": ids, **states})
        if "serving_default" in functions:
            cases["serving_default"].append({"word": [*map(alphabet.text, ids), ""]})
    return cases


def load_trained(path: Path):
    """(model, alphabet) of a model.keras that `train` wrote; DataError if it isn't one."""
    from apps.pipeline import training

    return training.load_trained(
        path, NAME, Alphabet.load, lambda model, alphabet: model.output_shape[-1] == len(alphabet)
    )
