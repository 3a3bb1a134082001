"""The verbs and flags that all apps share, and what happens when something is wrong: one sentence and exit status 2."""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import io
import os
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from apps.pipeline.errors import DataError
from apps.pipeline.publishing import FILES

SHIPPED = Path(__file__).resolve().parents[2] / "saved_models"


class CommandLine:
    """An app's parser with `train`, `evaluate` and `export`; the app adds its own flags and its own verb.

    Without a verb the app gives a demonstration and its help.

    Args:
        artifacts: those that the app writes, of FILES.
        text_files: whether `--data` takes several files, and `--encoding` how they are written.
    """

    def __init__(self, name: str, description: str, artifacts: Sequence[str] = tuple(FILES), text_files: bool = False):
        self.name = name
        self.parser = argparse.ArgumentParser(f"python -m apps.{name}", description=description, allow_abbrev=False)
        self._verbs = self.parser.add_subparsers(dest="verb", metavar="VERB", title="verbs")

        self.train = self.verb("train", "train a model, measure it and write its folder")
        self.train.add_argument(
            "--output", type=Path, default=Path("runs") / name, help="folder to write (%(default)s)"
        )
        self.train.add_argument("--epochs", type=positive, help="at most so many; the best one is kept")
        self.train.add_argument("--batch-size", type=positive)
        self.train.add_argument("--seed", type=seed, help="the same seed gives the same model on the same machine")
        self.train.add_argument("--resume", action="store_true", help="go on with an interrupted run in --output")

        self.evaluate = self.verb("evaluate", "measure one of a model's artifacts on the test data")
        self.evaluate.add_argument("--artifact", choices=artifacts, default="saved_model")
        self.evaluate.add_argument(
            "--record", action="store_true", help="write it into results.json and the model card"
        )

        self.export = self.verb("export", "write a trained .keras model as SavedModel and LiteRT")
        self.export.add_argument("trained", metavar="MODEL.keras", type=Path, help="as `train` leaves it")
        self.export.add_argument(
            "--output", type=Path, default=Path("runs") / name, help="folder to write (%(default)s)"
        )

        for parser in (self.train, self.evaluate, self.export):
            if text_files:
                several = {"nargs": "+", "default": [], "metavar": "FILE"}
                parser.add_argument("--data", type=Path, **several, help="your own text in place of the app's")
                parser.add_argument("--encoding", help="of the files of --data, such as gb18030; found if not named")
            else:
                parser.add_argument("--data", type=Path, metavar="PATH", help="your own data in place of the app's")

    def verb(self, name: str, summary: str) -> argparse.ArgumentParser:
        """The parser of a new verb."""
        parser = self._verbs.add_parser(name, help=summary, description=summary, allow_abbrev=False)
        if name not in ("train", "export"):
            parser.add_argument(
                "--model", type=Path, default=SHIPPED / self.name, metavar="FOLDER", help="the shipped one by default"
            )
            parser.add_argument("--json", action="store_true", help="for machines: JSON")
        return parser

    def run(self, verbs: dict[str | None, Callable[[argparse.Namespace], None]], argv: Sequence[str] | None) -> int:
        """Calls the verb that `argv` names (None: no verb was given) -> the exit status."""
        flags = self.parser.parse_args(argv)
        return exit_status(self.parser.prog, lambda: verbs[flags.verb](flags))


def exit_status(program: str, work: Callable[[], int | None]) -> int:
    """What `work` returns, 0 for None; what is wrong with the user's input becomes one sentence and exit status 2."""
    if isinstance(sys.stdout, io.TextIOWrapper):  # a character that the terminal lacks is no reason to stop
        sys.stdout.reconfigure(errors="replace")
    try:
        status = work() or 0
        sys.stdout.flush()
        return status
    except KeyboardInterrupt:
        print(f"\n{program}: stopped; what was finished is kept", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader of our output has gone, as with `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (DataError, OSError) as error:
        print(f"{program}: error: {sentence(error)}", file=sys.stderr)
        return 2


def evaluation_command(name: str, folder: Path, artifact: str, *data: Path, encoding: str | None = None) -> str:
    """What a user types to repeat an evaluation of one of an app's artifacts."""
    words = ["python", "-m", f"apps.{name}", "evaluate", "--artifact", artifact]
    words += [] if folder.resolve() == SHIPPED / name else ["--model", str(folder)]
    words += ["--data", *map(str, data)] if data else []
    return shlex.join(words + (["--encoding", encoding] if encoding else []))


def need(*packages: str) -> None:
    """DataError if one of the packages to train with isn't installed; better before a long run than at its end."""
    missing = [package for package in packages if importlib.util.find_spec(package) is None]
    if missing:
        raise DataError(
            f"expected the packages to train with, got no {' and no '.join(missing)}: install them with "
            "pip install '.[train]' in the project's folder"
        )


def sentence(error: Exception) -> str:
    """What to tell the user: our own sentence, or the system's with the file it is about."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror.lower()}: {error.filename}" if error.filename else error.strerror.lower()
    return str(error)


def positive(text: str) -> int:
    """A whole number above 0, for argparse."""
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number above 0, got {text!r}")
    return number


def part(text: str) -> float:
    """A number above 0 and at most 1, for argparse."""
    number = _number(text)
    if not 0.0 < number <= 1.0:
        raise argparse.ArgumentTypeError(f"expected a number above 0 and at most 1, got {text!r}")
    return number


def not_negative(text: str) -> float:
    """A number that is 0 or above, for argparse."""
    number = _number(text)
    if not 0.0 <= number < float("inf"):
        raise argparse.ArgumentTypeError(f"expected a number of 0 or more, got {text!r}")
    return number


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")


def seed(text: str) -> int:
    """A whole number from 0 to 2**32 - 1, for argparse."""
    try:
        number = int(text)
    except ValueError:
        number = -1
    if not 0 <= number < 2**32:
        raise argparse.ArgumentTypeError(f"expected a whole number from 0 to {2**32 - 1}, got {text!r}")
    return number


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
