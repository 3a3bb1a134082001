"""The shipped model answers: LiteRT, without TensorFlow."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import numpy as np

from apps.mnist_rows.model import NAME
from apps.mnist_rows.pictures import SIZE, Labels, characters, read_picture
from apps.pipeline import running
from apps.pipeline.errors import DataError, sentence

Picture = str | Path | BinaryIO  # a file's name, or a file that is open


@dataclass(frozen=True)
class Answer:
    """What the model says of a picture; of one that can't be read or shows nothing or several: None.

    Attributes:
        probabilities: by class.
        problem: the sentence about a picture without an answer.
        image: what the network saw, float32 (28, 28).
    """

    file: str
    label: str | None
    probabilities: dict[str, float] | None
    problem: str | None = None
    image: np.ndarray | None = field(default=None, repr=False, compare=False)


class Recogniser:
    """A LiteRT file of a model's folder and the labels beside it; DataError if one is missing or damaged."""

    def __init__(self, folder: Path, artifact: str = "litert"):
        self.labels = Labels.load(folder)
        self._run = running.load_litert(folder, artifact)

    def recognise(self, pictures: Picture | Iterable[Picture]) -> Answer | list[Answer]:
        """The answer to a picture, or a list of the answers to several."""
        one = (str, Path) if isinstance(pictures, str | Path) else object if hasattr(pictures, "read") else ()
        return running.one_or_many(self.answer, pictures, one)

    def answer(self, picture: Picture, name: str | None = None) -> Answer:
        """The answer to one picture, under a name of its own."""
        name = name or str(getattr(picture, "name", picture))
        try:
            source = Path(picture) if isinstance(picture, str) else picture
            image, *more = characters(read_picture(source, name), name, self.labels.box)
            if more:
                raise DataError(f"{name}: expected a picture of one character, got {1 + len(more)} side by side")
        except (DataError, OSError) as error:
            return Answer(name, None, None, sentence(error))
        found = self.probabilities(image).tolist()
        label = self.labels.names[int(np.argmax(found))]
        return Answer(name, label, dict(zip(self.labels.names, found, strict=True)), image=image)

    def probabilities(self, image: np.ndarray) -> np.ndarray:
        """Of the classes, (classes,), for what the network sees of a picture, (28, 28)."""
        return self._run(image=image[None])["probabilities"][0]

    def beliefs(self, image: np.ndarray) -> np.ndarray:
        """What the network believes after each row, (29, classes): its answers with the rows below left out."""
        read = np.tril(np.ones((SIZE + 1, SIZE), np.float32), -1)
        return np.stack([self.probabilities(part) for part in read[:, :, None] * image])


def load(folder: Path | str | None = None) -> Recogniser:
    """The model in a folder, by default the shipped one, ready to `recognise`."""
    return Recogniser(running.folder_of(NAME, folder))
