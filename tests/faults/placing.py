"""Writers that are killed, whose disk is full, or that aren't alone: of a model's folder, without TensorFlow."""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

from whole_files import alone_in, heal

from .damage import data_of
from .trial import ROOT, Trial, contents, expect_sentence

# Kills this process at the n-th change in a folder; 0: never.
KILLER = """
    import os, signal, sys
    kill_at, watched, count = int(sys.argv[1]), sys.argv[2], 0
    changes = ("os.rename", "os.link", "os.mkdir", "os.remove", "os.rmdir", "shutil.copyfile", "shutil.move")

    def hook(event, arguments):
        global count
        writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_CREAT)
        if (writes or event in changes) and watched in str(arguments[0]):
            count += 1
            if count == kill_at:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)
"""
WRITER = (
    KILLER
    + """
    from pathlib import Path
    from whole_files import placed_in
    with placed_in(Path(watched)) as beside:
        for path in Path(sys.argv[3]).iterdir():
            (beside / path.name).write_bytes(path.read_bytes())
    print(count)
"""
)


def write(folder: Path, source: Path, kill_at: int) -> subprocess.CompletedProcess:
    """A process that puts the files of `source` into `folder`, and dies meanwhile."""
    command = [sys.executable, "-S", "-c", textwrap.dedent(WRITER), str(kill_at), str(folder), str(source)]
    return subprocess.run(command, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True)


def newer(trial: Trial, folder: Path) -> Path:
    """The same model, as written later: another JSON file, other hashes."""
    from apps.pipeline import publishing

    source = trial.folder / "newer"
    shutil.copytree(folder, source)
    about = json.loads((source / trial.about).read_text(encoding="utf-8"))
    (source / trial.about).write_text(json.dumps(about | {"written": "later"}), encoding="utf-8")
    results = publishing.read_results(source)
    results["files"][trial.about] = publishing.fingerprint(source / trial.about)
    publishing.write_results(source, results)
    return source


def killed_while_placing(trial: Trial) -> None:
    """Readers get all of the old model or all of the new one; the next writer finishes; what else is there survives."""
    from apps.pipeline import model_folder

    folder = trial.model()
    source = newer(trial, folder)
    (folder / "training").mkdir()
    (folder / "training" / "notes.txt").write_text("mine")
    names = (trial.about, "model.tflite")
    whole = [[(each / name).read_bytes() for name in names] for each in (folder, source)]
    done = write(folder, source, int(trial.generator.integers(1, 45)))
    assert done.returncode in (0, -9), done.stderr
    read = model_folder.opened(folder, trial.app, lambda here: [model_folder.read(here, name) for name in names])
    assert read in whole and (done.returncode != 0 or read == whole[1])
    asked = trial.ask(folder)
    assert asked.status == 0 and asked.out == trial.as_shipped(), asked
    heal(folder)
    assert (folder / "training" / "notes.txt").read_text() == "mine"
    assert [(folder / name).read_bytes() for name in names] == read and not list(folder.glob("*.partial*"))


def recorded_with_a_full_disk(trial: Trial) -> None:
    """`evaluate --record` where no file may become long enough: a sentence, and the folder is as it was."""
    folder = trial.model()
    data = data_of(trial)
    before = contents(folder)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(trial.generator.integers(0, 3000)), limits[1]))
    try:
        done = trial.run("evaluate", "--model", folder, "--artifact", "litert", "--record", "--data", data)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    expect_sentence(done)
    assert contents(folder) == before


def two_trainings(trial: Trial) -> None:
    """In one folder: the second is refused in a sentence that says so."""
    data = data_of(trial)
    with alone_in(trial.folder / "run" / "training"):
        done = trial.run("train", "--data", data, "--output", trial.folder / "run")
    expect_sentence(done)
    assert "expected no other process at work here" in done.errors[0]


def an_unfinished_run(trial: Trial) -> None:
    """Isn't begun anew without a word."""
    training = trial.folder / "run" / "training"
    training.mkdir(parents=True)
    for name in ("unfinished", "labels.npz"):
        (training / name).write_bytes(b"hours")
    done = trial.run("train", "--data", data_of(trial), "--output", trial.folder / "run")
    expect_sentence(done)
    assert "--resume" in done.errors[0] and (training / "labels.npz").read_bytes() == b"hours"


def a_folder_that_cannot_be_written(trial: Trial) -> None:
    """A file in its place, a name that is too long, a link that leads to itself."""
    place = trial.folder / trial.pick(["file", "x" * 300, "loop"])
    if place.name == "file":
        place.write_text("mine")
    elif place.name == "loop":
        os.symlink(place, place)
    expect_sentence(trial.run("train", "--data", data_of(trial), "--output", place))
    expect_sentence(trial.ask(place))


PLACING = {
    "a kill while a model takes its place": killed_while_placing,
    "evaluate --record with a full disk": recorded_with_a_full_disk,
    "two trainings in one folder": two_trainings,
    "train over an unfinished run": an_unfinished_run,
    "a folder that can't be written": a_folder_that_cannot_be_written,
}
