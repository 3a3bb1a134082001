"""The command line: python -m apps.sentiment."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from apps.corpora import imdb
from apps.pipeline import command_line, confusion, model_folder, publishing
from apps.pipeline.errors import DataError
from apps.pipeline.jobs import Work
from apps.pipeline.publishing import Evaluation
from apps.pipeline.vocabulary import Vocabulary
from apps.pipeline.workers import ALONE, Workers
from apps.sentiment import artifacts
from apps.sentiment.data import Files, load_data, load_test_data, negated
from apps.sentiment.evaluation import evaluate
from apps.sentiment.model import NAME, QUICK, STARTED, Recipe, build_model
from apps.sentiment.shown import demonstrate, print_answer
from apps.sentiment.use import load

WORTH = 2**17  # bytes of texts that pay for a second process


def train(
    recipe: Recipe, files: Files, output: Path, resume: bool, start_from: Path | None = None, workers: Workers = ALONE
) -> None:
    """Trains, writes the model's folder to `output` and measures its artifacts."""
    own = load_data(files, recipe.seed) if files.paths else None  # before TensorFlow speaks, in case they are refused
    from apps.pipeline import training
    from apps.pipeline.runs import Run
    from apps.sentiment.few_words import calibrated
    from apps.sentiment.learning import learn_labels, pretrain
    from apps.sentiment.start import model_from, vocabulary_from

    training.set_up(recipe.seed, workers)
    labelled, validation, test, unlabelled = own or load_data(files, recipe.seed)
    run = Run(NAME, recipe, labelled.fingerprint(), output, resume, own is not None, workers)
    texts = labelled.texts + validation.texts + unlabelled
    if start_from is None:
        vocabulary = Vocabulary.from_texts(texts, recipe.words, recipe.keep_last, labelled.names)
    else:
        vocabulary = vocabulary_from(start_from, texts, labelled.names)
    print(f"{len(texts):,} texts, {len(validation):,} of them to validate; {len(vocabulary):,} ids", flush=True)
    sequences = [np.array(vocabulary.all_ids(text), np.int32) for text in texts]
    if start_from is None:
        model = build_model(len(vocabulary), recipe.units, len(labelled.names))
        pretrain(model, sequences, vocabulary, run)
    else:
        model = model_from(start_from, vocabulary, sequences, labelled.labels)
    fitted = learn_labels(model, sequences, labelled.labels, validation.labels, run)
    run.finished(*calibrated(model, vocabulary, validation))
    typical = artifacts.typical_of(labelled)
    if not run.keep(model, fitted, "accuracy", "Sentiment", typical):
        return
    artifacts.write(model, vocabulary, output, run.about(artifacts.PACKAGES, imdb.LICENCE), typical)
    short = None if own else negated()
    run.measure(artifacts.ARTIFACTS, lambda folder, artifact, part: evaluate(folder, artifact, part, short), test)
    run.end("classify --explain TEXT")


def calibrate(folder: Path, output: Path) -> None:
    """Writes a model of IMDB's reviews again, no surer of short texts than its validation reviews say."""
    how = publishing.read_results(folder).get("training", {})
    vocabulary = Vocabulary.load(folder)
    if how.get("own_data") or vocabulary.labels != imdb.LABELS:
        raise DataError(f"expected a model of the app's own reviews in {folder}, got one of other data: train it again")
    labelled, validation, _, _ = load_data(Files([]), how.get("recipe", {}).get("seed", Recipe.seed))
    from apps.sentiment.few_words import STAGE, calibrated
    from apps.sentiment.start import model_from

    model = model_from(
        folder, vocabulary, [np.array(vocabulary.ids(text)) for text in validation.texts], validation.labels
    )
    stage, seconds, epochs, result = calibrated(model, vocabulary, validation)
    print(f"{stage}: {result}", flush=True)
    kept = [each for each in how.get("stages", []) if each["stage"] != STAGE]
    told = {
        "stage": stage,
        "seconds": round(seconds, 1),
        "epochs": epochs,
        "result": f"{result}; by `{publishing.command()}`",
    }
    how = how | {"files": {}, "stages": [*kept, told]}
    artifacts.write(model, vocabulary, output, how, artifacts.typical_of(labelled))
    print(f"{output}: its files are written; `evaluate --record` measures them")


def files_of(flags: argparse.Namespace) -> Files:
    """What --data and the flags beside it say."""
    return Files(flags.data, flags.encoding, flags.text_column, flags.label_column, flags.exact_labels)


def main(argv: Sequence[str] | None = None) -> int:
    """The command line -> its exit status; see `python -m apps.sentiment --help`."""
    summary, quick = "Is a text positive? Without a verb: a demonstration.", "minutes instead of an hour, less accurate"
    commands = command_line.CommandLine(NAME, summary, quick, artifacts.ARTIFACTS, Recipe(), text_files=True)
    for parser in (commands.train, commands.evaluate, commands.export):
        for what in ("text", "label"):
            column = f"with the {what}s: its name, or its number where the file has no header; else a usual name"
            parser.add_argument(f"--{what}-column", metavar="COLUMN", help=column)
        parser.add_argument("--exact-labels", action="store_true", help="Pos and pos are two labels")
    meaning = "passes in which embedding and LSTM first learn to predict words"
    commands.setting("language_model_epochs", command_line.positive, meaning)
    commands.train.add_argument(
        "--balance", action="store_const", const=True, help="each label counts equally, however many texts have it"
    )
    commands.evaluate.add_argument("--plot", type=Path, metavar="FILE.png", help="draw which label is taken for which")
    again = commands.verb(
        "calibrate", "write a model of IMDB's reviews again, no surer of short texts than it may be", False
    )
    again.add_argument(
        "folder",
        nargs="?",
        metavar="FOLDER",
        type=Path,
        default=publishing.SHIPPED / NAME,
        help="the shipped one by default",
    )
    again.add_argument("--output", type=Path, default=Path("runs") / NAME, help="folder to write (%(default)s)")
    verb = commands.verb("classify", "say which label a text has")
    verb.add_argument("texts", nargs="*", metavar="TEXT", help="without one: the lines of --file or standard input")
    verb.add_argument("--file", type=Path, help="a text a line")
    command_line.many(verb)
    verb.add_argument("--explain", action="store_true", help="show which words pushed the answer")

    commands.scores(lambda flags: Work(load, flags.model, "classify_all", {}, WORTH))

    def run_train(flags: argparse.Namespace) -> None:
        command_line.need("gensim", "sklearn", "matplotlib", "tensorboard")
        start = flags.start_from
        changes: dict[str, Any] = QUICK if flags.quick else {}
        if start:
            changes = changes | STARTED | model_folder.started(start, NAME, ("units", "words", "keep_last"))
        recipe = commands.recipe(flags, Recipe(), **changes)
        train(recipe, files_of(flags), flags.output, flags.resume, start, command_line.workers(flags))

    def run_evaluate(flags: argparse.Namespace) -> None:
        def measure(folder: Path) -> Evaluation:
            names = Vocabulary.load(folder).labels
            test = load_test_data(files_of(flags), names, None if flags.all else publishing.own_data(folder))
            return evaluate(folder, flags.artifact, test, None if flags.data else negated())

        if flags.plot:
            command_line.need("matplotlib")
        evaluation = commands.evaluated(flags, measure)
        if flags.plot:
            confusion.plot(evaluation.details, Vocabulary.load(flags.model).labels, flags.plot)

    def run_export(flags: argparse.Namespace) -> None:
        model, vocabulary, how, typical = artifacts.load_trained(flags.trained)
        if flags.data or typical is None:
            typical = artifacts.typical_of(load_data(files_of(flags), Recipe.seed)[0])
        commands.exported(flags, lambda: artifacts.write(model, vocabulary, flags.output, how, typical))

    def run_classify(flags: argparse.Namespace) -> None:
        work = Work(load, flags.model, "classify_all", {"explain": flags.explain}, WORTH)
        for answer in command_line.answers(work, flags.texts, flags.file, flags.jobs):
            command_line.tell(answer, flags.json, print_answer)

    def run_calibrate(flags: argparse.Namespace) -> None:
        calibrate(flags.folder, flags.output)

    verbs = {"train": run_train, "evaluate": run_evaluate, "export": run_export, "classify": run_classify}
    verbs |= {"calibrate": run_calibrate}
    return commands.run({**verbs, None: lambda _: demonstrate()}, argv)


if __name__ == "__main__":
    sys.exit(main())
