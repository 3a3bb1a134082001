"""The app that reads pictures, from the command line to the files it leaves, on drawings of its own."""

import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageDraw

from apps.mnist_rows import __main__ as mnist_rows
from apps.mnist_rows import artifacts, evaluation
from apps.mnist_rows import data as mnist_rows_data
from apps.mnist_rows import learning as mnist_rows_learning
from apps.mnist_rows.data import LabelledPictures
from apps.mnist_rows.distortion import Distortion
from apps.mnist_rows.pictures import Labels
from apps.pipeline import command_line, publishing
from apps.pipeline.checkpoints import Checkpoints
from apps.pipeline.errors import DataError

LITTLE = Distortion(shift=1.0, turn=5.0, scaling=0.05, shear=0.05, waves=0.3)
SMALL = {"units": 8, "epochs": 2, "batch_size": 50, "learning_rate": 0.03, "distortion": LITTLE}
ARTIFACTS = ("saved_model", "litert", "litert_int8")  # test_saved_models.py looks at all of the shipped model's
CLASSES = ("eins", "minus", "seven")
LINES = {"eins": [(25, 5), (25, 45)], "minus": [(4, 25), (46, 25)], "seven": [(12, 7), (38, 7), (20, 45)]}


def drawing(name, number=0, paper="white", pen="black"):
    """Another one for each number."""
    generator = np.random.default_rng([number, CLASSES.index(name)])
    image = Image.new("RGB", (50, 50), paper)
    points = [tuple(np.array(point) + generator.integers(-3, 4, 2)) for point in LINES[name]]
    ImageDraw.Draw(image).line(points, pen, int(generator.integers(3, 6)))
    return image


def run(*argv):
    return mnist_rows.main([str(argument) for argument in argv])


def fails(capfd, *argv):
    """The one sentence with which a command fails."""
    assert run(*argv) == 2
    err = capfd.readouterr().err
    lines = [line for line in err.splitlines() if "error: " in line]
    assert len(lines) == 1 and lines[0].startswith("python -m apps.mnist_rows: error: ") and "Traceback" not in err
    return lines[0].removeprefix("python -m apps.mnist_rows: error: ")


@pytest.fixture(scope="module", autouse=True)
def small():
    """`train --quick` learns in 50 batches and writes ARTIFACTS."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(mnist_rows, "QUICK", SMALL)
        monkeypatch.setattr(artifacts, "TYPICAL", 3)
        monkeypatch.setattr(mnist_rows_learning, "SMALLEST_EPOCH", 25)
        monkeypatch.setattr(publishing, "FILES", {name: publishing.FILES[name] for name in ARTIFACTS})
        monkeypatch.setattr(artifacts, "ARTIFACTS", ARTIFACTS)
        yield


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A folder with a folder of drawings for each class."""
    folder = tmp_path_factory.mktemp("data")
    for name in CLASSES:
        (folder / name).mkdir()
        for number in range(40):
            drawing(name, number).save(folder / name / f"{number}.png")
    return folder


@pytest.fixture(scope="module")
def trained(data, tmp_path_factory):
    """The folder of a model that has learnt, by the app's own command."""
    folder = tmp_path_factory.mktemp("trained") / "new" / "model"
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(sys, "argv", ["apps/mnist_rows/__main__.py", "train", "--quick"])
        assert run("train", "--quick", "--data", data, "--output", folder) == 0
    return folder


@pytest.fixture
def copy(trained, tmp_path):
    """A copy of that folder, to be changed."""
    return Path(shutil.copytree(trained, tmp_path / "copy"))


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in Path(folder).rglob("*") if path.is_file()}


def idx(array):
    array = np.asarray(array, np.uint8)
    return bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes() + array.tobytes()


def images_of(folder):
    """What the network reads of the drawings in a folder, float32 (pictures, 28, 28), and their labels."""
    data = mnist_rows_data.class_folders(folder)
    return data.pictures.astype(np.float32) / 255, data.labels


def test_the_folder_is_as_the_contract_says(trained):
    artifacts = set(publishing.FILES.values())
    assert {path.name for path in trained.iterdir()} == artifacts | {
        "model.keras",
        "labels.json",
        "results.json",
        "README.md",
        "training",
    }
    assert {path.name for path in (trained / "training").iterdir()} == {"labels.npz", "history.png", "logs"}
    assert Labels.load(trained) == Labels(CLASSES, 20)
    results = json.loads((trained / "results.json").read_text(encoding="utf-8"))
    assert list(results["artifacts"]) == list(ARTIFACTS)
    for artifact in results["artifacts"].values():
        assert artifact["metric"] == "accuracy" and 4 < artifact["examples"] < 30
        assert artifact["value"] >= 0.95
        assert len(artifact["data_sha256"]) == 64
        found = publishing.fingerprint(trained / artifact["file"])
        assert found == {"bytes": artifact["bytes"], "sha256": artifact["sha256"]}
        assert artifact["command"] == "python -m apps.mnist_rows train --quick"
    about = results["training"]
    assert about["command"] == "python -m apps.mnist_rows train --quick"
    assert about["recipe"]["units"] == 8 and about["recipe"]["distortion"]["turn"] == 5.0
    (stage,) = about["stages"]
    assert stage["epochs"] == 2 and stage["seconds"] > 0 and "validation accuracy 1" in stage["result"]
    assert {"tensorflow", "keras", "pillow"} <= about["versions"].keys() and "hardware" in about
    card = (trained / "README.md").read_text(encoding="utf-8")
    assert f"accuracy {results['artifacts']['litert']['value']:.2%}" in card


def test_all_artifacts_give_the_answers_of_the_model(trained, data):
    images, labels = images_of(data)
    images, labels = images[::12], labels[::12]
    images = np.concatenate([images, np.zeros((1, 28, 28), np.float32)])
    logits = keras.saving.load_model(trained / "model.keras")(images).numpy()
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    assert (expected[:-1].argmax(axis=1) == labels).mean() > 0.9
    for artifact, tolerance in zip(ARTIFACTS, (1e-5, 1e-5, 0.1), strict=True):
        found = evaluation.probabilities(trained, artifact, images)
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, expected, atol=tolerance)
    serve = tf.saved_model.load(str(trained / "1")).signatures["serving_default"]
    (spec,) = serve.structured_input_signature[1].values()
    assert (spec.name, spec.shape.as_list(), spec.dtype) == ("image", [None, 28, 28], tf.float32)
    for batch in (images[:1], images[:0], images):
        answer = serve(image=tf.constant(batch))
        assert list(answer) == ["probabilities"]
        np.testing.assert_allclose(answer["probabilities"], expected[: len(batch)], atol=1e-5)


def test_evaluate_counts_all_pictures(trained, tmp_path, capfd):
    """One "eins" in the folder "minus", and two classes that are right."""
    for name in CLASSES:
        (tmp_path / "test" / name).mkdir(parents=True)
        for number in range(100, 104):
            drawing(name, number).save(tmp_path / "test" / name / f"{number}.png")
    drawing("eins", 105).save(tmp_path / "test" / "minus" / "x.png")
    before = contents(trained)
    flags = ("evaluate", "--data", tmp_path / "test", "--model", trained, "--artifact", "litert")
    assert run(*flags, "--json", "--plot", tmp_path / "plot.png") == 0
    (line,) = capfd.readouterr().out.splitlines()
    figures = json.loads(line)
    assert figures["classes"] == list(CLASSES) and figures["confusion"] == [[4, 0, 0], [1, 4, 0], [0, 0, 4]]
    assert figures["value"] == pytest.approx(12 / 13) and figures["examples"] == 13
    assert (figures["artifact"], figures["metric"]) == ("litert", "accuracy")
    assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG")
    assert run(*flags) == 0
    first, head, *rows = capfd.readouterr().out.splitlines()
    assert first == "litert: accuracy 92.31% over 13 examples"
    assert head.split() == [*CLASSES, "answer"]
    assert [row.split() for row in rows] == [
        ["eins", "4", ".", "."],
        ["minus", "1", "4", "."],
        ["seven", ".", ".", "4"],
    ]
    assert contents(trained) == before


def test_evaluate_remembers_the_mistakes(trained, monkeypatch):
    pictures = np.zeros((3, 28, 28), np.uint8)
    pictures[:, 0, 0] = 1, 2, 3
    found = np.array([[0.2, 0.7, 0.1], [0.1, 0.8, 0.1], [0.3, 0.3, 0.4]])
    monkeypatch.setattr(evaluation, "probabilities", lambda *_: found)
    test = LabelledPictures(pictures, np.array([0, 1, 1], np.int32), CLASSES)
    first, second = evaluation.evaluate(trained, "litert", test).details.mistakes
    assert first[1:] == ("eins", "minus", 0.7) and second[1:] == ("minus", "seven", 0.4)
    assert [mistake.picture[0, 0] * 255 for mistake in (first, second)] == pytest.approx([1, 3])


def test_evaluate_record_changes_results_and_card(copy, data, tmp_path, capfd):
    before = publishing.read_results(copy)
    flags = ("evaluate", "--data", data, "--model", copy, "--artifact", "litert", "--record")
    assert run(*flags) == 0
    after = publishing.read_results(copy)
    entry = after["artifacts"]["litert"]
    assert entry["examples"] == 120 and entry["value"] > 0.9
    assert entry["command"] == f"python -m apps.mnist_rows evaluate --artifact litert --model {copy} --data {data}"
    assert f"accuracy {entry['value']:.2%} | 120 |" in (copy / "README.md").read_text(encoding="utf-8")
    after["artifacts"]["litert"] = before["artifacts"]["litert"]
    assert after == before
    (copy / "results.json").unlink()
    assert fails(capfd, *flags).startswith("expected a results.json that lists litert in ")


def test_export_of_the_trained_model_gives_equal_answers(trained, data, tmp_path, capfd):
    folder = tmp_path / "exported"
    assert run("export", trained / "model.keras", "--data", data, "--output", folder) == 0
    assert "are written; `evaluate --record` measures them" in capfd.readouterr().out
    names = {*publishing.FILES.values(), "labels.json", "results.json", "README.md"}
    assert {path.name for path in folder.iterdir()} == names
    images = images_of(data)[0][::20]
    for artifact in ("saved_model", "litert"):
        found = [evaluation.probabilities(place, artifact, images) for place in (folder, trained)]
        np.testing.assert_allclose(*found, atol=1e-6)
    results = publishing.read_results(folder)
    assert results["training"] == publishing.read_results(trained)["training"]
    assert not any("value" in artifact for artifact in results["artifacts"].values())
    (tmp_path / "model.keras").write_bytes(b"damaged")
    shutil.copy(trained / "labels.json", tmp_path)
    assert "got a damaged file (" in fails(capfd, "export", tmp_path / "model.keras", "--data", data)
    assert "got no file" in fails(capfd, "export", tmp_path / "none.keras", "--data", data)


def save(folder, name, image, **options):
    image.save(folder / name, **options)
    return str(folder / name)


def test_recognise_files(trained, tmp_path, capfd):
    files = [
        save(tmp_path, "a.png", drawing("seven", 200)),
        save(tmp_path, "b.jpg", drawing("eins", 200, "navy", "yellow").resize((700, 700))),
        save(tmp_path, "c.bmp", drawing("minus", 200, "black", "white")),
        save(tmp_path, "d.webp", drawing("seven", 201, (0, 120, 0), (200, 0, 0))),
    ]
    assert run("recognise", "--model", trained, *files) == 0
    lines = capfd.readouterr().out.splitlines()
    for line, file, label in zip(lines, files, ("seven", "eins", "minus", "seven"), strict=True):
        found, probability, name, *_ = line.split()
        assert (found, name) == (label, file) and 40.0 < float(probability.rstrip("%")) <= 100.0


def test_recognise_says_what_is_likely_too(capsys):
    answer = {"file": "x.png", "label": "b", "probabilities": {"a": 0.3, "b": 0.68, "c": 0.02}}
    mnist_rows.print_answer(answer)
    mnist_rows.print_answer({"file": "y.png", "label": "a", "probabilities": {"a": 0.995, "b": 0.005}})
    mnist_rows.print_answer({"file": "z.png", "label": None, "probabilities": None})
    assert capsys.readouterr().out.splitlines() == [
        "         b    68.0%  x.png  (a: 30.0%)",
        "         a    99.5%  y.png",
        "        (no answer)  z.png",
    ]


def test_recognise_as_json_goes_on_after_what_is_no_picture(trained, tmp_path, capfd):
    good = save(tmp_path, "good.png", drawing("minus", 200))
    blank = save(tmp_path, "blank.png", Image.new("RGB", (50, 50), "white"))
    (tmp_path / "text.png").write_text("text")
    (tmp_path / "cut.png").write_bytes(Path(good).read_bytes()[:60])
    files = [good, blank, tmp_path / "text.png", tmp_path / "cut.png", tmp_path / "none.png", tmp_path, good]
    assert run("recognise", "--model", trained, "--json", *files) == 2
    captured = capfd.readouterr()
    answers = [json.loads(line) for line in captured.out.splitlines()]
    assert [answer["file"] for answer in answers] == [str(file) for file in files]
    assert [answer["label"] for answer in answers] == ["minus", *[None] * 5, "minus"]
    assert list(answers[0]["probabilities"]) == list(CLASSES)
    assert sum(answers[0]["probabilities"].values()) == pytest.approx(1.0)
    assert answers[0]["probabilities"] == answers[6]["probabilities"]  # nothing is kept between two pictures
    problems = [answer["problem"] for answer in answers[1:6]]
    assert [problem.split("expected ")[-1].split(",")[0] for problem in problems[:3]] == [
        "a picture of a character",
        "a PNG",
        "a whole picture",
    ]
    assert problems[3:] == [f"no such file or directory: {tmp_path / 'none.png'}", f"is a directory: {tmp_path}"]
    assert captured.err == f"python -m apps.mnist_rows: error: {'; '.join(problems)}\n"


class Bytes(io.TextIOWrapper):
    """Standard input with these bytes."""

    def __init__(self, content):
        super().__init__(io.BytesIO(content))


def test_recognise_standard_input(trained, tmp_path, capfd, monkeypatch):
    file = save(tmp_path, "a.png", drawing("seven", 200))
    for arguments in ((), ("-",), (file, "-")):
        monkeypatch.setattr(sys, "stdin", Bytes(Path(file).read_bytes()))
        assert run("recognise", "--model", trained, *arguments) == 0
        lines = capfd.readouterr().out.splitlines()
        assert len(lines) == max(1, len(arguments)) and lines[-1].split()[0] == "seven"
        assert "standard input" in lines[-1]
    monkeypatch.setattr(sys, "stdin", Bytes(b""))
    assert fails(capfd, "recognise", "--model", trained) == "standard input: expected a picture, got an empty file"
    terminal = Bytes(b"")
    terminal.isatty = lambda: True
    monkeypatch.setattr(sys, "stdin", terminal)
    assert fails(capfd, "recognise", "--model", trained).endswith("or a picture on standard input, got a terminal")


def test_recognise_plots_beliefs(trained, tmp_path, capfd, monkeypatch):
    file = save(tmp_path, "a.png", drawing("seven", 200))
    blank = save(tmp_path, "blank.png", Image.new("RGB", (50, 50), "white"))
    seen = []
    monkeypatch.setattr(mnist_rows, "plot_beliefs", lambda *arguments: seen.append(arguments))
    assert run("recognise", "--model", trained, "--plot", tmp_path / "plot.png", file, blank) == 2
    ((beliefs, names, path),) = seen
    (belief,) = beliefs
    assert names == CLASSES and path == tmp_path / "plot.png" and belief.name == file
    assert belief.picture.shape == (28, 28) and belief.probabilities.shape == (29, 3)
    for rows in (0, 1, 13, 28):
        cut = belief.picture.copy()
        cut[rows:] = 0.0
        expected = evaluation.probabilities(trained, "litert", cut[None])[0]
        np.testing.assert_allclose(belief.probabilities[rows], expected, atol=1e-6)
    capfd.readouterr()
    sentence = fails(capfd, "recognise", "--model", trained, "--plot", tmp_path / "plot.png", *[file] * 25)
    assert sentence == "expected at most 24 pictures to plot, got 25"


WITHOUT_TENSORFLOW = """
import sys
from apps.mnist_rows import __main__ as mnist_rows
status = mnist_rows.main(sys.argv[1:])
heavy = {"tensorflow", "keras", "keras_rnn", "tensorflow_datasets", "matplotlib"}
sys.exit(status or ", ".join(sorted(heavy & set(sys.modules))) or 0)
"""


def test_recognise_does_not_import_tensorflow(trained, tmp_path):
    """Nor does it need to be where the project is."""
    environment = os.environ | {"PYTHONPATH": str(Path(mnist_rows.__file__).parents[2])}
    file = save(tmp_path, "a.png", drawing("eins", 200))
    command = [sys.executable, "-c", WITHOUT_TENSORFLOW, "recognise", "--model", trained, file]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[0] == "eins" and done.stderr == ""


def test_without_a_verb_the_shipped_model_is_shown(trained, tmp_path, capfd, monkeypatch):
    (tmp_path / "mnist_rows").symlink_to(trained)
    monkeypatch.setattr(publishing, "SHIPPED", tmp_path)
    assert run() == 0
    out = capfd.readouterr().out
    assert [line.split()[2] for line in out.splitlines()[:3]] == ["ink", "chalk", "crayon"]
    assert out.count("#") > 50  # what it sees
    for verb in ("train", "evaluate", "export", "recognise"):
        assert f"\n    {verb}" in out
    monkeypatch.setattr(publishing, "SHIPPED", tmp_path / "none")
    assert fails(capfd).startswith("expected a trained model in ")


@pytest.fixture
def only_training(monkeypatch):
    """Training of a network without loops that ends with model.keras, for tests of what happens around it."""

    def build_model(classes, units, dropout):
        layers = [keras.Input((28, 28)), keras.layers.Flatten(), keras.layers.Dropout(0.1), keras.layers.Dense(classes)]
        return keras.Sequential(layers)

    monkeypatch.setattr(mnist_rows, "build_model", build_model)
    monkeypatch.setattr(artifacts, "write", lambda *_: None)
    monkeypatch.setattr(artifacts, "ARTIFACTS", ())


def weights_of(folder):
    return keras.saving.load_model(folder / "model.keras").get_weights()


def test_an_interrupted_run_goes_on_as_if_nothing_had_been(data, tmp_path, only_training, capfd):
    """Ctrl-C in the second epoch leaves the first one's model."""
    flags = ("train", "--quick", "--data", data, "--output")
    assert run(*flags, tmp_path / "whole") == 0

    def stop(self, batch, logs=None):
        if len(self.history) == 1 and batch == 5:
            raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Checkpoints, "on_train_batch_end", stop)
        assert run(*flags, tmp_path / "cut") == 0
    assert "Stopped: writing the best model so far" in capfd.readouterr().out
    first = weights_of(tmp_path / "cut")
    assert run(*flags, tmp_path / "cut", "--resume") == 0
    for ours, theirs in zip(weights_of(tmp_path / "cut"), weights_of(tmp_path / "whole"), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert np.abs(first[0] - weights_of(tmp_path / "cut")[0]).max() > 1e-4
    before = contents(tmp_path)
    for flag, sentence in (("--batch-size", "batch_size 50 "), ("--seed", "data ")):  # another seed, another split
        found = fails(capfd, *flags, tmp_path / "cut", "--resume", flag, 5)
        assert found.startswith(f"expected the settings of the run to resume ({sentence}")
    assert contents(tmp_path) == before


def test_the_data_of_a_run(data, monkeypatch):
    """A twelfth of the training pictures validates; test pictures are apart or a tenth; no picture is on two sides."""
    parts = mnist_rows.load_data(data, 1)
    assert sum(map(len, parts)) == 120 and all(4 <= len(part) <= 25 for part in parts[1:])
    kinds = [set(part.identities()) for part in parts]
    assert sum(map(len, kinds)) == len(set().union(*kinds))
    assert mnist_rows.load_data(data, 2)[2].fingerprint() != parts[2].fingerprint()
    generator = np.random.default_rng(0)
    names = tuple("0123456789")
    mnist = {
        part: LabelledPictures(
            generator.integers(0, 256, (count, 28, 28)).astype(np.uint8), np.arange(count, dtype=np.int32) % 10, names
        )
        for part, count in (("train", 1200), ("test", 30))
    }
    monkeypatch.setattr(mnist_rows_data, "digits", mnist.get)
    train, validation, test = mnist_rows.load_data(None, 1)
    assert test is mnist["test"] and 70 < len(validation) < 130 and len(train) + len(validation) == 1200
    assert mnist_rows.load_test_data(None) is mnist["test"]
    assert len(mnist_rows.load_test_data(data)) == 120


def test_idx_files_have_their_own_test_pictures(data, tmp_path):
    images, labels = images_of(data)
    pictures = np.round(images * 255)
    for part, rows in (("train", slice(None)), ("t10k", slice(1, None, 2))):
        (tmp_path / f"{part}-images-idx3-ubyte").write_bytes(idx(pictures[rows]))
        (tmp_path / f"{part}-labels-idx1-ubyte").write_bytes(idx(labels[rows]))
    train, validation, test = mnist_rows.load_data(tmp_path, 1)
    assert len(train) + len(validation) == 120 and len(test) == 60
    assert mnist_rows.load_test_data(tmp_path).fingerprint() == test.fingerprint()


def test_typical_pictures_are_of_all_kinds(monkeypatch):
    monkeypatch.setattr(artifacts, "TYPICAL", 10)
    pictures = np.arange(105, dtype=np.uint8)[:, None, None] * np.ones((1, 28, 28), np.uint8)
    found = artifacts.typical_of(LabelledPictures(pictures, np.zeros(105, np.int32), ("a",)))
    assert found[:, 0, 0].tolist() == list(range(0, 100, 10))
    few = LabelledPictures(pictures[:4], np.zeros(4, np.int32), ("a",))
    assert len(artifacts.typical_of(few)) == 4


def test_train_refuses_wrong_data_and_writes_nothing(tmp_path, capfd):
    def train_on(path):
        return fails(capfd, "train", "--quick", "--data", path, "--output", tmp_path / "out")

    assert "got nothing: " in train_on(tmp_path / "none")
    (tmp_path / "a").mkdir()
    assert "expected two folders of pictures or more" in train_on(tmp_path / "a")
    for name in ("eins", "minus"):
        (tmp_path / "a" / name).mkdir()
        save(tmp_path / "a" / name, "1.png", drawing(name))
    assert "expected pictures of every label in both parts" in train_on(tmp_path / "a")
    assert not (tmp_path / "out").exists()


def test_other_classes_and_what_is_missing(copy, data, tmp_path, capfd, monkeypatch):
    for name in ("eins", "plus"):
        (tmp_path / "test" / name).mkdir(parents=True)
        save(tmp_path / "test" / name, "1.png", drawing("eins"))
    sentence = fails(capfd, "evaluate", "--data", tmp_path / "test", "--model", copy)
    assert sentence == "expected the model's classes eins, minus, seven, got eins, plus"
    file = save(tmp_path, "a.png", drawing("eins"))
    assert "got no labels.json there" in fails(capfd, "recognise", "--model", tmp_path, file)
    (copy / "model.tflite").write_bytes(b"damaged")
    assert "got a damaged file" in fails(capfd, "recognise", "--model", copy, file)
    (copy / "model.tflite").unlink()
    assert "got no model.tflite there" in fails(capfd, "recognise", "--model", copy, file)
    monkeypatch.setattr(command_line, "need", raise_data_error)
    for argv in (("train",), ("recognise", "--plot", "x", file), ("evaluate", "--plot", "x", "--data", data)):
        assert fails(capfd, *argv) == "expected the packages"


def raise_data_error(*_):
    raise DataError("expected the packages")


def test_the_network_is_the_one_in_the_docstring():
    """Two bidirectional layers; the last state of each direction and the maximum over time."""
    model = mnist_rows.build_model(10, 128, 0.2)
    assert model.count_params() == 560_138
    model = mnist_rows.build_model(4, 5, 0.0)
    for weight in model.weights:
        weight.assign(np.random.default_rng(0).normal(0, 0.5, weight.shape))
    images = np.random.default_rng(1).random((3, 28, 28), np.float32)
    rows = model.get_layer("second")(model.get_layer("first")(images)).numpy()
    assert rows.shape == (3, 28, 10)
    features = np.concatenate([rows[:, -1, :5], rows[:, 0, 5:], rows.max(axis=1)], axis=1)
    kernel, bias = model.get_layer("logits").get_weights()
    np.testing.assert_allclose(model(images), features @ kernel + bias, atol=1e-5)
