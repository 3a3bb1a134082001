"""The command line: python -m apps.chinese_pos."""

from __future__ import annotations

import argparse
import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path

from apps.chinese_pos import artifacts
from apps.chinese_pos.data import TAG_COLUMNS, fingerprint, load_data, load_test_data
from apps.chinese_pos.evaluation import evaluate
from apps.chinese_pos.lexicon import Lexicon
from apps.chinese_pos.model import NAME, QUICK, Recipe, build_model
from apps.chinese_pos.output import FORMATS, print_coloured
from apps.chinese_pos.use import Tagged, load
from apps.corpora import peoples_daily
from apps.pipeline import command_line, model_folder, publishing
from apps.pipeline.errors import DataError
from apps.pipeline.jobs import Work
from apps.pipeline.printing import visible
from apps.pipeline.publishing import Evaluation
from apps.pipeline.workers import ALONE, Workers

WORTH = 2**15  # bytes of text that pay for a second process


def train(
    recipe: Recipe,
    data: Path | None,
    label_with: str | None,
    tags: str | None,
    output: Path,
    resume: bool,
    start_from: Path | None = None,
    workers: Workers = ALONE,
) -> None:
    """Trains, writes the model's folder to `output` and measures its artifacts."""
    own = load_data(data, label_with, tags) if data else None  # before TensorFlow speaks, in case it is refused
    from apps.chinese_pos import traditional
    from apps.chinese_pos.learning import labelled_sentences, learn_to_tag, pretrain
    from apps.chinese_pos.start import lexicon_from, model_from
    from apps.pipeline import training
    from apps.pipeline.runs import Run

    training.set_up(recipe.seed, workers)
    labelled, validation, test = own or load_data(data, label_with, tags)
    if start_from is None:
        lexicon, counts = Lexicon.from_texts(labelled, recipe.pairs, recipe.rarest, traditional.twins())
    else:
        lexicon, counts = lexicon_from(start_from, labelled, recipe)
    learnt, validated = labelled_sentences(labelled, lexicon, counts), labelled_sentences(validation, lexicon)
    if not validated.labels:
        raise DataError("expected texts to validate with that have the tags of the others, got none: shuffle the data")
    run = Run(NAME, recipe, fingerprint(labelled), output, resume, data is not None, workers)
    model = build_model(lexicon, recipe) if start_from is None else model_from(start_from, lexicon, recipe)
    sizes = f"{len(labelled):,} texts ({len(learnt.labels):,} sentences), {len(validation):,} to validate"
    knows = f"{len(lexicon.words):,} words; {model.count_params():,} weights"
    print(f"{sizes}, {len(test):,} to test; {knows}", flush=True)
    pretrain(model, learnt, lexicon, run)
    fitted = learn_to_tag(model, learnt, validated, run)
    typical = artifacts.typical_of(labelled)
    if not run.keep(model, fitted, "accuracy", "Chinese words and tags", typical):
        return
    artifacts.write(model, lexicon, output, run.about(artifacts.PACKAGES, peoples_daily.LICENCE), typical)
    run.measure(artifacts.ARTIFACTS, evaluate, test)
    run.end("tag 我爱自然语言处理。")


def print_answer(answer: Tagged, form: str) -> None:
    """The words of a text with their tags; in colours if a person reads them in a terminal."""
    if form == "plain" and sys.stdout.isatty():
        print_coloured(answer.text, answer.sentences)
    else:
        written = FORMATS[form](answer.text, answer.sentences)
        if written or form == "plain":  # in CoNLL-U an empty line ends a sentence
            print(visible(written, keep="\n\t"), flush=True)


def demonstrate() -> None:
    """What the shipped model makes of a few sentences."""
    samples = (
        "昨天下午，我们在学校图书馆学习了三个小时。",
        "他研究生命的起源，她是一名研究生。",
        "ChatGPT 在2022年11月发布，价格为20美元。👍",
    )
    for answer in load().tag(samples):
        print_answer(answer, "plain")


def main(argv: Sequence[str] | None = None) -> int:
    """The command line -> its exit status; see `python -m apps.chinese_pos --help`."""
    summary = "Chinese words and their parts of speech. Without a verb: a demonstration."
    quick = "minutes instead of hours, less accurate"
    commands = command_line.CommandLine(NAME, summary, quick, artifacts.ARTIFACTS, Recipe())
    commands.train.add_argument(
        "--no-word-vectors", action="store_true", help="begin with random vectors, to see what word2vec's gain"
    )
    for parser in (commands.train, commands.evaluate, commands.export):
        parser.add_argument("--label-with", choices=["jieba"], help="--data is plain text, which jieba is to label")
        columns = "the column of the CoNLL-U file --data that has the tags (upos)"
        parser.add_argument("--tags", choices=TAG_COLUMNS, help=columns)
    verb = commands.verb("tag", "cut a text into words and tell their parts of speech")
    verb.add_argument("texts", nargs="*", metavar="TEXT", help="without one: the lines of --file or standard input")
    verb.add_argument("--file", type=Path, help="a text a line")
    command_line.many(verb)
    verb.add_argument("--format", choices=FORMATS, default="plain", help="--json is --format json (%(default)s)")
    verb.add_argument("--segmenter", choices=["jieba"], help="keep its words, and let the network tag them")

    commands.scores(lambda flags: Work(load, flags.model, "tag_all", {}, WORTH))

    def run_train(flags: argparse.Namespace) -> None:
        command_line.need("gensim", "matplotlib", "opencc", "tensorboard")
        changes = QUICK if flags.quick else {}
        changes = changes | ({"word_vector_epochs": 0} if flags.no_word_vectors else {})
        if start := flags.start_from:
            sizes = model_folder.started(start, NAME, ("units", "character_size", "pair_size"))
            changes = changes | {"word_vector_epochs": 0} | sizes
        recipe = commands.recipe(flags, Recipe(), **changes)
        train(
            recipe,
            flags.data,
            flags.label_with,
            flags.tags,
            flags.output,
            flags.resume,
            start,
            command_line.workers(flags),
        )

    def run_evaluate(flags: argparse.Namespace) -> None:
        with_jieba = flags.data is None and importlib.util.find_spec("jieba") is not None

        def measure(folder: Path) -> Evaluation:
            trained = None if flags.all else publishing.own_data(folder)
            test = load_test_data(flags.data, flags.label_with, flags.tags, trained)
            return evaluate(folder, flags.artifact, test, with_jieba)

        commands.evaluated(flags, measure)

    def run_export(flags: argparse.Namespace) -> None:
        model, lexicon, how, typical = artifacts.load_trained(flags.trained)
        if flags.data or typical is None:
            typical = artifacts.typical_of(load_data(flags.data, flags.label_with, flags.tags)[0])
        commands.exported(flags, lambda: artifacts.write(model, lexicon, flags.output, how, typical))

    def run_tag(flags: argparse.Namespace) -> None:
        form = "json" if flags.json else flags.format
        # Of standard input somebody may wait for the answer to a line before writing the next.
        together = bool(flags.texts or flags.file or flags.jobs)
        work = Work(load, flags.model, "tag_all", {"segmenter": flags.segmenter, "together": together}, WORTH)
        for answer in command_line.answers(work, flags.texts, flags.file, flags.jobs):
            print_answer(answer, form)

    verbs = {"train": run_train, "evaluate": run_evaluate, "export": run_export, "tag": run_tag}
    return commands.run({**verbs, None: lambda _: demonstrate()}, argv)


if __name__ == "__main__":
    sys.exit(main())
