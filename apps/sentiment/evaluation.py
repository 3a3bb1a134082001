"""The accuracy of each of a model's files, and which label is taken for which."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from apps.pipeline import confusion, running
from apps.pipeline.publishing import Evaluation
from apps.sentiment.data import LabelledTexts
from apps.sentiment.use import Classifier


def evaluate(folder: Path, artifact: str, test: LabelledTexts) -> Evaluation:
    """The accuracy and the macro-F1 of one of a folder's artifacts over all of `test`; its details are how often each
    label got each answer."""
    found = probabilities(folder, artifact, test.texts, len(test.names))
    answers = (found[:, 1] > 0.5).astype(int) if len(test.names) == 2 else found.argmax(axis=1)
    matrix = confusion.counted(test.labels, answers, len(test.names))
    figures = {"metric": "accuracy", "value": float(np.mean(answers == test.labels)), "examples": len(test)}
    return Evaluation(
        {"artifact": artifact, **figures, "data_sha256": test.fingerprint()},
        {"macro_f1": confusion.macro_f1(matrix), "labels": test.names, "confusion": matrix.tolist()},
        f", macro-F1 {confusion.macro_f1(matrix):.2%}\n{confusion.in_table(matrix, test.names)}",
        matrix,
    )


def probabilities(folder: Path, artifact: str, texts: Sequence[str], labels: int = 2) -> np.ndarray:
    """Of each label for each text, float (texts, labels), by one of a folder's artifacts."""
    from tqdm import tqdm

    if artifact == "saved_model":
        order = np.argsort([len(text) for text in texts], kind="stable")  # texts of similar length: little padding
        output = "probability" if labels == 2 else "probabilities"
        found = running.served(folder, "text", output, [texts[index] for index in order], batch_size=64)
        found = np.concatenate([np.zeros((0, labels) if labels > 2 else 0, np.float32), *found])[np.argsort(order)]
        return np.stack([1.0 - found, found], axis=1) if labels == 2 else found
    classifier = Classifier(folder, artifact)
    ids = (classifier.vocabulary.ids(text) for text in tqdm(texts, artifact, disable=None))
    return np.stack([classifier.probabilities(row) for row in ids])
