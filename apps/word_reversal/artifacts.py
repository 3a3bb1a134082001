"""The files of a trained model: the signatures that take words, and LiteRT files that take letters."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import numpy as np

from apps.pipeline import eight_bits, publishing
from apps.pipeline.typical import Inputs, texts_of
from apps.word_reversal.alphabet import FIRST_CHARACTER, PADDING, START, Alphabet
from apps.word_reversal.data import Data
from apps.word_reversal.model import NAME

ARTIFACTS = ("saved_model", "litert", "litert_float16", "litert_int8")
TYPICAL = 4  # strings, or some more, by which an export is checked
PACKAGES = ("tensorflow", "keras", "ai-edge-litert", "numpy")  # that figures may depend on


def write(model, alphabet: Alphabet, output: Path, how: dict[str, Any], typical: Inputs | None) -> None:
    """A trained model -> SavedModel, LiteRT files, alphabet, results without figures yet, and model card.

    typical: what `typical_of` gives, by which the files are compared with the model; None: random words are.
    """
    from apps.word_reversal.in_graph import signatures
    from keras_rnn import export_functions

    words = random_words(alphabet) if typical is None else typical["words"].tolist()
    with publishing.new_folder(output, NAME, how) as folder:
        alphabet.save(folder)
        for batch, formats, tables in ((None, ARTIFACTS[:1], alphabet.tables), (1, ARTIFACTS[1:], ())):
            functions = signatures(model, alphabet, batch)
            cases = cases_of(functions, words, batch or 3, alphabet)
            write = functools.partial(export_functions, functions, folder, cases=cases, resources=[model, *tables])
            eight_bits.written(lambda some, write=write: write(formats=some), formats)


def random_words(alphabet: Alphabet) -> list[str]:
    """Some of several lengths."""
    generator = np.random.default_rng(0)
    lengths = sorted({1, min(7, alphabet.longest_word), alphabet.longest_word})
    return [alphabet.text(generator.integers(FIRST_CHARACTER, len(alphabet), length)) for length in lengths]


def cases_of(
    functions: dict[str, Any], words: list[str], batch: int, alphabet: Alphabet
) -> dict[str, list[dict[str, Any]]]:
    """The words, what the encoder makes of them, and the first step of their answers."""
    cases: dict[str, list[dict[str, Any]]] = {name: [] for name in functions}
    for word in words:
        ids = np.array([alphabet.ids(word)] * batch, np.int32)
        padding = np.full((batch, 1 + alphabet.longest_word - ids.shape[1]), PADDING, np.int32)
        for before, read in {"": ids, "padded_": np.concatenate([ids, padding], axis=1)}.items():
            if f"{before}encode" in functions:
                states = {name: value.numpy() for name, value in functions["encode"].function(read).items()}
                cases[f"{before}encode"].append({"ids": read})
                cases[f"{before}step"].append({"previous": [START] * batch, "ids": read, **states})
    if "serving_default" in functions:
        cases["serving_default"].append({"word": [*words, ""]})
    return cases


def typical_of(data: Data) -> Inputs:
    """Some of the strings that the model is tested with, of several lengths."""
    tested = {len(word): word for pairs in data.tests.values() for word, _ in pairs}
    return {"words": texts_of([tested[length] for length in sorted(tested)][:: max(1, len(tested) // TYPICAL)])}


def load_trained(path: Path):
    """What a model.keras that `train` wrote holds, and its alphabet; DataError if it isn't one."""
    from apps.pipeline import training

    return training.load_trained(
        path, NAME, Alphabet.load, lambda model, alphabet: model.output_shape[-1] == len(alphabet)
    )
