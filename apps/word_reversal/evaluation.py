"""How many whole answers each of a model's files gets right."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from apps.pipeline import running
from apps.pipeline.publishing import Evaluation
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
        batches = running.served(folder, "word", "reversed", words, batch_size=250)
        return [text.decode() for batch in batches for text in batch]
    from tqdm import tqdm

    translator = Translator(folder, artifact)
    alphabet = translator.alphabet
    return [
        None if alphabet.problem(word) else alphabet.text(translator.answers(word)[0].ids)
        for word in tqdm(words, artifact, disable=None)
    ]
