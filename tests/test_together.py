"""Several processes, or several devices of one, train what one process trains."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from app_table import APPS

from apps.pipeline.batches import Batches

TESTS = Path(__file__).parent
NEAR = 1e-5  # of weights after an epoch: sums of floating-point numbers in another order


def addresses(count: int) -> str:
    """As --workers takes them, of free ports of this machine."""
    with contextlib.ExitStack() as open_ones:
        sockets = [open_ones.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return ",".join(f"127.0.0.1:{each.getsockname()[1]}" for each in sockets)


def begin(app: str, *arguments) -> subprocess.Popen:
    """A process of worker_process.py."""
    command = [sys.executable, TESTS / "worker_process.py", app, *map(str, arguments)]
    paths = os.pathsep.join([str(TESTS), str(TESTS.parent)])
    environment = {**os.environ, "PYTHONPATH": paths, "TF_CPP_MIN_LOG_LEVEL": "3"}
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def end(processes: list[subprocess.Popen], expected: int = 0) -> list[str]:
    """What they have printed, when all have ended with that exit status."""
    try:
        printed = [process.communicate(timeout=300)[0] for process in processes]
    finally:
        for process in processes:
            process.kill()
    assert [process.returncode for process in processes] == [expected] * len(processes), "\n---\n".join(printed)
    return printed


def together(app: str, count: int, *arguments) -> list[str]:
    """What so many workers print, who train together."""
    listed = addresses(count)
    return end([begin(app, *arguments, "--workers", listed, "--worker", number) for number in range(count)])


def left(folder: Path) -> tuple[list[np.ndarray], list[dict[str, float]]]:
    """The weights that a training has left, and the history of its last stage."""
    path = max((folder / "training").glob("*.npz"), key=lambda path: path.stat().st_mtime_ns)
    with np.load(path) as stage, np.load(folder / "weights.npz") as weights:
        return list(weights.values()), json.loads(str(stage["about"]))["history"]


def expect_same(folder: Path, other: Path) -> None:
    (weights, history), (theirs, their_history) = left(folder), left(other)
    for ours, each in zip(weights, theirs, strict=True):
        np.testing.assert_allclose(ours, each, atol=NEAR)
    assert len(history) == len(their_history)
    for logs, each in zip(history, their_history, strict=True):
        assert logs == pytest.approx(each, rel=1e-4, abs=1e-6)
    assert np.abs(weights[0]).max() > 0.01


@pytest.fixture
def small(tmp_path):
    """The name of an app -> its small data."""

    def make(name):
        (tmp_path / "data").mkdir()
        return APPS[name].write_data(tmp_path / "data")

    return make


def check(name, small, tmp_path, *flags, workers=2):
    """That an app's workers have the weights and the history of one process."""
    arguments = ["--epochs", 1, "--data", *small(name)]
    end([begin(name, *arguments, "--output", tmp_path / "one")])
    if workers > 1:
        first, *others = together(name, workers, *arguments, "--output", tmp_path / "several", *flags)
        assert all("waiting for the others" in printed for printed in (first, *others))
    else:
        end([begin(name, *arguments, "--output", tmp_path / "several", *flags)])
    expect_same(tmp_path / "one", tmp_path / "several")


@pytest.mark.slow
@pytest.mark.parametrize("name", APPS)
def test_two_workers_train_what_one_process_does(name, small, tmp_path):
    check(name, small, tmp_path)


@pytest.mark.slow
def test_more_workers_than_the_last_batch_has_examples(small, tmp_path):
    check("mnist_rows", small, tmp_path, workers=4)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["chinese_pos", "shakespeare"])
def test_replicas_in_one_process(name, small, tmp_path):
    check(name, small, tmp_path, "--replicas", 3, workers=1)


@pytest.mark.slow
def test_a_killed_worker_ends_the_others_with_a_sentence_and_another_number_of_them_resumes(small, tmp_path):
    name, listed = "word_reversal", addresses(2)
    arguments = ["--epochs", 8, "--data", *small(name)]
    end([begin(name, *arguments, "--output", tmp_path / "one")])
    cut = [*arguments, "--output", tmp_path / "cut"]
    processes = [begin(name, *cut, "--workers", listed, "--worker", number) for number in range(2)]
    deadline = time.monotonic() + 200
    while not list(tmp_path.glob("cut/training/*.npz")) and time.monotonic() < deadline:
        time.sleep(0.05)
    processes[1].send_signal(signal.SIGKILL)
    killed = time.monotonic()
    (printed,) = end(processes[:1], expected=2)
    assert time.monotonic() - killed < 30
    processes[1].communicate()
    assert printed.count("error: ") == 1 and "expected all 2 workers to go on, got one that ended" in printed
    together(name, 3, *cut, "--resume")
    expect_same(tmp_path / "one", tmp_path / "cut")


@pytest.mark.slow
def test_workers_with_other_data_are_told(small, tmp_path):
    data, listed = small("word_reversal"), addresses(2)
    (tmp_path / "other.tsv").write_text("here\tthere\n" * 6, encoding="utf-8")
    flags = [["--data", *data], ["--data", tmp_path / "other.tsv"]]
    processes = [
        begin("word_reversal", *each, "--output", tmp_path / str(number), "--workers", listed, "--worker", number)
        for number, each in enumerate(flags)
    ]
    printed = end(processes, expected=2)
    assert "expected the data and flags of worker 0" in printed[1]
    assert not (tmp_path / "1").exists()


def numbered(rows: int, batch_size: int) -> Batches:
    """Batches of (numbers of rows, what all of them share)."""
    batches = [np.arange(start, min(start + batch_size, rows)) for start in range(0, rows, batch_size)]
    signature = (tf.TensorSpec((None,), tf.int32), tf.TensorSpec((), tf.int32))
    return Batches(lambda _: batches, lambda rows, _: (rows.astype(np.int32), np.int32(7)), signature, common=[1])


def test_shares_have_each_row_once_in_its_place():
    shares = [
        [(list(rows), common) for rows, common in numbered(10, 4).shares(3, [share]).as_numpy_iterator()]
        for share in range(3)
    ]
    rows = [[share[batch][0] for share in shares] for batch in range(3)]
    assert rows == [[[0], [1], [2, 3]], [[4], [5], [6, 7]], [[], [8], [9]]]
    assert {common for share in shares for _, common in share} == {7}
    both = [list(rows) for rows, _ in numbered(10, 4).shares(3, [1, 2]).as_numpy_iterator()]
    assert both == [[1], [2, 3], [5], [6, 7], [8], [9]]
