"""The command line: python -m apps.shakespeare."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from apps.corpora import tiny_shakespeare
from apps.pipeline import command_line, model_folder, publishing
from apps.pipeline.publishing import Evaluation
from apps.pipeline.workers import ALONE, Workers
from apps.shakespeare import artifacts
from apps.shakespeare.data import held_out, load_data, symbols_from
from apps.shakespeare.evaluation import evaluate
from apps.shakespeare.model import MOST_WORDS, NAME, QUICK, SAMPLINGS, Recipe, build_model
from apps.shakespeare.symbols import LEVELS
from apps.shakespeare.terminal import print_as_written, write_by_hand
from apps.shakespeare.use import Choice, load

SETTINGS = (  # of the recipe, each a flag
    ("units", command_line.positive, "width of each LSTM"),
    ("layers", command_line.positive, "LSTMs, one on the other"),
    ("window", command_line.positive, "symbols that a gradient reaches back"),
    ("most", command_line.positive, "different symbols; rarer ones are unknown"),
    ("learning_rate", command_line.not_negative, "the highest that it climbs to"),
    ("clip", command_line.not_negative, "the largest norm of all gradients together"),
)


def train(
    recipe: Recipe,
    paths: Sequence[Path],
    encoding: str | None,
    output: Path,
    resume: bool,
    start_from: Path | None = None,
    workers: Workers = ALONE,
) -> None:
    """Trains, writes the model's folder to `output` and measures its artifacts."""
    known = symbols_from(start_from, recipe.level) if start_from else ()
    ids = workers.room(output / "training") / "ids.bin"
    of_text = paths, encoding, recipe.level, recipe.most, ids, known
    own = load_data(*of_text) if paths else None  # before TensorFlow speaks, in case they are refused
    from apps.pipeline import training
    from apps.pipeline.runs import Run
    from apps.shakespeare.learning import learn_text
    from apps.shakespeare.start import model_from

    training.set_up(recipe.seed, workers)
    text = own or load_data(*of_text)
    parts = text.train, text.validation, text.test
    sizes = "{:,} symbols, {:,} to validate, {:,} to test".format(*map(len, parts))
    print(f"{sizes}; {len(text.symbols):,} ids", flush=True)
    run = Run(NAME, recipe, text.fingerprint, output, resume, bool(paths), workers)
    if start_from is None:
        model = build_model(len(text.symbols), recipe.units, recipe.layers, recipe.dropout)
    else:
        model = model_from(start_from, text.symbols, recipe)
    fitted = learn_text(model, text.train, text.validation, run)
    typical = artifacts.typical_of(text)
    if not run.keep(model, fitted, "perplexity", "Shakespeare", typical):
        return
    artifacts.write(model, text.symbols, output, run.about(artifacts.PACKAGES, tiny_shakespeare.LICENCE), typical)
    run.measure(artifacts.ARTIFACTS, lambda folder, artifact, test: evaluate(folder, artifact, *test), parts[1:])
    run.end("generate --prompt TEXT")


def main(argv: Sequence[str] | None = None) -> int:
    """The command line -> its exit status; see `python -m apps.shakespeare --help`."""
    summary = "Write like Shakespeare, or like a text of yours. Without a verb: a demonstration."
    quick = "half an hour instead of more than one, a little worse"
    commands = command_line.CommandLine(NAME, summary, quick, artifacts.ARTIFACTS, Recipe(), text_files=True)
    add = commands.train.add_argument
    add("--level", choices=LEVELS, help="what the network reads and writes: characters (default) or words")
    add("--sampling", choices=SAMPLINGS, help="windows that carry the state on (default), or begin anywhere, at zero")
    for name, kind, meaning in SETTINGS:
        commands.setting(name, kind, meaning)
    verb = commands.verb("generate", "go on with a prompt")
    verb.add_argument("--prompt", default="", help='what to go on with; "-": standard input; else a line begins')
    verb.add_argument("--file", type=Path, help="a file with the prompt")
    verb.add_argument("--length", type=command_line.positive, default=500, help="symbols to write (%(default)s)")
    verb.add_argument(
        "--temperature", type=command_line.not_negative, default=0.8, help="0: the likeliest (%(default)s)"
    )
    verb.add_argument(
        "--top-k",
        type=command_line.positive,
        default=0,
        help="only the likeliest so many; 0, all of them (%(default)s)",
    )
    verb.add_argument(
        "--top-p", type=command_line.part, default=1.0, help="only the likeliest that have this part (%(default)s)"
    )
    verb.add_argument(
        "--seed", type=command_line.seed, help="the same seed writes the same text; else another each time"
    )
    verb.add_argument("--count", type=command_line.positive, default=1, help="how many texts (%(default)s)")
    verb.add_argument("--interactive", action="store_true", help="choose each symbol yourself")

    def run_train(flags: argparse.Namespace) -> None:
        command_line.need("matplotlib", "tensorboard", *(["tensorflow_datasets"] if not flags.data else []))
        changes = QUICK if flags.quick else {}
        if flags.level == "word":
            changes = {"most": MOST_WORDS} | changes
        start = flags.start_from
        changes = changes | (model_folder.started(start, NAME, ("units", "layers", "level", "most")) if start else {})
        recipe = commands.recipe(flags, Recipe(), **changes)
        train(recipe, flags.data, flags.encoding, flags.output, flags.resume, start, command_line.workers(flags))

    def run_evaluate(flags: argparse.Namespace) -> None:
        def measure(folder: Path) -> Evaluation:
            trained = None if flags.all else publishing.own_data(folder)
            return evaluate(folder, flags.artifact, *held_out(folder, flags.data, flags.encoding, trained))

        commands.evaluated(flags, measure)

    def run_export(flags: argparse.Namespace) -> None:
        model, symbols, how, typical = artifacts.load_trained(flags.trained)
        commands.exported(flags, lambda: artifacts.write(model, symbols, flags.output, how, typical))

    def run_generate(flags: argparse.Namespace) -> None:
        prompt = flags.prompt
        if flags.file or prompt == "-":
            prompt = "\n".join(command_line.texts_to_answer([], flags.file))
        seed = np.random.default_rng().integers(2**31) if flags.seed is None else flags.seed
        choice = Choice(flags.temperature, flags.top_k, flags.top_p, int(seed))
        author = load(flags.model)
        if flags.interactive:
            write_by_hand(author.begin(prompt), prompt)
        elif flags.json:
            start = author.begin(prompt)
            for row in range(flags.count):
                command_line.tell(start.copy().text(prompt, flags.length, choice, row), True, print)
        else:
            print_as_written(author, prompt, flags.length, choice, flags.count)

    def demonstrate(_: argparse.Namespace) -> None:
        print_as_written(load(), "ROMEO:\n", 300, Choice(), 1)

    verbs = {"train": run_train, "evaluate": run_evaluate, "export": run_export, "generate": run_generate}
    return commands.run({**verbs, None: demonstrate}, argv)


if __name__ == "__main__":
    sys.exit(main())
