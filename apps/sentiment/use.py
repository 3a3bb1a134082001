"""The shipped model answers: LiteRT, without TensorFlow."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import overload

import numpy as np

from apps.pipeline import running
from apps.pipeline.errors import DataError
from apps.pipeline.printing import ANSWER, INPUT
from apps.pipeline.vocabulary import FILE, UNKNOWN, Vocabulary, tokenize
from apps.sentiment.model import NAME


@dataclass(frozen=True)
class Answer:
    """What the model says of a text; of one without a word: None.

    Attributes:
        probabilities: by label.
        words: if they were asked for, each token that was read and how far it moves the log-odds of the second label.
    """

    text: str = field(metadata=INPUT)
    label: str | None = field(metadata=ANSWER)
    probabilities: dict[str, float] | None
    words: list[tuple[str, float]] | None = None


class Classifier:
    """A LiteRT file of a model's folder and the vocabulary beside it.

    DataError if one is missing or damaged, or if they aren't of one model. Threads may share it; see `running.LiteRT`.
    """

    def __init__(self, folder: Path, artifact: str = "litert"):
        self.vocabulary = Vocabulary.load(folder)
        if len(self.vocabulary.labels) != 2:
            raise DataError(f"expected two labels in {folder / FILE}, got {len(self.vocabulary.labels)}")
        outputs = ("logit", "probability")
        self._run = running.LiteRT(folder, artifact, inputs={"ids": ("int32", 2)}, outputs=outputs)

    @overload
    def classify(self, texts: str, explain: bool = False) -> Answer: ...  # type: ignore[overload-overlap]

    @overload
    def classify(self, texts: Iterable[str], explain: bool = False) -> list[Answer]: ...

    def classify(self, texts: str | Iterable[str], explain: bool = False) -> Answer | list[Answer]:
        """The answer to a text, or a list of the answers to several.

        explain: tell which words pushed the answer.
        """
        return running.one_or_many(lambda text: self._answer(text, explain), texts)

    def _answer(self, text: str, explain: bool) -> Answer:
        tokens = tokenize(text)[-self.vocabulary.keep_last :]
        if not tokens:
            return Answer(text, None, None)
        ids = self.vocabulary.ids(text)
        second = self.score(ids)["probability"]
        probabilities = dict(zip(self.vocabulary.labels, (1.0 - second, second), strict=True))
        words = list(zip(tokens, self.weights(ids), strict=True)) if explain else None
        return Answer(text, self.vocabulary.labels[second > 0.5], probabilities, words)

    def score(self, ids: Sequence[int]) -> dict[str, float]:
        """The outputs of the model for the ids of one text, "logit" and "probability"."""
        outputs = self._run(ids=np.array([ids], np.int32))
        return {name: float(value[0]) for name, value in outputs.items()}

    def weights(self, ids: Sequence[int]) -> list[float]:
        """How far each token moves the log-odds of the second label: what is lost when it becomes an unknown word."""
        whole = self.score(ids)["logit"]
        return [whole - self.score([*ids[:place], UNKNOWN, *ids[place + 1 :]])["logit"] for place in range(len(ids))]


def load(folder: Path | str | None = None) -> Classifier:
    """The model in a folder, by default the shipped one, ready to `classify`."""
    return running.opened(NAME, folder, Classifier)
