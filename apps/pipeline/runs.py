"""A training run: its recipe, the stages it goes through, what each reports, and what it leaves."""

from __future__ import annotations

import contextlib
import dataclasses
import shlex
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from apps.pipeline import model_card, model_folder, publishing, typical
from apps.pipeline.errors import DataError
from apps.pipeline.workers import ALONE, Workers
from whole_files import alone_in

MODEL_LICENCE = "Apache-2.0"
SAMPLED, SYMBOLS = 500, 50  # test examples after Ctrl-C, and how many symbols of a text are worth one
OWN_LICENCE = "data of the one who trained it, with the rights that they have"


@dataclass(frozen=True)
class Recipe:
    """How a network learns; an app's recipe adds what it is made of, and gives the defaults.

    Attributes:
        seed: the same one gives the same model on the same machine.
        epochs: at most so many; the best one is kept.
        learning_rate: at its highest; it climbs for the part `warm_up` of all steps and falls to 0 along a cosine.
        averaging: the share of all steps, plus `averaging_head`, over which the moving average of the weights reaches
            back, `averaging_steps` at most; 0: no average. Where there is one, it is what is validated and kept.
        clip: the largest norm of all gradients together.
        keep: the log that chooses the best epoch: by the highest accuracy, or the lowest value of any other.
        patience: how many worse epochs end the training; None: it ends when all epochs are over.
        started_from: SHA-256 of the SavedModel that training began with; None: it began anew.
    """

    seed: int = 1
    epochs: int = 1
    batch_size: int = 64
    learning_rate: float = 3e-3
    weight_decay: float = 0.01
    warm_up: float = 0.1
    clip: float = 1.0
    averaging: float = 0.0
    averaging_head: int = 0
    averaging_steps: int | None = None
    keep: str = "val_loss"
    patience: int | None = 2
    started_from: str | None = None

    def reach(self, steps: int) -> float:
        """How many steps the moving average of the weights reaches back, of `steps` in all; 0 without an average."""
        if not self.averaging:
            return 0.0
        reach = max(1.0, self.averaging * (steps + self.averaging_head))
        return reach if self.averaging_steps is None else min(reach, self.averaging_steps)


@dataclass(frozen=True)
class Stage:
    """A part of a training run that is resumed by itself.

    Attributes:
        recipe: how it learns.
        file: what it leaves behind, and with `resume` goes on from.
        settings: what decides it; a file of other settings is refused.
        workers: that go through it together.
    """

    recipe: Recipe
    file: Path
    settings: dict[str, Any]
    resume: bool = False
    workers: Workers = ALONE


@contextlib.contextmanager
def alone(output: Path, resume: bool) -> Iterator[None]:
    """The folder of a training run, for this process alone while it is at work there.

    An unfinished run is marked, so that it isn't begun anew by mistake: it may hold hours of work.

    Raises:
        DataError: an unfinished run is there and `resume` is false.
        OSError: another process trains there.
    """
    folder = output / "training"
    new = [each for each in (folder, output) if not each.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    mark = folder / "unfinished"
    try:
        with alone_in(folder):
            if mark.exists() and any(folder.glob("*.npz")) and not resume:
                raise DataError(
                    f"expected --resume or another --output, got a training run in {output} that isn't finished; to "
                    f"begin anew, remove {folder}"
                )
            mark.touch()
            yield
            mark.unlink(missing_ok=True)
    finally:
        _remove_if_nothing_came(folder, new)


def _remove_if_nothing_came(folder: Path, new: Sequence[Path]) -> None:
    """Takes away the folders that were made for a run which left nothing, because its data couldn't be read, say."""
    if new and {path.name for path in folder.iterdir()} <= {"unfinished"}:
        for path in folder.iterdir():
            path.unlink()
        for each in new:
            with contextlib.suppress(OSError):  # something else is in it
                each.rmdir()


class Run:
    """A training run of an app, with its folder `output`.

    Args:
        data: the fingerprint of what is trained on; a run on other data isn't resumed.
        own_data: whether that is the user's. `evaluate` on it leaves out what was trained on.
        workers: that train together; all but the first leave the folder alone.
    """

    def __init__(
        self,
        app: str,
        recipe: Recipe,
        data: str,
        output: Path,
        resume: bool,
        own_data: bool = False,
        workers: Workers = ALONE,
    ):
        self.app, self.recipe, self.data, self.output, self.resume = app, recipe, data, output, resume
        self.own_data, self.workers = own_data, workers
        self.folder = output / "training"
        if workers.first:
            self.folder.mkdir(parents=True, exist_ok=True)
        self.stages: list[dict[str, Any]] = []
        self.files: dict[str, Any] = {}
        self.interrupted = False

    def stage(self, name: str, fields: Sequence[str] | None = None, **changes: Any) -> Stage:
        """The stage that leaves `name`.npz.

        Args:
            fields: those of the recipe that decide it; None: all.
            changes: of the recipe, in this stage.
        """
        recipe = dataclasses.asdict(self.recipe)
        settings = {"data": self.data} | {field: recipe[field] for field in recipe if fields is None or field in fields}
        changed = dataclasses.replace(self.recipe, **changes)
        return Stage(changed, self.folder / f"{name.replace(' ', '_')}.npz", settings, self.resume, self.workers)

    def finished(self, stage: str, seconds: float, epochs: int, result: str = "") -> None:
        """Records how long a stage took and what it reached, and prints both."""
        self.stages.append({"stage": stage, "seconds": round(seconds, 1), "epochs": epochs, "result": result})
        print(f"{stage}: {seconds / 60:.1f} minutes, {epochs} epochs {result}", flush=True)

    def keep(self, model, fitted, metric: str, title: str, inputs: typical.Inputs) -> bool:
        """Leaves the trained model and typical inputs for `export`, and its history as a picture -> whether this
        process writes the rest: of several workers the first one does."""
        from apps.pipeline import training

        if not self.workers.first:
            print(f"worker {self.workers.number}: trained; worker 0 writes the model", flush=True)
            return False
        self.interrupted = fitted.interrupted
        if self.interrupted:
            print("\nStopped: writing the best model so far. Ctrl-C again leaves without.", flush=True)
        training.plot_history(fitted.history, metric, self.folder / "history.png", title)
        training.save_model(model, self.output / "model.keras")
        kept = self.output / "model.keras", typical.save(inputs, self.folder)
        self.files = {path.relative_to(self.output).as_posix(): publishing.fingerprint(path) for path in kept}
        return True

    def about(self, packages: Sequence[str], licence: str) -> dict[str, Any]:
        """How the model came about, for results.json.

        licence: under which the app's own data may be used.
        """
        how = {"command": publishing.command(), "recipe": dataclasses.asdict(self.recipe), "stages": self.stages}
        data = {"data": OWN_LICENCE if self.own_data else licence}
        how |= {"files": self.files}
        how |= {"own_data": self.own_data, "data_sha256": self.data, "licence": {"model": MODEL_LICENCE} | data}
        return how | publishing.environment(packages)

    def measure(
        self, artifacts: Sequence[str], evaluate: Callable[[Path, str, Any], publishing.Evaluation], test: Any
    ) -> None:
        """Measures the artifacts, and writes the figures down with the command that repeats them; of an interrupted run
        on a sample.

        Args:
            evaluate: the figures of an artifact in a folder over test data.
            test: that data.
        """
        if self.interrupted:
            print(
                "Measured on a sample of the test data, as training was stopped; `evaluate` measures all.", flush=True
            )
            test = sample(test)
        listed = publishing.read_results(self.output).get("artifacts", {})  # of 8 bits, one may be left out
        for artifact in filter(listed.__contains__, artifacts):
            again = publishing.evaluation_command(self.app, self.output, artifact)
            command = publishing.command() if self.own_data else again
            evaluation = model_folder.record(
                self.output, self.app, artifact, lambda folder, name=artifact: evaluate(folder, name, test), command
            )
            print(model_card.in_words(evaluation.figures), flush=True)

    def end(self, question: str) -> None:
        """Says what there is now, and what to type next.

        question: a verb of the app and what it takes, as a user would type it.
        """
        words = shlex.join(["--model", str(self.output)])
        verb, _, rest = question.partition(" ")
        history = self.folder / "history.png"
        print(
            f"{self.output}: the model's files; {self.output / 'README.md'} is about it, {history} shows how it learned"
        )
        print(f"next: python -m apps.{self.app} {verb} {words} {rest}", flush=True)


def sample(test: Any) -> Any:
    """Part of an app's test data, of the same kind: SAMPLED examples, spread over all, or as many runs of symbols."""
    if isinstance(test, dict):
        return {name: sample(part) for name, part in test.items()}
    if isinstance(test, tuple):
        return tuple(sample(part) for part in test)
    if isinstance(test, np.ndarray):
        return test[: SAMPLED * SYMBOLS]
    chosen = np.zeros(len(test), bool)
    chosen[np.linspace(0, len(test) - 1, min(len(test), SAMPLED)).astype(int)] = True
    if isinstance(test, list):
        return [example for example, kept in zip(test, chosen, strict=True) if kept]
    return test.part(chosen)
