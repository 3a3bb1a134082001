"""What isn't a digit gets no answer; what is one still does.

The drawings of GARBAGE are others than those of `strange`, by which refusing was learned."""

import io
import json
import shutil
from pathlib import Path

import cv2
import keras
import numpy as np
import photographs
import pytest
from app_table import APPS
from PIL import Image

from apps.mnist_rows import load, refusal
from apps.mnist_rows.data import LabelledPictures
from apps.mnist_rows.learning import fitted_refusal
from apps.mnist_rows.pictures import SIZE
from apps.mnist_rows.refusal import FILE, LEAST_PROBABLE, Refusal, log_odds
from apps.mnist_rows.strange import strange_pictures
from apps.pipeline import publishing
from apps.pipeline.errors import DataError

COUNT = 12  # of each kind of garbage
SHIPPED = publishing.SHIPPED / "mnist_rows"


@pytest.fixture(scope="module")
def recogniser():
    return load()


def picture_file(pixels):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    file.seek(0)
    return file


def garbage(kind, number):
    generator = np.random.default_rng([number, len(kind)])
    draw = photographs.GARBAGE[kind]
    return photographs.plain(lambda height: draw(height, generator), generator)


def test_what_is_no_digit_is_not_answered(recogniser):
    accepted = 0
    for kind in photographs.GARBAGE:
        answers = [recogniser.answer(picture_file(garbage(kind, number)), "a") for number in range(COUNT)]
        answered = [answer for answer in answers if answer.label is not None]
        assert len(answered) <= COUNT / 2, kind
        accepted += len(answered)
    assert accepted <= 0.25 * COUNT * len(photographs.GARBAGE)


def surfaces():
    generator = np.random.default_rng(5)
    noise = generator.integers(0, 256, (200, 200), np.uint8)
    wood = np.sin(np.mgrid[:200, :300][0] / 9 + np.cumsum(generator.normal(0, 0.2, (200, 300)), axis=1))
    clouds = cv2.GaussianBlur(generator.normal(0, 1, (240, 240)), (0, 0), 12)
    return {
        "blank paper": np.full((200, 200), 255, np.uint8),
        "noise": noise,
        "wood": (120 + 50 * wood).clip(0, 255).astype(np.uint8),
        "clouds": (128 + 90 * clouds / np.abs(clouds).max()).astype(np.uint8),
        "leaves": np.where(cv2.GaussianBlur(generator.normal(0, 1, (240, 240)), (0, 0), 5) > 0, 200, 60).astype(
            np.uint8
        ),
    }


@pytest.mark.parametrize("name", surfaces())
def test_surfaces_are_no_digits(name, recogniser):
    answer = recogniser.answer(picture_file(surfaces()[name]), "a")
    assert answer.label is None
    if name in ("blank paper", "noise"):
        assert answer.problem.startswith("a: no digit found")


def test_the_command_line_says_that_there_is_no_digit(tmp_path, capfd):
    path = tmp_path / "letter.png"
    canvas = np.full((300, 300), 255, np.uint8)
    cv2.putText(canvas, "K", (80, 220), cv2.FONT_HERSHEY_COMPLEX, 6, 0, 14, cv2.LINE_AA)
    path.write_bytes(picture_file(canvas).getvalue())
    assert f"{path}: no digit found: it doesn't look like" in APPS["mnist_rows"].fails(capfd, "recognise", path)
    assert "no digit found in 1 of 2 characters" not in APPS["mnist_rows"].fails(capfd, "recognise", "--digits", path)


def test_the_figures_beside_the_threshold_are_what_was_promised():
    about = json.loads((SHIPPED / FILE).read_text(encoding="utf-8"))["about"]
    assert about["refused of test"] < 0.01 and about["accepted of strange"] < 0.3
    assert about["command"] == "python -m apps.mnist_rows refusal"


def test_numpy_runs_the_network_that_keras_trained(monkeypatch):
    pictures = np.random.default_rng(0).random((300, SIZE, SIZE)).astype(np.float32)
    strange = (np.arange(300) % 2).astype(np.float32)
    pictures[strange > 0, :14] = 0.0
    networks = []
    sequential = keras.Sequential
    monkeypatch.setattr(keras, "Sequential", lambda layers: networks.append(sequential(layers)) or networks[0])
    weights = fitted_refusal(pictures, strange, seed=1)
    found = log_odds(weights, pictures)
    np.testing.assert_allclose(found, networks[0].predict(pictures[..., None], verbose=0)[:, 0], rtol=1e-3, atol=1e-4)
    assert np.mean((found > 0) == (strange > 0)) > 0.95  # and it has learned


def test_it_is_written_and_read_and_damage_is_found(tmp_path, recogniser):
    first = recogniser.refusal
    first.save(tmp_path)
    again = Refusal.load(tmp_path)
    images = np.random.default_rng(1).random((5, SIZE, SIZE)).astype(np.float32)
    probabilities = np.full((5, 10), 0.1)
    np.testing.assert_allclose(again.scores(images, probabilities), first.scores(images, probabilities), atol=1e-3)
    assert (again.threshold, again.about) == (first.threshold, first.about)
    content = json.loads((tmp_path / FILE).read_text())
    for damage in (
        {"weights": content["weights"][:4]},
        {"weights": [[1.0], *content["weights"][1:]]},
        {"threshold": "x"},
    ):
        (tmp_path / FILE).write_text(json.dumps(content | damage))
        with pytest.raises(DataError, match=r"got a damaged file"):
            Refusal.load(tmp_path)


def test_without_the_file_improbable_answers_are_none(tmp_path):
    assert Refusal.load(tmp_path) is None
    shutil.copy(SHIPPED / "results.json", tmp_path)
    with pytest.raises(DataError, match=r"got no refusal.json there"):  # it is lost
        Refusal.load(tmp_path)
    image = np.zeros((SIZE, SIZE), np.float32)
    assert refusal.refused(None, image, np.array([LEAST_PROBABLE - 0.01, 0.3]))
    assert not refusal.refused(None, image, np.array([LEAST_PROBABLE + 0.01, 0.3]))


def test_the_improbable_is_stranger(recogniser):
    image = np.zeros((1, SIZE, SIZE), np.float32)
    sure, unsure = np.eye(10)[:1], np.full((1, 10), 0.1)
    assert recogniser.refusal.scores(image, unsure)[0] > recogniser.refusal.scores(image, sure)[0] + 5


def test_strange_pictures_are_like_no_picture_of_the_classes():
    bars = np.zeros((400, SIZE, SIZE), np.uint8)
    for number, bar in enumerate(bars):
        bar[4:24, 8 + number % 12 : 11 + number % 12] = 255
    found = strange_pictures(100, bars, ("bar",), seed=3)
    assert found.shape == (100, SIZE, SIZE) and found.dtype == np.float32 and 0.0 <= found.min() <= found.max() <= 1.0
    np.testing.assert_array_equal(found, strange_pictures(100, bars, ("bar",), seed=3))
    assert not np.array_equal(found, strange_pictures(100, bars, ("bar",), seed=4))
    rows = found.reshape(100, -1) / np.linalg.norm(found.reshape(100, -1), axis=1, keepdims=True)
    known = bars.reshape(400, -1) / np.linalg.norm(bars.reshape(400, -1).astype(float), axis=1, keepdims=True)
    assert (rows @ known.T).max() < 0.999


@pytest.mark.parametrize("app", ["mnist_rows"], indirect=True)
def test_a_model_of_own_classes_does_not_answer_what_is_none_of_them(app, trained):
    own = load(trained)
    assert (trained / FILE).exists() and FILE in publishing.read_results(trained)["files"]
    found = [
        own.answer(picture_file(photographs.photograph("plain", digit, number=0)), "a")
        for digit in (0, 2, 3, 5, 6, 8, 9)
    ]
    refused = [answer for answer in found if answer.label is None]
    assert len(refused) >= 5
    assert all("no class that it knows found" in answer.problem for answer in refused)


def test_refusal_is_learned_for_a_model_that_has_none(tmp_path, monkeypatch, capfd):
    """By the command, whose weights and hash appear in the folder."""
    folder = Path(shutil.copytree(SHIPPED, tmp_path / "model"))
    before = publishing.read_results(folder)
    made = Refusal(load().refusal.weights, 1.5, {"accepted of strange": 0.25}, doubt=4.0)
    pictures = np.zeros((20, SIZE, SIZE), np.uint8)
    pictures[:, 4:24, 13:16] = 255
    data = LabelledPictures(pictures, np.ones(20, np.int32), tuple("0123456789"))
    monkeypatch.setattr("apps.mnist_rows.learning.load_data", lambda *_: (data, data, data))
    monkeypatch.setattr("apps.mnist_rows.learning.learn_refusal", lambda *_: made)
    assert APPS["mnist_rows"].run("refusal", "--model", folder) == 0
    assert "accepted of strange 25.00%, refused of test 0.00%" in capfd.readouterr().out
    after = publishing.read_results(folder)
    assert (load(folder).refusal.threshold, load(folder).refusal.doubt) == (1.5, 4.0)
    assert after["artifacts"] == before["artifacts"] and after["files"][FILE] != before["files"][FILE]
