"""What tests share: the order of their files, and a process that knows nothing of ours."""

import json
import subprocess
import sys

import pytest

# The files that take longest, in this order, so that no process begins one of them when the others have ended.
SLOWEST_FIRST = ("test_exporting", "test_benchmarks", "test_apps", "test_word_reversal", "test_chinese_pos")


def pytest_collection_modifyitems(items):
    place = {name: number for number, name in enumerate(SLOWEST_FIRST)}
    items.sort(key=lambda item: place.get(item.path.stem, len(place)))


ELSEWHERE = """
import json, sys
for name in ("keras", "keras_rnn", "apps"):
    sys.modules[name] = None  # an import of it fails
import tensorflow as tf
for line in sys.stdin:
    folder, signature, inputs = json.loads(line)
    run = tf.saved_model.load(folder).signatures[signature]
    types = {name: spec.dtype for name, spec in run.structured_input_signature[1].items()}
    found = run(**{name: tf.constant(value, types[name]) for name, value in inputs.items()})
    values = {name: value.numpy().tolist() for name, value in found.items()}
    print(json.dumps(values, default=bytes.decode), flush=True)
"""


@pytest.fixture(scope="session")
def elsewhere(tmp_path_factory):
    """Answers of a SavedModel by a process with TensorFlow and nothing of ours: (folder, signature, inputs) -> lists.

    One process for all tests of a session: TensorFlow takes seconds to import.
    """
    errors = open(tmp_path_factory.mktemp("elsewhere") / "errors.txt", "w+", encoding="utf-8")  # noqa: SIM115
    options = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": errors, "text": True}
    process = subprocess.Popen([sys.executable, "-c", ELSEWHERE], cwd=tmp_path_factory.getbasetemp(), **options)

    def run(folder, signature="serving_default", **inputs):
        try:
            process.stdin.write(json.dumps([str(folder), signature, inputs]) + "\n")
            process.stdin.flush()
            return json.loads(process.stdout.readline())
        except (BrokenPipeError, json.JSONDecodeError):
            errors.seek(0)
            pytest.fail(errors.read())

    yield run
    process.stdin.close()
    process.wait()
    process.stdout.close()
    errors.close()
