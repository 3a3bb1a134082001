"""What the lessons share: the list, flags, known answers, the picture; and the README that puts them in order."""

import re
from pathlib import Path

import pytest

from apps import lessons
from apps.lessons import __main__ as all_lessons
from apps.lessons.lesson import Checks, flags, run

FOLDER = Path(lessons.__file__).parent
NAMES = sorted(path.stem for path in FOLDER.glob("[a-z]*.py") if path.stem != "lesson")


def draw():
    from matplotlib.figure import Figure

    figure = Figure(figsize=(2, 2))
    figure.subplots().plot([0, 1])
    return figure


def lesson_of(reached, drawn=draw):
    def teach(given, checks):
        checks.check("the known answer", reached)
        return drawn() if given.plot else None

    return lambda *argv: run(teach, flags(str(FOLDER / "hello.py")), [str(argument) for argument in argv])


def test_all_thirteen_are_listed(capsys):
    all_lessons.main()
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[2] for line in lines] == [f"apps.lessons.{name}" for name in NAMES] and len(NAMES) == 13
    assert all(len(line.split(maxsplit=3)[3]) > 30 for line in lines)


def test_the_exit_status_says_whether_the_answer_was_reached(capsys):
    assert lesson_of(True)() == 0
    assert capsys.readouterr().out == "ok     the known answer\n"
    assert lesson_of(False)() == 1
    assert capsys.readouterr().out == "MISSED the known answer\n"


def test_one_missed_answer_of_several_counts(capsys):
    checks = Checks()
    for reached in (True, False, True):
        checks.check("an answer", reached)
    assert checks.missed == 1


def test_the_picture_is_a_png(tmp_path, capsys):
    assert lesson_of(True)("--plot", tmp_path / "a.png") == 0
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    assert f"wrote {tmp_path / 'a.png'}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("plot", "problem"),
    [("a.jpg", "expected a file name that ends in .png"), ("none/a.png", "expected a folder to write a.png into")],
)
def test_a_picture_that_cannot_be_written_is_refused_before_the_lesson(plot, problem, tmp_path, capsys):
    assert lesson_of(True)("--plot", tmp_path / plot) == 2
    output = capsys.readouterr()
    assert problem in output.err and "known answer" not in output.out


@pytest.mark.parametrize("argument", ["--seed=-1", "--seed=x", "--colour"])
def test_a_wrong_flag_gets_a_sentence(argument, capsys):
    with pytest.raises(SystemExit) as stop:
        lesson_of(True)(argument)
    assert stop.value.code == 2
    assert "error: " in capsys.readouterr().err


def test_the_readme_has_every_lesson_in_two_languages_in_one_order():
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    english, chinese = text.split("# 中文")
    order = re.findall(r"^## (\w+)$", english, re.M)
    assert sorted(order) == NAMES and re.findall(r"^## (\w+)$", chinese, re.M) == order
    for part in (english, chinese):
        assert sorted(set(re.findall(r"^    python -m apps\.lessons\.(\w+)", part, re.M))) == NAMES
    assert "@" not in re.sub(r"\$.*?\$", "", text)  # what is to be filled in


@pytest.mark.parametrize("name", NAMES)
def test_a_lesson_has_at_most_150_lines(name):
    assert len((FOLDER / f"{name}.py").read_text(encoding="utf-8").splitlines()) <= 150
