"""A model's folder while another process replaces the model in it: readers get one whole model, or one sentence."""

import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from apps import word_reversal
from apps.pipeline import model_folder, publishing
from apps.word_reversal.__main__ import main
from whole_files import heal, newest, placed_in, reading

ROOT = Path(__file__).parents[1]
SHIPPED = ROOT / "saved_models" / "word_reversal"

# Puts the files of the folders `sources` in the place of those in `folder`, in turns; dies at its n-th step there.
WRITER = """
    import os, shutil, signal, sys
    from pathlib import Path
    folder, kill_at, *sources = sys.argv[1:]
    from whole_files import placed_in
    changes = ("os.rename", "os.link", "os.mkdir", "os.remove", "os.rmdir")
    count = 0

    def hook(event, arguments):
        global count
        writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_CREAT)
        if (writes or event in changes) and folder in str(arguments[0]):
            count += 1
            if count == int(kill_at):
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)
    while True:
        for source in sources:
            with placed_in(Path(folder)) as beside:
                for path in Path(source).iterdir():
                    (beside / path.name).write_bytes(path.read_bytes())
        print(count, flush=True)
        if kill_at != "0":
            break
"""


def start(folder, kill_at, *sources):
    command = [sys.executable, "-S", "-c", textwrap.dedent(WRITER), str(folder), str(kill_at), *map(str, sources)]
    return subprocess.Popen(command, env={"PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, text=True)


@pytest.fixture
def versions(tmp_path):
    """Two whole models in folders of their own: the shipped one, and its 8 bits under the other's name."""
    for version, file in (("a", "model.tflite"), ("b", "model_int8.tflite")):
        folder = tmp_path / version
        folder.mkdir()
        shutil.copy(SHIPPED / file, folder / "model.tflite")
        vocabulary = json.loads((SHIPPED / "vocabulary.json").read_text(encoding="utf-8")) | {"version": version}
        (folder / "vocabulary.json").write_text(json.dumps(vocabulary), encoding="utf-8")
        listed = {"artifacts": publishing.list_artifacts(folder), "files": publishing.list_files(folder)}
        publishing.write_results(folder, {"app": "word_reversal", **listed})
    return tmp_path / "a", tmp_path / "b"


def version_of(folder):
    """Which of the two models a reader gets: all of its files, each as its hash says."""
    names = ("vocabulary.json", "model.tflite")
    read = model_folder.opened(folder, "word_reversal", lambda here: [model_folder.read(here, name) for name in names])
    return json.loads(read[0])["version"], len(read[1])


def test_readers_while_another_process_replaces_the_model_again_and_again(versions, tmp_path):
    whole = {version_of(folder) for folder in versions}
    folder = tmp_path / "model"
    shutil.copytree(versions[0], folder)
    writer = start(folder, 0, *versions)
    try:
        writer.stdout.readline()  # it is at work
        seen = [version_of(folder) for _ in range(60)]
        answers = {word_reversal.load(folder).reverse("stressed").reversed for _ in range(20)}
        apps = {model_folder.results_of(folder)["app"] for _ in range(60)}
        assert writer.poll() is None
    finally:
        writer.kill()
        writer.communicate()
    assert set(seen) == whole and answers == {"desserts"} and apps == {"word_reversal"}


def test_readers_after_a_kill_at_any_step(versions, tmp_path, capfd):
    """Each door of the app finds all of the old model or all of the new one, and the next writer finishes the work."""
    old, new = (version_of(folder) for folder in versions)
    (tmp_path / "words.tsv").write_text("stressed\tdesserts\nlive\tevil\n", encoding="utf-8")
    shutil.copytree(versions[0], tmp_path / "count")
    counter = start(tmp_path / "count", 10**6, versions[1])
    steps = int(counter.communicate()[0])
    assert steps > 15
    seen, journals = [], 0
    for step in range(1, steps + 1):
        folder = tmp_path / f"killed{step}"
        shutil.copytree(versions[0], folder)
        (folder / "notes.txt").write_text("mine")
        writer = start(folder, step, versions[1])
        writer.communicate()
        assert writer.returncode == -signal.SIGKILL
        seen.append(version_of(folder))
        if (folder / reading.JOURNAL).exists():
            journals += 1
            assert newest(folder) != folder
            assert main(["reverse", "--model", str(folder), "stressed"]) == 0
            assert capfd.readouterr().out.endswith("desserts\n")
            flags = ["--model", str(folder), "--artifact", "litert", "--data", str(tmp_path / "words.tsv")]
            assert main(["evaluate", *flags, "--record"]) == 0  # a writer too: it heals the folder first
            assert not (folder / reading.JOURNAL).exists()
            assert model_folder.results_of(folder)["artifacts"]["litert"]["value"] == 1.0
        heal(folder)
        assert version_of(folder) == seen[-1] and (folder / "notes.txt").read_text() == "mine"
        assert sorted(os.listdir(folder)) == sorted({*os.listdir(versions[0]), "notes.txt"})
        shutil.rmtree(folder)
    assert seen == sorted(seen, key=[old, new].index) and set(seen) == {old, new} and journals > 3


def test_a_replacement_that_cannot_be_finished_is_one_sentence(versions, tmp_path, capfd):
    folder = tmp_path / "model"
    shutil.copytree(versions[0], folder)
    (folder / reading.JOURNAL).write_text(json.dumps({"from": "model.0123abcd.partial"}))
    flags = ["--model", str(folder)]
    evaluate = ["evaluate", *flags, "--artifact", "litert", "--data", str(tmp_path / "none.tsv")]
    for command in (["reverse", *flags, "stressed"], evaluate):
        assert main(command) == 2
        (line,) = capfd.readouterr().err.splitlines()
        assert f"{folder / reading.JOURNAL}: expected the name of the folder whose files were taking their" in line
        assert line.endswith("write the model again, by export or train")
    with placed_in(folder) as beside:
        for path in versions[1].iterdir():
            shutil.copy(path, beside)
    assert version_of(folder) == version_of(versions[1])


def test_figures_of_a_model_that_was_replaced_meanwhile_are_not_written(versions, tmp_path, capfd):
    folder = tmp_path / "model"
    shutil.copytree(versions[0], folder)
    measured = []

    def measure(here):
        measured.append(version_of(here))
        if len(measured) == 1:  # by another process, meanwhile
            with placed_in(folder) as beside:
                for path in versions[1].iterdir():
                    shutil.copy(path, beside)
        return publishing.Evaluation({"artifact": "litert", "metric": "exact match", "value": len(measured) / 4})

    model_folder.record(folder, "word_reversal", "litert", measure, "a command")
    assert measured == [version_of(each) for each in versions]  # the second one's are
    assert model_folder.results_of(folder)["artifacts"]["litert"]["value"] == 0.5
    assert version_of(folder) == version_of(versions[1])
