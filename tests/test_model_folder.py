"""A model's folder as it is read: damage, other models' files and strange values are one sentence, for every app."""

import json
import shutil
import threading
from pathlib import Path

import numpy as np
import pytest
from grids import rows_of

from apps import chinese_pos, mnist_rows, sentiment, shakespeare, word_reversal
from apps.pipeline import model_folder, publishing, running
from apps.pipeline.errors import DataError

SHIPPED = Path(__file__).parents[1] / "saved_models"
APPS = {
    "sentiment": lambda folder: sentiment.load(folder).classify("A warm, funny film."),
    "mnist_rows": lambda folder: mnist_rows.load(folder).probabilities(np.eye(28, dtype=np.float32)).argmax(),
    "shakespeare": lambda folder: shakespeare.load(folder).write("ROMEO:", 5),
    "word_reversal": lambda folder: word_reversal.load(folder).reverse("stressed").reversed,
    "chinese_pos": lambda folder: chinese_pos.load(folder).tag("我爱自然语言处理。"),
}
every_app = pytest.mark.parametrize("app", APPS)


def about(app):
    """The JSON file of an app's model."""
    return "labels.json" if app == "mnist_rows" else "vocabulary.json"


def all_about(app):
    """All JSON files of an app's model."""
    return sorted(path.name for path in (SHIPPED / app).glob("*.json") if path.name != "results.json")


@pytest.fixture
def copy(tmp_path):
    """A function: the app -> a copy of what its shipped model's LiteRT file needs; without hashes if wanted."""

    def make(app, hashes=True):
        folder = tmp_path / app
        folder.mkdir()
        for name in ("model.tflite", "model_int8.tflite", *all_about(app), *(["results.json"] if hashes else [])):
            shutil.copy(SHIPPED / app / name, folder)
        return folder

    return make


def sentence_of(call, *arguments):
    with pytest.raises(DataError) as error:
        call(*arguments)
    assert "\n" not in str(error.value) and str(error.value).startswith("expected ")
    return str(error.value)


@every_app
def test_every_file_that_is_shipped_has_its_hash(app):
    results = publishing.read_results(SHIPPED / app)
    hashes = publishing.hashes(results)
    assert hashes.keys() == {*(publishing.FILES[name] for name in results["artifacts"]), *all_about(app)}
    for name, expected in hashes.items():
        assert publishing.fingerprint(SHIPPED / app / name)["sha256"] == expected, name


@every_app
def test_one_bit_is_noticed_wherever_it_is(app, copy):
    folder, generator = copy(app), np.random.default_rng(1)
    for name in ("model.tflite", "model_int8.tflite"):  # one of the two answers
        (folder / name).write_bytes((folder / name).read_bytes()[:-1] + b"?")
    assert ".tflite as it was written" in sentence_of(APPS[app], folder)
    for name in ("model.tflite", "model_int8.tflite"):
        shutil.copy(SHIPPED / app / name, folder)
    for name in ("model.tflite", "model_int8.tflite", *all_about(app)):
        content = (folder / name).read_bytes()
        for place in generator.integers(len(content), size=3):
            changed = bytearray(content)
            changed[place] ^= 1 << generator.integers(8)
            (folder / name).write_bytes(changed)
            assert f"{name} as it was written" in sentence_of(model_folder.read, folder, name)
        if name.endswith(".json"):
            assert f"{name} as it was written" in sentence_of(APPS[app], folder)
        (folder / name).write_bytes(content)
    APPS[app](folder)


@every_app
def test_a_folder_without_hashes_loads_and_answers_the_same(app, copy):
    assert str(APPS[app](copy(app, hashes=False))) == str(APPS[app](SHIPPED / app))


@every_app
def test_another_apps_model_is_named(app, copy):
    other = next(name for name in APPS if name != app)
    folder = copy(app)
    shutil.copy(SHIPPED / other / "results.json", folder)
    assert f"expected a model of {app} in {folder}, got one of {other}" in sentence_of(APPS[app], folder)
    (folder / "results.json").unlink()
    shutil.copy(SHIPPED / other / "model.tflite", folder)
    sentence_of(APPS[app], folder)


def strange_values():
    """What may stand in a field instead of its value."""
    return [None, True, -1, 10**20, 1.5, "", "x", [], [None], {}, {"a": 1}, ["a", "a"]]


@pytest.mark.parametrize("app", rows_of([*APPS], lambda app: app != "chinese_pos"))  # whose file is large
def test_a_field_of_another_type_or_size_is_one_sentence_or_no_harm(app, copy):
    folder = copy(app, hashes=False)
    path = folder / about(app)
    content = json.loads(path.read_text(encoding="utf-8"))
    refused = 0
    for field in content:
        for value in [*strange_values(), ...]:
            changed = {name: old for name, old in content.items() if name != field}
            changed |= {} if value is ... else {field: value}
            path.write_text(json.dumps(changed), encoding="utf-8")
            try:
                APPS[app](folder)
            except DataError as error:
                assert "\n" not in str(error) and str(folder) in str(error)
                refused += 1
    assert refused > 6 * len(content)


@every_app
@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"\xff\xfe{", b"[" * 100_000, b'{"a":' * 100_000], ids=len)
def test_a_file_that_isnt_json_or_is_nested_deeply_is_one_sentence(app, content, copy):
    folder = copy(app, hashes=False)
    (folder / about(app)).write_bytes(content)
    assert str(folder / about(app)) in sentence_of(APPS[app], folder)


@every_app
def test_a_structure_byte_of_a_model_is_one_sentence_or_no_harm(app, copy):
    folder, generator = copy(app, hashes=False), np.random.default_rng(3)
    content = (folder / "model.tflite").read_bytes()
    for place in (0, 4, 8, len(content) // 2, len(content) - 20):
        (folder / "model.tflite").write_bytes(content[:place])
        sentence_of(APPS[app], folder)
    for place in generator.integers(0, 64, 10):
        changed = bytearray(content)
        changed[place] ^= int(generator.integers(1, 256))
        (folder / "model.tflite").write_bytes(changed)
        try:
            APPS[app](folder)
        except DataError as error:
            assert "\n" not in str(error)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("app", "../../README"),
        ("app", "os"),
        ("app", 3),
        ("artifacts", []),
        ("artifacts", {"litert": {"file": "../model.tflite", "bytes": 1}}),
        ("artifacts", {"litert": {"file": "model.tflite", "bytes": "1"}}),
        ("artifacts", {"other": {"file": "model.tflite", "bytes": 1}}),
        ("files", {"vocabulary.json": 3}),
        ("training", {"stages": [3]}),
        ("training", {"stages": [{"stage": "a", "seconds": "3", "epochs": 1, "result": ""}]}),
        ("training", "done"),
    ],
)
def test_results_with_a_strange_field_are_one_sentence_and_write_nothing(field, value, copy):
    folder = copy("sentiment")
    results = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    (folder / "results.json").write_text(json.dumps(results | {field: value}), encoding="utf-8")
    before = {path: path.read_bytes() for path in folder.iterdir()}
    assert "results.json" in sentence_of(
        model_folder.record, folder, "sentiment", "litert", lambda here: None, "a command"
    )
    sentence_of(sentiment.load, folder)
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


def test_a_folder_that_is_replaced_while_it_is_opened_gives_one_whole_model(tmp_path):
    def write(version):
        (tmp_path / "vocabulary.json").write_text(version, encoding="utf-8")
        (tmp_path / "model.tflite").write_text(version, encoding="utf-8")
        listed = {name: publishing.fingerprint(tmp_path / name) for name in ("vocabulary.json", "model.tflite")}
        (tmp_path / "results.json").write_text(json.dumps({"app": "sentiment", "files": listed}), encoding="utf-8")

    versions = iter(["new", "newer"])

    def make(folder):
        first = model_folder.read(folder, "vocabulary.json")
        if version := next(versions, None):
            write(version)  # by another process, at the worst moment
        return first, model_folder.read(folder, "model.tflite")

    write("old")
    assert model_folder.opened(tmp_path, "sentiment", make) == (b"newer", b"newer")


@pytest.mark.parametrize("threads", [2, 8])
@every_app
def test_threads_share_a_model_and_get_right_answers(app, threads):
    shared = {
        "sentiment": lambda: sentiment.load().classify,
        "mnist_rows": lambda: lambda number: mnist.probabilities(np.full((28, 28), number / 40, np.float32)).tolist(),
        "shakespeare": lambda: lambda prompt: author.write(prompt, 8),
        "word_reversal": lambda: lambda word: translator.reverse(word).reversed,
        "chinese_pos": lambda: chinese_pos.load().tag,
    }
    mnist, author, translator = mnist_rows.load(), shakespeare.load(), word_reversal.load()
    answer = shared[app]()
    given = {
        "sentiment": [f"word {'good ' * n}" for n in range(24)],
        "mnist_rows": list(range(24)),
        "shakespeare": [f"A{'b' * n}" for n in range(12)],
        "word_reversal": [f"abc{'d' * n}" for n in range(12)],
        "chinese_pos": [f"我爱{'北京' * n}。" for n in range(12)],
    }[app]
    expected, found = [answer(each) for each in given], {}

    def work(part):
        for number in part:
            found[number] = answer(given[number])

    workers = [threading.Thread(target=work, args=(range(k, len(given), threads),)) for k in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [found[number] for number in range(len(given))] == expected


def test_a_file_that_the_package_leaves_out_is_named_with_its_place(tmp_path):
    for name in ("results.json", "vocabulary.json", "model_int8.tflite"):
        shutil.copy(SHIPPED / "word_reversal" / name, tmp_path)
    place = "the package leaves it out to be small; it is in saved_models/word_reversal of the project's repository"
    for artifact in ("saved_model", "litert"):
        assert place in sentence_of(model_folder.expect_artifact, tmp_path, artifact)
    assert place in sentence_of(word_reversal.use.Translator, tmp_path, "litert")
    assert place in sentence_of(running.load_saved_model, tmp_path / "1")
    model_folder.expect_artifact(tmp_path, "litert_int8")
    assert word_reversal.load(tmp_path).reverse("stressed").reversed == "desserts"


def test_figures_that_are_recorded_at_once_are_all_kept(copy):
    folder, number = copy("mnist_rows"), 20
    artifacts = list(publishing.read_results(folder)["artifacts"])

    def record(artifact):
        for value in range(number):
            figures = {"metric": "accuracy", "value": value / number, "examples": 7}
            told = publishing.Evaluation(figures)
            model_folder.record(folder, "mnist_rows", artifact, lambda _, told=told: told, "a command")

    threads = [threading.Thread(target=record, args=[artifact]) for artifact in artifacts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = publishing.read_results(folder)["artifacts"]
    assert [found[artifact]["value"] for artifact in artifacts] == [(number - 1) / number] * len(artifacts)
