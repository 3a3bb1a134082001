"""What a graph is being traced for: for LiteRT, whose converter and runtime want other loops."""

import contextlib
import contextvars
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class LiteRT:
    """How loops are to be traced for a LiteRT file.

    full_int8: unrolls loops of known length: the int8 calibrator crashes on them.
    fused_lstm: LSTMs as LiteRT's one operator where it gives the loop's numbers, which CompiledModel doesn't load.
    """

    full_int8: bool = False
    fused_lstm: bool = False

    def __post_init__(self):
        if self.full_int8 and self.fused_lstm:
            raise ValueError(
                "full_int8 expected fused_lstm=False, got True: what empties the operator's states is too large a "
                "number for 8-bit inputs."
            )


# Of a context, and so of a thread: others go on computing while one exports.
_tracing_for: contextvars.ContextVar[LiteRT | None] = contextvars.ContextVar("tracing_for", default=None)


@contextlib.contextmanager
def tracing_for(file: LiteRT) -> Iterator[None]:
    """What is traced inside has loops made for LiteRT."""
    token = _tracing_for.set(file)
    try:
        yield
    finally:
        _tracing_for.reset(token)


def file() -> LiteRT | None:
    """The file that is being traced for; None outside of `tracing_for`."""
    return _tracing_for.get()
