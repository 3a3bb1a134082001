"""The accuracy of each of a model's files, and what it confuses with what."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from apps.mnist_rows.data import LabelledPictures
from apps.mnist_rows.pictures import Labels
from apps.mnist_rows.use import Recogniser
from apps.pipeline import confusion, running
from apps.pipeline.errors import DataError
from apps.pipeline.publishing import Evaluation


class Mistake(NamedTuple):
    """A picture, (28, 28), with its class, the wrong answer and how probable that seemed."""

    picture: np.ndarray
    label: str
    answer: str
    probability: float


class Confusion(NamedTuple):
    """How often each class (row) got each answer (column), int (classes, classes), and the mistakes."""

    matrix: np.ndarray
    names: tuple[str, ...]
    mistakes: list[Mistake]


def evaluate(folder: Path, artifact: str, test: LabelledPictures) -> Evaluation:
    """The accuracy of one of a folder's artifacts over all of `test`; its details are a Confusion."""
    names = Labels.load(folder).names
    if test.names != names:
        raise DataError(f"expected the model's classes {', '.join(names)}, got {', '.join(test.names)}")
    images = test.pictures.astype(np.float32) / 255
    found = probabilities(folder, artifact, images)
    answers = found.argmax(axis=1)
    matrix = confusion.counted(test.labels, answers, len(names))
    wrong = np.flatnonzero(answers != test.labels)
    mistakes = [Mistake(images[i], names[test.labels[i]], names[answers[i]], float(found[i].max())) for i in wrong]
    figures = {"metric": "accuracy", "value": float(np.mean(answers == test.labels)), "examples": len(test)}
    return Evaluation(
        {"artifact": artifact, **figures, "data_sha256": test.fingerprint()},
        {"classes": names, "confusion": matrix.tolist()},
        "\n" + confusion.in_table(matrix, names),
        Confusion(matrix, names, mistakes),
    )


def probabilities(folder: Path, artifact: str, images: np.ndarray) -> np.ndarray:
    """Of each class for each picture, float32 (pictures, classes), by one of a folder's artifacts."""
    from tqdm import tqdm

    if artifact == "saved_model":
        return np.concatenate([*running.served(folder, "image", "probabilities", images, batch_size=250)])
    recogniser = Recogniser(folder, artifact)
    return np.stack([recogniser.probabilities(image) for image in tqdm(images, artifact, disable=None)])
