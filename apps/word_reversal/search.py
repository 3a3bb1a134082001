"""The likeliest answer, letter by letter: beam search, which is greedy search where the beam is 1 wide. NumPy alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from apps.word_reversal.alphabet import END, START

States = Mapping[str, np.ndarray]
Step = Callable[[int, States], tuple[np.ndarray, np.ndarray, States]]


@dataclass(frozen=True)
class Found:
    """What was written, with the natural logarithm of its probability and where the decoder looked for each id.

    ids: the last is the end mark, unless the bound on the length came first.
    attention: an array (time,) for each id.
    """

    ids: tuple[int, ...] = ()
    log_probability: float = 0.0
    attention: tuple[np.ndarray, ...] = ()
    states: States = field(default_factory=dict, repr=False)

    def finished(self) -> bool:
        return bool(self.ids) and self.ids[-1] == END

    def continued(self, step: Step, width: int) -> list[Found]:
        """Its `width` likeliest continuations by one id, the likeliest first; of equal ones the lower id's."""
        log_probabilities, attention, states = step(self.ids[-1] if self.ids else START, self.states)
        order = np.argsort(-log_probabilities[END:], kind="stable")[:width] + END  # never padding, nor the start mark
        return [
            Found(
                (*self.ids, int(index)),
                self.log_probability + float(log_probabilities[index]),
                (*self.attention, attention),
                states,
            )
            for index in order
        ]


def beam_search(step: Step, states: States, width: int, longest: int) -> list[Found]:
    """The likeliest answers of those that a beam of `width` meets, the likeliest first.

    An answer's probability is the product of its ids', without regard to its length.

    Args:
        step: the id before (the start mark at first) and states -> the next id's log-probabilities (symbols,), the
            attention (time,), and the new states.
        states: the first ones.
        longest: characters of an answer; the search ends there, whether an end mark came or not.
    """
    beam = [Found(states=states)]
    for _ in range(longest):
        if all(answer.finished() for answer in beam):
            break
        candidates: list[Found] = []
        for answer in beam:
            candidates += [answer] if answer.finished() else answer.continued(step, width)
        beam = sorted(candidates, key=lambda answer: -answer.log_probability)[:width]
    return beam
