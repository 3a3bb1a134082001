"""Several processes train what one process trains."""

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
from worker_process import train

from apps.pipeline.batches import Batches

TESTS = Path(__file__).parent
NEAR = 1e-5  # sums of floating-point numbers in another order


def begin(folder: Path, epochs: int, count: int) -> list[subprocess.Popen]:
    """So many processes of worker_process.py, at free ports of this machine."""
    with contextlib.ExitStack() as open_ones:
        sockets = [open_ones.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        addresses = ",".join(f"127.0.0.1:{each.getsockname()[1]}" for each in sockets)
    paths = os.pathsep.join([str(TESTS), str(TESTS.parent)])
    options = {"env": {**os.environ, "PYTHONPATH": paths, "TF_CPP_MIN_LOG_LEVEL": "3"}, "text": True}
    command = [sys.executable, TESTS / "worker_process.py", folder, str(epochs)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    return [subprocess.Popen([*command, str(number), addresses], **options, **pipes) for number in range(count)]


def end(processes: list[subprocess.Popen], expected: int = 0) -> list[str]:
    """What they have printed, when all have ended with that exit status."""
    try:
        printed = [process.communicate(timeout=300)[0] for process in processes]
    finally:
        for process in processes:
            process.kill()
    assert [process.returncode for process in processes] == [expected] * len(processes), "\n---\n".join(printed)
    return printed


def expect_same(folder: Path, other: Path) -> None:
    """That two checkpoints have the same best weights and the same history."""
    with np.load(folder / "small.npz") as ours, np.load(other / "small.npz") as theirs:
        best = [name for name in ours.files if name.startswith("best_")]
        assert len(best) == len([name for name in theirs.files if name.startswith("best_")]) > 5
        for name in best:
            np.testing.assert_allclose(ours[name], theirs[name], atol=NEAR)
        histories = [json.loads(str(each["about"]))["history"] for each in (ours, theirs)]
    assert len(histories[0]) == len(histories[1])
    for logs, each in zip(*histories, strict=True):
        assert logs == pytest.approx(each, abs=1e-4)


def test_two_processes_train_what_one_does(tmp_path):
    train(tmp_path / "one", 2)
    first, second = end(begin(tmp_path / "two", 2, 2))
    assert "worker 0 of 2: waiting for the others" in first and "worker 1 of 2: waiting" in second
    expect_same(tmp_path / "one", tmp_path / "two")


@pytest.mark.slow
def test_a_killed_one_ends_the_others_with_a_sentence_and_another_number_of_them_goes_on(tmp_path):
    epochs = 60
    processes = begin(tmp_path / "cut", epochs, 2)
    deadline = time.monotonic() + 200
    while not (tmp_path / "cut" / "small.npz").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    processes[1].send_signal(signal.SIGKILL)
    killed = time.monotonic()
    (printed,) = end(processes[:1], expected=1)
    assert time.monotonic() - killed < 30
    processes[1].communicate()
    assert printed.splitlines()[-1].startswith("expected all 2 workers to go on, got one that ended")
    with np.load(tmp_path / "cut" / "small.npz") as cut:
        done = len(json.loads(str(cut["about"]))["history"])
        first = json.loads(str(cut["about"]))["history"][0]
    assert 0 < done < epochs
    fitted = train(tmp_path / "cut", epochs)
    assert len(fitted.history) == epochs and fitted.history[0] == first
    assert fitted.history[-1]["loss"] < first["loss"]


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
