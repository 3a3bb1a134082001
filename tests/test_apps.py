"""The one command for all apps, and that every flag of theirs says what it is."""

import argparse
import importlib
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from app_table import APPS

from apps import __main__ as programs
from apps.pipeline import command_line, publishing

ROOT = Path(__file__).parents[1]


def run(*words, module="apps", **environment):
    given = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])} | environment
    command = [sys.executable, "-m", module, *words]
    return subprocess.run(command, capture_output=True, text=True, env=given, cwd=ROOT / "tests")


def test_without_a_word_the_apps_are_listed(capsys):
    programs.main([])
    first = [line.split()[:2] for line in capsys.readouterr().out.splitlines()]
    assert first == [["keras-rnn", name] for name in [*sorted([*APPS, "page", "serve"]), "lessons", "export"]]


def test_an_app_runs_as_its_own_module_does():
    done = run("word_reversal", "reverse", "stressed")
    assert (done.returncode, done.stdout, done.stderr) == (0, "desserts\n", "")
    done = run("word_reversal", "reverse", "--beam", "no")
    sentence = "python -m apps.word_reversal reverse: error: argument --beam: expected a whole number above 0, got 'no'"
    assert (done.returncode, done.stdout) == (2, "") and done.stderr.startswith(sentence)


def test_lessons_and_the_export_of_ones_own_models_run(monkeypatch):
    seen = []
    monkeypatch.setattr(programs.runpy, "run_module", lambda name, **_: seen.append((name, sys.argv[1:])))
    monkeypatch.setattr(sys, "argv", ["keras-rnn"])
    for words in (["lessons"], ["lessons", "hello", "--help"], ["export", "model.keras"]):
        programs.main(words)
    lessons = [("apps.lessons", []), ("apps.lessons.hello", ["--help"])]
    assert seen == [*lessons, ("keras_rnn", ["export", "model.keras"])]


@pytest.mark.parametrize("words", [["sentimental"], ["--colour"], ["../sentiment"]], ids=" ".join)
def test_what_is_no_app_is_one_sentence(words, capsys):
    with pytest.raises(SystemExit) as stop:
        programs.main(words)
    told = capsys.readouterr().err
    assert stop.value.code == 2 and told.startswith("keras-rnn: error: ") and len(told.splitlines()) == 1


def test_the_version_is_that_of_the_package(capsys, monkeypatch):
    monkeypatch.setattr(publishing, "version", lambda name: f"9.8 of {name}")
    for main in (programs.main, importlib.import_module("apps.sentiment.__main__").main):
        with pytest.raises(SystemExit) as stop:
            main(["--version"])
        assert stop.value.code == 0 and capsys.readouterr().out == "keras-rnn 9.8 of keras-rnn\n"


@pytest.mark.skipif(os.name != "posix", reason="completion is for shells of Unix")
@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("keras-rnn wo", {"word_reversal"}),
        ("keras-rnn sentiment cl", {"classify"}),
        ("keras-rnn sentiment classify --ex", {"--explain"}),
        ("keras-rnn chinese_pos tag --format ", {"plain", "conllu", "json"}),
    ],
)
def test_a_shell_completes_apps_verbs_and_flags(line, expected, tmp_path):
    pytest.importorskip("argcomplete")
    asked = {"COMP_LINE": line, "COMP_POINT": str(len(line)), "_ARGCOMPLETE": "1", "_ARGCOMPLETE_IFS": "\n"}
    asked |= {"_ARGCOMPLETE_SUPPRESS_SPACE": "1", "_ARGCOMPLETE_STDOUT_FILENAME": str(tmp_path / "found")}
    done = run(**asked)
    assert done.returncode == 0, done.stderr
    found = (tmp_path / "found").read_text(encoding="utf-8").split("\n")
    assert {word.strip() for word in found} == expected


@pytest.mark.parametrize("app", APPS)
def test_every_flag_says_what_it_is_and_what_it_is_without_it(app, monkeypatch):
    monkeypatch.setattr(command_line.CommandLine, "run", lambda commands, *_: commands)
    commands = APPS[app].part().main([])
    for verb, parser in commands._verbs.choices.items():
        for action in parser._actions:
            assert action.help and action.help is not argparse.SUPPRESS, (verb, action.dest)
            shown = parser._get_formatter()._expand_help(action)
            told = (
                action.default in (None, False, "", [], argparse.SUPPRESS)
                or str(action.default) in shown
                or "by default" in shown
            )
            assert told, (verb, action.dest, action.default)


def test_the_version_is_one():
    with open(ROOT / "pyproject.toml", "rb") as file:
        version = tomllib.load(file)["project"]["version"]
    assert f'__version__ = "{version}"' in (ROOT / "keras_rnn" / "__init__.py").read_text(encoding="utf-8")
    assert f"\nversion: {version}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\n## {version}\n" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
