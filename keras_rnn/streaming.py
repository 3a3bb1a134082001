"""A model one time step at a time: the states go in and come out, and the whole sequence is never needed."""

from __future__ import annotations

import contextlib
import contextvars
from collections.abc import Iterator, Mapping

import tensorflow as tf

# Each context, and so each thread, has its own: while one streams, calls in others are as always.
_active: contextvars.ContextVar[Stream | None] = contextvars.ContextVar("stream", default=None)


class Stream:
    """The states of a model's recurrent layers while it reads one step: taken from here, and left here.

    They are named after their layers, in the order in which these are called: `lstm_hidden`, `lstm_memory`, ...
    Without `states` a stream begins, with the initial states of its layers.
    """

    def __init__(self, states: Mapping[str, tf.Tensor] | None = None):
        self.states = states
        self.new_states: dict[str, tf.Tensor] = {}
        self._calls: dict[str, int] = {}

    def take(self, layer, initial_state: list[tf.Tensor] | None) -> list[tf.Tensor] | None:
        """The states that `layer` goes on from; None at the beginning."""
        if initial_state is not None or layer.go_backwards or layer.stateful:
            reason = "goes backwards" if layer.go_backwards else "is stateful" if layer.stateful else "is given a state"
            raise ValueError(
                f"{layer.name} expected to read forwards from a state of its own, one step at a time, but it {reason}."
            )
        self._calls[layer.name] = self._calls.get(layer.name, 0) + 1
        return [self.states[name] for name in self._names(layer)] if self.states else None

    def leave(self, layer, states: list[tf.Tensor]) -> None:
        """The states after the step, in the order of `layer.cell.state_names`."""
        names = self._names(layer)
        if not self.new_states.keys().isdisjoint(names):
            raise ValueError(f"expected layers with different names, got two called {layer.name}.")
        self.new_states |= zip(names, states, strict=True)

    def _names(self, layer) -> list[str]:
        call = self._calls[layer.name]  # a layer may be called twice, and two may have one name
        return [f"{layer.name}{f'_{call}' if call > 1 else ''}_{state}" for state in layer.cell.state_names]


@contextlib.contextmanager
def reading(stream: Stream) -> Iterator[None]:
    """The recurrent layers that are called inside take their states from `stream` and leave them there."""
    token = _active.set(stream)
    try:
        yield
    finally:
        _active.reset(token)


def active() -> Stream | None:
    """The stream that is being read here, if one is."""
    return _active.get()
