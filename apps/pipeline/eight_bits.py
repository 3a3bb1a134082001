"""A file in 8 bits that doesn't give the model's answers is left out, and told: the others are written."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from apps.pipeline.publishing import FILES

EIGHT_BITS = ("litert_int8", "litert_full_int8")


def written(write: Callable[[list[str]], object], formats: Sequence[str]) -> None:
    """write(formats), where rounding to 8 bits moves a model's answers too far without those files.

    Args:
        write: as `keras_rnn.export`, it writes all formats or raises.

    Raises:
        keras_rnn.ExportError: another file isn't proven.
    """
    from keras_rnn.failures import Disagreement

    left = list(formats)
    while True:
        try:
            write(left)
            return
        except Disagreement as error:
            if error.file not in EIGHT_BITS:
                raise
            left.remove(error.file)
            print(f"{FILES[error.file]} is left out: {error}", flush=True)
