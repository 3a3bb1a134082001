"""Is there anything in a picture that the classes know? A small convolutional network says so, beside the one that
reads rows; its weights are in refusal.json, and NumPy runs it.

It learned from training pictures and from drawings of other things (`strange`); validation pictures chose the score
from which on nothing is answered.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from apps.mnist_rows.pictures import SIZE
from apps.pipeline import json_files, model_folder, publishing

FILE = "refusal.json"
LAYERS = ((5, 12), (3, 24))  # of each convolution the side of its window and its channels; each moves by 2
HIDDEN = 48
DOUBT = 6.0  # of a new one
LEAST_PROBABLE = 0.5  # where a folder has no such file: answers that are less probable are none

Weights = list[np.ndarray]  # kernel (rows, columns, in, out) and bias of each convolution, then of the dense layers


@dataclasses.dataclass(frozen=True)
class Refusal:
    """The small network, and the score from which on a picture is refused.

    about: how it came about: figures and the command.
    doubt: how much the log of the highest probability counts beside the log-odds; the threshold was chosen with it.
    """

    weights: Weights
    threshold: float
    about: dict[str, Any] = dataclasses.field(default_factory=dict)
    doubt: float = DOUBT

    def refuses(self, image: np.ndarray, probabilities: np.ndarray) -> bool:
        """Is what the network reads, (28, 28), nothing that its classes, with these probabilities, know?"""
        return bool(self.scores(image[None], probabilities[None])[0] > self.threshold)

    def scores(self, images: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
        """How strange pictures, float (pictures, 28, 28), are, given the probabilities of their classes, (pictures,
        classes): float (pictures,)."""
        return log_odds(self.weights, images) - self.doubt * np.log(np.maximum(probabilities.max(axis=1), 1e-6))

    def measured(self, test: np.ndarray, answers: Callable[[np.ndarray], np.ndarray], command: str) -> Refusal:
        """The same, with the share of test pictures that it refuses, and the command that measures it, beside it."""
        share = float(np.mean(self.scores(test, answers(test)) > self.threshold))
        return dataclasses.replace(self, about=self.about | {"refused of test": round(share, 4), "command": command})

    def in_words(self) -> str:
        shares = {name: value for name, value in self.about.items() if isinstance(value, float)}
        return ", ".join(f"{name} {value:.2%}" for name, value in shares.items())

    def save(self, folder: Path) -> None:
        rounded = [np.round(weight.astype(float), 4).tolist() for weight in self.weights]
        content = {"threshold": self.threshold, "doubt": self.doubt, "about": self.about, "weights": rounded}
        (folder / FILE).write_text(json.dumps(content, separators=(",", ":")), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Refusal | None:
        """What `save` wrote; None if the folder has none. DataError if it is damaged, or lost."""
        from msgspec import Struct

        class Content(Struct):
            threshold: float
            doubt: float
            about: dict[str, Any]
            weights: list[Any]

        if not (folder / FILE).exists() and FILE not in publishing.hashes(publishing.read_results(folder)):
            return None
        what = "weights of a network that refuses"
        content = model_folder.read_json(folder, FILE, Content, what)
        try:
            weights = [np.array(weight, np.float32) for weight in content.weights]
            log_odds(weights, np.zeros((1, SIZE, SIZE), np.float32))
        except (ValueError, TypeError, IndexError) as error:
            raise json_files.damaged(folder / FILE, what, f"weights of other shapes: {error}") from None
        return cls(weights, content.threshold, content.about, content.doubt)


def log_odds(weights: Weights, images: np.ndarray) -> np.ndarray:
    """Of pictures, float (pictures, 28, 28), being none of what was trained on, float (pictures,)."""
    values = images.astype(np.float32)[..., None]
    for kernel, bias in zip(weights[0:4:2], weights[1:4:2], strict=True):
        windows = np.lib.stride_tricks.sliding_window_view(values, kernel.shape[:2], axis=(1, 2))[:, ::2, ::2]
        values = np.maximum(np.einsum("pxyirc,rcio->pxyo", windows, kernel, optimize=True) + bias, 0.0)
    hidden = np.maximum(values.reshape(len(values), -1) @ weights[4] + weights[5], 0.0)
    found = hidden @ weights[6] + weights[7]
    if found.shape[1:] != (1,):
        raise ValueError(f"expected one number a picture, got {found.shape}")
    return found[:, 0]


def refused(refusal: Refusal | None, image: np.ndarray, probabilities: np.ndarray) -> bool:
    """Is what the network reads none of its classes, which have these probabilities? None: by them alone."""
    return bool(probabilities.max() < LEAST_PROBABLE) if refusal is None else refusal.refuses(image, probabilities)
