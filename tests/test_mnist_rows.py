"""The app that reads pictures: answers, mistakes, stages, data, refusals. test_contract.py has what all promise."""

import json
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from app_table import APPS, ARTIFACTS, CLASSES, Bytes, drawing
from PIL import Image

from apps.mnist_rows import __main__ as mnist_rows
from apps.mnist_rows import artifacts, evaluation, learning
from apps.mnist_rows import data as mnist_rows_data
from apps.mnist_rows.data import LabelledPictures
from apps.mnist_rows.use import Answer
from apps.pipeline import command_line
from apps.pipeline.errors import DataError

APP = APPS["mnist_rows"]
run, fails = APP.run, APP.fails
pytestmark = pytest.mark.usefixtures("app")  # its small recipe


def idx(array):
    array = np.asarray(array, np.uint8)
    return bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes() + array.tobytes()


def images_of(folder):
    """What the network reads of the drawings in a folder, float32 (pictures, 28, 28), and their labels."""
    data = mnist_rows_data.class_folders(*folder)
    return data.pictures.astype(np.float32) / 255, data.labels


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


def test_evaluate_remembers_the_mistakes(trained, monkeypatch):
    pictures = np.zeros((3, 28, 28), np.uint8)
    pictures[:, 0, 0] = 1, 2, 3
    found = np.array([[0.2, 0.7, 0.1], [0.1, 0.8, 0.1], [0.3, 0.3, 0.4]])
    monkeypatch.setattr(evaluation, "probabilities", lambda *_: found)
    test = LabelledPictures(pictures, np.array([0, 1, 1], np.int32), CLASSES)
    first, second = evaluation.evaluate(trained, "litert", test).details.mistakes
    assert first[1:] == ("eins", "minus", 0.7) and second[1:] == ("minus", "seven", 0.4)
    assert [mistake.picture[0, 0] * 255 for mistake in (first, second)] == pytest.approx([1, 3])


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
    mnist_rows.print_answer(Answer("x.png", "b", {"a": 0.3, "b": 0.68, "c": 0.02}))
    mnist_rows.print_answer(Answer("y.png", "a", {"a": 0.995, "b": 0.005}))
    mnist_rows.print_answer(Answer("z.png", None, None))
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
    assert [answer["input"] for answer in answers] == [str(file) for file in files]
    assert [answer["answer"] for answer in answers] == ["minus", *[None] * 5, "minus"]
    assert list(answers[0]["probabilities"]) == list(CLASSES)
    assert sum(answers[0]["probabilities"].values()) == pytest.approx(1.0)
    assert answers[0]["probabilities"] == answers[6]["probabilities"]  # nothing is kept between two pictures
    problems = [answer["problem"] for answer in answers[1:6]]
    assert [problem.split("expected ")[-1].split(",")[0] for problem in problems[:3]] == [
        f"{blank}: no digit found",
        "a PNG",
        "a whole picture",
    ]
    assert problems[3:] == [f"no such file or directory: {tmp_path / 'none.png'}", f"is a directory: {tmp_path}"]
    assert captured.err == f"python -m apps.mnist_rows: error: {'; '.join(problems)}\n"


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


@pytest.fixture
def only_training(monkeypatch):
    """Training of a network without loops that ends with model.keras, for tests of what happens around it."""

    def build_model(classes, units, dropout):
        layers = [keras.Input((28, 28)), keras.layers.Flatten(), keras.layers.Dropout(0.1), keras.layers.Dense(classes)]
        return keras.Sequential(layers)

    monkeypatch.setattr(mnist_rows, "build_model", build_model)
    monkeypatch.setattr(learning, "STRANGE", 60)
    monkeypatch.setattr(artifacts, "write", lambda *_: None)
    monkeypatch.setattr(artifacts, "ARTIFACTS", ())


@pytest.mark.slow
def test_an_interrupted_run_goes_on_as_if_nothing_had_been(app, data, tmp_path, only_training, capfd):
    """Ctrl-C in the second epoch leaves the first one's model."""
    flags = ("train", "--quick", "--data", *data)
    assert run(*flags, "--output", tmp_path / "whole") == 0
    app.goes_on(capfd, flags, tmp_path, batch=5)


def test_the_data_of_a_run(data, monkeypatch):
    """A twelfth of the training pictures validates; test pictures are apart or a tenth; no picture is on two sides."""
    parts = mnist_rows.load_data(*data, 1)
    assert sum(map(len, parts)) == 120 and all(4 <= len(part) <= 25 for part in parts[1:])
    kinds = [set(part.identities()) for part in parts]
    assert sum(map(len, kinds)) == len(set().union(*kinds))
    assert mnist_rows.load_data(*data, 2)[2].fingerprint() != parts[2].fingerprint()
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
    assert len(mnist_rows.load_test_data(*data)) == 120


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
    found = artifacts.typical_of(LabelledPictures(pictures, np.zeros(105, np.int32), ("a",)))["pictures"]
    assert found[:, 0, 0].tolist() == list(range(0, 100, 10))
    few = LabelledPictures(pictures[:4], np.zeros(4, np.int32), ("a",))
    assert len(artifacts.typical_of(few)["pictures"]) == 4


def test_train_refuses_wrong_data_and_writes_nothing(tmp_path, capfd):
    def train_on(path):
        return fails(capfd, "train", "--quick", "--data", path, "--output", tmp_path / "out")

    (tmp_path / "a").mkdir()
    assert "expected two folders of pictures or more" in train_on(tmp_path / "a")
    for name in ("eins", "minus"):
        (tmp_path / "a" / name).mkdir()
        save(tmp_path / "a" / name, "1.png", drawing(name))
    expected = (
        "expected 4 different pictures or more of each label, so that some can be held out, got 1 of 'eins', 1 of"
    )
    assert expected in train_on(tmp_path / "a")
    assert not (tmp_path / "out").exists()


def test_other_classes_and_packages_that_are_missing(trained, data, tmp_path, capfd, monkeypatch):
    for name in ("eins", "plus"):
        (tmp_path / "test" / name).mkdir(parents=True)
        save(tmp_path / "test" / name, "1.png", drawing("eins"))
    sentence = fails(capfd, "evaluate", "--data", tmp_path / "test", "--model", trained)
    assert sentence == "expected the model's classes eins, minus, seven, got eins, plus"
    file = save(tmp_path, "a.png", drawing("eins"))
    monkeypatch.setattr(command_line, "need", raise_data_error)
    for argv in (("recognise", "--plot", "x", file), ("evaluate", "--plot", "x", "--data", *data)):
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
