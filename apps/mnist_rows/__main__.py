"""The command line: python -m apps.mnist_rows."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from apps.corpora import mnist
from apps.mnist_rows import artifacts
from apps.mnist_rows.data import load_data, load_test_data
from apps.mnist_rows.evaluation import evaluate
from apps.mnist_rows.model import NAME, QUICK, Recipe, build_model
from apps.mnist_rows.pictures import Labels
from apps.mnist_rows.plots import MOST_PLOTTED, Belief, plot_beliefs, plot_confusion
from apps.mnist_rows.refusal import Refusal
from apps.mnist_rows.shown import demonstrate, print_answer
from apps.mnist_rows.use import Picture, load
from apps.pipeline import command_line, jobs, model_folder, publishing
from apps.pipeline.errors import DataError
from apps.pipeline.jobs import Work
from apps.pipeline.printing import visible
from apps.pipeline.publishing import Evaluation
from apps.pipeline.workers import ALONE, Workers

WORTH = 100  # pictures that pay for a second process


def train(
    recipe: Recipe,
    data: Path | None,
    output: Path,
    resume: bool,
    start_from: Path | None = None,
    workers: Workers = ALONE,
) -> None:
    """Trains, writes the model's folder to `output` and measures its artifacts."""
    own = load_data(data, recipe.seed) if data else None  # before TensorFlow speaks, in case it is refused
    from apps.mnist_rows.learning import learn_pictures, refusal_of
    from apps.mnist_rows.start import model_from
    from apps.pipeline import training
    from apps.pipeline.runs import Run

    training.set_up(recipe.seed, workers)
    labelled, validation, test = own or load_data(data, recipe.seed)
    print(f"{len(labelled):,} pictures, {len(validation):,} to validate, {len(test):,} to test", flush=True)
    run = Run(NAME, recipe, labelled.fingerprint(), output, resume, data is not None, workers)
    if start_from is None:
        model = build_model(len(labelled.names), recipe.units, recipe.dropout)
    else:
        model = model_from(start_from, labelled.names, recipe.dropout)
    fitted = learn_pictures(model, labelled, validation, run)
    typical = artifacts.typical_of(labelled)
    if not run.keep(model, fitted, "accuracy", "MNIST rows", typical):
        return
    labels = Labels(labelled.names, labelled.box())
    refusal = refusal_of(model, labelled, validation, run)
    print(f"what isn't answered: {refusal.in_words()}", flush=True)
    artifacts.write(model, labels, output, run.about(artifacts.PACKAGES, mnist.LICENCE), typical, refusal)
    run.measure(artifacts.ARTIFACTS, evaluate, test)
    run.end("recognise PICTURE")


def sources_of(files: Sequence[str]) -> list[tuple[str, Picture]]:
    """Names and files of the arguments; standard input for "-", and if there are none."""
    if not files and sys.stdin.isatty():
        raise DataError("expected the names of picture files, or a picture on standard input, got a terminal")
    return [("standard input", sys.stdin.buffer) if file == "-" else (file, Path(file)) for file in files or ["-"]]


def main(argv: Sequence[str] | None = None) -> int:
    """The command line -> its exit status; see `python -m apps.mnist_rows --help`."""
    summary = "Which digit is in a picture? Without a verb: a demonstration."
    quick = "minutes instead of an hour, less accurate"
    commands = command_line.CommandLine(NAME, summary, quick, artifacts.ARTIFACTS, Recipe())
    commands.evaluate.add_argument(
        "--plot", type=Path, metavar="FILE.png", help="draw the confusion matrix and the worst mistakes"
    )
    refusing = commands.verb(
        "refusal", "learn which pictures a trained model isn't to answer, and write that beside it"
    )
    refusing.add_argument("--data", type=Path, metavar="PATH", help="what it was trained on, in place of MNIST")
    verb = commands.verb("recognise", "say which digit is in a picture")
    verb.add_argument(
        "files", nargs="*", metavar="IMAGE", help="PNG, JPEG, WebP, GIF, TIFF, ...; without one: standard input"
    )
    command_line.many(verb)
    how = verb.add_mutually_exclusive_group()
    how.add_argument("--digits", action="store_true", help="read all digits, from left to right, as a number")
    how.add_argument("--plot", type=Path, metavar="FILE.png", help="draw how the belief changes from row to row")

    def run_train(flags: argparse.Namespace) -> None:
        command_line.need("matplotlib", "tensorboard")
        changes: dict[str, Any] = QUICK if flags.quick else {}
        changes = changes | (model_folder.started(flags.start_from, NAME) if flags.start_from else {})
        recipe = commands.recipe(flags, Recipe(), **changes)
        train(recipe, flags.data, flags.output, flags.resume, flags.start_from, command_line.workers(flags))

    def run_evaluate(flags: argparse.Namespace) -> None:
        if flags.plot:
            command_line.need("matplotlib")

        def measure(folder: Path) -> Evaluation:
            test = load_test_data(flags.data, None if flags.all else publishing.own_data(folder))
            return evaluate(folder, flags.artifact, test)

        evaluation = commands.evaluated(flags, measure)
        if flags.plot:
            plot_confusion(*evaluation.details, flags.plot)

    def run_export(flags: argparse.Namespace) -> None:
        model, labels, how, typical = artifacts.load_trained(flags.trained)
        refusal = Refusal.load(flags.trained.parent)
        if flags.data or typical is None:
            typical = artifacts.typical_of(load_data(flags.data, Recipe.seed)[0])
        commands.exported(flags, lambda: artifacts.write(model, labels, flags.output, how, typical, refusal))

    def run_recognise(flags: argparse.Namespace) -> None:
        sources, problems, drawn = sources_of(flags.files), [], []
        if flags.plot:
            command_line.need("matplotlib")
            if len(sources) > MOST_PLOTTED:
                raise DataError(f"expected at most {MOST_PLOTTED} pictures to plot, got {len(sources)}")
        work = Work(load, flags.model, "recognise_all", {"digits": flags.digits}, WORTH)
        number = 1 if "standard input" in dict(sources) else work.jobs(flags.jobs, len(sources))  # of that there is one
        total = len(sources) if len(sources) >= WORTH and jobs.bar_is_seen() else None
        for answer in jobs.answers(work, sources, number, total):
            command_line.tell(answer, flags.json, print_answer)
            if answer.problem:
                problems.append(answer.problem)
            elif flags.plot:
                drawn.append(answer)
        if drawn:
            recogniser = load(flags.model)
            beliefs = [Belief(answer.file, answer.image, recogniser.beliefs(answer.image)) for answer in drawn]
            plot_beliefs(beliefs, recogniser.labels.names, flags.plot)
        if problems:
            raise DataError(visible("; ".join(problems)))

    def run_refusal(flags: argparse.Namespace) -> None:
        command_line.need("keras")
        from apps.mnist_rows.learning import write_refusal

        write_refusal(flags.model, flags.data, publishing.command())

    verbs = {
        "train": run_train,
        "refusal": run_refusal,
        "evaluate": run_evaluate,
        "export": run_export,
        "recognise": run_recognise,
    }
    return commands.run({**verbs, None: lambda _: demonstrate()}, argv)


if __name__ == "__main__":
    sys.exit(main())
