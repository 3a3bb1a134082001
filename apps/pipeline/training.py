"""The only training loop: batches in an order that a resumed run repeats, fit, checkpoint, stop early, plot."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from apps.pipeline.errors import DataError


def set_up(seed: int) -> None:
    """Seeds everything, and gives each direction of a bidirectional layer half of the cores: two loops side by side
    are faster than each on all cores. To be called before TensorFlow computes anything."""
    keras.utils.set_random_seed(seed)
    with contextlib.suppress(RuntimeError):  # in a process that has computed already, such as a test
        tf.config.threading.set_intra_op_parallelism_threads(max(1, (os.cpu_count() or 2) // 2))
        tf.config.threading.set_inter_op_parallelism_threads(2)


class Batches:
    """Examples in batches, in an order that depends on the seed and the epoch alone.

    Args:
        draw: generator of random numbers -> list of index arrays, one a batch; every example is in one of them.
        assemble: (indices, generator of random numbers) -> what the model gets: an array or a tuple of arrays.
        signature: the tf.TensorSpec of what `assemble` gives.
    """

    def __init__(
        self,
        draw: Callable[[np.random.Generator], list[np.ndarray]],
        assemble: Callable[[np.ndarray, np.random.Generator], Any],
        signature: Any,
        seed: int = 0,
    ):
        self.draw, self.assemble, self.signature, self.seed = draw, assemble, signature, seed
        self.epoch = 0

    def __len__(self) -> int:
        return len(self.draw(np.random.default_rng(0)))

    def __iter__(self) -> Iterator[Any]:
        generator = np.random.default_rng([self.seed, self.epoch])
        for indices in self.draw(generator):
            yield self.assemble(indices, generator)

    def dataset(self) -> tf.data.Dataset:
        dataset = tf.data.Dataset.from_generator(self.__iter__, output_signature=self.signature)
        return dataset.apply(tf.data.experimental.assert_cardinality(len(self))).prefetch(4)


def grouped_by_length(lengths: np.ndarray, batch_size: int, shuffle: bool) -> Callable:
    """A `draw` for `Batches`: sequences of like length share a batch, so that little time is spent on padding."""

    def draw(generator: np.random.Generator) -> list[np.ndarray]:
        if not shuffle:
            order = np.argsort(lengths, kind="stable")
            return [order[start : start + batch_size] for start in range(0, len(order), batch_size)]
        order = generator.permutation(len(lengths))
        pools = [order[start : start + 50 * batch_size] for start in range(0, len(order), 50 * batch_size)]
        order = np.concatenate([pool[np.argsort(lengths[pool], kind="stable")] for pool in pools])
        batches = [order[start : start + batch_size] for start in range(0, len(order), batch_size)]
        return [batches[index] for index in generator.permutation(len(batches))]

    return draw


def padded(rows: list[np.ndarray]) -> np.ndarray:
    """Ids of several lengths -> int32 (batch, time), filled up on the right with 0."""
    result = np.zeros((len(rows), max(map(len, rows))), np.int32)
    for target, row in zip(result, rows, strict=True):
        target[: len(row)] = row
    return result


@keras.saving.register_keras_serializable(package="keras_rnn_apps")
def accuracy(targets, logits):
    """The part of the logits that lie on their target's side; targets are probabilities, (batch, 1)."""
    return keras.ops.cast(keras.ops.equal(targets > 0.5, logits > 0.0), "float32")


@keras.saving.register_keras_serializable(package="keras_rnn_apps")
class AdamW(keras.optimizers.AdamW):
    """Keras's AdamW with a factor on the learning rate of some variables.

    Args:
        factors: {part of a variable's path: factor}; the first part that fits counts, other variables have 1.
    """

    def __init__(self, *args, factors: dict[str, float] | None = None, **kwargs):
        super().__init__(*args, **kwargs)
        self.factors = dict(factors or {})

    def build(self, variables):
        super().build(variables)
        self.factor_of_variable = [
            next((factor for part, factor in self.factors.items() if part in variable.path), 1.0)
            for variable in variables
        ]

    def update_step(self, gradient, variable, learning_rate):
        factor = self.factor_of_variable[self._get_variable_index(variable)]
        super().update_step(gradient, variable, learning_rate * factor)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "factors": self.factors}


def cosine_with_warm_up(peak: float, steps: int, warm_up: float = 0.1) -> keras.optimizers.schedules.CosineDecay:
    """A learning rate that climbs from 0 to `peak` over the part `warm_up` of the steps, then falls to 0."""
    climb = max(1, int(steps * warm_up))
    return keras.optimizers.schedules.CosineDecay(0.0, max(1, steps - climb), warmup_target=peak, warmup_steps=climb)


class Checkpoints(keras.callbacks.Callback):
    """After each epoch everything a resumed run needs goes into one file, written beside and renamed.

    That is: the variables of model and optimizer, the best weights so far, the history and the settings of the run.
    Also stops the training `patience` epochs after the best one. The weights that validation saw count: with a moving
    average, the average.
    """

    def __init__(self, path: Path, batches: Batches, settings: dict, monitor: str, patience: int):
        super().__init__()
        self.path, self.batches, self.settings = Path(path), batches, settings
        self.monitor, self.patience = monitor, patience
        self.history: list[dict[str, float]] = []
        self.best_weights: list[np.ndarray] | None = None
        self.seconds = 0.0

    def best_epoch(self) -> int:
        values = [logs[self.monitor] for logs in self.history]
        return values.index((max if self.monitor.endswith("accuracy") else min)(values))

    def stopped_early(self) -> bool:
        return bool(self.history) and len(self.history) - 1 - self.best_epoch() >= self.patience

    def on_epoch_begin(self, epoch, logs=None):
        self.started = time.perf_counter()
        self.batches.epoch = epoch
        for variable in self.model.variables:  # what an epoch drops depends on the seed and the epoch alone
            if variable.path.endswith("seed_generator_state"):
                variable.assign([int(variable.numpy()[0]), epoch << 16])

    def on_test_end(self, logs=None):
        self.validated_weights = [np.array(weight) for weight in self.model.get_weights()]

    def on_epoch_end(self, epoch, logs=None):
        self.seconds += time.perf_counter() - self.started
        self.history.append({name: float(value) for name, value in (logs or {}).items()})
        if self.best_epoch() == len(self.history) - 1:
            self.best_weights = self.validated_weights
        self.save()
        if self.stopped_early():
            self.model.stop_training = True

    def _state(self) -> list:
        return [*self.model.variables, *self.model.optimizer.variables]

    def save(self) -> None:
        about = {"settings": self.settings, "history": self.history, "seconds": self.seconds}
        arrays = {f"variable_{i}": variable.numpy() for i, variable in enumerate(self._state())}
        arrays |= {f"best_{i}": weight for i, weight in enumerate(self.best_weights)}
        write_arrays(self.path, about, arrays)

    def load(self) -> None:
        """Takes up the saved state; DataError if the file is damaged or of other settings."""
        arrays, about = read_arrays(self.path, self.settings)
        try:
            for i, variable in enumerate(self._state()):
                variable.assign(arrays[f"variable_{i}"])
            self.best_weights = [arrays[f"best_{i}"] for i in range(len(self.model.get_weights()))]
            self.history, self.seconds = about["history"], about["seconds"]
        except (KeyError, ValueError) as error:  # arrays are missing or of other shapes
            raise _damaged(self.path, error) from None


def write_arrays(path: Path, about: dict, arrays: dict[str, np.ndarray]) -> None:
    """Writes arrays and what is to know `about` them, whole or not at all."""
    beside = path.with_name(f"{path.name}.partial")
    try:
        with open(beside, "wb") as file:
            np.savez(file, about=np.array(json.dumps(about)), **arrays)
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


def read_arrays(path: Path, settings: dict) -> tuple[dict[str, np.ndarray], dict]:
    """(arrays, about) of a file by `write_arrays`; DataError if it is damaged or about["settings"] are others."""
    try:
        with open(path, "rb") as opened, np.load(opened) as file:  # np.load(path) leaves a damaged file open
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


@dataclasses.dataclass(frozen=True)
class Fitted:
    """What `fit` did: the logs of each epoch, the seconds they took, and whether Ctrl-C ended it."""

    history: list[dict[str, float]]
    seconds: float
    interrupted: bool

    def best(self, monitor: str) -> float:
        """The best value of one of the logs: the highest accuracy, the lowest of anything else."""
        return (max if monitor.endswith("accuracy") else min)(logs[monitor] for logs in self.history)


def fit(
    model: keras.Model,
    batches: Batches,
    validation: Batches,
    checkpoint: Path,
    *,
    epochs: int,
    settings: dict,
    monitor: str = "val_loss",
    patience: int = 2,
    resume: bool = False,
    log_folder: Path | None = None,
) -> Fitted:
    """Trains a compiled model and leaves its best weights in it.

    Args:
        checkpoint: the file to write after each epoch; with `resume` the one to go on from, if it is there.
        settings: what decides the run; a checkpoint of other settings is refused.
        monitor, patience: which of the logs decides what is best, and how many worse epochs end the training.
        log_folder: for TensorBoard.
    """
    checkpoint.parent.mkdir(parents=True, exist_ok=True)
    checkpoints = Checkpoints(checkpoint, batches, settings, monitor, patience)
    checkpoints.set_model(model)
    model.optimizer.build(model.trainable_variables)
    if resume and checkpoint.exists():
        checkpoints.load()
    callbacks: list[keras.callbacks.Callback] = [checkpoints]
    if model.optimizer.use_ema:
        callbacks.append(keras.callbacks.SwapEMAWeights())  # after ours, whose on_test_end wants the averages
    if log_folder is not None:
        callbacks.append(keras.callbacks.TensorBoard(log_folder, write_graph=False))
    interrupted = False
    if len(checkpoints.history) < epochs and not checkpoints.stopped_early():
        try:
            model.fit(
                batches.dataset(),
                validation_data=validation.dataset(),
                initial_epoch=len(checkpoints.history),
                epochs=epochs,
                callbacks=callbacks,
                shuffle=False,  # the batches do that themselves
                verbose=1 if os.isatty(1) else 2,
            )
        except KeyboardInterrupt:
            if checkpoints.best_weights is None:
                raise
            interrupted = True
    model.set_weights(checkpoints.best_weights)
    return Fitted(checkpoints.history, checkpoints.seconds, interrupted)


def save_model(model: keras.Model, path: Path) -> None:
    """Writes a .keras file whole or not at all."""
    beside = path.with_name(f"{path.stem}.partial.keras")
    try:
        model.save(beside)
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


def load_model(path: Path) -> keras.Model:
    """The model of a .keras file that `train` wrote; DataError if it isn't one."""
    if not path.is_file():
        raise DataError(f"expected a trained model, as `train` writes it to model.keras, got no file {path}")
    import keras_rnn  # noqa: F401  (its layers are in the file)

    try:
        return keras.saving.load_model(path)
    except Exception as error:  # damage shows as errors of zipfile, h5py, JSON, Keras, ...
        raise DataError(f"expected a trained model in {path}, got a damaged file ({type(error).__name__})") from error


def plot_history(history: list[dict[str, float]], metric: str, path: Path, title: str) -> None:
    """Loss and metric against epochs, of training and validation, as a PNG."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot, ticker

    figure, axes = pyplot.subplots(1, 2, figsize=(9, 3.5), layout="constrained")
    epochs = range(1, len(history) + 1)
    for axis, name in zip(axes, ("loss", metric), strict=True):
        axis.plot(epochs, [logs[name] for logs in history], "o-", label="training")
        axis.plot(epochs, [logs[f"val_{name}"] for logs in history], "o-", label="validation")
        axis.set(xlabel="epoch", ylabel=name, yscale="log" if name == "loss" else "linear")
        axis.xaxis.set_major_locator(ticker.MaxNLocator(integer=True, min_n_ticks=1))
        axis.legend()
        axis.grid(alpha=0.3)
    figure.suptitle(title)
    figure.savefig(path, dpi=100)
    pyplot.close(figure)
