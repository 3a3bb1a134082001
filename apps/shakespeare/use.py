"""The shipped model goes on with a prompt, symbol by symbol: LiteRT, without TensorFlow."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, overload

import numpy as np

from apps.pipeline import running
from apps.pipeline.printing import ANSWER, INPUT
from apps.shakespeare.model import NAME
from apps.shakespeare.sampling import choose, random_number
from apps.shakespeare.stepping import States, Stepper
from apps.shakespeare.symbols import START, UNKNOWN, Symbols

LONG = 10_000  # symbols of a prompt that show progress


@dataclass(frozen=True)
class Choice:
    """How a symbol is chosen; see `sampling.choose`. The same seed and row write the same text."""

    temperature: float = 0.8
    top_k: int = 0
    top_p: float = 1.0
    seed: int = 0


@dataclass(frozen=True)
class Text:
    """A prompt and the text that begins with it, and how it was chosen: the `row` of several, and a Choice's fields."""

    prompt: str = field(metadata=INPUT)
    text: str = field(metadata=ANSWER)
    row: int
    temperature: float
    top_k: int
    top_p: float
    seed: int


class Writer:
    """A text that grows: it has read the prompt, and `logits` say what comes next. Each symbol takes one step."""

    def __init__(self, step: Stepper, symbols: Symbols, prompt: str):
        self.step, self.symbols = step, symbols
        self.states: States = step.zeros()
        self.logits = np.zeros(0, np.float32)
        self.read(prompt or START)
        if not self.logits.size:  # nothing in the prompt is a symbol: it was U+001F, or a word's boundary alone
            self.take(UNKNOWN)

    def copy(self) -> Writer:
        """An independent writer that goes on from here."""
        return copy.copy(self)  # what `take` changes, it replaces

    def read(self, text: str) -> None:
        from tqdm import tqdm

        ids = self.symbols.ids(text)
        for number in tqdm(ids, "reading", disable=len(ids) < LONG or None):
            self.take(number)

    def take(self, number: int) -> str:
        """Goes on with an id -> its symbol."""
        logits, self.states = self.step(np.array([number], np.int32), self.states)
        self.logits = logits[0]
        return self.symbols.text([number])

    def write(self, length: int, choice: Choice, row: int = 0) -> Iterator[str]:
        """`length` symbols, one by one; another `row` gives another text."""
        for place in range(length):
            draw = random_number(choice.seed, row, place)
            yield self.take(choose(self.logits, draw, choice.temperature, choice.top_k, choice.top_p))

    def text(self, prompt: str, length: int, choice: Choice, row: int = 0) -> Text:
        """What `write` writes, with the prompt before it."""
        return Text(prompt, prompt + "".join(self.write(length, choice, row)), row, **asdict(choice))


class Author:
    """One of the files in a model's folder and the symbols beside it; DataError if one is missing or damaged.

    Threads may share it; see `running.LiteRT`. A Writer is for one thread.
    """

    def __init__(self, folder: Path, artifact: str = "litert"):
        self.symbols, self._step = Symbols.load(folder), Stepper(folder, artifact)

    def begin(self, prompt: str) -> Writer:
        """A text that begins with a prompt, to go on with."""
        return Writer(self._step, self.symbols, prompt)

    @overload
    def write(self, prompts: str, length: int = 500, **choice: Any) -> Text: ...

    @overload
    def write(self, prompts: Iterable[str], length: int = 500, **choice: Any) -> list[Text]: ...

    def write(self, prompts: str | Iterable[str], length: int = 500, **choice: Any) -> Text | list[Text]:
        """The text that goes on with a prompt for `length` symbols, or a list of the texts for several.

        choice: the fields of a Choice.
        """
        chosen = Choice(**choice)
        return running.one_or_many(lambda prompt: self.begin(prompt).text(prompt, length, chosen), prompts)


def load(folder: Path | str | None = None) -> Author:
    """The model in a folder, by default the shipped one, ready to `write`.

    Threads may share it, and take turns: together they are as fast as one. Those that have a `load()` each run side by
    side as far as Python lets them; processes do (`--jobs`).
    """
    return running.opened(NAME, folder, Author)
