"""The shipped model answers: LiteRT, without TensorFlow."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, overload

import numpy as np

from apps.pipeline import publishing, running
from apps.pipeline.errors import DataError
from apps.pipeline.printing import ANSWER, INPUT
from apps.pipeline.publishing import FILES
from apps.word_reversal.alphabet import Alphabet
from apps.word_reversal.model import NAME
from apps.word_reversal.search import Found, States, beam_search


@dataclass(frozen=True)
class Answer:
    """What the model makes of a word; of one that can't be spelled: None.

    Attributes:
        candidates: with a beam wider than 1, its answers, {"answer", "probability"}, the likeliest first.
        problem: the sentence about a word without an answer.
        attention: where the network looked for each letter that it wrote, (letters and end mark, letters read).
    """

    word: str = field(metadata=INPUT)
    reversed: str | None = field(metadata=ANSWER)
    probability: float | None
    candidates: list[dict[str, Any]] | None = None
    problem: str | None = None
    attention: np.ndarray | None = field(default=None, repr=False, compare=False)


class Translator:
    """A LiteRT file of a model's folder and the alphabet beside it; DataError if one is missing or damaged.

    Threads may share it; see `running.LiteRT`.
    """

    def __init__(self, folder: Path, artifact: str = "litert"):
        self.alphabet = Alphabet.load(folder)
        self.path = folder / FILES[artifact]
        states = ("hidden", "memory")
        self._encode = running.LiteRT(folder, artifact, "encode", {"ids": ("int32", 2)}, ("encoded", *states))
        given = {"ids": ("int32", 2), "previous": ("int32", 1), "encoded": ("float32", 3)}
        self._step = running.LiteRT(folder, artifact, "step", given, ("log_probabilities", "attention", *states))

    @overload
    def reverse(self, words: str, beam: int = 1) -> Answer: ...  # type: ignore[overload-overlap]

    @overload
    def reverse(self, words: Iterable[str], beam: int = 1) -> list[Answer]: ...

    def reverse(self, words: str | Iterable[str], beam: int = 1) -> Answer | list[Answer]:
        """The answer to a word, or a list of the answers to several; beam: how wide the search is."""
        return running.one_or_many(lambda word: self._answer(word, beam), words)

    def reverse_all(self, words: Iterable[str], beam: int = 1) -> Iterator[Answer]:
        """The answers to many words, each as soon as it is asked for."""
        return (self._answer(word, beam) for word in words)

    def _answer(self, word: str, beam: int) -> Answer:
        if problem := self.alphabet.problem(word):
            return Answer(word, None, None, problem=problem)
        found = self.answers(word, beam)
        candidates: list[dict[str, Any]] = [
            {"answer": self.alphabet.text(one.ids), "probability": math.exp(one.log_probability)} for one in found
        ]
        attention = np.stack(found[0].attention)
        best = candidates[0]
        return Answer(
            word, best["answer"], best["probability"], candidates=candidates if beam > 1 else None, attention=attention
        )

    def answers(self, word: str, width: int = 1) -> list[Found]:
        """Those of a beam search, the likeliest first; DataError if the word can't be spelled."""
        ids = np.array([self.alphabet.ids(word)], np.int32)
        try:
            states = dict(self._encode(ids=ids))
            read = {"ids": ids, "encoded": states.pop("encoded")}

            def step(previous: int, states: States):
                outputs = self._step(previous=np.array([previous], np.int32), **read, **states)
                scores = outputs.pop("log_probabilities")[0]
                if len(scores) != len(self.alphabet):
                    raise IndexError
                return scores, outputs.pop("attention")[0], outputs

            return beam_search(step, states, width, self.alphabet.longest_answer)
        except (RuntimeError, KeyError, IndexError, ValueError) as error:  # ids or states that the model doesn't have
            raise DataError(f"expected the alphabet that {self.path} was made with beside it, got another") from error


def load(folder: Path | str | None = None) -> Translator:
    """The model in a folder, by default the shipped one, ready to `reverse`.

    Threads may share it, and take turns: together they are as fast as one. Those that have a `load()` each run side by
    side as far as Python lets them; processes do (`--jobs`).
    """
    return running.opened(NAME, folder, lambda folder: Translator(folder, publishing.quickest(folder)))
