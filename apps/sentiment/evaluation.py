"""The accuracy of each of a model's files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from apps.pipeline import running
from apps.pipeline.publishing import Evaluation
from apps.sentiment.data import LabelledTexts
from apps.sentiment.use import Classifier


def evaluate(folder: Path, artifact: str, test: LabelledTexts) -> Evaluation:
    """The accuracy of one of a folder's artifacts over all of `test`."""
    correct = (probabilities(folder, artifact, test.texts) > 0.5) == test.labels
    figures = {"metric": "accuracy", "value": float(np.mean(correct)), "examples": len(test)}
    return Evaluation({"artifact": artifact, **figures, "data_sha256": test.fingerprint()})


def probabilities(folder: Path, artifact: str, texts: Sequence[str]) -> np.ndarray:
    """The second label's probability for each text, float (texts,), by one of a folder's artifacts."""
    from tqdm import tqdm

    if artifact == "saved_model":
        order = np.argsort([len(text) for text in texts], kind="stable")  # texts of similar length: little padding
        found = running.served(folder, "text", "probability", [texts[index] for index in order], batch_size=64)
        return np.concatenate([*found, np.zeros(0, np.float32)])[np.argsort(order)]
    classifier = Classifier(folder, artifact)
    ids = (classifier.vocabulary.ids(text) for text in tqdm(texts, artifact, disable=None))
    return np.array([classifier.score(row)["probability"] for row in ids])
