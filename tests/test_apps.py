"""The programs, from the command line to the files they leave, on data of their own."""

import csv
import dataclasses
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

from apps import __main__ as all_apps
from apps.pipeline import publishing, word_vectors
from apps.pipeline.checkpoints import Checkpoints
from apps.pipeline.vocabulary import Vocabulary
from apps.sentiment import __main__ as sentiment
from apps.sentiment import learning as sentiment_learning
from apps.sentiment.data import LabelledTexts
from apps.sentiment.evaluation import probabilities
from apps.sentiment.use import Classifier

SMALL = {"words": 60, "units": 16, "word_vector_epochs": 1, "language_model_epochs": 1, "epochs": 2}
SMALL |= {"batch_size": 16, "student_epochs": 0, "keep_last": 20, "learning_rate": 0.03}
LABELS = ("thumbs down", "thumbs up")
ARTIFACTS = tuple(publishing.FILES)


def reviews(count, seed=1):
    """Texts of which one word tells the label."""
    generator = np.random.default_rng(seed)
    tells = (["dull", "stale", "bad"], ["warm", "funny", "good"])
    rows = []
    for number in range(count):
        words = [f"word{n}" for n in generator.integers(0, 30, generator.integers(4, 14))]
        words[generator.integers(len(words))] = str(generator.choice(tells[number % 2])).title()
        rows.append((" ".join(words) + ".", LABELS[number % 2]))
    return rows


def write_csv(path, rows):
    with open(path, "w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("text", "label"), *rows])
    return path


def run(*argv):
    return sentiment.main([str(argument) for argument in argv])


def fails(capfd, *argv):
    """The one sentence with which a command fails."""
    assert run(*argv) == 2
    err = capfd.readouterr().err
    lines = [line for line in err.splitlines() if "error: " in line]
    assert len(lines) == 1 and lines[0].startswith("python -m apps.sentiment: error: ") and "Traceback" not in err
    return lines[0].removeprefix("python -m apps.sentiment: error: ")


@pytest.fixture(scope="module", autouse=True)
def small():
    """`train --quick` learns in 160 batches, at a higher rate."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(sentiment, "QUICK", SMALL)
        monkeypatch.setattr(sentiment_learning, "SMALLEST_EPOCH", 80)
        yield


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A CSV file and a JSON Lines file with the same reviews."""
    folder = tmp_path_factory.mktemp("data")
    rows = reviews(160)
    write_csv(folder / "reviews.csv", rows)
    lines = [json.dumps({"text": text, "label": label}) for text, label in rows]
    (folder / "reviews.jsonl").write_text("\n".join(lines), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def trained(data, tmp_path_factory):
    """The folder of a model that has learnt, by the app's own command."""
    folder = tmp_path_factory.mktemp("trained") / "new" / "model"
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(sys, "argv", ["apps/sentiment/__main__.py", "train", "--quick"])
        assert run("train", "--quick", "--data", data / "reviews.csv", "--output", folder) == 0
    return folder


@pytest.fixture
def copy(trained, tmp_path):
    """A copy of that folder, to be changed."""
    return Path(shutil.copytree(trained, tmp_path / "copy"))


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in Path(folder).rglob("*") if path.is_file()}


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


def test_the_folder_is_as_the_contract_says(trained):
    expected = {*publishing.FILES.values(), "model.keras", "vocabulary.json", "results.json", "README.md"}
    assert {path.name for path in trained.iterdir()} == expected | {"training"}
    made = {path.name for path in (trained / "training").iterdir()}
    assert made == {"word_vectors.npz", "language_model.npz", "labels.npz", "history.png", "logs"}
    vocabulary = Vocabulary.load(trained)
    assert vocabulary.labels == LABELS and vocabulary.keep_last == 20 and len(vocabulary.words) == 37
    results = json.loads((trained / "results.json").read_text(encoding="utf-8"))
    assert list(results["artifacts"]) == list(ARTIFACTS)
    for artifact in results["artifacts"].values():
        assert artifact["value"] >= 0.9 and artifact["metric"] == "accuracy" and artifact["examples"] > 5
        assert len(artifact["data_sha256"]) == 64 and artifact["bytes"] > 1000
        assert artifact["command"] == "python -m apps.sentiment train --quick"
    about = results["training"]
    assert about["command"] == "python -m apps.sentiment train --quick"
    assert about["recipe"] == dataclasses.asdict(sentiment.Recipe(**SMALL))
    assert [stage["stage"] for stage in about["stages"]] == ["word vectors", "language models", "labels"]
    assert {"versions", "hardware"} <= about.keys()
    card = (trained / "README.md").read_text(encoding="utf-8")
    assert f"accuracy {results['artifacts']['litert']['value']:.2%}" in card


def test_all_artifacts_give_the_answers_of_the_model(trained):
    vocabulary = Vocabulary.load(trained)
    expected = answers_of(keras.saving.load_model(trained / "model.keras"), vocabulary, TEXTS)
    assert expected[0] > 0.7 and expected[1] < 0.3
    np.testing.assert_allclose(probabilities(trained, "litert", TEXTS), expected, atol=1e-5)
    np.testing.assert_allclose(probabilities(trained, "litert_int8", TEXTS), expected, atol=0.02)
    serve = tf.saved_model.load(str(trained / "1")).signatures["serving_default"]
    for texts in (TEXTS, TEXTS[2:3], TEXTS[::-1]):
        answer = serve(text=tf.constant(texts))
        assert list(answer) == ["probability"] and answer["probability"].dtype == tf.float32
        order = [TEXTS.index(text) for text in texts]
        np.testing.assert_allclose(answer["probability"], expected[order], atol=1e-5)
    assert serve(text=tf.constant([], tf.string))["probability"].shape == (0,)


ELSEWHERE = """
import json, sys
sys.modules["keras"] = sys.modules["keras_rnn"] = sys.modules["apps"] = None
import tensorflow as tf
serve = tf.saved_model.load(sys.argv[1]).signatures["serving_default"]
print(json.dumps(serve(text=tf.constant(sys.argv[2:]))["probability"].numpy().tolist()))
"""


def test_the_saved_model_needs_tensorflow_only(trained):
    command = [sys.executable, "-c", ELSEWHERE, trained / "1", *TEXTS]
    done = subprocess.run(command, capture_output=True, text=True, cwd=trained)
    assert done.returncode == 0, done.stderr
    np.testing.assert_allclose(json.loads(done.stdout), probabilities(trained, "litert", TEXTS), atol=1e-5)


@pytest.mark.parametrize("artifact", ARTIFACTS)
def test_evaluate_prints_one_json_object(trained, data, tmp_path, capfd, artifact):
    rows = [*reviews(40, seed=2), ("good good", LABELS[0]), ("bad bad", LABELS[1])]  # the last two are mistakes
    file = write_csv(tmp_path / "test.csv", rows)
    before = contents(trained)
    assert run("evaluate", "--data", file, "--model", trained, "--artifact", artifact, "--json") == 0
    (line,) = capfd.readouterr().out.splitlines()
    figures = json.loads(line)
    found = probabilities(trained, artifact, [text for text, _ in rows]) > 0.5
    right = np.mean([answer == (label == LABELS[1]) for answer, (_, label) in zip(found, rows, strict=True)])
    assert 0.8 < right < 1.0 and figures["value"] == pytest.approx(right)
    assert (figures["artifact"], figures["metric"], figures["examples"]) == (artifact, "accuracy", 42)
    assert contents(trained) == before
    assert run("evaluate", "--data", file, "--model", trained, "--artifact", artifact) == 0
    assert capfd.readouterr().out == f"{artifact}: accuracy {right:.2%} over 42 examples\n"


def test_evaluate_record_changes_results_and_card(copy, tmp_path, capfd):
    file = write_csv(tmp_path / "two.csv", [("good", LABELS[1]), ("warm", LABELS[1]), ("funny", LABELS[0])])
    before = publishing.read_results(copy)
    assert run("evaluate", "--data", file, "--model", copy, "--artifact", "litert", "--record") == 0
    after = publishing.read_results(copy)
    assert after["artifacts"]["litert"]["value"] == pytest.approx(2 / 3)
    assert after["artifacts"]["litert"]["examples"] == 3
    command = f"python -m apps.sentiment evaluate --artifact litert --model {copy} --data {file}"
    assert after["artifacts"]["litert"]["command"] == command
    assert "accuracy 66.67%" in (copy / "README.md").read_text(encoding="utf-8")
    after["artifacts"]["litert"] = before["artifacts"]["litert"]
    assert after == before
    (copy / "results.json").unlink()
    sentence = fails(capfd, "evaluate", "--data", file, "--model", copy, "--artifact", "litert", "--record")
    assert sentence.startswith("expected a results.json that lists litert in ")


def test_export_of_the_trained_model_gives_equal_answers(trained, data, tmp_path, capfd):
    folder = tmp_path / "exported"
    assert run("export", trained / "model.keras", "--data", data / "reviews.csv", "--output", folder) == 0
    assert f"{', '.join(publishing.FILES.values())} are written" in capfd.readouterr().out
    names = {*publishing.FILES.values(), "vocabulary.json", "results.json", "README.md"}
    assert {path.name for path in folder.iterdir()} == names
    for artifact in ARTIFACTS:
        found = [probabilities(place, artifact, TEXTS) for place in (folder, trained)]
        np.testing.assert_allclose(*found, atol=1e-6)
    results = publishing.read_results(folder)
    assert results["training"] == publishing.read_results(trained)["training"]
    assert not any("value" in artifact for artifact in results["artifacts"].values())
    assert (folder / "vocabulary.json").read_bytes() == (trained / "vocabulary.json").read_bytes()


def test_classify_texts(trained, capfd):
    assert run("classify", "--model", trained, "A good film", "so\n\x1b[31mbad " + "word2 " * 30 + "bad", "", "!?") == 0
    good, bad, nothing, symbols = capfd.readouterr().out.splitlines()
    assert good.split(None, 3)[:2] == ["thumbs", "up"] and good.endswith("%  A good film")
    assert bad.split()[:2] == ["thumbs", "down"] and bad.endswith("wo…")
    assert "\x1b" not in bad  # a text can't talk to the terminal
    assert nothing.strip() == "(no words)"
    assert "thumbs" in symbols
    assert float(good.split()[2].rstrip("%")) > 50.0 < float(bad.split()[2].rstrip("%"))


class Bytes(io.TextIOWrapper):
    """Standard input with these bytes."""

    def __init__(self, content):
        super().__init__(io.BytesIO(content))


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
    assert [answer["text"] for answer in answers] == ["A good film", "", "dull 好\u2028", "caf\ufffd"]
    assert [answer["label"] for answer in answers][:3] == [LABELS[1], None, LABELS[0]]
    assert answers[1]["probabilities"] is None
    for answer in answers[::2]:
        assert list(answer["probabilities"]) == list(LABELS)
        assert sum(answer["probabilities"].values()) == pytest.approx(1.0)
        assert max(answer["probabilities"], key=answer["probabilities"].get) == answer["label"]
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
    vocabulary, score = classifier.vocabulary, classifier.score
    ids = vocabulary.ids("bad, but good")
    lost = score(ids)["logit"] - score([1, *ids[1:]])["logit"]
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


WITHOUT_TENSORFLOW = """
import sys
from apps.sentiment import __main__ as sentiment
status = sentiment.main(sys.argv[1:])
heavy = {"tensorflow", "keras", "keras_rnn", "tensorflow_datasets", "gensim", "sklearn", "matplotlib"}
sys.exit(status or ", ".join(sorted(heavy & set(sys.modules))) or 0)
"""


def test_classify_does_not_import_tensorflow(trained, tmp_path):
    """Nor does it need to be where the project is."""
    environment = os.environ | {"PYTHONPATH": str(Path(sentiment.__file__).parents[2])}
    command = [sys.executable, "-c", WITHOUT_TENSORFLOW, "classify", "--explain", "--model", trained, "good", "bad"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("  towards thumbs up: ") == 2


def test_without_a_verb_the_shipped_model_is_shown(trained, tmp_path, capfd, monkeypatch):
    (tmp_path / "sentiment").symlink_to(trained)
    monkeypatch.setattr(publishing, "SHIPPED", tmp_path)
    assert run() == 0
    out = capfd.readouterr().out
    assert out.count("thumbs ") == 3
    for verb in ("train", "evaluate", "export", "classify"):
        assert f"    {verb} " in out
    monkeypatch.setattr(publishing, "SHIPPED", tmp_path / "none")
    assert fails(capfd).startswith("expected a trained model in ")


def test_the_list_of_apps(capsys):
    all_apps.main()
    lines = capsys.readouterr().out.splitlines()
    names = sorted({path.parent.name for path in Path(all_apps.__file__).parent.glob("*/__main__.py")} - {"lessons"})
    assert [line.split()[2] for line in lines] == [f"apps.{name}" for name in [*names, "lessons"]]
    assert all(len(line.split(None, 3)[3]) > 10 for line in lines)


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


def weights_of(folder):
    return keras.saving.load_model(folder / "model.keras").get_weights()


def assert_equal_weights(first, second):
    for ours, theirs in zip(first, second, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def best_in(checkpoint):
    with np.load(checkpoint) as file:
        return [file[f"best_{number}"] for number in range(len(file.files)) if f"best_{number}" in file.files]


def test_an_interrupted_run_goes_on_as_if_nothing_had_been(data, trained, tmp_path, no_artifacts, capfd):
    """From the same reviews in the other format. Ctrl-C in the last stage leaves the best model so far."""
    flags = ("train", "--quick", "--data", data / "reviews.jsonl", "--output", tmp_path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(word_vectors, "word_vectors", raises(KeyboardInterrupt()))
        assert run(*flags) == 130
    assert capfd.readouterr().err.endswith("stopped; what was finished is kept\n")
    assert os.listdir(tmp_path) == ["training"] and not os.listdir(tmp_path / "training")
    for stage in ("word_vectors.npz", "language_model.npz"):  # finished, and not to be done again
        shutil.copy(trained / "training" / stage, tmp_path / "training")
    with pytest.MonkeyPatch.context() as patch:
        stop_in(patch, KeyboardInterrupt(), "labels", epoch=2)
        assert run(*flags, "--resume") == 0
    assert "Stopped: writing the best model so far" in capfd.readouterr().out
    assert_equal_weights(weights_of(tmp_path), best_in(tmp_path / "training" / "labels.npz"))

    assert run(*flags, "--resume") == 0
    assert_equal_weights(weights_of(tmp_path), weights_of(trained))
    before = contents(tmp_path)
    sentence = fails(capfd, *flags, "--seed", 5, "--resume")
    assert sentence.startswith("expected the settings of the run to resume (data ")  # another split
    sentence = fails(capfd, *flags, "--batch-size", 5, "--resume")
    assert sentence.startswith("expected the settings of the run to resume (batch_size 16 ")
    assert contents(tmp_path) == before


@pytest.fixture
def unlabelled(monkeypatch):
    """`train` finds reviews with and without a label."""

    def labelled(count, seed):
        rows = reviews(count, seed)
        labels = np.array([LABELS.index(label) for _, label in rows], np.int32)
        return LabelledTexts([text for text, _ in rows], labels, LABELS)

    texts = [text for text, _ in reviews(150, seed=6)]
    monkeypatch.setattr(sentiment, "load_data", lambda *_: (labelled(80, 3), labelled(20, 4), labelled(20, 5), texts))
    monkeypatch.setattr(sentiment, "QUICK", SMALL | {"student_epochs": 2, "epochs": 1, "language_model_epochs": 0})
    return texts


def test_texts_without_a_label_teach_the_model_too(unlabelled, tmp_path, no_artifacts, monkeypatch, capfd):
    seen, given = [], {}
    tune, opinions = sentiment_learning.fine_tune, sentiment_learning.second_opinions

    def fine_tune(model, texts, validation, stage):
        seen.append((stage.file.stem, len(texts[0]), texts[1], len(validation[0]), model.get_weights()))
        return tune(model, texts, validation, stage)

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

    sentence = fails(capfd, "train", "--data", tmp_path / "none.csv", "--output", tmp_path / "out")
    assert sentence.endswith("none.csv, which doesn't exist")
    assert "line 1: expected one column 'label', got 0" in train_on("a.csv", "text,stars\nx,1\n")
    assert "expected two different labels, got 3" in train_on("b.csv", "text,label\nx,1\ny,2\nz,3\n")
    ten = "".join(f"text {number},{number % 2}\n" for number in range(10))
    assert "expected texts of every label in both parts" in train_on("c.csv", f"text,label\n{ten}")
    unbalanced = "".join(f"text {number},{int(number == 7)}\n" for number in range(1000))
    assert "expected texts of every label in both parts" in train_on("d.csv", f"text,label\n{unbalanced}")
    assert not (tmp_path / "out").exists()


def test_where_the_output_cannot_be(data, tmp_path, capfd):
    (tmp_path / "file").touch()
    for output in (tmp_path / "file", tmp_path / "file" / "below"):
        sentence = fails(capfd, "train", "--quick", "--data", data / "reviews.csv", "--output", output)
        assert str(tmp_path / "file") in sentence


def test_evaluate_refuses_other_labels_and_what_is_missing(copy, data, tmp_path, capfd):
    file = write_csv(tmp_path / "other.csv", [("good", "yes"), ("bad", "no")])
    sentence = fails(capfd, "evaluate", "--data", file, "--model", copy, "--record")
    assert sentence == "expected the model's labels thumbs down and thumbs up, got no and yes"
    reviews_file = data / "reviews.csv"
    assert "got no vocabulary.json there" in fails(capfd, "evaluate", "--data", reviews_file, "--model", tmp_path)
    shutil.rmtree(copy / "1")
    assert fails(capfd, "evaluate", "--data", reviews_file, "--model", copy).endswith("1, got none")
    vocabulary = Vocabulary.load(copy)
    vocabulary.words += tuple(f"new{number}" for number in range(9))
    vocabulary.save(copy)
    assert "expected the vocabulary that" in fails(capfd, "classify", "--model", copy, "good new8")
    (copy / "model.tflite").write_bytes(b"damaged")
    assert "got a damaged file" in fails(capfd, "classify", "--model", copy, "good")
    (copy / "model.tflite").unlink()
    assert "got no model.tflite there" in fails(capfd, "classify", "--model", copy, "good")


def test_classify_refuses_what_it_cannot_read(trained, tmp_path, capfd):
    assert "none.txt" in fails(capfd, "classify", "--model", trained, "--file", tmp_path / "none.txt")
    assert fails(capfd, "classify", "--model", trained, "--file", tmp_path) == f"is a directory: {tmp_path}"
    (tmp_path / "empty.txt").touch()
    assert "got nothing" in fails(capfd, "classify", "--model", trained, "--file", tmp_path / "empty.txt")
    assert "got no vocabulary.json there" in fails(capfd, "classify", "--model", tmp_path / "none", "good")
    assert "not a directory" in fails(capfd, "classify", "--model", tmp_path / "empty.txt", "good")


def test_export_refuses_what_is_no_model(copy, tmp_path, capfd):
    output = tmp_path / "out"
    assert "got no file" in fails(capfd, "export", tmp_path / "none.keras", "--output", output)
    assert "got no file" in fails(capfd, "export", copy, "--output", output)
    (copy / "model.keras").write_bytes((copy / "model.keras").read_bytes()[:5000])
    assert "got a damaged file" in fails(capfd, "export", copy / "model.keras", "--output", output)
    (copy / "vocabulary.json").unlink()
    assert "got no vocabulary.json there" in fails(capfd, "export", copy / "model.keras", "--output", output)
    assert not output.exists()
