"""A model's folder in use: what is missing or damaged in it."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from apps.pipeline import running, unproven
from apps.pipeline.errors import DataError

SHIPPED = Path(__file__).parents[1] / "saved_models" / "sentiment"


def one_sentence(error):
    message = str(error.value)
    assert "\n" not in message and len(message) < 1000
    return message


@pytest.mark.parametrize(("artifact", "name"), [("litert", "model.tflite"), ("litert_int8", "model_int8.tflite")])
def test_no_or_damaged_litert_file(tmp_path, artifact, name):
    with pytest.raises(DataError, match=rf"expected a trained model in .*, got no {name} there"):
        running.LiteRT(tmp_path, artifact)
    for content in (b"", b"not a model", bytes(1000)):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DataError, match=rf"expected a LiteRT model in .*{name}, got a damaged file") as error:
            running.LiteRT(tmp_path, artifact)
        one_sentence(error)


def test_a_litert_file_that_ends_the_process_that_loads_it(tmp_path, monkeypatch):
    """Is found out by another one, if no hash tells that it is whole; a whole one is tried once."""
    started, run = [], subprocess.run
    monkeypatch.setattr(subprocess, "run", lambda *words, **options: started.append(words) or run(*words, **options))
    monkeypatch.setattr(unproven, "_loaded", set())
    shutil.copy(SHIPPED / "model.tflite", tmp_path)
    for _ in range(2):
        running.LiteRT(tmp_path, "litert")
    running.LiteRT(SHIPPED, "litert_int8")  # which has a hash
    assert len(started) == 1
    monkeypatch.setattr(unproven, "RUN", "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)")
    (tmp_path / "model.tflite").write_bytes((tmp_path / "model.tflite").read_bytes() + b" ")
    with pytest.raises(DataError, match=r"got a damaged file \(it ends the process that loads it\)") as error:
        running.LiteRT(tmp_path, "litert")
    one_sentence(error)


def test_no_or_damaged_saved_model(tmp_path):
    with pytest.raises(DataError, match=r"expected a SavedModel in .*1, got none"):
        running.load_saved_model(tmp_path / "1")
    (tmp_path / "1").mkdir()
    with pytest.raises(DataError, match=r"expected a SavedModel in .*1, got none"):
        running.load_saved_model(tmp_path / "1")
    for content in (b"", b"\x0a\xff\xff"):
        (tmp_path / "1" / "saved_model.pb").write_bytes(content)
        with pytest.raises(DataError, match=r"expected a SavedModel in .*1, got a damaged one \(\w+\)") as error:
            running.load_saved_model(tmp_path / "1")
        one_sentence(error)


def test_one_or_many():
    assert running.one_or_many(len, "four") == 4
    assert running.one_or_many(len, (text for text in ("four", ""))) == [4, 0]


def test_the_module_does_not_import_tensorflow():
    assert running.__name__ in sys.modules
    assert "tensorflow" not in vars(running) and "keras" not in vars(running)
