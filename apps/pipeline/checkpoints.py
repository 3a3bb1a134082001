"""What a training run needs to resume where it was cut off: arrays and what they are about, in one file."""

from __future__ import annotations

import io
import json
import time
from pathlib import Path
from typing import BinaryIO

import keras
import numpy as np

from apps.pipeline.batches import Batches
from apps.pipeline.errors import DataError
from apps.pipeline.together import Together
from whole_files import whole


class Checkpoints(keras.callbacks.Callback):
    """After each epoch everything a resumed run needs goes into one file, written beside and renamed.

    That is: the variables of model and optimizer, the best weights so far, the history and the settings of the run.
    Also stops the training `patience` epochs after the best one; None: never. The weights that validation saw count:
    with a moving average, the average.

    together: the replicas that train; of several workers the first one writes, and what it has counts everywhere.
    """

    def __init__(
        self,
        path: Path,
        batches: Batches,
        settings: dict,
        monitor: str,
        patience: int | None,
        together: Together | None = None,
    ):
        super().__init__()
        self.path, self.batches, self.settings, self.together = Path(path), batches, settings, together
        self.monitor, self.patience = monitor, patience
        self.history: list[dict[str, float]] = []
        self.best_weights: list[np.ndarray] | None = None
        self.seconds = 0.0

    def best_epoch(self) -> int:
        values = [logs[self.monitor] for logs in self.history]
        return values.index((max if self.monitor.endswith("accuracy") else min)(values))

    def stopped_early(self) -> bool:
        if self.patience is None or not self.history:
            return False
        return len(self.history) - 1 - self.best_epoch() >= self.patience

    def on_epoch_begin(self, epoch, logs=None):
        self.started = time.perf_counter()
        self.batches.epoch = epoch
        if self.together is not None:
            self.together.seed(epoch)
            return
        for variable in self.model.variables:  # what an epoch drops depends on the seed and the epoch alone
            if variable.path.endswith("seed_generator_state"):
                variable.assign([int(variable.numpy()[0]), epoch << 16])

    def on_test_end(self, logs=None):
        self.validated_weights = [np.array(weight) for weight in self.model.get_weights()]

    def on_epoch_end(self, epoch, logs=None):
        self.seconds += time.perf_counter() - self.started
        found = {name: float(value) for name, value in (logs or {}).items()}
        if self.together is not None:  # what ends a training is decided alike everywhere
            found = json.loads(self.together.told(json.dumps(found).encode()))
        self.history.append(found)
        if self.best_epoch() == len(self.history) - 1:
            self.best_weights = self.validated_weights
        self.save()
        if self.stopped_early():
            self.model.stop_training = True

    def _state(self) -> list:
        return [*self.model.variables, *self.model.optimizer.variables]

    def _packed(self) -> tuple[dict, dict[str, np.ndarray]]:
        about = {"settings": self.settings, "history": self.history, "seconds": self.seconds}
        arrays = {f"variable_{i}": variable.numpy() for i, variable in enumerate(self._state())}
        return about, arrays | {f"best_{i}": weight for i, weight in enumerate(self.best_weights or [])}

    def save(self) -> None:
        if self.together is None or self.together.workers.first:
            write_arrays(self.path, *self._packed())

    def share(self) -> None:
        """Takes up what worker 0 has: every replica begins, or goes on, with the same numbers."""
        content = io.BytesIO()
        pack_arrays(content, *self._packed())
        self.load(io.BytesIO(self.together.told(content.getvalue())))

    def load(self, content: BinaryIO | None = None) -> None:
        """Takes up the state in `content`, or in the file; DataError if it is damaged or of other settings."""
        arrays, about = read_arrays(self.path, self.settings, content)
        try:
            for i, variable in enumerate(self._state()):
                variable.assign(arrays[f"variable_{i}"])
            best = len(self.model.get_weights()) if about["history"] else 0
            self.best_weights = [arrays[f"best_{i}"] for i in range(best)] or None
            self.history, self.seconds = about["history"], about["seconds"]
        except (KeyError, ValueError) as error:  # arrays are missing or of other shapes
            raise _damaged(self.path, error) from None


def write_arrays(path: Path, about: dict, arrays: dict[str, np.ndarray]) -> None:
    """Writes arrays and what is to know `about` them, whole or not at all."""
    with whole(path) as beside, open(beside, "wb") as file:
        pack_arrays(file, about, arrays)


def pack_arrays(file: BinaryIO, about: dict, arrays: dict[str, np.ndarray]) -> None:
    """Writes arrays and what is to know `about` them into an open file."""
    np.savez(file, about=np.array(json.dumps(about)), **arrays)


def read_arrays(path: Path, settings: dict, content: BinaryIO | None = None) -> tuple[dict[str, np.ndarray], dict]:
    """(arrays, about) of a file by `write_arrays`, whose content may be at hand; DataError if it is damaged or of
    other settings."""
    try:
        with content or open(path, "rb") as opened, np.load(opened) as file:  # np.load(path) leaves a damaged file open
            arrays = dict(file)
        about = json.loads(str(arrays.pop("about")))
        saved = dict(about["settings"])
    except Exception as error:  # damage shows as errors of zipfile, zlib, NumPy, JSON, the file system, ...
        raise _damaged(path, error) from None
    for name, value in settings.items():
        if saved.get(name) != value:
            raise DataError(
                f"expected the settings of the run to resume ({name} {saved.get(name)} in {path}), "
                f"got {name} {value}: repeat them, or start again without --resume"
            )
    return arrays, about


def _damaged(path: Path, error: Exception) -> DataError:
    text = " ".join(str(error).split())[:200]
    return DataError(
        f"expected a checkpoint to resume from in {path}, got a damaged file ({type(error).__name__}: {text}): "
        "start again without --resume"
    )
