"""Models of more than two labels, and labels that are balanced."""

import json
import shutil

import numpy as np
import pytest
import tensorflow as tf
from app_table import APPS, reviews, write_csv

from apps.pipeline import confusion
from apps.pipeline.errors import DataError
from apps.pipeline.vocabulary import Vocabulary
from apps.sentiment import artifacts
from apps.sentiment.data import LabelledTexts
from apps.sentiment.evaluation import calibration_error, evaluate, probabilities
from apps.sentiment.learning import balancing, text_batches
from apps.sentiment.model import build_model
from apps.sentiment.use import load
from apps.serve.predicting import Predictor

APP = APPS["sentiment"]
NAMES = ("neg", "neutral", "pos")
WORDS = ("bad", "plain", "good")
TEXTS = ["good good", "bad, bad", "", "plain and good", "unknown words 好"]


@pytest.fixture(scope="module")
def model():
    return build_model(2 + len(WORDS), 4, len(NAMES))


@pytest.fixture(scope="module")
def folder(model, tmp_path_factory):
    """The files of a network with random weights: what it answers doesn't matter, if only all answer the same."""
    generator = np.random.default_rng(3)
    for layer, scale in (("embedding", 2.0), ("logit", 0.3)):
        found = model.get_layer(layer)
        found.set_weights([scale * generator.normal(size=weight.shape) for weight in found.get_weights()])
    vocabulary = Vocabulary(WORDS, 9, NAMES)
    folder = tmp_path_factory.mktemp("labels") / "model"
    with APP.writing(("saved_model", "litert")):
        artifacts.write(model, vocabulary, folder, {}, {"texts": np.array(["good"])})
    return folder


@pytest.fixture(scope="module")
def expected(model):
    """Of the texts, float (texts, labels)."""
    vocabulary = Vocabulary(WORDS, 9, NAMES)
    logits = [model(np.array([vocabulary.ids(text)], np.int32))[0] for text in TEXTS]
    return tf.nn.softmax(logits).numpy()


def test_every_file_gives_the_probabilities_of_all_labels(folder, expected):
    assert len({tuple(row) for row in expected.round(3).tolist()}) > 2  # the texts differ
    serve = tf.saved_model.load(str(folder / "1")).signatures["serving_default"]
    answer = serve(text=tf.constant(TEXTS))
    assert sorted(answer) == ["labels", "probabilities"] and answer["probabilities"].dtype == tf.float32
    np.testing.assert_allclose(answer["probabilities"], expected, atol=1e-5)
    assert [[name.decode() for name in row] for row in answer["labels"].numpy()] == [list(NAMES)] * len(TEXTS)
    assert serve(text=tf.constant([], tf.string))["probabilities"].shape == (0, 3)
    for artifact in ("saved_model", "litert"):
        np.testing.assert_allclose(probabilities(folder, artifact, TEXTS, 3), expected, atol=1e-5)
    assert probabilities(folder, "saved_model", [], 3).shape == (0, 3)


def test_python_answers_with_all_labels_and_explains_the_one(folder, expected):
    classifier = load(folder)
    for text, row in zip(TEXTS, expected, strict=True):
        answer = classifier.classify(text, explain=True)
        if not text:
            assert answer.label is None
            continue
        assert list(answer.probabilities) == list(NAMES)
        np.testing.assert_allclose(list(answer.probabilities.values()), row, atol=1e-5)
        assert answer.label == NAMES[row.argmax()]
        assert len(answer.words) == len(classifier.vocabulary.ids(text))
    ids, label = classifier.vocabulary.ids("plain and good"), int(expected[3].argmax())
    odds = expected[3] / (1.0 - expected[3])
    assert classifier.log_odds(ids, label) == pytest.approx(np.log(odds[label]), abs=1e-3)
    without = classifier.log_odds([1, *ids[1:]], label)
    assert classifier.classify("plain and good", explain=True).words[0] == (
        "plain",
        pytest.approx(classifier.log_odds(ids, label) - without),
    )


def test_the_server_answers_as_the_saved_model(folder, expected):
    """As TensorFlow Serving does where a signature has several outputs: objects, or columns."""
    served = Predictor("stars", str(folder))
    assert served.outputs == {"probabilities": "DT_FLOAT", "labels": "DT_STRING"}
    rows = served.predict({"instances": TEXTS}, most=10, seconds=9.0)["predictions"]
    np.testing.assert_allclose([row["probabilities"] for row in rows], expected, atol=1e-5)
    assert all(row["labels"] == list(NAMES) for row in rows)
    columns = served.predict({"inputs": {"text": TEXTS}}, most=10, seconds=9.0)["outputs"]
    assert columns == {name: [row[name] for row in rows] for name in ("probabilities", "labels")}


def test_the_command_line_knows_them(folder, expected, capfd, tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    assert APP.run("classify", "--model", folder, "--explain", TEXTS[3]) == 0
    first, words, towards, away = capfd.readouterr().out.splitlines()
    best, other = (NAMES[place] for place in expected[3].argsort()[:-3:-1])
    assert first.split()[0] == best and f"({other}: " in first and words.split() == ["plain", "and", "good"]
    assert towards.startswith(f"  towards {best}: ") and away.startswith(f"  towards all but {best}: ")
    assert APP.run("classify", "--model", folder, "--json", "good") == 0
    assert list(json.loads(capfd.readouterr().out)["probabilities"]) == list(NAMES)

    rows = [(text, NAMES[number % 3]) for number, text in enumerate(TEXTS) if text]
    file = write_csv(tmp_path / "a.csv", rows)
    assert APP.run("evaluate", "--model", folder, "--artifact", "litert", "--data", file, "--json") == 0
    figures = json.loads(capfd.readouterr().out)
    matrix = np.array(figures["confusion"])
    assert matrix.sum() == 4 and matrix.trace() / 4 == figures["value"] and figures["labels"] == list(NAMES)
    assert matrix.sum(axis=1).tolist() == [2, 2, 0] and figures["macro_f1"] == pytest.approx(confusion.macro_f1(matrix))
    plot = tmp_path / "plot.png"
    assert APP.run("evaluate", "--model", folder, "--artifact", "litert", "--data", file, "--plot", plot) == 0
    assert "macro-F1" in capfd.readouterr().out and plot.read_bytes().startswith(b"\x89PNG")
    other = write_csv(tmp_path / "b.csv", [*rows, ("good", "mixed")])
    assert "expected the model's labels neg, neutral, pos, got" in APP.fails(
        capfd, "evaluate", "--model", folder, "--data", other
    )


def test_labels_of_another_model_beside_it_are_refused(folder, tmp_path):
    other = shutil.copytree(folder, tmp_path / "other")
    (other / "results.json").unlink()
    Vocabulary(WORDS, 9, (*NAMES, "mixed")).save(other)
    with pytest.raises(DataError, match=r"expected the 3 labels of .*model.tflite beside it, got 4"):
        load(other)


def test_balancing_gives_each_label_the_same_weight():
    labels = np.array([0] * 6 + [1] * 2 + [2])
    weights = balancing(labels, 4)
    sums = [weights[labels == label].sum() for label in range(3)]
    np.testing.assert_allclose(sums, [3.0, 3.0, 3.0], rtol=1e-6)
    assert weights.dtype == np.float32 and weights.mean() == pytest.approx(1.0)
    rows = [np.array([2], np.int32)] * 9
    (batch,) = list(text_batches((rows, np.eye(3)[labels]), 9, 0.0, 0, False, weights))
    assert batch[1].shape == (9, 3)
    np.testing.assert_array_equal(batch[2], weights)


@pytest.mark.slow
@pytest.mark.usefixtures("app")
@pytest.mark.parametrize("app", ["sentiment"], indirect=True)
def test_three_labels_are_learned_from_few_and_uneven_texts(app, tmp_path, capfd):
    rows = [(text, "up" if label.endswith("up") else "down") for text, label in reviews(160)]
    plain = [(f"word{number % 7} so and word{number % 5} so", "so so") for number in range(40)]
    file = write_csv(tmp_path / "a.csv", rows + plain)
    folder = tmp_path / "model"
    assert app.run("train", "--quick", "--balance", "--data", file, "--output", folder) == 0
    capfd.readouterr()
    assert app.run("evaluate", "--model", folder, "--data", file, "--all", "--json") == 0
    figures = json.loads(capfd.readouterr().out)
    assert figures["labels"] == ["down", "so so", "up"] and figures["macro_f1"] > 0.8
    assert json.loads((folder / "results.json").read_text())["training"]["recipe"]["balance"] is True


def test_evaluation_counts_two_labels_too(monkeypatch, tmp_path):
    of_the_second = {"a": 0.1, "b": 0.8, "c": 0.5, "d": 0.7, "e. It drags.": 0.4, "It drags.": 0.995, "not e": 0.9}

    def probabilities(folder, artifact, texts, labels):
        return np.array([[1.0 - of_the_second[text], of_the_second[text]] for text in texts])

    monkeypatch.setattr("apps.sentiment.evaluation.probabilities", probabilities)
    test = LabelledTexts(["a", "b", "c", "d", "e. It drags."], np.array([0, 1, 1, 0, 0], np.int32), ("n", "p"))
    short = LabelledTexts(["not e", "a"], np.array([1, 1], np.int32), ("n", "p"))
    evaluation = evaluate(tmp_path, "litert", test, short)
    assert evaluation.figures["value"] == 0.6 and evaluation.more["confusion"] == [[2, 1], [1, 1]]
    assert evaluation.details.tolist() == [[2, 1], [1, 1]]
    more = evaluation.figures["more"]
    assert more["of one sentence"] == 0.4  # "a" and "b"
    assert more["99% sure of its wrong ones"] == pytest.approx(1 / 3)
    assert more["of 2 short negated texts"] == 0.5
    assert "of 2 short negated texts" not in evaluate(tmp_path, "litert", test).figures["more"]


def test_the_calibration_error_is_of_answers_by_their_confidence():
    confidence = np.array([0.9] * 10 + [0.6] * 10)
    right = np.array([True] * 9 + [False] + [True] * 3 + [False] * 7)
    assert calibration_error(right, confidence, 2) == pytest.approx(0.5 * 0.0 + 0.5 * 0.3)
    assert calibration_error(np.array([True, False]), np.array([1.0, 0.5]), 2) == pytest.approx(0.25)
