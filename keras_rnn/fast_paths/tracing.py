"""What a graph is being traced for: a LiteRT file, whose converter and runtime want other loops, an ONNX file, which
has operators for whole layers, or a SavedModel, which another machine may run."""

import contextlib
import contextvars
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any


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


@dataclass(frozen=True)
class ONNX:
    """The operators of one file, which its graph knows by their numbers."""

    operators: list[Any] = field(default_factory=list)

    def number_of(self, operator: Any) -> int:
        if operator not in self.operators:
            self.operators.append(operator)
        return self.operators.index(operator)


@dataclass(frozen=True)
class SavedModel:
    """A folder that is taken to machines with and without a GPU."""


# Of a context, and so of a thread: others go on computing while one exports.
_tracing_for: contextvars.ContextVar[LiteRT | ONNX | SavedModel | None] = contextvars.ContextVar(
    "tracing_for", default=None
)


@contextlib.contextmanager
def tracing_for(file: LiteRT | ONNX | SavedModel) -> Iterator[None]:
    """What is traced inside is made for this file."""
    token = _tracing_for.set(file)
    try:
        yield
    finally:
        _tracing_for.reset(token)


@contextlib.contextmanager
def tracing_for_export() -> Iterator[None]:
    """What is traced inside is made for the file that is named outside, or else for a SavedModel."""
    with tracing_for(_tracing_for.get() or SavedModel()):
        yield


def litert() -> LiteRT | None:
    """The LiteRT file that is being traced for, if one is."""
    file = _tracing_for.get()
    return file if isinstance(file, LiteRT) else None


def onnx() -> ONNX | None:
    """The ONNX file that is being traced for, if one is."""
    file = _tracing_for.get()
    return file if isinstance(file, ONNX) else None


def saved_model() -> bool:
    """Whether a SavedModel is being traced for."""
    return isinstance(_tracing_for.get(), SavedModel)
