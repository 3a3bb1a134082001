"""The accuracy of each of a model's files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from apps.pipeline import running
from apps.pipeline.errors import DataError
from apps.pipeline.publishing import FILES, Evaluation
from apps.pipeline.vocabulary import Vocabulary
from apps.sentiment.data import LabelledTexts
from apps.sentiment.use import Classifier


def evaluate(folder: Path, artifact: str, test: LabelledTexts) -> Evaluation:
    """The accuracy of one of a folder's artifacts over all of `test`."""
    names = Vocabulary.load(folder).labels
    if test.names != names:
        raise DataError(f"expected the model's labels {' and '.join(names)}, got {' and '.join(test.names)}")
    correct = (probabilities(folder, artifact, test.texts) > 0.5) == test.labels
    figures = {"metric": "accuracy", "value": float(np.mean(correct)), "examples": len(test)}
    return Evaluation({"artifact": artifact, **figures, "data_sha256": test.fingerprint()})


def probabilities(folder: Path, artifact: str, texts: Sequence[str]) -> np.ndarray:
    """The second label's probability for each text, float (texts,), by one of a folder's artifacts."""
    from tqdm import tqdm

    if artifact == "saved_model":
        return _by_saved_model(folder / FILES[artifact], texts)
    classifier = Classifier(folder, artifact)
    ids = (classifier.vocabulary.ids(text) for text in tqdm(texts, artifact, disable=None))
    return np.array([classifier.score(row)["probability"] for row in ids])


def _by_saved_model(path: Path, texts: Sequence[str], batch_size: int = 64) -> np.ndarray:
    import tensorflow as tf
    from tqdm import tqdm

    serve = running.load_saved_model(path)
    order = np.argsort([len(text) for text in texts], kind="stable")  # texts of like length: little padding
    result = np.zeros(len(texts), np.float32)
    for start in tqdm(range(0, len(order), batch_size), path.parent.name, disable=None):
        part = order[start : start + batch_size]
        batch = tf.constant([texts[index].encode("utf-8", "replace") for index in part])
        result[part] = serve(text=batch)["probability"].numpy()
    return result
