"""What each app answers a request: the same inputs and outputs as the signature of its SavedModel, by LiteRT."""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from apps.pipeline import model_folder
from apps.pipeline.errors import DataError

SIZE = 28  # of a picture of mnist_rows
LONGEST_TEXT = 10_000  # symbols that shakespeare writes at once


class TooSlow(Exception):
    """The time for a request is over."""


@dataclass(frozen=True)
class Served:
    """An app as it is served.

    Attributes:
        input: the one that has an entry for each instance, and its type in TensorFlow's words.
        outputs: of the loaded app, by their names in the SavedModel, with their types.
        answer: (the app's loaded object, an instance, its number in the request, options, a check of the time) -> JSON;
            by their names where there are several outputs.
        options: inputs that are one number for all instances, with their types and what they are if not given.
    """

    input: tuple[str, str]
    outputs: Callable[[Any], Mapping[str, str]]
    answer: Callable[[Any, Any, int, Mapping[str, Any], Callable[[], None]], Any]
    options: Mapping[str, tuple[type, Any]] = field(default_factory=dict)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise DataError(f"expected a string for each instance, got {type(value).__name__}")
    return value


def _sentiment(loaded: Any, instance: Any, *_: Any) -> float | dict[str, Any]:
    found, labels = loaded.probabilities(loaded.vocabulary.ids(_text(instance))), loaded.vocabulary.labels
    return {"probabilities": found.tolist(), "labels": list(labels)} if len(labels) > 2 else float(found[1])


def _of_labels(loaded: Any) -> dict[str, str]:
    several = len(loaded.vocabulary.labels) > 2
    return {"probabilities": "DT_FLOAT", "labels": "DT_STRING"} if several else {"probability": "DT_FLOAT"}


def _mnist_rows(loaded: Any, instance: Any, *_: Any) -> list[float]:
    import numpy as np

    try:
        image = np.asarray(instance, np.float32)
    except (ValueError, TypeError):
        image = np.zeros(0, np.float32)
    if image.shape != (SIZE, SIZE) or not np.isfinite(image).all():
        raise DataError(f"expected {SIZE} rows of {SIZE} numbers for each instance, got something else")
    return loaded.probabilities(image).tolist()


def _shakespeare(loaded: Any, instance: Any, row: int, options: Mapping[str, Any], check: Callable[[], None]) -> str:
    from apps.shakespeare.use import Choice

    if not 1 <= options["length"] <= LONGEST_TEXT:
        raise DataError(f"expected a length from 1 to {LONGEST_TEXT}, got {options['length']}")
    prompt = _text(instance)
    if len(prompt) > LONGEST_TEXT:
        raise DataError(f"expected a prompt of at most {LONGEST_TEXT} characters, got {len(prompt)}")
    written = []
    for symbol in loaded.begin(prompt).write(
        options["length"], Choice(options["temperature"], seed=options["seed"]), row
    ):
        check()
        written.append(symbol)
    return prompt + "".join(written)


def _word_reversal(loaded: Any, instance: Any, *_: Any) -> str:
    return loaded.reverse(_text(instance)).reversed or ""


def _chinese_pos(loaded: Any, instance: Any, *_: Any) -> str:
    from apps.chinese_pos.output import as_plain

    text = _text(instance)
    return as_plain(text, loaded.tag(text).sentences)


SERVED = {
    "sentiment": Served(("text", "DT_STRING"), _of_labels, _sentiment),
    "mnist_rows": Served(("image", "DT_FLOAT"), lambda _: {"probabilities": "DT_FLOAT"}, _mnist_rows),
    "shakespeare": Served(
        ("prompt", "DT_STRING"),
        lambda _: {"text": "DT_STRING"},
        _shakespeare,
        {"length": (int, 200), "temperature": (float, 0.8), "seed": (int, 0)},
    ),
    "word_reversal": Served(("word", "DT_STRING"), lambda _: {"reversed": "DT_STRING"}, _word_reversal),
    "chinese_pos": Served(("text", "DT_STRING"), lambda _: {"tagged": "DT_STRING"}, _chinese_pos),
}


class Predictor:
    """A loaded model that answers requests; threads may share it.

    Args:
        name: of an app, whose shipped model it is if there is no folder.
        folder: of a model of one's own; its results.json says of which app.

    DataError if there is no such model.
    """

    def __init__(self, name: str, folder: str | None = None):
        app = name if folder is None else model_folder.results_of(Path(folder)).get("app")
        if app not in SERVED:
            raise DataError(f"expected the folder of a model that `train` wrote, with its results.json, got {folder}")
        load = importlib.import_module(f"apps.{app}").load
        self.served, self._loaded = SERVED[app], load() if folder is None else load(Path(folder))
        self.outputs = self.served.outputs(self._loaded)

    def predict(self, request: Any, most: int, seconds: float) -> dict[str, Any]:
        """The answer to a request in TensorFlow Serving's form: "instances" gives "predictions", "inputs" "outputs".

        Args:
            most: instances.
            seconds: that it may take; TooSlow after them.

        Raises:
            DataError: the request isn't of that form.
        """
        by_rows, instances, options = self._read(request)
        if len(instances) > most:
            raise DataError(f"expected at most {most} instances, got {len(instances)}")
        end = time.monotonic() + seconds

        def check() -> None:
            if time.monotonic() > end:
                raise TooSlow

        found = []
        for row, instance in enumerate(instances):
            check()
            found.append(self.served.answer(self._loaded, instance, row, options, check))
        if by_rows or len(self.outputs) == 1:
            return {"predictions" if by_rows else "outputs": found}
        return {"outputs": {name: [row[name] for row in found] for name in self.outputs}}

    def _read(self, request: Any) -> tuple[bool, Sequence[Any], dict[str, Any]]:
        """Whether the request is of rows, its instances, and the options."""
        given = request if isinstance(request, dict) else {}
        forms = [name for name in ("instances", "inputs") if name in given]
        if len(forms) != 1:
            raise DataError('expected a JSON object with "instances" or "inputs", got another')
        if given.get("signature_name", "serving_default") != "serving_default":
            raise DataError(f'expected the signature "serving_default", got {given["signature_name"]!r}')
        name, values = self.served.input[0], given[forms[0]]
        if forms == ["instances"]:
            if not isinstance(values, list):
                raise DataError('expected a list as "instances", got something else')
            return True, [self._row(value) for value in values], self._options({})
        if isinstance(values, dict):
            unknown = values.keys() - {name, *self.served.options}
            if name not in values or unknown:
                listed = ", ".join([name, *self.served.options])
                raise DataError(f"expected inputs of {listed}, got {', '.join(map(str, values)) or 'none'}")
            instances, options = values[name], self._options(values)
        else:
            instances, options = values, self._options({})
        if not isinstance(instances, list):
            raise DataError(f"expected a list of {name}, got something else")
        return False, instances, options

    def _row(self, value: Any) -> Any:
        """An instance, by itself or by its name."""
        name = self.served.input[0]
        if not isinstance(value, dict):
            return value
        if value.keys() != {name}:
            raise DataError(f"expected instances of {name} alone, got {', '.join(map(str, value)) or 'none'}")
        return value[name]

    def _options(self, given: Mapping[str, Any]) -> dict[str, Any]:
        options = {}
        for name, (kind, default) in self.served.options.items():
            value = given.get(name, default)
            number = isinstance(value, int | float) and not isinstance(value, bool)
            if not number or (kind is int and value != int(value)) or not 0 <= value < 2**32:
                raise DataError(f"expected a number of 0 or more as {name}, got {value!r}")
            options[name] = kind(value)
        return options
