"""`train` and `export` with TensorFlow: killed at a change in the folder or at any moment, or without room."""

from __future__ import annotations

import functools
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from pathlib import Path

from .placing import KILLER
from .trial import ROOT, Done, Trial, contents, expect_clean

COMMAND = (
    KILLER
    + """
    import resource, tempfile
    from app_table import APPS
    app, limit = APPS[sys.argv[3]], int(sys.argv[4])
    if limit:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    with app.small(), app.writing(("saved_model", "litert")):
        status = app.run(*sys.argv[5:])
    print(count)
    sys.exit(status)
"""
)


def start(trial: Trial, watched: Path, words: list[object], kill_at: int = 0, limit: int = 0) -> subprocess.Popen:
    """A command of the app with the small recipe of tests/app_table.py.

    limit: bytes that a file may have at most; 0: any.
    """
    command = [sys.executable, "-c", textwrap.dedent(COMMAND), str(kill_at), str(watched), trial.app, str(limit)]
    paths = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    environment = os.environ | {"PYTHONPATH": paths, "TF_CPP_MIN_LOG_LEVEL": "3"}
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen([*command, *map(str, words)], env=environment, cwd=trial.folder, **options)


def finished(process: subprocess.Popen) -> tuple[int, str]:
    """The status and standard error of a process that must end without a traceback."""
    _, err = process.communicate(timeout=1200)
    assert "Traceback" not in err, err[-800:]
    errors = [line for line in err.splitlines() if "error: " in line]
    assert process.returncode in (0, -signal.SIGKILL) or (process.returncode == 2 and len(errors) == 1), err[-800:]
    return process.returncode, err


@functools.cache
def trained(app: str) -> tuple[Path, list[Path], str, int, int]:
    """The data, a model that has learnt from them, what it answers, and how many changes train and export make."""
    sys.path.insert(0, str(ROOT / "tests"))
    from app_table import APPS

    folder = Path(tempfile.mkdtemp(prefix="faults-"))
    (folder / "data").mkdir()
    data = APPS[app].write_data(folder / "data")
    trial = Trial(app, folder, None)
    counts = []
    for words in (
        train(data, folder / "model"),
        ["export", folder / "model" / "model.keras", "--output", folder / "out"],
    ):
        process = start(trial, words[-1], words)
        out, err = process.communicate()
        assert process.returncode == 0, err[-2000:]
        counts.append(int(out.split()[-1]))
    return folder / "model", data, ask(trial, folder / "model", data).out, *counts


def ask(trial: Trial, model: Path, data: list[Path]) -> Done:
    """The app's verb with a question about its small data."""
    from app_table import APPS

    return trial.run(APPS[trial.app].verb, "--model", model, *APPS[trial.app].ask(data))


def train(data: list[Path], output: Path, *more: str) -> list[object]:
    return ["train", "--quick", "--data", *data, *more, "--output", output]


def kill(trial: Trial, watched: Path, words: list[object], changes: int) -> int:
    """Runs a command that is killed at one of its changes, or at any moment -> its status."""
    if trial.generator.random() < 0.7:
        return finished(start(trial, watched, words, kill_at=int(trial.generator.integers(1, changes + 1))))[0]
    process = start(trial, watched, words)
    time.sleep(float(trial.generator.uniform(2, 40)))
    process.kill()
    return finished(process)[0]


def killed_train(trial: Trial) -> None:
    """Readers get an answer or a sentence, and --resume ends where a run without the kill ends."""
    _, data, answer, changes, _ = trained(trial.app)
    folder = trial.folder / "model"
    status = kill(trial, folder, train(data, folder), changes)
    asked = ask(trial, folder, data)
    expect_clean(asked)
    assert asked.status == 2 or asked.out == answer
    if status != 0:
        assert finished(start(trial, folder, train(data, folder, "--resume")))[0] == 0
    assert ask(trial, folder, data).out == answer and not list(folder.rglob("*.partial*"))


def killed_export(trial: Trial) -> None:
    """Over another model: readers get all of it or all of the new one; the next export finishes."""
    model, data, answer, _, changes = trained(trial.app)
    folder = trial.folder / "exported"
    shutil.copytree(model, folder)
    export = ["export", model / "model.keras", "--output", folder]
    kept = contents(folder / "training")
    kill(trial, folder, export, changes)
    asked = ask(trial, folder, data)
    assert asked.status == 0 and asked.out == answer, asked
    assert contents(folder / "training") == kept
    if trial.generator.random() < 0.2:
        assert finished(start(trial, folder, export))[0] == 0
        assert ask(trial, folder, data).out == answer and not list(folder.rglob("*.partial*"))


def export_without_room(trial: Trial) -> None:
    """No file may have more than so many bytes: one sentence, and the old model is there."""
    model, data, answer, *_ = trained(trial.app)
    folder = trial.folder / "exported"
    shutil.copytree(model, folder)
    largest = max(path.stat().st_size for path in folder.rglob("*") if path.is_file() and "training" not in path.parts)
    before = contents(folder)
    limit = int(trial.generator.integers(1, largest))
    status, err = finished(start(trial, folder, ["export", model / "model.keras", "--output", folder], limit=limit))
    assert status == 2, err[-500:]
    assert contents(folder) == before and ask(trial, folder, data).out == answer


KILLS = {
    "a kill of train": killed_train,
    "a kill of export": killed_export,
    "export without room": export_without_room,
}
