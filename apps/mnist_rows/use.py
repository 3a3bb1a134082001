"""The shipped model answers: LiteRT, without TensorFlow."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, overload

import numpy as np

from apps.mnist_rows.model import NAME
from apps.mnist_rows.pictures import SIZE, Labels, NothingThere, characters, read_picture
from apps.mnist_rows.refusal import Refusal, refused
from apps.pipeline import publishing, running
from apps.pipeline.errors import DataError, sentence
from apps.pipeline.printing import ANSWER, INPUT

Picture = str | Path | BinaryIO  # a file's name, or a file that is open


@dataclass(frozen=True)
class Answer:
    """What the model says of a picture; of one that can't be read or shows nothing or several: None.

    Attributes:
        label: of a number: the characters' labels, from left to right.
        probabilities: by class; None for a number.
        characters: of a number: the label of each character and its probability.
        problem: the sentence about a picture without an answer.
        image: what the network saw, float32 (28, 28).
    """

    file: str = field(metadata=INPUT)
    label: str | None = field(metadata=ANSWER)
    probabilities: dict[str, float] | None
    characters: list[dict[str, Any]] | None = None
    problem: str | None = None
    image: np.ndarray | None = field(default=None, repr=False, compare=False)


class Recogniser:
    """A LiteRT file of a model's folder and the labels beside it; DataError if one is missing or damaged.

    Threads may share it; see `running.LiteRT`.
    """

    def __init__(self, folder: Path, artifact: str = "litert"):
        self.labels = Labels.load(folder)
        self.refusal = Refusal.load(folder)
        kind, outputs = {"image": ("float32", 3)}, ("probabilities",)
        self._run = running.LiteRT(folder, artifact, inputs=kind, outputs=outputs)
        classes = self._run.outputs["probabilities"]["shape"][-1]
        if classes != len(self.labels.names):
            raise DataError(
                f"expected the labels of the {classes} classes of {self._run.path} beside it, got "
                f"{len(self.labels.names)} labels"
            )

    @overload
    def recognise(self, pictures: Picture) -> Answer: ...  # type: ignore[overload-overlap]

    @overload
    def recognise(self, pictures: Iterable[Picture]) -> list[Answer]: ...

    def recognise(self, pictures: Picture | Iterable[Picture]) -> Answer | list[Answer]:
        """The answer to a picture, or a list of the answers to several."""
        one = (str, Path) if isinstance(pictures, str | Path) else object if hasattr(pictures, "read") else ()
        return running.one_or_many(self.answer, pictures, one)

    def recognise_all(self, pictures: Iterable[tuple[str, Picture]], digits: bool = False) -> Iterator[Answer]:
        """The answers to many pictures under names of their own, each as soon as it is asked for; digits: `number`."""
        return ((self.number if digits else self.answer)(picture, name) for name, picture in pictures)

    def answer(self, picture: Picture, name: str | None = None) -> Answer:
        """The answer to one picture, under a name of its own."""
        name = name or str(getattr(picture, "name", picture))
        try:
            images = self._characters(picture, name)
            if len(images) > 1:
                how = "`--digits` reads them from left to right"
                raise DataError(f"{name}: expected one character, got {len(images)} side by side: {how}")
            found = self._probabilities(images, name)[0].tolist()
        except (DataError, OSError) as error:
            return Answer(name, None, None, problem=sentence(error))
        label = self.labels.names[int(np.argmax(found))]
        return Answer(name, label, dict(zip(self.labels.names, found, strict=True)), image=images[0])

    def number(self, picture: Picture, name: str | None = None) -> Answer:
        """All characters of a picture, from left to right: its label is the number that they are."""
        name = name or str(getattr(picture, "name", picture))
        try:
            found = self._probabilities(self._characters(picture, name), name)
        except (DataError, OSError) as error:
            return Answer(name, None, None, problem=sentence(error))
        labels = [self.labels.names[int(each.argmax())] for each in found]
        told = [{"label": label, "probability": float(each.max())} for label, each in zip(labels, found, strict=True)]
        return Answer(name, "".join(labels), None, told)

    def _characters(self, picture: Picture, name: str) -> list[np.ndarray]:
        """What the network reads of each character, from left to right."""
        source = Path(picture) if isinstance(picture, str) else picture
        return characters(read_picture(source, name), name, self.labels.box)

    def _probabilities(self, images: list[np.ndarray], name: str) -> list[np.ndarray]:
        """Of each character; NothingThere if one of them is none that the model knows."""
        found = [self.probabilities(image) for image in images]
        strange = [refused(self.refusal, image, each) for image, each in zip(images, found, strict=True)]
        if any(strange):
            what = "digit" if set("".join(self.labels.names)) <= set("0123456789") else "class that it knows"
            where = "" if len(images) == 1 else f" in {sum(strange)} of {len(images)} characters"
            raise NothingThere(f"{name}: no {what} found{where}: it doesn't look like those it was trained on")
        return found

    def probabilities(self, image: np.ndarray) -> np.ndarray:
        """Of the classes, (classes,), for what the network sees of a picture, (28, 28)."""
        return self._run(image=image[None])["probabilities"][0]

    def beliefs(self, image: np.ndarray) -> np.ndarray:
        """What the network believes after each row, (29, classes): its answers with the rows below left out."""
        read = np.tril(np.ones((SIZE + 1, SIZE), np.float32), -1)
        return np.stack([self.probabilities(part) for part in read[:, :, None] * image])


def load(folder: Path | str | None = None) -> Recogniser:
    """The model in a folder, by default the shipped one, ready to `recognise`.

    Threads may share it, and take turns: together they are as fast as one. Those that have a `load()` each run side by
    side as far as Python lets them; processes do (`--jobs`).
    """
    return running.opened(NAME, folder, lambda folder: Recogniser(folder, publishing.quickest(folder)))
