"""Lists the apps: python -m apps; runs one: python -m apps APP VERB, or keras-rnn APP VERB."""

from __future__ import annotations

import ast
import os
import runpy
import sys
from collections.abc import Sequence
from pathlib import Path

from apps.pipeline.command_line import Parser, Version, exit_status, offer_completion

_FOLDER = Path(__file__).parent
_LESSONS = "lessons"
_EXPORT = "export"  # the verb of keras_rnn, for models of one's own


def main(argv: Sequence[str] | None = None) -> None:
    """Runs the app that the first word names with the words behind it; without one, lists the apps and the lessons."""
    words = list(sys.argv[1:] if argv is None else argv)
    if "_ARGCOMPLETE" in os.environ:
        words = _typed()
    parser = Parser("keras-rnn", description="The apps, each with its verbs and --help.")
    parser.add_argument("--version", action=Version, help="print the version of keras-rnn and exit")
    names = [*summaries(), _EXPORT]
    parser.add_argument("app", nargs="?", choices=names, help="what to run; what follows it is told to it")
    if words[:1] and words[0] in names:
        _run(words[0], words[1:])
        return
    offer_completion(parser)
    parser.parse_args(words)
    if status := exit_status("keras-rnn", _list):
        sys.exit(status)


def _list() -> None:
    for name, summary in summaries().items():
        print(f"keras-rnn {name:<14} {summary}")
    print("keras-rnn export         A model of your own, a .keras or .h5 file, for every runtime.")


def summaries() -> dict[str, str]:
    """The name of each app, and of the lessons, with the first line of its docstring."""
    folders = sorted(
        (path.parent for path in _FOLDER.glob("*/__main__.py")), key=lambda f: (f.name == _LESSONS, f.name)
    )
    return {folder.name: _first_line(folder / "__init__.py") for folder in folders}


def _run(name: str, words: list[str]) -> None:
    """As `python -m apps.NAME WORDS` does."""
    module = f"apps.{name}"
    if name == _EXPORT:
        module, words = "keras_rnn", [_EXPORT, *words]
    elif name == _LESSONS and words and (_FOLDER / _LESSONS / f"{words[0]}.py").is_file():
        module, words = f"{module}.{words[0]}", words[1:]
    sys.argv[1:] = words
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def _typed() -> list[str]:
    """The whole words of a command that a shell asks to complete; those before the app's aren't told to the app."""
    line = os.environ["COMP_LINE"].encode()[: int(os.environ["COMP_POINT"])].decode(errors="ignore")
    words = line.rsplit(" ", 1)[0].split()[1:]
    if words:
        os.environ["_ARGCOMPLETE"] = "2"
    return words


def _first_line(path: Path) -> str:
    return (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").split("\n")[0]


if __name__ == "__main__":
    main()
