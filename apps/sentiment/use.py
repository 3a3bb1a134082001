"""The shipped model answers: LiteRT, without TensorFlow."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import overload

import numpy as np

from apps.pipeline import running
from apps.pipeline.errors import DataError
from apps.pipeline.printing import ANSWER, INPUT
from apps.pipeline.vocabulary import FILE, UNKNOWN, Vocabulary, tokenize
from apps.sentiment.model import NAME

WEIGHTIEST = 20  # words around which phrases are looked for
SEEN_AS_ONE = 0.2  # by how much log-odds a phrase's weight differs at least from the sum of its words'


@dataclass(frozen=True)
class Answer:
    """What the model says of a text; of one without a word: None.

    Attributes:
        probabilities: by label.
        words: if they were asked for, each token that was read and how far it moves the log-odds of the second of two
            labels, or of several of `label`.
        phrases: with them, two or three tokens that move these otherwise than each of them does by itself, such as "not
            bad", and how far; no two of them overlap.
    """

    text: str = field(metadata=INPUT)
    label: str | None = field(metadata=ANSWER)
    probabilities: dict[str, float] | None
    words: list[tuple[str, float]] | None = None
    phrases: list[tuple[str, float]] | None = None


class Classifier:
    """A LiteRT file of a model's folder and the vocabulary beside it.

    DataError if one is missing or damaged, or if they aren't of one model. Threads may share it; see `running.LiteRT`.
    """

    def __init__(self, folder: Path, artifact: str = "litert"):
        self.vocabulary = Vocabulary.load(folder)
        if len(self.vocabulary.labels) < 2:
            raise DataError(f"expected two labels or more in {folder / FILE}, got {len(self.vocabulary.labels)}")
        self._two = len(self.vocabulary.labels) == 2
        outputs = ("logit", "probability") if self._two else ("logits", "probabilities")
        self._run = running.LiteRT(folder, artifact, inputs={"ids": ("int32", 2)}, outputs=outputs)
        scores = 1 if self._two else self._run.outputs["probabilities"]["shape"][-1]
        if not self._two and scores != len(self.vocabulary.labels):
            raise DataError(
                f"expected the {scores} labels of {self._run.path} beside it, got {len(self.vocabulary.labels)}"
            )

    @overload
    def classify(self, texts: str, explain: bool = False) -> Answer: ...  # type: ignore[overload-overlap]

    @overload
    def classify(self, texts: Iterable[str], explain: bool = False) -> list[Answer]: ...

    def classify(self, texts: str | Iterable[str], explain: bool = False) -> Answer | list[Answer]:
        """The answer to a text, or a list of the answers to several.

        explain: tell which words pushed the answer.
        """
        return running.one_or_many(lambda text: self._answer(text, explain), texts)

    def classify_all(self, texts: Iterable[str], explain: bool = False) -> Iterator[Answer]:
        """The answers to many texts, each as soon as it is asked for."""
        return (self._answer(text, explain) for text in texts)

    def _answer(self, text: str, explain: bool) -> Answer:
        tokens = tokenize(text)[-self.vocabulary.keep_last :]
        if not tokens:
            return Answer(text, None, None)
        ids = self.vocabulary.ids(text)
        found = self.probabilities(ids).tolist()
        chosen = int(found[1] > 0.5) if self._two else int(np.argmax(found))
        answer = Answer(text, self.vocabulary.labels[chosen], dict(zip(self.vocabulary.labels, found, strict=True)))
        if not explain:
            return answer
        label = 1 if self._two else chosen
        weights = self.weights(ids, label)
        phrases = [(joined(tokens[start:end]), weight) for start, end, weight in self.phrases(ids, weights, label)]
        return dataclasses.replace(answer, words=list(zip(tokens, weights, strict=True)), phrases=phrases)

    def probabilities(self, ids: Sequence[int]) -> np.ndarray:
        """Of the labels, (labels,), for the ids of one text."""
        outputs = self._run(ids=np.array([ids], np.int32))
        if not self._two:
            return outputs["probabilities"][0]
        second = float(outputs["probability"][0])
        return np.array([1.0 - second, second])

    def log_odds(self, ids: Sequence[int], label: int) -> float:
        """Of a label against all others, for the ids of one text."""
        outputs = self._run(ids=np.array([ids], np.int32))
        if self._two:
            return float(outputs["logit"][0]) * (1.0 if label else -1.0)
        logits = outputs["logits"][0].astype(np.float64)
        others = np.delete(logits, label)
        return float(logits[label] - others.max() - np.log(np.exp(others - others.max()).sum()))

    def weights(self, ids: Sequence[int], label: int = 1) -> list[float]:
        """How far each token moves the log-odds of a label: what is lost when it becomes an unknown word."""
        whole = self.log_odds(ids, label)
        return [whole - self._without(ids, place, place + 1, label) for place in range(len(ids))]

    def phrases(self, ids: Sequence[int], weights: Sequence[float], label: int = 1) -> list[tuple[int, int, float]]:
        """(start, end, how far these tokens together move the log-odds of a label) of each phrase of two or three whose
        weight isn't the sum of its words', in their order; of those that overlap the one that differs most, where a
        third word must add SEEN_AS_ONE.

        weights: of the words, as `weights` gives them. Phrases are looked for around the WEIGHTIEST of them.
        """
        whole = self.log_odds(ids, label)
        weightiest = set(np.argsort([-abs(weight) for weight in weights], kind="stable")[:WEIGHTIEST].tolist())
        found = []
        for size in (2, 3):
            for start in range(len(ids) - size + 1):
                if weightiest.isdisjoint(range(start, start + size)):
                    continue
                weight = whole - self._without(ids, start, start + size, label)
                differs = abs(weight - sum(weights[start : start + size])) - SEEN_AS_ONE * (size - 1)
                found.append((-differs, start, start + size, weight))
        chosen: list[tuple[int, int, float]] = []
        for differs, start, end, weight in sorted(found):
            if differs <= 0.0 and all(end <= other[0] or start >= other[1] for other in chosen):
                chosen.append((start, end, weight))
        return sorted(chosen)

    def _without(self, ids: Sequence[int], start: int, end: int, label: int) -> float:
        """The log-odds of a label where the tokens from `start` to `end` are unknown words."""
        return self.log_odds([*ids[:start], *[UNKNOWN] * (end - start), *ids[end:]], label)


def joined(tokens: Sequence[str]) -> str:
    """Tokens as a person writes them: isn and ’t are isn’t."""
    return " ".join(tokens).replace(" ’", "’")


def load(folder: Path | str | None = None) -> Classifier:
    """The model in a folder, by default the shipped one, ready to `classify`.

    Threads may share it, and take turns: together they are as fast as one. Those that have a `load()` each run side by
    side as far as Python lets them; processes do (`--jobs`).
    """
    return running.opened(NAME, folder, Classifier)
