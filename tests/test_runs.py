"""One training at a time in a folder, and none that is lost by beginning it anew."""

import subprocess
import sys

import numpy as np
import pytest

from apps.pipeline import runs
from apps.pipeline.errors import DataError
from apps.pipeline.runs import alone
from apps.sentiment.data import LabelledTexts


def train(output, resume=False, checkpoint=True, fails=False):
    with alone(output, resume):
        if checkpoint:
            (output / "training" / "labels.npz").write_bytes(b"weights")
        if fails:
            raise KeyboardInterrupt


def contents(folder):
    return {path.name for path in folder.rglob("*") if path.is_file()}


def test_a_finished_run_may_be_repeated(tmp_path):
    train(tmp_path / "out")
    assert contents(tmp_path) == {"labels.npz"}
    train(tmp_path / "out")


def test_an_unfinished_run_is_taken_up_and_not_overwritten(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path, fails=True)
    with pytest.raises(DataError, match=r"expected --resume or another --output, .* isn't finished; to begin anew"):
        train(tmp_path, checkpoint=False)
    assert contents(tmp_path) == {"labels.npz", "unfinished"}
    train(tmp_path, resume=True)
    train(tmp_path)


def test_a_run_that_left_nothing_leaves_no_folder(tmp_path):
    (tmp_path / "kept").mkdir()
    for output in (tmp_path / "new" / "out", tmp_path / "kept"):
        with pytest.raises(KeyboardInterrupt):
            train(output, checkpoint=False, fails=True)
    assert [path.name for path in tmp_path.iterdir()] == ["kept", "new"] or not (tmp_path / "new" / "out").exists()
    assert not list((tmp_path / "kept").iterdir())


def test_a_second_training_in_the_folder_is_refused_and_a_killed_one_is_no_obstacle(tmp_path):
    code = f"from apps.pipeline.runs import alone\nwith alone(__import__('pathlib').Path({str(tmp_path)!r}), False):\n"
    code += "    print('at work', flush=True); input()"
    other = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert other.stdout.readline() == "at work\n"
    with pytest.raises(OSError, match="expected no other process at work here"):
        train(tmp_path)
    other.kill()
    other.communicate()
    train(tmp_path)
    assert contents(tmp_path) == {"labels.npz"}


def test_a_sample_is_of_the_same_kind(monkeypatch):
    monkeypatch.setattr(runs, "SAMPLED", 4)
    monkeypatch.setattr(runs, "SYMBOLS", 2)
    texts = LabelledTexts([str(number) for number in range(10)], np.arange(10, dtype=np.int32) % 2, ("n", "p"))
    found = runs.sample(texts)
    assert found.texts == ["0", "3", "6", "9"] and found.labels.tolist() == [0, 1, 0, 1]
    assert runs.sample({"a": list(range(10)), "b": [1]}) == {"a": [0, 3, 6, 9], "b": [1]}
    first, second = runs.sample((np.arange(100), np.arange(3)))
    assert first.tolist() == list(range(8)) and second.tolist() == [0, 1, 2]
