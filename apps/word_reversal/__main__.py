"""The command line: python -m apps.word_reversal."""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path

from apps.pipeline import command_line, model_folder, publishing
from apps.pipeline.errors import DataError
from apps.pipeline.jobs import Work
from apps.pipeline.printing import visible
from apps.pipeline.publishing import Evaluation
from apps.pipeline.workers import ALONE, Workers
from apps.word_reversal import artifacts, random_strings
from apps.word_reversal.data import load_data, load_tests
from apps.word_reversal.evaluation import evaluate
from apps.word_reversal.model import FOR_PAIRS, NAME, QUICK, Recipe, build_model
from apps.word_reversal.plots import MOST_PLOTTED, Look, plot_attention
from apps.word_reversal.random_strings import LONGEST
from apps.word_reversal.use import Answer, load

WIDEST_BEAM = 100  # each letter takes a step of the network for each of its answers
WORTH = 2**13  # bytes of words that pay for a second process
MOST_PROBLEMS = 3  # that are told one by one


def train(
    recipe: Recipe,
    data_path: Path | None,
    output: Path,
    resume: bool,
    start_from: Path | None = None,
    workers: Workers = ALONE,
) -> None:
    """Trains, writes the model's folder to `output` and measures its artifacts."""
    own = load_data(data_path) if data_path else None  # before TensorFlow speaks, in case it is refused
    from apps.pipeline import training
    from apps.pipeline.runs import Run
    from apps.word_reversal.learning import learn_pairs
    from apps.word_reversal.start import alphabet_from, model_from

    training.set_up(recipe.seed, workers)
    data = own or load_data(data_path)
    if data.train is not None:
        print(f"{len(data.train):,} pairs, {len(data.validation):,} to validate", flush=True)
    run = Run(NAME, recipe, data.fingerprint(), output, resume, data_path is not None, workers)
    if start_from is None:
        model = build_model(len(data.alphabet), recipe.units, recipe.dropout)
    else:
        data = dataclasses.replace(data, alphabet=alphabet_from(start_from, data.alphabet))
        model = model_from(start_from, data.alphabet, recipe)
    fitted = learn_pairs(model, data, run)
    typical = artifacts.typical_of(data)
    if not run.keep(model, fitted, "exact_accuracy", "Word reversal", typical):
        return
    artifacts.write(model, data.alphabet, output, run.about(artifacts.PACKAGES, random_strings.LICENCE), typical)
    run.measure(artifacts.ARTIFACTS, evaluate, data.tests)
    run.end("reverse WORD")


def print_answer(answer: Answer) -> None:
    """A line for a word, empty if there is no answer; with a beam, a line for each candidate."""
    for candidate in answer.candidates or []:
        print(f"{candidate['probability']:8.2%}  {visible(candidate['answer'])}", flush=True)
    if answer.candidates is None:
        print(visible(answer.reversed or ""), flush=True)


def demonstrate() -> None:
    """What the shipped model makes of a few words."""
    words = ("stressed", "Hello", "rock-'n'-roll", "bookkeepers", "aaaaaaaaab", "X7kQ2pZ0vN4mB8wR1tY6uC3e")
    for answer in load().reverse(words):
        print(f"{answer.word:>{LONGEST}}  {answer.reversed}")


def main(argv: Sequence[str] | None = None) -> int:
    """The command line -> its exit status; see `python -m apps.word_reversal --help`."""
    summary, quick = "A word, spelled backwards. Without a verb: a demonstration.", "fewer epochs, less accurate"
    commands = command_line.CommandLine(NAME, summary, quick, artifacts.ARTIFACTS, Recipe())
    verb = commands.verb("reverse", "spell words backwards, or answer as the pairs of --model do")
    verb.add_argument("words", nargs="*", metavar="WORD", help="without one: the lines of --file or standard input")
    verb.add_argument("--file", type=Path, help="a word a line")
    command_line.many(verb)
    verb.add_argument(
        "--beam",
        type=command_line.positive,
        default=1,
        metavar="N",
        help="search with a beam N wide; 1, the likeliest letter each time (%(default)s)",
    )
    verb.add_argument("--plot", type=Path, metavar="FILE.png", help="draw where the network looked for each letter")

    commands.scores(lambda flags: Work(load, flags.model, "reverse_all", {}, WORTH))

    def run_train(flags: argparse.Namespace) -> None:
        command_line.need("matplotlib", "tensorboard")
        changes, start = (FOR_PAIRS if flags.data else {}) | (QUICK if flags.quick else {}), flags.start_from
        changes = changes | (model_folder.started(start, NAME, ("units",)) if start else {})
        train(
            commands.recipe(flags, Recipe(), **changes),
            flags.data,
            flags.output,
            flags.resume,
            start,
            command_line.workers(flags),
        )

    def run_evaluate(flags: argparse.Namespace) -> None:
        def measure(folder: Path) -> Evaluation:
            tests = load_tests(flags.data, None if flags.all else publishing.own_data(folder))
            return evaluate(folder, flags.artifact, tests)

        commands.evaluated(flags, measure)

    def run_export(flags: argparse.Namespace) -> None:
        model, alphabet, how, typical = artifacts.load_trained(flags.trained)
        commands.exported(flags, lambda: artifacts.write(model, alphabet, flags.output, how, typical))

    def run_reverse(flags: argparse.Namespace) -> None:
        if flags.plot:
            command_line.need("matplotlib")
        if flags.beam > WIDEST_BEAM:
            raise DataError(f"expected a beam of at most {WIDEST_BEAM}, got {flags.beam}")
        problems, looks = [], []
        work = Work(load, flags.model, "reverse_all", {"beam": flags.beam}, WORTH)
        for answer in command_line.answers(work, flags.words, flags.file, flags.jobs):
            command_line.tell(answer, flags.json, print_answer)
            if answer.problem:
                problems.append(answer.problem)
            elif flags.plot and len(looks) <= MOST_PLOTTED:
                looks.append(Look(answer.word, answer.reversed, answer.attention))
        if len(looks) > MOST_PLOTTED:
            raise DataError(f"expected at most {MOST_PLOTTED} words to plot, got more")
        if looks:
            plot_attention(looks, flags.plot)
        if problems:
            more = f"; and {len(problems) - MOST_PROBLEMS:,} more" if len(problems) > MOST_PROBLEMS else ""
            raise DataError("; ".join(problems[:MOST_PROBLEMS]) + more)

    verbs = {"train": run_train, "evaluate": run_evaluate, "export": run_export, "reverse": run_reverse}
    return commands.run({**verbs, None: lambda _: demonstrate()}, argv)


if __name__ == "__main__":
    sys.exit(main())
