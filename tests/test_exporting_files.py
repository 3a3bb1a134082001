"""keras_rnn.export: files appear together, or none does."""

import errno
import resource
import subprocess
import sys
import tempfile
import textwrap

import keras
import numpy as np
import pytest
from closeness import assert_close
from exported_models import FEATURES, ONE_STEP, agree, numbers, run_litert, run_saved_model, small, stranger

from keras_rnn import GRU, LSTM, ExportError, artifacts, export
from whole_files import newest


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_files_are_replaced_together(tmp_path, monkeypatch):
    """And what else is in the folder stays; after an error everything does."""
    folder = tmp_path / "files"
    export(small(), folder, inputs=ONE_STEP)
    (folder / "README.md").write_text("mine")
    (folder / "1" / "assets" / "old").write_text("old")
    model = small(GRU)
    exported = export(model, str(folder), inputs=ONE_STEP)
    assert {path.name for path in folder.iterdir()} == {"1", "model.tflite", "README.md"}
    assert (folder / "README.md").read_text() == "mine" and not (folder / "1" / "assets" / "old").exists()
    assert exported["saved_model"].path == folder / "1" and exported["litert"].path == folder / "model.tflite"
    assert exported["saved_model"].size == sum(
        len(content) for name, content in contents(folder).items() if name.startswith("1/")
    )
    for run in (run_saved_model(folder), run_litert(folder)):
        agree({"answer": np.array(model(numbers(9)))}, run, {"x": numbers(9)})
    before = contents(tmp_path)
    with pytest.raises(ExportError):
        export(stranger(), folder, inputs=ONE_STEP)
    with monkeypatch.context() as patch:
        patch.setattr(artifacts, "write_whole", disk_full)
        with pytest.raises(OSError, match="No space left on device"):  # not as if the model were to blame
            export(small(), folder, inputs=ONE_STEP)
    assert contents(tmp_path) == before and list(tmp_path.iterdir()) == [folder]


@pytest.mark.parametrize("name", ["saved_model", "litert"])
def test_a_disk_that_takes_no_large_file(name, tmp_path, monkeypatch):
    """In the output's folder or in TMPDIR: the system's error, which names the file, and nothing is left."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    x = keras.Input((None, FEATURES), name="x")
    large = keras.Model(x, LSTM(200)(x))  # 0.7 MB
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, limits[1]))
    try:
        with pytest.raises(OSError, match="File too large") as caught:
            export(large, tmp_path / "files", formats=[name], inputs=ONE_STEP)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert caught.value.errno == errno.EFBIG and caught.value.filename.startswith(str(tmp_path))
    left = [path for path in contents(tmp_path) if "__autograph_generated_file" not in str(path)]  # TensorFlow's own
    assert not left and not (tmp_path / "files").exists()


def disk_full(*arguments):
    raise OSError(errno.ENOSPC, "No space left on device")


KILLED = """
    import os, signal, sys
    import keras, numpy as np
    import keras_rnn, whole_files.folders

    place, placed = whole_files.folders.place, []
    def place_or_die(source, target, aside):
        if str(target.parent) == sys.argv[1]:
            if len(placed) == int(sys.argv[2]):
                os.kill(os.getpid(), signal.SIGKILL)
            placed.append(target)
        place(source, target, aside)
    whole_files.folders.place = place_or_die
    x = keras.Input((None, 3), name="x")
    model = keras.Model(x, keras_rnn.SimpleRNN(4)(x))
    keras_rnn.export(model, sys.argv[1], formats=["saved_model", "litert"], inputs=[{"x": np.ones((1, 1, 3))}])
"""


@pytest.mark.slow
def test_a_process_that_is_killed(tmp_path):
    """When one of two files is in its place: the whole new model is there, and the next export tidies up."""
    folder = tmp_path / "files"
    export(small(), folder, inputs=ONE_STEP)
    command = [sys.executable, "-c", textwrap.dedent(KILLED), str(folder), "1"]
    done = subprocess.run(command, stderr=subprocess.PIPE)
    assert done.returncode == -9, done.stderr.decode()
    here = newest(folder)
    assert here != folder and {path.name for path in here.iterdir()} == {"1", "model.tflite"}
    found = [run(x=numbers(9))["simple_rnn"] for run in (run_saved_model(here), run_litert(here))]
    assert_close(*found)
    export(small(GRU), folder, inputs=ONE_STEP)
    assert {path.name for path in folder.iterdir()} == {"1", "model.tflite"} and list(tmp_path.iterdir()) == [folder]


def test_a_file_in_the_folders_place(tmp_path):
    (tmp_path / "files").write_text("mine")
    with pytest.raises(NotADirectoryError, match="expected a folder, got a file"):
        export(small(), tmp_path / "files", inputs=ONE_STEP)
    assert (tmp_path / "files").read_text() == "mine" and len(list(tmp_path.iterdir())) == 1
