"""A model's folder in use: LiteRT files without TensorFlow, the SavedModel with it, and why an answer is as it is."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from apps.pipeline.errors import DataError
from apps.pipeline.publishing import FILES
from apps.pipeline.vocabulary import UNKNOWN, Vocabulary

Score = Callable[[Sequence[int]], dict[str, float]]


def load_vocabulary(folder: Path) -> Vocabulary:
    """The vocabulary of a model's folder; DataError if there is none or it is damaged."""
    try:
        return Vocabulary.load(folder / "vocabulary.json")
    except FileNotFoundError:
        raise DataError(f"expected a trained model in {folder}, got no vocabulary.json there") from None
    except ValueError as error:
        raise DataError(str(error)) from None


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


def load_scorer(folder: Path, artifact: str) -> Score:
    """As `load_litert`, for one text: ids -> the model's outputs by name, such as "logit"."""
    run, path = load_litert(folder, artifact), folder / FILES[artifact]

    def score(ids: Sequence[int]) -> dict[str, float]:
        try:
            outputs = run(ids=np.array([ids], np.int32))
        except RuntimeError as error:  # an id that the model doesn't have
            raise DataError(f"expected the vocabulary that {path} was made with beside it, got another") from error
        return {name: float(value[0]) for name, value in outputs.items()}

    return score


def probabilities(folder: Path, artifact: str, texts: Sequence[str]) -> np.ndarray:
    """The second label's probability for each text, float (texts,), by one of a folder's artifacts."""
    from tqdm import tqdm

    if artifact == "saved_model":
        return _saved_model_probabilities(folder / FILES[artifact], texts)
    vocabulary, score = load_vocabulary(folder), load_scorer(folder, artifact)
    return np.array([score(vocabulary.ids(text))["probability"] for text in tqdm(texts, artifact, disable=None)])


def load_saved_model(path: Path, signature: str = "serving_default"):
    """The function of a SavedModel's signature; DataError if there is none or it is damaged."""
    import tensorflow as tf

    if not (path / "saved_model.pb").exists():
        raise DataError(f"expected a SavedModel in {path}, got none")
    try:
        return tf.saved_model.load(str(path)).signatures[signature]
    except Exception as error:  # damage shows as errors of TensorFlow, protobuf, the file system, ...
        raise DataError(f"expected a SavedModel in {path}, got a damaged one ({type(error).__name__})") from error


def _saved_model_probabilities(path: Path, texts: Sequence[str], batch_size: int = 64) -> np.ndarray:
    import tensorflow as tf
    from tqdm import tqdm

    serve = load_saved_model(path)
    order = np.argsort([len(text) for text in texts], kind="stable")  # texts of like length: little padding
    result = np.zeros(len(texts), np.float32)
    for start in tqdm(range(0, len(order), batch_size), path.parent.name, disable=None):
        part = order[start : start + batch_size]
        batch = tf.constant([texts[index].encode("utf-8", "replace") for index in part])
        result[part] = serve(text=batch)["probability"].numpy()
    return result


def explain(ids: Sequence[int], score: Score) -> list[float]:
    """How far each token moves the log-odds of the second label: what is lost when it becomes an unknown word."""
    whole = score(ids)["logit"]
    return [whole - score([*ids[:place], UNKNOWN, *ids[place + 1 :]])["logit"] for place in range(len(ids))]


def print_explanation(words: Sequence[tuple[str, float]], labels: tuple[str, str]) -> None:
    """Words coloured by their weights for the second label (green) or the first (red), then the weightiest of each."""
    from rich.console import Console
    from rich.text import Text

    strongest = max(1e-9, *(abs(weight) for _, weight in words))
    line = Text()
    for word, weight in words:
        faded = int(255 * (1.0 - 0.8 * abs(weight) / strongest))
        colour = f"rgb({faded},255,{faded})" if weight > 0 else f"rgb(255,{faded},{faded})"
        line.append(word, style=f"black on {colour}").append(" ")
    console = Console(highlight=False)
    console.print(line)
    ranked = sorted(words, key=lambda pair: pair[1])
    for label, sign, pairs in ((labels[1], 1, ranked[:-6:-1]), (labels[0], -1, ranked[:5])):
        pushed = ", ".join(f"{word} {weight:+.2f}" for word, weight in pairs if sign * weight > 0)
        console.print(f"  towards {label}: {pushed or 'nothing'}", markup=False)
