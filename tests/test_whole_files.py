"""A model's folder is all old or all new, whatever happens to its writer, and for those who read it meanwhile."""

import errno
import os
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest
from grids import grid

from whole_files import alone_in, heal, newest, placed_in, read_whole, reading, whole, write_whole
from whole_files import exchange as exchanging

ROOT = Path(__file__).parents[1]


def tree(folder):
    """The files under a folder and their content."""
    return {str(path.relative_to(folder)): path.read_text() for path in sorted(folder.rglob("*")) if path.is_file()}


def fill(folder, content):
    (folder / "1" / "variables").mkdir(parents=True)
    (folder / "1" / "variables" / content).write_text(content)
    (folder / "1" / "saved_model.pb").write_text(content)
    (folder / "model.tflite").write_text(content)
    (folder / "vocabulary.json").write_text(content)


def write(folder, content):
    with placed_in(folder) as beside:
        fill(beside, content)


def model(content):
    """What `fill` writes."""
    names = "1/saved_model.pb", f"1/variables/{content}", "model.tflite", "vocabulary.json"
    return dict.fromkeys(names, content)


MINE = {"training/letters.npz": "mine", "notes.txt": "mine"}


def with_mine(folder):
    """What else may be in a model's folder."""
    for name, content in MINE.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)


def read_model(folder):
    return read_whole(
        folder, lambda here: {name: text for name, text in tree(here).items() if name in model("old") | model("new")}
    )


# A writer that dies, or whose disk does, at its n-th step.

WRITER = """
    import errno, os, signal, sys
    from pathlib import Path
    folder, fault, step = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    from whole_files import placed_in
    CHANGES = ("os.rename", "os.link", "os.mkdir", "os.remove", "os.rmdir", "shutil.copyfile", "shutil.move")
    count = 0

    def hook(event, arguments):
        global count
        writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_CREAT)
        if not (writes or event in CHANGES) or str(folder.parent) not in str(arguments[0]):
            return
        count += 1
        if fault == "kill" and count == step:
            os.kill(os.getpid(), signal.SIGKILL)
        grows = event not in ("os.remove", "os.rmdir")
        fails = {"once": count == step, "full disk": count >= step and grows, "lost mount": count >= step}
        if fails.get(fault):
            raise OSError(errno.EIO if fault == "lost mount" else errno.ENOSPC, "fault")

    sys.addaudithook(hook)
    try:
        with placed_in(folder) as beside:
            (beside / "1" / "variables").mkdir(parents=True)
            for name in ("1/variables/new", "1/saved_model.pb", "model.tflite", "vocabulary.json"):
                (beside / name).write_text("new")
    except OSError as error:
        sys.exit(3 if error.errno in (errno.ENOSPC, errno.EIO) else 4)
    print(count)
"""


def writer(folder, fault, step):
    """Writes "new"; what the process says."""
    command = [sys.executable, "-S", "-c", textwrap.dedent(WRITER), str(folder), fault, str(step)]
    return subprocess.run(command, cwd=ROOT, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True)


@pytest.mark.parametrize(("fault", "existing"), grid(["kill", "once", "full disk", "lost mount"], [True, False]))
def test_a_writer_that_fails_at_any_step(existing, fault, tmp_path):
    """Its folder is all old or all new for our readers; the next writer heals it; what else is there survives."""
    steps = int(writer(tmp_path / "whole" / "models", fault, 10**6).stdout) if not existing else None
    if existing:
        write(tmp_path / "count" / "models", "old")
        steps = int(writer(tmp_path / "count" / "models", fault, 10**6).stdout)
    assert steps > 8
    seen = set()
    for step in range(1, steps + 1):
        folder = tmp_path / str(step) / "models"
        if existing:
            write(folder, "old")
            with_mine(folder)
        done = writer(folder, fault, step)
        assert done.returncode in ({-9} if fault == "kill" else {0, 3}), (step, done.stderr)
        found = read_model(folder) if folder.exists() else None
        assert found in ([model("old"), model("new")] if existing else [None, {}, model("new")]), step
        assert done.returncode != 0 or found == model("new")
        seen.add(str(found))
        assert not existing or MINE.items() <= tree(folder).items()
        heal(folder)  # as the next writer does
        left = tree(folder.parent) if folder.parent.exists() else {}
        expected = {f"models/{name}": text for name, text in ((found or {}) | (MINE if existing else {})).items()}
        assert left == expected, step
        write(folder, "newest")
        assert [path.name for path in folder.parent.iterdir()] == ["models"]
        assert tree(folder) == model("newest") | (MINE if existing else {})
    assert len(seen) == 2  # both are among them


@pytest.mark.parametrize("system", ["one step", "two renames"])
def test_readers_meanwhile(system, tmp_path, monkeypatch):
    """Each gets one whole model, from the first moment to the last."""
    if system == "two renames":
        monkeypatch.setattr(exchanging.sys, "platform", "other")
    folder, found, running = tmp_path / "models", [], threading.Event()
    write(folder, "0")
    with_mine(folder)

    def whole(here):
        return {(here / name).read_text() for name in ("model.tflite", "1/saved_model.pb", "vocabulary.json")}

    def reader():
        while running.is_set():
            found.append(read_whole(folder, whole))

    running.set()
    threads = [threading.Thread(target=reader) for _ in range(2)]
    for thread in threads:
        thread.start()
    for number in range(1, 40):
        write(folder, str(number))
    running.clear()
    for thread in threads:
        thread.join()
    assert len(set.union(*found)) > 5 and all(len(each) == 1 for each in found)
    assert tree(folder) == model("39") | MINE


def test_two_writers(tmp_path):
    """Side by side, in one folder that isn't there yet: one whole model, and nothing is left over."""
    folder, errors = tmp_path / "deep" / "models", []

    def writer(name):
        try:
            for _ in range(10):
                write(folder, name)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=writer, args=[name]) for name in ("a", "b", "c")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (
        not errors and tree(folder) in [model(name) for name in "abc"] and os.listdir(tmp_path / "deep") == ["models"]
    )


def test_an_error_of_the_writer_leaves_a_folder_as_it_was(tmp_path):
    for folder, before in ((tmp_path / "none" / "models", {}), (tmp_path / "old" / "models", model("old"))):
        if before:
            write(folder, "old")
        with pytest.raises(ZeroDivisionError), placed_in(folder) as beside:
            fill(beside, "new")
            raise ZeroDivisionError
        assert folder.exists() == bool(before) and not list(folder.parent.glob("*.partial"))
        assert not before or tree(folder) == before


def test_a_file_and_a_folder_of_one_name(tmp_path):
    """Each replaces the other."""
    folder = tmp_path / "models"
    write(folder, "old")
    with placed_in(folder) as beside:
        (beside / "1").write_text("a file")
        (beside / "model.tflite").mkdir()
        (beside / "model.tflite" / "part").write_text("a folder")
    expected = {"1": "a file", "model.tflite/part": "a folder", "vocabulary.json": "old"}
    assert tree(folder) == expected and sorted(os.listdir(folder)) == ["1", "model.tflite", "vocabulary.json"]


def test_the_folder_stays_the_same_one(tmp_path, monkeypatch):
    """It may be mounted, also as `.`, and a link stays a link."""
    write(tmp_path / "models", "old")
    before = (tmp_path / "models").stat().st_ino
    (tmp_path / "link").symlink_to("models")
    write(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink() and tree(tmp_path / "models") == model("new")
    monkeypatch.chdir(tmp_path / "models")
    write(Path("."), "newer")
    assert (tmp_path / "models").stat().st_ino == before and tree(tmp_path / "models") == model("newer")
    assert sorted(os.listdir(tmp_path / "models")) == ["1", "model.tflite", "vocabulary.json"]


def test_a_file_system_without_links_and_locks(tmp_path, monkeypatch):
    def none(*arguments):
        raise OSError(errno.EOPNOTSUPP, "not supported")

    monkeypatch.setattr(os, "link", none)
    monkeypatch.setattr("fcntl.flock", none)
    write(tmp_path / "models", "old")
    write(tmp_path / "models", "new")
    assert tree(tmp_path) == {f"models/{name}": text for name, text in model("new").items()}


def test_a_journal_that_leads_nowhere(tmp_path):
    """Is said in one sentence, until a model is written again."""
    folder = tmp_path / "models"
    for journal in (
        '{"from": "models.0123abcd.partial"}',
        '{"from": "../other"}',
        '{"from": ".."}',
        "[]",
        "{",
        '{"from": 3}',
    ):
        write(folder, "old")
        (tmp_path / "other" / reading.NEW).mkdir(parents=True, exist_ok=True)
        (folder / reading.JOURNAL).write_text(journal)
        with pytest.raises(OSError) as caught:
            newest(folder)
        assert str(caught.value) == (
            f"{folder}/placing.json: expected the name of the folder whose files were taking their places here when "
            "that was interrupted, got no such folder: write the model again, by export or train"
        )
        write(folder, "new")
        assert read_model(folder) == model("new") and tree(folder) == model("new")


def test_a_model_that_is_never_the_same(tmp_path):
    def read(here):
        write(tmp_path, "again")

    write(tmp_path, "old")
    with pytest.raises(OSError, match="expected a model that stays the same while it is read, got another one each"):
        read_whole(tmp_path, read)


def test_a_reader_that_fails_by_itself(tmp_path):
    """Isn't repeated, and says what it says; so does one of a folder that isn't there."""
    calls = []
    write(tmp_path / "models", "old")
    with pytest.raises(FileNotFoundError, match=r"absent\.json"):
        read_whole(tmp_path / "models", lambda here: calls.append(1) or (here / "absent.json").read_text())
    with pytest.raises(FileNotFoundError, match=r"none.model\.tflite"):
        read_whole(tmp_path / "none", lambda here: calls.append(1) or (here / "model.tflite").read_text())
    assert len(calls) == 2


def test_alone_in_a_folder(tmp_path):
    with alone_in(tmp_path / "training"):
        with pytest.raises(OSError, match=r"training: expected no other process at work here, got one"):
            alone_in(tmp_path / "training").__enter__()
        write_whole(tmp_path / "training" / "letters.npz", b"1")
    with alone_in(tmp_path / "training"):
        pass


# Files.


def disk_full(*arguments, **options):
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_file_is_written_whole_or_not(tmp_path, monkeypatch):
    path = tmp_path / "deep" / "file.json"
    write_whole(path, b"first")
    for name in ("replace", "fsync"):
        with monkeypatch.context() as patch:
            patch.setattr(os, name, disk_full)
            with pytest.raises(OSError) as caught:
                write_whole(path, "second")
        error = caught.value
        assert error.strerror == "No space left on device: make room, or choose a folder on another disk"
        assert error.filename == str(path) and path.read_bytes() == b"first" and list(path.parent.iterdir()) == [path]
    with path.open("rb") as reader:  # who reads the old file meanwhile reads it to its end
        write_whole(path, "zweite, für alle")
        assert reader.read() == b"first" and path.read_bytes() == "zweite, für alle".encode()
    with whole(path) as beside:
        beside.write_text(beside.suffix)  # by which some know what to write
    assert path.read_text() == ".json" and list(path.parent.iterdir()) == [path]


def test_what_a_killed_writer_of_a_file_left(tmp_path):
    """Goes with the next one; what a living one is writing stays, and what isn't ours."""
    for name in (
        "file.0123abcd.partial.json",
        "file.0123abcd.partial",
        "file.partial.json",
        "files.0123abcd.partial.json",
    ):
        (tmp_path / name).touch()

    with whole(tmp_path / "file.json") as beside:
        write_whole(tmp_path / "file.json", "inner")
        beside.write_text("outer")
    assert (tmp_path / "file.json").read_text() == "outer"
    assert sorted(os.listdir(tmp_path)) == [
        "file.0123abcd.partial",
        "file.json",
        "file.partial.json",
        "files.0123abcd.partial.json",
    ]
