"""The verbs and flags that all apps share, and what happens when something is wrong: one sentence and exit status 2."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import importlib.util
import io
import math
import os
import platform
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import native_logs
from apps.pipeline import jobs, model_card, model_folder, publishing, runs
from apps.pipeline.errors import DataError, sentence, summary
from apps.pipeline.printing import as_object, json_line, visible
from apps.pipeline.publishing import FILES, Evaluation
from apps.pipeline.runs import Recipe
from apps.pipeline.workers import Workers, workers_of

AnyRecipe = TypeVar("AnyRecipe", bound=Recipe)


class Parser(argparse.ArgumentParser):
    """Tells what is wrong with the arguments in one sentence, without the usage before it."""

    def __init__(self, *arguments: Any, **options: Any):
        super().__init__(*arguments, allow_abbrev=False, **options)

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: error: {visible(message)}; --help tells what there is\n")


class Version(argparse.Action):
    """Prints the version and ends; it is looked up only then."""

    def __init__(self, *arguments: Any, **options: Any):
        super().__init__(*arguments, nargs=0, **options)

    def __call__(self, *_: Any) -> NoReturn:
        print(f"keras-rnn {publishing.version('keras-rnn') or '(a checkout that is not installed)'}")
        sys.exit(0)


class CommandLine:
    """An app's parser with `train`, `evaluate` and `export`, and what is the same in their bodies; the app adds its own
    flags and its own verb.

    Without a verb the app gives a demonstration, and a line that names its verbs.

    Args:
        quick: what `train --quick` is.
        artifacts: those that the app writes, of FILES.
        recipe: how the app trains unless flags say otherwise.
        text_files: whether `--data` takes several files, and `--encoding` how they are written.
    """

    def __init__(
        self,
        name: str,
        description: str,
        quick: str,
        artifacts: Sequence[str],
        recipe: Recipe = Recipe(),  # noqa: B008 (it is frozen)
        text_files: bool = False,
    ):
        self.name, self.artifacts, self._recipe = name, artifacts, recipe
        self.parser = Parser(f"python -m apps.{name}", description=description)
        self.parser.add_argument("--version", action=Version, help="print the version of keras-rnn and exit")
        self._verbs = self.parser.add_subparsers(dest="verb", metavar="VERB", title="verbs")

        self.train = self.verb("train", "train a model, measure it and write its folder", answers=False)
        self.train.add_argument(
            "--output", type=Path, default=Path("runs") / name, help="folder to write (%(default)s)"
        )
        self.setting("epochs", positive, "at most so many passes over the data; the best one is kept")
        self.setting("batch_size", positive, "examples that a training step learns from together")
        self.setting("seed", seed, "the same seed gives the same model on the same machine")
        self.train.add_argument("--quick", action="store_true", help=quick)
        self.train.add_argument("--resume", action="store_true", help="go on with an interrupted run in --output")
        known = "begin with the model in this folder: what it has learned of your data's words, symbols or labels stays"
        self.train.add_argument("--start-from", type=Path, metavar="FOLDER", help=known)
        together = "train on several machines: the addresses of all, each starts this command; else TF_CONFIG"
        self.train.add_argument("--workers", metavar="HOST:PORT,HOST:PORT", help=together)
        self.train.add_argument(
            "--worker", type=whole_number, metavar="N", help="which of --workers this one is, from 0"
        )
        replicas = "share each batch between so many GPUs of this machine; without any, logical CPUs"
        self.train.add_argument("--replicas", type=positive, metavar="N", help=replicas)

        self.evaluate = self.verb("evaluate", "measure one of a model's artifacts on the test data")
        files = "which file to measure (%(default)s)"
        self.evaluate.add_argument("--artifact", choices=artifacts, default="saved_model", help=files)
        self.evaluate.add_argument(
            "--record", action="store_true", help="write it into results.json and the model card"
        )

        self.evaluate.add_argument(
            "--all", action="store_true", help="all of --data, not just what `train` held out of it"
        )

        self.export = self.verb("export", "write a trained .keras model as SavedModel and LiteRT", answers=False)
        self.export.add_argument("trained", metavar="MODEL.keras", type=Path, help="as `train` leaves it")
        self.export.add_argument(
            "--output", type=Path, default=Path("runs") / name, help="folder to write (%(default)s)"
        )

        for parser in (self.train, self.evaluate, self.export):
            if text_files:
                several = {"nargs": "+", "default": [], "metavar": "PATH"}
                parser.add_argument("--data", type=Path, **several, help="your own texts in place of the app's")
                parser.add_argument("--encoding", help="of the files of --data, such as gb18030; found if not named")
            else:
                parser.add_argument("--data", type=Path, metavar="PATH", help="your own data in place of the app's")

    def verb(self, name: str, summary: str, answers: bool = True) -> argparse.ArgumentParser:
        """The parser of a new verb; answers: it uses a model, rather than writing one."""
        parser = self._verbs.add_parser(name, help=summary, description=summary)
        parser.add_argument("--debug", action="store_true", help="show where an error came from, and libraries' logs")
        if answers:
            parser.add_argument(
                "--model",
                type=Path,
                default=publishing.SHIPPED / self.name,
                metavar="FOLDER",
                help="the shipped one by default",
            )
            parser.add_argument("--json", action="store_true", help="for machines: a JSON object a line")
        return parser

    def setting(self, name: str, kind: Callable[[str], Any], meaning: str) -> None:
        """A flag of `train` for a field of the app's recipe, whose value there the help tells as the default."""
        default = getattr(self._recipe, name)
        told = f"{meaning} (the app's own: {'none' if default is None else default})"
        self.train.add_argument(f"--{name.replace('_', '-')}", type=kind, metavar="N", help=told)

    def recipe(self, flags: argparse.Namespace, recipe: AnyRecipe, **changes: Any) -> AnyRecipe:
        """`recipe` with `changes`, and with every field of it that the user has named."""
        named = {field.name: getattr(flags, field.name, None) for field in dataclasses.fields(recipe)}
        return dataclasses.replace(recipe, **changes | {name: v for name, v in named.items() if v is not None})

    def scores(self, work: Callable[[argparse.Namespace], jobs.Work]) -> None:
        """The verb `score`: the answers to files of rows, by Apache Beam.

        work: what answers, with the model that the flags name.
        """
        parser = self.verb(
            "score", "answer the rows of files by Apache Beam, whose own options, as --name=value, go on"
        )
        files = "text, JSON lines, CSV, Parquet or TFRecord, as the end of the name says; patterns, also of a bucket"
        parser.add_argument("inputs", nargs="+", metavar="INPUT", help=files)
        parser.add_argument("--output", required=True, metavar="FOLDER", help="gets answers-* and rejected-*")
        parser.add_argument("--column", default="text", help="of tables and objects, what has the input (%(default)s)")
        formats = ("jsonl", "text", "csv", "parquet", "tfrecord")
        parser.add_argument("--format", choices=formats, default="jsonl", help="of the answers (%(default)s)")
        self._scored = work

    def _score(self, flags: argparse.Namespace) -> None:
        if importlib.util.find_spec("apache_beam") is None:
            raise DataError(
                "expected Apache Beam, got none: install it with pip install '.[beam]' in the project's folder"
            )
        import logging

        if not flags.debug:  # Beam warns of every optional package that isn't there
            logging.getLogger().setLevel(logging.ERROR)
        from apps.pipeline.scoring import score

        model_folder.expect_app(flags.model, self.name)
        counts = score(self._scored(flags), flags.inputs, flags.output, flags.column, flags.format, flags.options)
        words = f"{flags.output}: {counts['answered']:,} rows answered, {counts['rejected']:,} rejected"
        print(json_line(counts) if flags.json else words)

    def evaluated(self, flags: argparse.Namespace, measure: Callable[[Path], Evaluation]) -> Evaluation:
        """Prints what `measure` finds of the model in the folder it is given, and records it if the user wants that."""
        if flags.record:
            more = []
            more += ["--all"] if flags.all else []
            for name in ("data", "encoding", "text_column", "label_column", "exact_labels", "label_with", "tags"):
                if value := getattr(flags, name, None):
                    values = value if isinstance(value, list) else [] if value is True else [value]
                    more += [f"--{name.replace('_', '-')}", *map(str, values)]
            command = publishing.evaluation_command(self.name, flags.model, flags.artifact, *more)
            evaluation = model_folder.record(flags.model, self.name, flags.artifact, measure, command)
        else:
            evaluation = model_folder.opened(flags.model, self.name, measure)
        if flags.json:
            print(json_line(evaluation.figures | evaluation.more))
        else:
            print(model_card.in_words(evaluation.figures) + evaluation.text)
        return evaluation

    def exported(self, flags: argparse.Namespace, write: Callable[[], None]) -> None:
        """Has `write` write the files, and says so."""
        write()
        files = ", ".join(FILES[name] for name in self.artifacts if (flags.output / FILES[name]).exists())
        print(f"{flags.output}: {files} are written; `evaluate --record` measures them")

    def run(self, verbs: dict[str | None, Callable[[argparse.Namespace], None]], argv: Sequence[str] | None) -> int:
        """Calls the verb that `argv` names -> the exit status. None: no verb is named; what else there is follows."""
        offer_completion(self.parser)
        flags, flags_of_beam = self.parser.parse_known_args(argv)
        if flags_of_beam and flags.verb != "score":
            self.parser.error(f"unrecognized arguments: {' '.join(flags_of_beam)}")
        flags.options, verbs = flags_of_beam, verbs | {"score": self._score}

        debug = getattr(flags, "debug", False)
        if argv is None and not debug:  # a process of its own
            native_logs.filter_until_the_end()

        def work() -> None:
            if data := getattr(flags, "data", None):
                from apps.pipeline.sources import refuse_addresses  # which loads what unpacks files

                refuse_addresses(data if isinstance(data, list) else [data])
            if flags.verb == "evaluate":  # better before the data is loaded than behind it
                model_folder.expect_artifact(flags.model, flags.artifact)
            if flags.verb == "export":
                model_folder.expect_trained(flags.trained)
            writes = flags.verb == "train" and workers(flags).first
            with runs.alone(flags.output, flags.resume) if writes else contextlib.nullcontext():
                verbs[flags.verb](flags)
            if flags.verb is None:
                print(f"\n{self.parser.prog} VERB, with one of {', '.join(self._verbs.choices)}; --help tells more")

        return exit_status(self.parser.prog, work, debug)


def workers(flags: argparse.Namespace) -> Workers:
    """Who trains together, as the flags of `train` say it, or the environment."""
    return workers_of(flags.workers, flags.worker, flags.replicas, os.environ)


def exit_status(program: str, work: Callable[[], int | None], debug: bool = False) -> int:
    """What `work` returns, 0 for None; what is wrong with the user's input, disk or files becomes one sentence and exit
    status 2, and a fault of ours one sentence, a file with the details and exit status 1.

    debug: show where an error came from, and what libraries log.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):  # a character that the terminal lacks is no reason to stop
        sys.stdout.reconfigure(errors="replace")
    try:
        with native_logs.filtered(debug):
            status = work() or 0
        sys.stdout.flush()
        return status
    except KeyboardInterrupt:
        print(f"\n{program}: stopped; what was finished is kept", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader of our output has gone, as with `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        if debug:
            import traceback

            traceback.print_exc()
        told = sentence(error)
        print(f"{program}: error: {visible(told or unforeseen(error))}", file=sys.stderr)
        return 1 if told is None else 2


def unforeseen(error: Exception) -> str:
    """What to tell the user of an error that isn't foreseen here; its details are in a file afterwards."""
    import tempfile  # these two take milliseconds, and aren't needed where nothing is wrong
    import traceback

    details = "".join(traceback.format_exception(error))
    report = f"python -m {' '.join(sys.argv)}\n{platform.platform()}, Python {platform.python_version()}\n\n{details}"
    sent = "please send it to the project: this is a fault of ours"
    try:
        name = {"prefix": "keras_rnn-", "suffix": ".txt", "delete": False}
        with tempfile.NamedTemporaryFile("w", encoding="utf-8", **name) as file:
            file.write(report)
    except OSError:  # no room
        return f"unforeseen {summary(error)}; run it again with --debug, and {sent}"
    return f"unforeseen {summary(error)}; the details are in {file.name}, {sent}"


def offer_completion(parser: argparse.ArgumentParser) -> None:
    """Tells a shell that asks for it how the words of a command go on, and ends; needs the package argcomplete."""
    if "_ARGCOMPLETE" in os.environ:
        import argcomplete

        argcomplete.autocomplete(parser)


def tell(answer: Any, as_json: bool, in_words: Callable[[Any], None]) -> None:
    """Prints an answer, a dataclass: by `in_words`, or as a line of JSON."""
    if as_json:
        print(json_line(as_object(answer)), flush=True)
    else:
        in_words(answer)


def need(*packages: str) -> None:
    """DataError if one of the packages to train with isn't installed; better before a long run than at its end."""
    missing = [package for package in packages if importlib.util.find_spec(package) is None]
    if missing:
        raise DataError(
            f"expected the packages to train with, got no {' and no '.join(missing)}: install them with "
            "pip install '.[train]' in the project's folder"
        )


def _number(kind: type, fits: Callable[[Any], bool], expected: str) -> Callable[[str], Any]:
    """A type for argparse: the numbers that fit."""

    def parse(text: str) -> Any:
        try:
            number = kind(text)
        except ValueError:
            number = float("nan")  # which doesn't fit
        if not fits(number):
            raise argparse.ArgumentTypeError(f"expected {expected}, got {text!r}")
        return number

    return parse


whole_number = _number(int, lambda number: number >= 0, "a whole number of 0 or more")
positive = _number(int, lambda number: number >= 1, "a whole number above 0")
part = _number(float, lambda number: 0.0 < number <= 1.0, "a number above 0 and at most 1")
not_negative = _number(float, lambda number: 0.0 <= number < math.inf, "a number of 0 or more")
seed = _number(int, lambda number: 0 <= number < 2**32, f"a whole number from 0 to {2**32 - 1}")


def many(parser: argparse.ArgumentParser) -> None:
    """Gives the parser of a verb the flag --jobs."""
    default = "as many as the machine has cores where that is sooner, and 1 for standard input, a line at a time"
    parser.add_argument("--jobs", type=positive, metavar="N", help=f"processes that answer; by default {default}")


def answers(work: jobs.Work, texts: Sequence[str], file: Path | None, wanted: int | None) -> Iterator[Any]:
    """The answers to the texts given as arguments, or else to the lines of `file` or standard input, in order.

    wanted: how many processes; None: as many as pay.
    """
    size = sum(map(len, texts)) if texts else None
    if file is not None and not texts and file.is_file():
        size = file.stat().st_size
    number, total = work.jobs(wanted, size), None
    if size is not None and size >= work.worth and jobs.bar_is_seen():
        total = len(texts) or lines_in(file)
    return jobs.answers(work, texts_to_answer(texts, file), number, total)


def lines_in(file: Path) -> int:
    """How many lines a file has."""
    with open(file, "rb") as lines:
        return sum(1 for _ in lines)


def texts_to_answer(texts: Sequence[str], file: Path | None) -> Iterator[str]:
    """The texts given as arguments; else the lines of `file`, else those of standard input.

    Undecodable bytes become U+FFFD and a byte-order mark is dropped. DataError if there is no line at all.
    """
    if texts:
        yield from texts
        return
    if file is None and sys.stdin.isatty():
        print("Type a text a line; end with Ctrl-D.", file=sys.stderr)
    with contextlib.nullcontext(sys.stdin.buffer) if file is None else open(file, "rb") as lines:
        line = None
        for number, line in enumerate(lines):
            text = line.decode("utf-8", "replace").removesuffix("\n").removesuffix("\r")
            yield text.removeprefix("\ufeff") if number == 0 else text
    if line is None:
        raise DataError(f"expected a text in {file or 'standard input'}, got nothing")
