"""What tests share: trained apps, a process that knows nothing of ours, and which tests run in one process."""

import functools
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from app_table import APPS

# The groups that take longest, in this order, so that no process begins one of them when the others have ended.
SLOWEST_FIRST = ("test_exporting", "test_benchmarks", *APPS)


def group_of(nodeid: str) -> str:
    """Tests of a group run in one process: those of a file; those of an app, whose model is trained once for them."""
    file, _, test = nodeid.partition("::")
    stem = Path(file).stem
    if stem == "test_contract":
        return re.split(r"[\[\]-]", f"{test}[")[1]
    return next((name for name in APPS if f"{stem}_".startswith(f"test_{name}_")), stem)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    from xdist.scheduler import LoadFileScheduling

    class LoadGroups(LoadFileScheduling):
        def _split_scope(self, nodeid):
            return group_of(nodeid)

    return LoadGroups(config, log)


def pytest_collection_modifyitems(items):
    place = {name: number for number, name in enumerate(SLOWEST_FIRST)}
    items.sort(key=lambda item: place.get(group_of(item.nodeid), len(place)))


@pytest.fixture
def app(request, loaded_once):
    """The row of an app: the one that a test has as a parameter, or that its file is named after. `train --quick`
    follows its small recipe as long as the test runs."""
    row = APPS[getattr(request, "param", request.path.stem.removeprefix("test_"))]
    with row.small():
        yield row


@pytest.fixture(scope="session")
def load_once():
    """tf.saved_model.load, which takes seconds, once for each folder: no test writes into one that it has loaded."""
    import tensorflow as tf

    return functools.cache(tf.saved_model.load)


@pytest.fixture
def loaded_once(load_once):
    import tensorflow as tf

    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(tf.saved_model, "load", load_once)
        yield


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """The name of an app -> its small data, and the folder of a model that has learnt from them."""

    @functools.cache
    def make(name):
        folder = tmp_path_factory.mktemp(name)
        (folder / "data").mkdir()
        data = APPS[name].write_data(folder / "data")
        try:
            APPS[name].train(data, folder / "new" / "model")
        except Exception as error:  # said by each test, and not tried again
            return data, error
        return data, folder / "new" / "model"

    return make


@pytest.fixture
def data(app, made):
    """The app's small data, as `--data` takes it."""
    return made(app.name)[0]


@pytest.fixture
def trained(app, made):
    """The folder of the app's trained model, not to be changed."""
    folder = made(app.name)[1]
    if isinstance(folder, Exception):
        raise folder
    return folder


@pytest.fixture
def copy(trained, tmp_path):
    """A copy of that folder, to be changed."""
    return Path(shutil.copytree(trained, tmp_path / "copy"))


ELSEWHERE = """
import json, sys
for name in ("keras", "keras_rnn", "apps"):
    sys.modules[name] = None  # an import of it fails
import tensorflow as tf
for line in sys.stdin:
    folder, signature, inputs = json.loads(line)
    loaded = tf.saved_model.load(folder)
    run = loaded.signatures[signature]
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
