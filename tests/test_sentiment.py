"""The app that judges texts: answers, mistakes, stages, refusals. What all apps promise is in test_contract.py."""

import json
import shutil
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from app_table import APPS, LABELS, Bytes, reviews, weights_of, write_csv

from apps import __main__ as all_apps
from apps.pipeline import word_vectors
from apps.pipeline.checkpoints import Checkpoints
from apps.pipeline.vocabulary import Vocabulary
from apps.sentiment import __main__ as sentiment
from apps.sentiment import learning as sentiment_learning
from apps.sentiment.data import LabelledTexts
from apps.sentiment.evaluation import probabilities
from apps.sentiment.use import Classifier

APP = APPS["sentiment"]
run, fails = APP.run, APP.fails
pytestmark = pytest.mark.usefixtures("app")  # its small recipe
TEXTS = [
    "A good, WARM film!",
    "dull, stale and bad",
    "",
    "  \n ",
    "word1 " * 30 + "bad",
    "nothing that it knows 好😀",
    "<br />",
]


def answers_of(model, vocabulary, texts):
    logits = [float(model(np.array([vocabulary.ids(text)], np.int32))[0, 0]) for text in texts]
    return 1.0 / (1.0 + np.exp(-np.array(logits)))


def test_all_artifacts_give_the_answers_of_the_model(trained):
    vocabulary = Vocabulary.load(trained)
    expected = answers_of(keras.saving.load_model(trained / "model.keras"), vocabulary, TEXTS)
    assert expected[0] > 0.7 and expected[1] < 0.3
    np.testing.assert_allclose(probabilities(trained, "litert", TEXTS)[:, 1], expected, atol=1e-5)
    np.testing.assert_allclose(probabilities(trained, "litert_int8", TEXTS)[:, 1], expected, atol=0.02)
    serve = tf.saved_model.load(str(trained / "1")).signatures["serving_default"]
    for texts in (TEXTS, TEXTS[2:3], TEXTS[::-1]):
        answer = serve(text=tf.constant(texts))
        assert list(answer) == ["probability"] and answer["probability"].dtype == tf.float32
        order = [TEXTS.index(text) for text in texts]
        np.testing.assert_allclose(answer["probability"], expected[order], atol=1e-5)
    assert serve(text=tf.constant([], tf.string))["probability"].shape == (0,)


@pytest.mark.parametrize("artifact", ["saved_model", "litert_int8"])
def test_evaluate_counts_mistakes(trained, tmp_path, capfd, artifact):
    rows = [*reviews(40, seed=2), ("good good", LABELS[0]), ("bad bad", LABELS[1])]  # the last two are mistakes
    file = write_csv(tmp_path / "test.csv", rows)
    assert run("evaluate", "--data", file, "--model", trained, "--artifact", artifact, "--json") == 0
    (line,) = capfd.readouterr().out.splitlines()
    figures = json.loads(line)
    found = probabilities(trained, artifact, [text for text, _ in rows])[:, 1] > 0.5
    right = np.mean([answer == (label == LABELS[1]) for answer, (_, label) in zip(found, rows, strict=True)])
    assert 0.8 < right < 1.0 and figures["value"] == pytest.approx(right)
    assert (figures["artifact"], figures["metric"], figures["examples"]) == (artifact, "accuracy", 42)


def test_classify_texts(trained, capfd):
    assert run("classify", "--model", trained, "A good film", "so\n\x1b[31mbad " + "word2 " * 30 + "bad", "", "!?") == 0
    good, bad, nothing, symbols = capfd.readouterr().out.splitlines()
    assert good.split(None, 3)[:2] == ["thumbs", "up"] and good.endswith("%  A good film")
    assert bad.split()[:2] == ["thumbs", "down"] and bad.endswith("…")
    assert "so \\x1b[31mbad" in bad and "\x1b" not in bad  # a text can't talk to the terminal
    assert nothing.strip() == "(no words)"
    assert "thumbs" in symbols
    assert float(good.split()[2].rstrip("%")) > 50.0 < float(bad.split()[2].rstrip("%"))


def test_classify_lines_as_json(trained, tmp_path, capfd, monkeypatch):
    lines = "\ufeffA good film\n\ndull 好\u2028\r\n".encode() + b"caf\xe9"
    file = tmp_path / "texts.txt"
    file.write_bytes(lines)
    assert run("classify", "--model", trained, "--json", "--file", file) == 0
    out = capfd.readouterr().out
    monkeypatch.setattr(sys, "stdin", Bytes(lines))
    assert run("classify", "--model", trained, "--json") == 0
    assert capfd.readouterr().out == out
    answers = [json.loads(line) for line in out.split("\n")[:-1]]
    assert [answer["input"] for answer in answers] == ["A good film", "", "dull 好\u2028", "caf\ufffd"]
    assert [answer["answer"] for answer in answers][:3] == [LABELS[1], None, LABELS[0]]
    assert answers[1]["probabilities"] is None
    for answer in answers[::2]:
        assert list(answer["probabilities"]) == list(LABELS)
        assert sum(answer["probabilities"].values()) == pytest.approx(1.0)
        assert max(answer["probabilities"], key=answer["probabilities"].get) == answer["answer"]
    monkeypatch.setattr(sys, "stdin", Bytes(b""))
    assert fails(capfd, "classify", "--model", trained) == "expected a text in standard input, got nothing"


def test_classify_explains(trained, capfd, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    assert run("classify", "--model", trained, "--json", "--explain", "bad, but GOOD", "") == 0
    first, empty = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    words = dict(first["words"])
    assert list(words) == ["bad", ",", "but", "good"]
    assert words["good"] > 0.0 > words["bad"]
    assert "words" not in empty
    classifier = Classifier(trained)
    ids = classifier.vocabulary.ids("bad, but good")
    lost = classifier.log_odds(ids, 1) - classifier.log_odds([1, *ids[1:]], 1)
    assert words["bad"] == pytest.approx(lost)
    assert run("classify", "--model", trained, "--explain", "bad, but GOOD", "word1 " * 30) == 0
    lines = capfd.readouterr().out.splitlines()
    assert lines[1].split() == ["bad", ",", "but", "good"]
    assert lines[2].startswith("  towards thumbs up: good +")
    assert lines[3].startswith("  towards thumbs down: bad -")
    assert lines[5].split() == ["word1"] * 20  # what it has read


def test_a_million_characters(trained, capfd):
    assert run("classify", "--model", trained, "word1 " * 200_000 + "dull") == 0
    assert capfd.readouterr().out.split()[:2] == ["thumbs", "down"]


def test_the_list_of_apps(capsys):
    all_apps.main([])
    lines = capsys.readouterr().out.splitlines()
    names = sorted({path.parent.name for path in Path(all_apps.__file__).parent.glob("*/__main__.py")} - {"lessons"})
    assert [line.split()[:2] for line in lines] == [["keras-rnn", name] for name in [*names, "lessons", "export"]]
    assert all(len(line.split(None, 2)[2]) > 10 for line in lines)


@pytest.fixture
def no_artifacts(monkeypatch):
    """Training that ends with model.keras, for tests that look at the model only."""
    monkeypatch.setattr(sentiment.artifacts, "write", lambda *_: None)
    monkeypatch.setattr(sentiment.artifacts, "ARTIFACTS", ())


def raises(error):
    def function(*_, **__):
        raise error

    return function


def stop_in(monkeypatch, error, stage, epoch, step=1):
    """Raises `error` at a step of an epoch (counted from 1) of a stage."""

    def stop(self, batch, logs=None):
        if (self.path.stem, len(self.history) + 1, batch) == (stage, epoch, step):
            raise error

    monkeypatch.setattr(Checkpoints, "on_train_batch_end", stop)


def assert_equal_weights(first, second):
    for ours, theirs in zip(first, second, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def best_in(checkpoint):
    with np.load(checkpoint) as file:
        return [file[f"best_{number}"] for number in range(len(file.files)) if f"best_{number}" in file.files]


@pytest.mark.slow
def test_an_interrupted_run_goes_on_as_if_nothing_had_been(trained, tmp_path, no_artifacts, capfd):
    """From the same reviews in the other format. Ctrl-C in the last stage leaves the best model so far."""
    lines = [json.dumps({"text": text, "label": label}) for text, label in reviews(160)]
    (tmp_path / "reviews.jsonl").write_text("\n".join(lines), encoding="utf-8")
    flags = ("train", "--quick", "--data", tmp_path / "reviews.jsonl", "--output", tmp_path / "out")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(word_vectors, "word_vectors", raises(KeyboardInterrupt()))
        assert run(*flags) == 130
    assert capfd.readouterr().err.endswith("stopped; what was finished is kept\n")
    assert not (tmp_path / "out").exists()  # nothing was finished
    (tmp_path / "out" / "training").mkdir(parents=True)
    for stage in ("word_vectors.npz", "language_model.npz"):  # finished, and not to be done again
        shutil.copy(trained / "training" / stage, tmp_path / "out" / "training")
    with pytest.MonkeyPatch.context() as patch:
        stop_in(patch, KeyboardInterrupt(), "labels", epoch=2)
        assert run(*flags, "--resume") == 0
    assert "Stopped: writing the best model so far" in capfd.readouterr().out
    assert_equal_weights(weights_of(tmp_path / "out"), best_in(tmp_path / "out" / "training" / "labels.npz"))
    assert run(*flags, "--resume") == 0
    assert_equal_weights(weights_of(tmp_path / "out"), weights_of(trained))


@pytest.fixture
def unlabelled(monkeypatch):
    """`train` finds reviews with and without a label."""

    def labelled(count, seed):
        rows = reviews(count, seed)
        labels = np.array([LABELS.index(label) for _, label in rows], np.int32)
        return LabelledTexts([text for text, _ in rows], labels, LABELS)

    texts = [text for text, _ in reviews(150, seed=6)]
    monkeypatch.setattr(sentiment, "load_data", lambda *_: (labelled(80, 3), labelled(20, 4), labelled(20, 5), texts))
    monkeypatch.setattr(sentiment, "QUICK", APP.recipe | {"student_epochs": 2, "epochs": 1, "language_model_epochs": 0})
    return texts


@pytest.mark.slow
def test_texts_without_a_label_teach_the_model_too(unlabelled, tmp_path, no_artifacts, monkeypatch, capfd):
    seen, given = [], {}
    tune, opinions = sentiment_learning.fine_tune, sentiment_learning.second_opinions

    def fine_tune(model, texts, validation, stage, labels):
        seen.append((stage.file.stem, len(texts[0]), texts[1], len(validation[0]), model.get_weights()))
        return tune(model, texts, validation, stage, labels)

    def second_opinions(model, labelled, rows):
        given.update(labelled=len(labelled[0]), rows=rows, answers=opinions(model, labelled, rows))
        return given["answers"]

    monkeypatch.setattr(sentiment_learning, "fine_tune", fine_tune)
    monkeypatch.setattr(sentiment_learning, "second_opinions", second_opinions)
    with pytest.MonkeyPatch.context() as patch:
        stop_in(patch, KeyboardInterrupt(), "labels_and_opinions", epoch=1)
        assert run("train", "--quick", "--output", tmp_path) == 0
    assert "Stopped: writing the best model so far" in capfd.readouterr().out
    assert_equal_weights(weights_of(tmp_path), best_in(tmp_path / "training" / "labels.npz"))

    seen.clear()
    assert run("train", "--quick", "--output", tmp_path, "--resume") == 0
    (first, count, _, validated, _), (second, both, targets, validated_again, start_again) = seen
    assert (first, second) == ("labels", "labels_and_opinions") and validated == validated_again == 20
    assert count == 16 * 80 and both == 80 + 150  # the labelled ones many times, for an epoch of 80 batches
    assert_equal_weights(start_again, best_in(tmp_path / "training" / "labels.npz"))  # it goes on from the labels
    assert given["labelled"] == 80 and len(given["rows"]) == 150
    np.testing.assert_array_equal(targets[80:], given["answers"])
    assert set(targets[:80]) == {0, 1}
    positive = np.array([any(word in text.lower() for word in ("warm", "funny", "good")) for text in unlabelled])
    assert np.mean((given["answers"] > 0.5) == positive) > 0.9  # each text has its own opinion
    assert_equal_weights(weights_of(tmp_path), best_in(tmp_path / "training" / "labels_and_opinions.npz"))


def test_train_refuses_wrong_data_and_writes_nothing(tmp_path, capfd):
    def train_on(name, content):
        (tmp_path / name).write_text(content, encoding="utf-8")
        return fails(capfd, "train", "--quick", "--data", tmp_path / name, "--output", tmp_path / "out")

    assert "line 1: expected a column for the labels" in train_on("a.csv", "text,mood\nx,1\n")
    assert "expected two different labels or more, got 1: '1'" in train_on("b.csv", "text,label\nx,1\ny,1\n")
    six = "".join(f"text {number},{number % 2}\n" for number in range(6))
    assert "expected 4 different texts or more of each label" in train_on("c.csv", f"text,label\n{six}")
    unbalanced = "".join(f"text {number},{int(number == 7)}\n" for number in range(1000))
    assert train_on("d.csv", f"text,label\n{unbalanced}").endswith("got 1 of '1'")
    address = "https://example.org/a.csv"
    refused = fails(capfd, "train", "--quick", "--data", address, "--output", tmp_path / "out")
    assert refused.endswith(f"got the address {address}: download it first")
    assert not (tmp_path / "out").exists()


def test_other_labels_and_another_vocabulary(copy, tmp_path, capfd):
    file = write_csv(tmp_path / "other.csv", [("good", "yes"), ("bad", "no")])
    sentence = fails(capfd, "evaluate", "--data", file, "--model", copy, "--record")
    assert sentence == "expected the model's labels thumbs down and thumbs up, got no and yes"
    vocabulary = Vocabulary.load(copy)
    vocabulary.words += tuple(f"new{number}" for number in range(9))
    vocabulary.save(copy)
    assert "vocabulary.json as it was written" in fails(capfd, "classify", "--model", copy, "good new8")
    (copy / "results.json").unlink()
    assert "expected the vocabulary or labels that" in fails(capfd, "classify", "--model", copy, "good new8")


def test_calibrate_is_for_models_of_the_apps_own_reviews(copy, tmp_path, capfd):
    refused = fails(capfd, "calibrate", copy, "--output", tmp_path / "out")
    assert refused.startswith("expected a model of the app's own reviews in ") and not (tmp_path / "out").exists()


@pytest.mark.slow
def test_calibrate_writes_a_model_again_with_the_answers_that_it_gave(copy, unlabelled, tmp_path, monkeypatch, capfd):
    results = json.loads((copy / "results.json").read_text(encoding="utf-8"))
    results["training"]["own_data"] = False
    (copy / "results.json").write_text(json.dumps(results), encoding="utf-8")
    monkeypatch.setattr(sentiment.imdb, "LABELS", LABELS)
    assert run("calibrate", copy, "--output", tmp_path / "out") == 0
    assert "`evaluate --record` measures them" in capfd.readouterr().out
    stages = json.loads((tmp_path / "out" / "results.json").read_text(encoding="utf-8"))["training"]["stages"]
    assert [stage["stage"] for stage in stages] == [stage["stage"] for stage in results["training"]["stages"]]
    assert "in full from " in stages[-1]["result"] and "; by `python -m apps." in stages[-1]["result"]
    before, after = (probabilities(folder, "litert", TEXTS)[:, 1] > 0.5 for folder in (copy, tmp_path / "out"))
    np.testing.assert_array_equal(before, after)


def test_classify_refuses_what_it_cannot_read(trained, tmp_path, capfd):
    assert "none.txt" in fails(capfd, "classify", "--model", trained, "--file", tmp_path / "none.txt")
    assert fails(capfd, "classify", "--model", trained, "--file", tmp_path) == f"is a directory: {tmp_path}"
    (tmp_path / "empty.txt").touch()
    assert "got nothing" in fails(capfd, "classify", "--model", trained, "--file", tmp_path / "empty.txt")
    assert "not a directory" in fails(capfd, "classify", "--model", tmp_path / "empty.txt", "good")
