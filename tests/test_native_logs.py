"""What C++ libraries log is kept from the user; what Python says isn't."""

import os
import subprocess
import sys
import threading

import pytest

import native_logs

LOGGED = [
    "I0000 00:00:1795619864.464839   24009 cudart_stub.cc:31] Could not find cuda drivers on your machine.",
    "E0000 00:00:1795619890.382753   24009 cuda_platform.cc:52] failed call to cuInit",
    "W1125 15:18:30.123456 24009 converter.cc:9] something odd",
    "2026-11-25 15:18:30.464839: W tensorflow/core/framework.cc:31] careful",
    "INFO: Created TensorFlow Lite XNNPACK delegate for CPU.",
    "WARNING: [npu_registry.cc:34] NPU accelerator could not be loaded",
    "ERROR: [compiler.cc:34] libopenvino.so\n└ cannot open shared object file\n  or another line of it",
    "fully_quantize: 0, inference_type: 6, input_inference_type: FLOAT32, output_inference_type: FLOAT32",
    "WARNING: All log messages before absl::InitializeLog() is called are written to STDERR",
]
SAID = [
    "F0000 00:00:1795619864.464839   24009 cudnn.cc:31] the end",
    "Information: 3 of 4",
    "python: can't open file 'x.py'",
    "  100%|#####|",
]


@pytest.mark.parametrize("line", LOGGED)
def test_lines_in_the_form_of_a_logger_are_dropped(line, capfd):
    with native_logs.filtered():
        os.write(2, f"{line}\n".encode())
    os.write(2, b"after\n")
    assert capfd.readouterr().err == "after\n"


@pytest.mark.parametrize("line", SAID)
def test_other_lines_pass(line, capfd):
    with native_logs.filtered():
        os.write(2, f"{line}\n".encode())
        os.write(2, b"without an end")
    assert capfd.readouterr().err == f"{line}\nwithout an end"


def test_debug_and_the_environment_let_all_pass(capfd, monkeypatch):
    with native_logs.filtered(debug=True):
        os.write(2, f"{LOGGED[0]}\n".encode())
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "0")
    with native_logs.filtered():
        os.write(2, f"{LOGGED[1]}\n".encode())
    assert capfd.readouterr().err == f"{LOGGED[0]}\n{LOGGED[1]}\n"


def test_threads_share_the_filter_and_the_last_one_takes_it_out(capfd):
    inside, leave = threading.Barrier(3), threading.Event()

    def work(first):
        with native_logs.filtered():
            inside.wait()
            if not first:
                leave.wait()

    threads = [threading.Thread(target=work, args=(first,)) for first in (True, False)]
    for thread in threads:
        thread.start()
    inside.wait()
    threads[0].join()
    os.write(2, f"{LOGGED[0]}\n".encode())  # the other is still inside
    leave.set()
    threads[1].join()
    os.write(2, b"after\n")
    assert capfd.readouterr().err == "after\n"


CODE = """
import os, sys, warnings
import native_logs
native_logs.filter_until_the_end()
os.write(2, b"I0000 00:00:1795619864.464839   24009 cudart_stub.cc:31] Could not find cuda\\n")
print("said", file=sys.stderr)
warnings.warn("careful")
os.system("echo INFO: Created by a child >&2; echo from a child >&2")
import time; time.sleep(0.2)
raise ValueError("wrong")
"""


def test_a_process_is_quiet_to_its_end_and_python_is_heard():
    environment = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
    environment["PYTHONPATH"] = os.pathsep.join(sys.path)
    done = subprocess.run([sys.executable, "-c", CODE], env=environment, capture_output=True, text=True)
    assert done.returncode == 1 and "I0000" not in done.stderr and "Created" not in done.stderr
    for part in ("said\n", "UserWarning: careful", "from a child\n", "Traceback", "ValueError: wrong"):
        assert part in done.stderr


EXPORT = """
import sys
import keras_rnn, keras
model = keras.Sequential([keras.Input((None, 2)), keras_rnn.LSTM(3)])
keras_rnn.export(model, sys.argv[1], formats=["saved_model", "litert"])
"""


def test_export_as_a_call_is_quiet(tmp_path):
    environment = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
    environment["PYTHONPATH"] = os.pathsep.join(sys.path)
    command = [sys.executable, "-c", EXPORT, tmp_path / "out"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")
    told = [line for line in done.stderr.splitlines() if line.strip()]
    assert len(told) <= 3, told  # at the end of a process LiteRT says which accelerators it lets go
