"""A model's folder in use: LiteRT files without TensorFlow, the SavedModel with it."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from apps.pipeline import publishing
from apps.pipeline.errors import DataError, summary
from apps.pipeline.publishing import FILES

if TYPE_CHECKING:
    import numpy as np


@contextlib.contextmanager
def silent_standard_error() -> Iterator[None]:
    """For LiteRT, which tells there of each delegate it makes; what goes wrong comes as an exception."""
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def load_litert(
    folder: Path, artifact: str, signature: str = "serving_default"
) -> Callable[..., dict[str, np.ndarray]]:
    """A signature of a LiteRT file of a model's folder, run without TensorFlow: arrays by the inputs' names -> outputs
    by theirs."""
    from ai_edge_litert.interpreter import Interpreter

    path = folder / FILES[artifact]
    try:
        content = path.read_bytes()
        with silent_standard_error():
            interpreter = Interpreter(model_content=content, num_threads=1)
            interpreter.allocate_tensors()
            return interpreter.get_signature_runner(signature)
    except FileNotFoundError:
        raise DataError(f"expected a trained model in {folder}, got no {path.name} there") from None
    except ValueError as error:
        raise DataError(f"expected a LiteRT model in {path}, got a damaged file ({error})") from None


def load_saved_model(path: Path, signature: str = "serving_default"):
    """The function of a SavedModel's signature; DataError if there is none or it is damaged."""
    import tensorflow as tf

    if not (path / "saved_model.pb").exists():
        raise DataError(f"expected a SavedModel in {path}, got none")
    try:
        return tf.saved_model.load(str(path)).signatures[signature]
    except Exception as error:  # damage shows as errors of TensorFlow, protobuf, the file system, ...
        raise DataError(f"expected a SavedModel in {path}, got a damaged one ({type(error).__name__})") from error


def served(folder: Path, name: str, output: str, values: Sequence[Any], batch_size: int) -> Iterator[np.ndarray]:
    """The outputs of a folder's SavedModel for each batch of the values of one input, texts or arrays, in order."""
    import tensorflow as tf
    from tqdm import tqdm

    serve = load_saved_model(folder / FILES["saved_model"])
    for start in tqdm(range(0, len(values), batch_size), "saved_model", disable=None):
        batch = values[start : start + batch_size]
        if isinstance(batch[0], str):
            batch = [text.encode("utf-8", "replace") for text in batch]
        yield serve(**{name: tf.constant(batch)})[output].numpy()


def folder_of(app: str, folder: Path | str | None) -> Path:
    """The model's folder: that of the shipped model of an app by default."""
    return publishing.SHIPPED / app if folder is None else Path(folder)


def read_json(folder: Path, name: str, what: str, build: Callable[[Any], Any]) -> Any:
    """What `build` makes of a JSON file in a model's folder; DataError if there is none or it is damaged.

    Args:
        what: that the file holds, for the sentence.
        build: raises ValueError, KeyError, TypeError or AttributeError for content that `train` doesn't write.
    """
    path = Path(folder) / name
    try:
        return build(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise DataError(f"expected a trained model in {folder}, got no {name} there") from None
    except DataError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f"expected {what} as `train` writes it in {path}, got a damaged file ({summary(error)})"
        ) from None


def one_or_many(answer: Callable[[Any], Any], given: Any, one: type | tuple[type, ...] = str) -> Any:
    """answer(given) if `given` is of the type `one`; otherwise a list with the answer to each of its items."""
    return answer(given) if isinstance(given, one) else [answer(each) for each in given]
