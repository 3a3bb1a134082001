"""How many whole answers each of a model's files gets right."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from apps.pipeline import running
from apps.pipeline.publishing import FILES, Evaluation
from apps.word_reversal.data import Pairs, fingerprint
from apps.word_reversal.use import Translator


def evaluate(folder: Path, artifact: str, tests: dict[str, Pairs]) -> Evaluation:
    """The share of whole answers that one of a folder's artifacts gets right in each test."""
    right = {}
    for name, pairs in tests.items():
        found = answers(folder, artifact, [word for word, _ in pairs])
        right[name] = float(np.mean([text == answer for text, (_, answer) in zip(found, pairs, strict=True)]))
    (metric, value), *more = right.items()
    everything = [pair for pairs in tests.values() for pair in pairs]
    figures = {"artifact": artifact, "metric": metric, "value": value, **({"more": dict(more)} if more else {})}
    return Evaluation(figures | {"examples": len(everything), "data_sha256": fingerprint(everything)})


def answers(folder: Path, artifact: str, words: Sequence[str]) -> list[str | None]:
    """What one of a folder's artifacts answers to each word; None, or nothing from the SavedModel, if it can't."""
    if artifact == "saved_model":
        return list(texts_by_saved_model(folder, words))
    from tqdm import tqdm

    translator = Translator(folder, artifact)
    alphabet = translator.alphabet
    return [
        None if alphabet.problem(word) else alphabet.text(translator.answers(word)[0].ids)
        for word in tqdm(words, artifact, disable=None)
    ]


def texts_by_saved_model(folder: Path, words: Sequence[str], batch_size: int = 250) -> list[str]:
    """The answers of a folder's SavedModel."""
    import tensorflow as tf
    from tqdm import tqdm

    serve = running.load_saved_model(folder / FILES["saved_model"])
    found: list[str] = []
    for start in tqdm(range(0, len(words), batch_size), "saved_model", disable=None):
        batch = tf.constant([word.encode("utf-8", "replace") for word in words[start : start + batch_size]])
        found += [text.decode() for text in serve(word=batch)["reversed"].numpy()]
    return found
