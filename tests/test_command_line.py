"""Flags, what is read from files and standard input, and how a command ends."""

import argparse
import errno
import io
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from apps.pipeline import command_line, publishing
from apps.pipeline.command_line import CommandLine, positive, texts_to_answer
from apps.pipeline.errors import DataError


class Bytes:
    """Standard input with these bytes."""

    def __init__(self, content):
        self.buffer = io.BytesIO(content)

    def isatty(self):
        return False


LINES = {
    b"one\ntwo\n": ["one", "two"],
    b"one\ntwo": ["one", "two"],
    b"one\r\n\r\ntwo\r\n": ["one", "", "two"],
    b"\n": [""],
    b"\xef\xbb\xbfone\n\xef\xbb\xbftwo": ["one", "\ufefftwo"],
    b"caf\xe9\n\xff\xfe\n": ["caf\ufffd", "\ufffd\ufffd"],
    "好😀\u2028\x0cx\n".encode(): ["好😀\u2028\x0cx"],
    b"a\0b\n": ["a\0b"],
}


@pytest.mark.parametrize("content", LINES)
def test_lines_of_a_file_and_of_standard_input(tmp_path, monkeypatch, content):
    path = tmp_path / "texts.txt"
    path.write_bytes(content)
    assert list(texts_to_answer([], path)) == LINES[content]
    monkeypatch.setattr(sys, "stdin", Bytes(content))
    assert list(texts_to_answer([], None)) == LINES[content]


def test_arguments_come_first(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "stdin", None)
    assert list(texts_to_answer(["a\nb", ""], tmp_path / "none.txt")) == ["a\nb", ""]


def test_nothing_to_read(tmp_path, monkeypatch):
    (tmp_path / "empty.txt").touch()
    with pytest.raises(DataError, match=r"expected a text in .*empty\.txt, got nothing"):
        list(texts_to_answer([], tmp_path / "empty.txt"))
    monkeypatch.setattr(sys, "stdin", Bytes(b""))
    with pytest.raises(DataError, match="expected a text in standard input, got nothing"):
        list(texts_to_answer([], None))


def test_lines_are_answered_as_they_come(monkeypatch):
    """The second line of a pipe isn't waited for."""
    read, write = os.pipe()
    with os.fdopen(read, "rb", buffering=0) as reader, os.fdopen(write, "wb", buffering=0) as writer:
        stdin = Bytes(b"")
        stdin.buffer = io.BufferedReader(reader)
        monkeypatch.setattr(sys, "stdin", stdin)
        writer.write(b"first\n")
        assert next(texts_to_answer([], None)) == "first"


@pytest.mark.parametrize("text", ["0", "-3", "1.5", "many", "", "１²"])
def test_positive_refuses(text):
    with pytest.raises(argparse.ArgumentTypeError, match="expected a whole number above 0, got"):
        positive(text)


def test_positive():
    assert positive("12") == 12


def run(action, argv=("look",)):
    commands = CommandLine("sentiment", "For tests.", "quickly", tuple(publishing.FILES))
    commands.verb("look", "look at it")
    return commands.run({"look": action, None: action}, list(argv))


def fails_with(error):
    def action(_):
        raise error

    return action


def test_a_verb_gets_its_flags(capsys):
    seen = []
    assert run(seen.append) == 0
    assert run(seen.append, ["look", "--json", "--model", "folder"]) == 0
    assert run(seen.append, []) == 0
    assert seen[0].model == publishing.SHIPPED / "sentiment" and not seen[0].json
    assert str(seen[1].model) == "folder" and seen[1].json
    assert seen[2].verb is None
    out, err = capsys.readouterr()
    more = "train, evaluate, export, look; --help tells more"
    assert out == f"\npython -m apps.sentiment VERB, with one of {more}\n" and not err  # what follows a demonstration


ERRORS = {
    "our sentence": (DataError("expected this, got that"), "expected this, got that"),
    "with a file": (
        FileNotFoundError(errno.ENOENT, "No such file or directory", "a.txt"),
        "no such file or directory: a.txt",
    ),
    "without a file": (OSError(errno.ENOSPC, "No space left on device"), "no space left on device"),
    "without a number": (OSError("odd"), "odd"),
}


@pytest.mark.parametrize("case", ERRORS)
def test_what_is_wrong_is_one_sentence_and_exit_status_2(case, capsys):
    error, sentence = ERRORS[case]
    assert run(fails_with(error)) == 2
    assert capsys.readouterr() == ("", f"python -m apps.sentiment: error: {sentence}\n")


def test_ctrl_c(capsys):
    assert run(fails_with(KeyboardInterrupt())) == 130
    assert capsys.readouterr() == ("", "\npython -m apps.sentiment: stopped; what was finished is kept\n")


def test_a_mistake_of_ours_says_so_and_where_its_details_are(capsys):
    status, told = run(fails_with(ZeroDivisionError("by nothing"))), capsys.readouterr().err
    assert status == 1 and len(told.splitlines()) == 1
    assert "unforeseen ZeroDivisionError (by nothing); the details are in" in told and "a fault of ours" in told
    report = Path(re.search(r"the details are in (\S+\.txt),", told)[1])
    assert "Traceback" in report.read_text(encoding="utf-8") and "Python " in report.read_text(encoding="utf-8")
    report.unlink()


def test_debug_shows_where_an_error_came_from(capsys):
    assert run(fails_with(DataError("expected a, got b")), ("look", "--debug")) == 2
    told = capsys.readouterr().err
    assert "Traceback" in told and told.endswith("python -m apps.sentiment: error: expected a, got b\n")


def test_what_an_error_quotes_can_t_drive_the_terminal(capsys):
    assert run(fails_with(DataError("expected a, got \x1b]0;title\a"))) == 2
    assert "got \\x1b]0;title\\x07" in capsys.readouterr().err


class ResourceExhaustedError(Exception):
    """As TensorFlow's."""


@pytest.mark.parametrize("error", [ResourceExhaustedError("x" * 99), MemoryError()])
def test_no_room_is_one_sentence(error, capsys):
    assert run(fails_with(error)) == 2
    assert "expected " in (told := capsys.readouterr().err) and len(told.splitlines()) == 1


@pytest.mark.parametrize(
    "argv",
    [
        ["fly"],
        ["look", "--colour"],
        ["train", "--epochs", "0"],
        ["train", "--batch-size", "-1"],
        ["train", "--seed", "-1"],
        ["train", "--seed", "4294967296"],
        ["train", "--epoch", "3"],
        ["evaluate", "--artifact", "onnx"],
        ["export"],
    ],
)
def test_wrong_flags(argv, capsys):
    with pytest.raises(SystemExit) as stop:
        run(fails_with(AssertionError("was called")), argv)
    assert stop.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert re.match(r"python -m apps\.sentiment( \w+)?: error: .+; --help tells what there is", line)


def python(code, **options):
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.Popen([sys.executable, "-c", code], env=environment, text=True, stderr=subprocess.PIPE, **options)


MANY_LINES = """
import sys
from apps.pipeline.command_line import CommandLine
def action(_):
    for number in range(100_000):
        print(number, flush={flush})
commands = CommandLine("x", "y", "z", ["litert"])
sys.exit(commands.run({{None: action}}, []))
"""


@pytest.mark.parametrize("flush", [True, False])
def test_a_reader_that_goes_away_is_no_error(flush):
    """As with `| head -1`."""
    process = python(MANY_LINES.format(flush=flush), stdout=subprocess.PIPE)
    assert process.stdout.readline() == "0\n"
    process.stdout.close()
    assert process.stderr.read() == ""
    process.stderr.close()
    assert process.wait() == 0


@pytest.mark.parametrize("module", ["apps", "apps.lessons"])
def test_nor_is_one_of_a_list(module):
    process = python(
        f"import runpy, sys; sys.argv = ['x']; runpy.run_module('{module}', run_name='__main__')",
        stdout=subprocess.PIPE,
    )
    process.stdout.close()
    assert process.stderr.read() == ""
    process.stderr.close()
    assert process.wait() == 0


def test_characters_that_the_terminal_lacks(tmp_path):
    """A terminal of another encoding, and half a character from the shell, get a replacement."""
    code = (
        "import sys; from apps.pipeline.command_line import CommandLine; commands = CommandLine('x', 'y', 'z', []); "
        "sys.exit(commands.run({None: lambda _: print('so', chr(0x597d), chr(0xdcff))}, []))"
    )
    for encoding in ("ascii", "utf-8"):
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "PYTHONIOENCODING": encoding}
        done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True)
        assert (done.returncode, done.stderr) == (0, b"")
        expected = "so ? ?" if encoding == "ascii" else "so 好 ?"
        assert done.stdout.decode().splitlines()[0] == expected


def test_packages_to_train_with_are_asked_for_before_the_training():
    command_line.need("json", "argparse")
    with pytest.raises(DataError, match=r"got no no_such_package and no nor_this: install them with pip install"):
        command_line.need("json", "no_such_package", "nor_this")
