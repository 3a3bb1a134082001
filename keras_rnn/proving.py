"""A file of one format, written and proven: its answers are compared with those of what it was made from."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from keras_rnn import agreement, artifacts, runtimes
from keras_rnn.agreement import Case
from keras_rnn.artifacts import Signature
from keras_rnn.failures import ExportError
from keras_rnn.fast_paths import LiteRT
from keras_rnn.formats import FORMATS, ONNX_STEP
from keras_rnn.interface import Interface
from keras_rnn.runtimes import Arrays, Runner


@dataclass(frozen=True)
class Exported:
    """A file that was written, and how far its answers were from the model's."""

    path: Path
    size: int  # bytes
    signatures: tuple[str, ...]
    difference: float  # the largest over all signatures, inputs and calls, as Format.tolerance has it


def expect_formats(formats: str | Iterable[str], known: Sequence[str] = tuple(FORMATS)) -> list[str]:
    """The names of formats as a list; ExportError if one isn't known."""
    formats = [formats] if isinstance(formats, str) else list(formats)
    if not formats or any(name not in known for name in formats):
        raise ExportError(f"formats expected some of {', '.join(known)}, got {formats}.")
    return formats


class Sources(contextlib.ExitStack):
    """Traces for LiteRT files: one for all ways to store the weights but full_int8, which unrolls loops."""

    def __init__(self) -> None:
        super().__init__()
        self._traced: dict[LiteRT, Path] = {}

    def of(self, signatures: Mapping[str, Signature], resources: Sequence[Any], file: LiteRT) -> Path:
        """The trace of `signatures`, the same ones at each call; made when it is first needed."""
        if file not in self._traced:
            self._traced[file] = self.enter_context(artifacts.traced(signatures, resources, file))
        return self._traced[file]


def write(
    name: str,
    path: Path,
    signatures: Mapping[str, Signature],
    resources: Sequence[Any],
    cases: Mapping[str, Sequence[Case]],
    sources: Sources,
    *,
    blame: Callable[[Exception], str],
    interface: Interface | None = None,
    length: int | None = None,
    fused_lstm: bool = False,
    samples: Mapping[str, Sequence[Arrays]] | None = None,
) -> Exported:
    """One format.

    Args:
        name: of FORMATS.
        cases: of each signature.
        blame: what to say of an error of LiteRT's converter.
        interface, length: of a model; `agreement.check` needs them for its signatures `padded` and `step`.
        fused_lstm, samples: as for `artifacts.litert`.
    """
    weights = FORMATS[name].weights
    if name == "saved_model":
        artifacts.saved_model(signatures, resources, path)
        runtime = [runtimes.saved_model(path)]
    elif weights is None:
        runtime = [write_onnx(signatures, path)]
    else:
        try:
            source = sources.of(signatures, resources, LiteRT(weights == "full_int8", fused_lstm))
            artifacts.convert(source, list(signatures), path, weights, samples)
        except OSError:  # a full disk, say
            raise
        except Exception as error:  # of the converter, which has several
            raise ExportError(blame(error)) from error
        runtime = [runtimes.litert(path)] if fused_lstm else [runtimes.litert(path), runtimes.compiled(path)]
    tolerance = FORMATS[name].tolerance
    apart = [agreement.check(interface, runners, cases, tolerance, length, name) for runners in runtime]
    return Exported(path, artifacts.size_of(path), tuple(signatures), max(apart))


def write_onnx(signatures: Mapping[str, Signature], path: Path) -> dict[str, Runner]:
    """A file for each signature -> what runs them."""
    runners = {}
    for name, signature in signatures.items():
        file = path.with_name(ONNX_STEP) if name == "step" else path
        try:
            artifacts.onnx(signature, file)
            runners[name] = runtimes.onnx(file)
        except ImportError as error:
            raise ExportError(f"onnx expected the packages of keras-rnn[onnx], got no {error.name}.") from None
        except OSError:
            raise
        except Exception as error:  # of the converter, of the checker
            raise ExportError(f"expected a model that tf2onnx takes, got: {str(error).strip()[:200]}") from error
    return runners
