"""The only training loop: learn, resume, stop early, keep the best epoch; and the models it leaves."""

from __future__ import annotations

import contextlib
import dataclasses
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import keras
import tensorflow as tf

from apps.pipeline import model_folder, publishing, typical
from apps.pipeline.batches import Batches
from apps.pipeline.checkpoints import Checkpoints
from apps.pipeline.errors import DataError
from apps.pipeline.estimate import Estimate
from apps.pipeline.runs import Recipe, Stage
from apps.pipeline.together import Together, twin
from apps.pipeline.typical import Inputs
from apps.pipeline.workers import ALONE, Workers
from whole_files import whole


def set_up(seed: int, workers: Workers = ALONE) -> None:
    """Seeds everything, and gives each direction of a bidirectional layer half of the cores: two loops side by side
    are faster than each on all cores. Waits for the other workers. To be called before TensorFlow computes anything."""
    keras.utils.set_random_seed(seed)
    with contextlib.suppress(RuntimeError):  # in a process that has computed already, such as a test
        tf.config.threading.set_intra_op_parallelism_threads(max(1, (os.cpu_count() or 2) // 2))
        tf.config.threading.set_inter_op_parallelism_threads(2)
    workers.strategy()


@keras.saving.register_keras_serializable(package="keras_rnn_apps")
class AdamW(keras.optimizers.AdamW):
    """Keras's AdamW with a factor on the learning rate of some variables.

    Args:
        factors: {part of a variable's path: factor}; the first part that fits counts, other variables have 1.

    It takes gradients of the whole batch: of several replicas `Together` has summed them.
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

    def _all_reduce_sum_gradients(self, grads_and_vars):
        return grads_and_vars  # Keras's would sum them again, and after they were clipped

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "factors": self.factors}


def cosine_with_warm_up(peak: float, steps: int, warm_up: float = 0.1) -> keras.optimizers.schedules.CosineDecay:
    """A learning rate that climbs from 0 to `peak` over the part `warm_up` of the steps, then falls to 0."""
    climb = max(1, int(steps * warm_up))
    return keras.optimizers.schedules.CosineDecay(0.0, max(1, steps - climb), warmup_target=peak, warmup_steps=climb)


@dataclasses.dataclass(frozen=True)
class Fitted:
    """The result of a training: the logs of each epoch, those of the epoch that was kept, the seconds they took, and
    whether Ctrl-C ended it."""

    history: list[dict[str, float]]
    kept: dict[str, float]
    seconds: float
    interrupted: bool


def optimizer_of(recipe: Recipe, steps: int, factors: dict[str, float] | None = None) -> AdamW:
    """What a recipe asks for in a training of so many steps; factors: as for `AdamW`."""
    averaged = {}
    if reach := recipe.reach(steps):
        averaged = {"use_ema": True, "ema_momentum": 1.0 - 1.0 / reach}
    return AdamW(
        cosine_with_warm_up(recipe.learning_rate, steps, recipe.warm_up),
        weight_decay=recipe.weight_decay,
        global_clipnorm=recipe.clip,
        factors=factors,
        **averaged,
    )


def learn(
    model: keras.Model,
    batches: Batches,
    validation: Batches,
    stage: Stage,
    *,
    loss: Any = None,
    metrics: Sequence[Any] | None = None,
    weighted_metrics: Sequence[Any] | None = None,
    factors: dict[str, float] | None = None,
    without_decay: Sequence[str] = (),
) -> Fitted:
    """Trains a model by a stage's recipe and leaves the weights of its best epoch in it.

    Of several workers or devices each trains a replica; the model itself is no replica, before and after.

    Args:
        loss, metrics, weighted_metrics: as for Keras's `compile`.
        factors: on the learning rate of some variables, as for `AdamW`.
        without_decay: parts of the names of the variables whose weights don't decay.
    """
    recipe, strategy = stage.recipe, stage.workers.strategy()
    if strategy is not None and recipe.batch_size < strategy.num_replicas_in_sync:
        raise DataError(
            f"expected a batch of at least an example for each of {strategy.num_replicas_in_sync} replicas, got a "
            f"batch size of {recipe.batch_size}"
        )
    with contextlib.nullcontext() if strategy is None else strategy.scope():
        learner = model if strategy is None else twin(model)
        optimizer = optimizer_of(recipe, len(batches) * recipe.epochs, factors)
        if without_decay:
            optimizer.exclude_from_weight_decay(var_names=list(without_decay))
        # On CPUs XLA takes longer, and would compile for every length of a batch.
        learner.compile(optimizer, loss, metrics=metrics, weighted_metrics=weighted_metrics, jit_compile=False)
        fitted = fit(
            learner,
            batches,
            validation,
            stage.file,
            epochs=recipe.epochs,
            settings=stage.settings,
            monitor=recipe.keep,
            patience=recipe.patience,
            resume=stage.resume,
            log_folder=stage.file.parent / "logs" / stage.file.stem,
            together=None if strategy is None else Together(stage.workers, strategy, learner, loss),
        )
    if learner is not model:
        model.set_weights(learner.get_weights())
    return fitted


def fit(
    model: keras.Model,
    batches: Batches,
    validation: Batches,
    checkpoint: Path,
    *,
    epochs: int,
    settings: dict,
    monitor: str = "val_loss",
    patience: int | None = 2,
    resume: bool = False,
    log_folder: Path | None = None,
    together: Together | None = None,
) -> Fitted:
    """Trains a compiled model and leaves its best weights in it.

    Args:
        checkpoint: the file to write after each epoch; with `resume` the one to go on from, if it is there.
        settings: what decides the run; a checkpoint of other settings is refused.
        monitor, patience: the log that chooses the best epoch, and how many worse ones end the training.
        log_folder: for TensorBoard.
        together: the replicas that train, if there are several.
    """
    first = together is None or together.workers.first
    checkpoints = Checkpoints(checkpoint, batches, settings, monitor, patience, together)
    checkpoints.set_model(model)
    model.optimizer.build(model.trainable_variables)
    if first:
        checkpoint.parent.mkdir(parents=True, exist_ok=True)
        if resume and checkpoint.exists():
            checkpoints.load()
    try:
        if together is not None:
            together.expect_equal(settings)
            checkpoints.share()
            together.prepare(batches)
        if len(checkpoints.history) < epochs and not checkpoints.stopped_early():
            interrupted = _epochs(model, batches, validation, checkpoints, epochs, log_folder if first else None)
        else:
            interrupted = False
    except tf.errors.OpError as error:
        if together is None or not together.workers.addresses:
            raise
        raise together.workers.missing() from error
    model.set_weights(checkpoints.best_weights)
    kept = checkpoints.history[checkpoints.best_epoch()]
    return Fitted(checkpoints.history, kept, checkpoints.seconds, interrupted)


def _epochs(
    model: keras.Model,
    batches: Batches,
    validation: Batches,
    checkpoints: Checkpoints,
    epochs: int,
    log_folder: Path | None,
) -> bool:
    """The epochs that are left, until there are `epochs` or the model gets no better -> whether Ctrl-C ended them."""
    together, left = checkpoints.together, epochs - len(checkpoints.history)
    first = together is None or together.workers.first
    callbacks: list[keras.callbacks.Callback] = [checkpoints]
    if model.optimizer.use_ema:
        callbacks.append(keras.callbacks.SwapEMAWeights())  # after ours, whose on_test_end wants the averages
    if first:
        callbacks.append(Estimate(len(batches), left, checkpoints.patience is not None and left > 1))
    if log_folder is not None:
        callbacks.append(keras.callbacks.TensorBoard(log_folder, write_graph=False))
    try:
        model.fit(
            batches.dataset() if together is None else together.shares(batches),
            validation_data=validation.dataset() if together is None else together.shares(validation),
            initial_epoch=len(checkpoints.history),
            epochs=epochs,
            callbacks=callbacks,
            shuffle=False,  # the batches do that themselves
            verbose=0 if not first else 1 if os.isatty(1) else 2,
        )
    except KeyboardInterrupt:
        if checkpoints.best_weights is None:
            raise
        return True
    return False


def save_model(model: keras.Model, path: Path) -> None:
    """Writes a .keras file whole or not at all."""
    with whole(path) as beside:
        model.save(beside)


class Trained(NamedTuple):
    """A model as `train` left it.

    Attributes:
        beside: the vocabulary, labels, ... that it needs.
        how: it was trained, for results.json.
        typical: inputs to prove its files with; None if there are none.
    """

    model: keras.Model
    beside: Any
    how: dict[str, Any]
    typical: Inputs | None


def load_trained(
    path: Path, app: str, load: Callable[[Path], Any], fits: Callable[[keras.Model, Any], bool]
) -> Trained:
    """The model.keras that an app's `train` wrote, and what it left beside it; DataError if it isn't one.

    Args:
        load: a folder -> the vocabulary, labels, ... that the model needs.
        fits: whether these are of as many ids or classes as the model.
    """
    beside, how = model_folder.opened(
        path.parent, app, lambda here: (load(here), publishing.read_results(here).get("training", {}))
    )
    model_folder.expect_as_trained(path, how)
    import keras_rnn  # noqa: F401  (its layers are in the file)

    try:
        model = keras.saving.load_model(path, compile=False)
    except Exception as error:  # damage shows as errors of zipfile, h5py, JSON, Keras, ...
        raise DataError(f"expected a trained model in {path}, got a damaged file ({type(error).__name__})") from error
    if model.name != app or not fits(model, beside):
        raise DataError(
            f"expected a trained {app} model and the files it was trained with in {path.parent}, got others"
        )
    content = model_folder.kept(path.parent, f"training/{typical.FILE}", how)
    return Trained(model, beside, how, None if content is None else typical.load(content))


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
