"""`--jobs`: answers by several processes are those of one, in the same order, with the same errors."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from app_table import APPS, CLASSES, drawing, reviews, sentence

from apps import sentiment, word_reversal
from apps.pipeline import jobs
from apps.pipeline.errors import DataError
from apps.pipeline.jobs import Work
from whole_files import placed_in

SHIPPED = Path(__file__).parents[1] / "saved_models"
MANY = [name for name in APPS if name != "shakespeare"]  # a text grows from one prompt


def lines_of(app, count):
    """Inputs of an app's verb, one of them without an answer."""
    made = {
        "sentiment": [text for text, _ in reviews(count)],
        "word_reversal": [
            "".join(chr(97 + n) for n in np.random.default_rng(i).integers(0, 26, 5)) for i in range(count)
        ],
        "chinese_pos": ["".join(word.split("/")[0] for word in sentence(i).split()) for i in range(count)],
    }[app]
    made[count // 2] = {"sentiment": "", "word_reversal": "no good", "chinese_pos": ""}[app]
    return made


def arguments(app, folder, count):
    """The verb of an app with many inputs."""
    if app == "mnist_rows":
        names = [folder / f"{number}.png" for number in range(count)]
        for number, name in enumerate(names):
            drawing(CLASSES[number % 3], number).save(name)
        names[count // 2].write_bytes(b"no picture")
        return ["recognise", *map(str, names)]
    (folder / "lines.txt").write_text("\n".join(lines_of(app, count)), encoding="utf-8")
    return [APPS[app].verb, "--file", str(folder / "lines.txt")]


def run(app, capfd, *words):
    status = APPS[app].run(*words)
    printed = capfd.readouterr()
    return status, printed.out, printed.err


@pytest.mark.parametrize("app", MANY)
def test_many_processes_answer_as_one(app, tmp_path, capfd):
    count = 40 if app == "mnist_rows" else 2 * jobs.AT_ONCE + 9
    words = arguments(app, tmp_path, count)
    one = run(app, capfd, *words, "--json", "--jobs", 1)
    assert len(one[1].splitlines()) == count
    assert one[0] == (2 if app in ("mnist_rows", "word_reversal") else 0)  # that one has no answer is an error there
    assert run(app, capfd, *words, "--json", "--jobs", 3) == one
    assert run(app, capfd, *words, "--jobs", 2) == run(app, capfd, *words, "--jobs", 1)


@pytest.mark.parametrize("app", APPS)
def test_the_flag_is_where_there_are_many_inputs(app, capfd):
    with pytest.raises(SystemExit):
        APPS[app].run(APPS[app].verb, "--help")
    assert ("--jobs N" in capfd.readouterr().out) == (app in MANY)


def test_an_error_comes_where_it_would_in_one_process(tmp_path, capfd):
    """After the answers before it, in the same sentence."""
    vocabulary = json.loads((SHIPPED / "sentiment" / "vocabulary.json").read_text(encoding="utf-8"))
    (words,) = (value for value in vocabulary.values() if isinstance(value, list) and len(value) > 100)
    words.append("unheard0of")  # the network has no vector for it
    (tmp_path / "vocabulary.json").write_text(json.dumps(vocabulary), encoding="utf-8")
    shutil.copy(SHIPPED / "sentiment" / "model.tflite", tmp_path)
    texts = [text for text, _ in reviews(150)]
    texts[140] = "unheard0of"
    (tmp_path / "lines.txt").write_text("\n".join(texts), encoding="utf-8")
    words = ("classify", "--model", tmp_path, "--file", tmp_path / "lines.txt")
    one = run("sentiment", capfd, *words)
    assert one[0] == 2 and len(one[1].splitlines()) == 140 and "expected the vocabulary" in one[2]
    assert run("sentiment", capfd, *words, "--jobs", 2) == one
    for model in (tmp_path / "none", tmp_path / "lines.txt"):  # no process can load it
        words = ("classify", "--model", model, "a text", "--jobs")
        assert run("sentiment", capfd, *words, 2) == run("sentiment", capfd, *words, 1)
    words = ("classify", "--file", tmp_path / "absent.txt", "--jobs")
    assert run("sentiment", capfd, *words, 2) == run("sentiment", capfd, *words, 1)


def test_all_processes_answer_by_the_same_model(tmp_path, monkeypatch):
    """If another one takes its place before they have opened it, that is said."""
    shutil.copytree(SHIPPED / "word_reversal", tmp_path / "model", ignore=shutil.ignore_patterns("1"))
    work = Work(word_reversal.load, tmp_path / "model", "reverse_all", {}, 1)
    assert [answer.reversed for answer in jobs.answers(work, ["live"], 2)] == ["evil"]
    before = jobs._model_in(tmp_path / "model")
    with placed_in(tmp_path / "model") as beside:
        shutil.copy(SHIPPED / "word_reversal" / "vocabulary.json", beside)
    monkeypatch.setattr(jobs, "_model_in", lambda folder: before)
    with pytest.raises(DataError, match="to stay the same while processes open it, got another one meanwhile"):
        list(jobs.answers(work, ["live"], 2))


def test_what_waits_is_bounded():
    taken = []
    inputs = (taken.append(number) or f"text {number}" for number in range(100_000))
    answers = jobs.answers(Work(sentiment.load, SHIPPED / "sentiment", "classify_all", {}, 1), inputs, 2)
    assert [next(answers).text for _ in range(3)] == ["text 0", "text 1", "text 2"]
    assert len(taken) == 2 * jobs.AHEAD * jobs.AT_ONCE
    answers.close()


@pytest.mark.parametrize("app", ["sentiment", "mnist_rows"])
def test_progress_is_seen_by_a_person_who_does_not_see_the_answers(app, tmp_path, capfd, monkeypatch):
    words = arguments(app, tmp_path, 12)
    monkeypatch.setattr(APPS[app].part(), "WORTH", 1)
    quiet = run(app, capfd, *words, "--jobs", 2)
    monkeypatch.setattr(jobs, "bar_is_seen", lambda: True)
    seen = run(app, capfd, *words, "--jobs", 2)
    assert seen[:2] == quiet[:2] and "answers" not in quiet[2]
    assert "answers: 100%" in seen[2] and "12/12" in seen[2]


def test_parts_are_of_a_few_inputs_or_of_few_characters():
    assert [*jobs.in_parts([])] == []
    assert [len(part) for part in jobs.in_parts(range(150))] == [64, 64, 22]
    long = "x" * jobs.CHARACTERS
    assert [*jobs.in_parts(["a", long, long, "b"])] == [["a", long], [long], ["b"]]


def test_how_many_processes_there_are_by_themselves(monkeypatch):
    monkeypatch.setattr(jobs, "cores", lambda: 7)
    work = Work(sentiment.load, SHIPPED, "classify_all", {}, 100)
    sizes = {(None, None): 1, (None, 99): 1, (None, 100): 7, (3, None): 3, (1, 10**9): 1}
    assert {given: work.jobs(*given) for given in sizes} == sizes


def started(folder, *more, **options):
    (folder / "lines.txt").write_text("A warm, funny film.\n" * 20_000, encoding="utf-8")
    command = [sys.executable, "-m", "apps.sentiment", "classify", "--file", folder / "lines.txt", "--jobs", "2", *more]
    options |= {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "start_new_session": True}
    return subprocess.Popen(command, cwd=SHIPPED.parent, **options)


def members(group):
    """How many processes a group has."""
    count = 0
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:  # it has ended meanwhile
            continue
        count += int(fields[2]) == group and fields[0] != "Z"
    return count


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="counts processes by Linux's /proc")
def test_control_c_ends_all_of_them_with_one_line(tmp_path):
    process = started(tmp_path, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler))
    assert process.stdout.readline().strip().startswith("positive")
    assert members(process.pid) >= 3
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130 and len(out.splitlines()) < 20_000
    assert err == "\npython -m apps.sentiment: stopped; what was finished is kept\n"
    for _ in range(50):
        if not members(process.pid):
            break
        time.sleep(0.1)
    assert not members(process.pid)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="finds processes by Linux's /proc")
def test_a_reader_that_goes_and_a_process_that_is_killed(tmp_path):
    process = started(tmp_path)
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(timeout=60) == 0 and process.stderr.read() == ""
    process.stderr.close()
    process = started(tmp_path)
    process.stdout.readline()
    workers = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    for worker in workers:
        command = Path(f"/proc/{worker}/cmdline")
        if command.exists() and b"resource_tracker" not in command.read_bytes():
            os.kill(int(worker), signal.SIGKILL)
            break
    _, err = process.communicate(timeout=60)
    assert process.returncode == 2 and err.splitlines()[-1].startswith(
        "python -m apps.sentiment: error: expected 2 processes to answer, got one that was ended from outside"
    )
