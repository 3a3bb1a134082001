"""A model's folder in use: LiteRT files without TensorFlow, the SavedModel with it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import native_logs
from apps.pipeline import model_folder, publishing
from apps.pipeline.errors import DataError, summary
from apps.pipeline.publishing import FILES

if TYPE_CHECKING:
    import numpy as np

Opened = TypeVar("Opened")


class LiteRT:
    """A signature of a LiteRT file of a model's folder, run without TensorFlow: arrays by the inputs' names -> outputs
    by theirs, as arrays of one's own.

    Threads may share it: they take turns, as one Interpreter has one memory, so that it is as fast as one thread. More
    cores are used by a process each (`--jobs`), or by an object of `load()` for each thread.

    Args:
        inputs: {name: (dtype, number of dimensions)}, of those that are sure to be there.
        outputs: the names of those that are sure to be there.

    Raises:
        DataError: the file is missing or damaged, or it is another model's.
    """

    def __init__(
        self,
        folder: Path,
        artifact: str,
        signature: str = "serving_default",
        inputs: Mapping[str, tuple[str, int]] | None = None,
        outputs: Sequence[str] = (),
    ):
        from ai_edge_litert.interpreter import Interpreter

        self.path = folder / FILES[artifact]
        content = model_folder.read(folder, self.path.name)
        if not model_folder.has_hash(folder, self.path.name):
            from apps.pipeline import unproven

            unproven.expect_to_load(content, self.path)
        try:
            with native_logs.filtered():  # it tells of each delegate that it makes
                interpreter = Interpreter(model_content=content, num_threads=1)
                interpreter.allocate_tensors()
                self._run = interpreter.get_signature_runner(signature)
            self.inputs, self.outputs = self._run.get_input_details(), self._run.get_output_details()
        except (ValueError, RuntimeError, KeyError) as error:  # what is found out depends on the byte that is wrong
            raise DataError(f"expected a LiteRT model in {self.path}, got a damaged file ({summary(error)})") from None
        self._lock = threading.Lock()
        self._expect(signature, inputs or {}, outputs)

    def _expect(self, signature: str, inputs: Mapping[str, tuple[str, int]], outputs: Sequence[str]) -> None:
        found = {name: (about["dtype"].__name__, len(about["shape"])) for name, about in self.inputs.items()}
        right = all(found.get(name) == kind for name, kind in inputs.items()) and set(outputs) <= set(self.outputs)
        if not right:
            listed = ", ".join(f"{name} {kind}[{rank}]" for name, (kind, rank) in sorted(inputs.items()))
            raise DataError(
                f"expected {listed} -> {', '.join(outputs)} in the signature {signature} of {self.path}, got another "
                "model's file"
            )

    def __call__(self, **inputs: np.ndarray) -> dict[str, np.ndarray]:
        """The outputs for these inputs; DataError if the model can't take them: an id that it doesn't have."""
        try:
            with self._lock:
                return {name: value.copy() for name, value in self._run(**inputs).items()}
        except (RuntimeError, ValueError, KeyError) as error:
            raise DataError(
                f"expected the vocabulary or labels that {self.path} was made with beside it, got others "
                f"({summary(error)})"
            ) from error


def load_saved_model(path: Path, signature: str = "serving_default"):
    """The function of a SavedModel's signature; DataError if there is none or it is damaged."""
    import tensorflow as tf

    if not (path / "saved_model.pb").exists():
        raise DataError(f"expected a SavedModel in {path}, got none{model_folder.left_out(path)}")
    model_folder.expect_whole(path)
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


def opened(app: str, folder: Path | str | None, make: Callable[[Path], Opened]) -> Opened:
    """What `make` makes of the model's folder, by default that of an app's shipped model; see `model_folder.opened`."""
    return model_folder.opened(publishing.SHIPPED / app if folder is None else Path(folder), app, make)


def one_or_many(answer: Callable[[Any], Any], given: Any, one: type | tuple[type, ...] = str) -> Any:
    """answer(given) if `given` is of the type `one`; otherwise a list with the answer to each of its items."""
    return answer(given) if isinstance(given, one) else [answer(each) for each in given]
