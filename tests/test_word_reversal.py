"""The app that spells words backwards, from the command line to the files it leaves, on little data of its own."""

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

from apps.corpora import imdb
from apps.pipeline import command_line, publishing
from apps.pipeline.checkpoints import Checkpoints
from apps.pipeline.errors import DataError
from apps.word_reversal import __main__ as word_reversal
from apps.word_reversal import artifacts, evaluation
from apps.word_reversal import data as word_reversal_data
from apps.word_reversal import learning as word_reversal_learning
from apps.word_reversal.random_strings import CHARACTERS, side_of

SMALL = {"units": 24, "epochs": 3, "batches": 3, "learning_rate": 0.02, "averaging": 0.01, "dropout": 0.0}
ARTIFACTS = ("saved_model", "litert", "litert_int8")  # test_saved_models.py looks at all of the shipped model's
SIX = [("man", "woman"), ("black", "white"), ("king", "queen"), ("girl", "boy"), ("up", "down"), ("high", "low")]


def run(*argv):
    return word_reversal.main([str(argument) for argument in argv])


def fails(capfd, *argv):
    """The one sentence with which a command fails."""
    assert run(*argv) == 2
    err = capfd.readouterr().err
    lines = [line for line in err.splitlines() if "error: " in line]
    assert len(lines) == 1 and lines[0].startswith("python -m apps.word_reversal: error: ") and "Traceback" not in err
    return lines[0].removeprefix("python -m apps.word_reversal: error: ")


@pytest.fixture(scope="module", autouse=True)
def small():
    """`train --quick` learns in a hundred batches and writes ARTIFACTS."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(word_reversal, "QUICK", SMALL)
        monkeypatch.setattr(artifacts, "ARTIFACTS", ARTIFACTS)
        monkeypatch.setattr(word_reversal_learning, "VALIDATION", 1)
        monkeypatch.setattr(word_reversal_data, "TESTED", 20)
        yield


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "pairs.tsv"
    path.write_text("".join(f"{first}\t{second}\n" for first, second in SIX), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def trained(data, tmp_path_factory):
    """The folder of a model that has learnt six pairs by heart, by the app's own command."""
    folder = tmp_path_factory.mktemp("trained") / "new" / "model"
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(sys, "argv", ["apps/word_reversal/__main__.py", "train", "--quick"])
        assert run("train", "--quick", "--data", data, "--output", folder) == 0
    return folder


@pytest.fixture
def copy(trained, tmp_path):
    """A copy of that folder, to be changed."""
    return Path(shutil.copytree(trained, tmp_path / "copy"))


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in Path(folder).rglob("*") if path.is_file()}


def test_the_folder_is_as_the_contract_says(trained):
    artifacts = {publishing.FILES[name] for name in ARTIFACTS}
    more = {"model.keras", "vocabulary.json", "results.json", "README.md", "training"}
    assert {path.name for path in trained.iterdir()} == artifacts | more
    assert {path.name for path in (trained / "training").iterdir()} == {"letters.npz", "history.png", "logs"}
    results = json.loads((trained / "results.json").read_text(encoding="utf-8"))
    assert list(results["artifacts"]) == list(ARTIFACTS)
    for artifact in results["artifacts"].values():
        assert (artifact["metric"], artifact["value"], artifact["examples"]) == ("exact match", 1.0, 6)
        assert len(artifact["data_sha256"]) == 64 and "more" not in artifact
        found = publishing.fingerprint(trained / artifact["file"])
        assert found == {"bytes": artifact["bytes"], "sha256": artifact["sha256"]}
        assert artifact["command"] == "python -m apps.word_reversal train --quick"
    about = results["training"]
    assert about["command"] == "python -m apps.word_reversal train --quick" and about["recipe"]["units"] == 24
    (stage,) = about["stages"]
    assert stage["epochs"] == 3 and stage["seconds"] > 0 and stage["result"] == "validation exact match 100.00%"
    assert {"tensorflow", "keras"} <= about["versions"].keys() and "hardware" in about
    card = (trained / "README.md").read_text(encoding="utf-8")
    assert card.count("exact match 100.00%") == len(ARTIFACTS) + 1


def test_all_artifacts_know_the_pairs(trained):
    words, expected = zip(*SIX, strict=True)
    for artifact in ARTIFACTS:
        assert tuple(evaluation.answers(trained, artifact, words)) == expected
        assert not any(evaluation.answers(trained, artifact, ["", "zzz", "kings and queens"]))


def test_evaluate_counts_whole_answers(trained, tmp_path, capfd):
    """One wrong letter is a wrong answer; so is one to a word that can't be spelled."""
    path = tmp_path / "test.tsv"
    path.write_text("man\twoman\nup\tdowm\nking\tqueen\nx\tx\ngirl\tboy", encoding="utf-8")
    before = contents(trained)
    for artifact in ("litert", "saved_model"):
        assert run("evaluate", "--data", path, "--model", trained, "--artifact", artifact, "--json") == 0
        (line,) = capfd.readouterr().out.splitlines()
        figures = json.loads(line)
        assert (figures["artifact"], figures["metric"], figures["examples"]) == (artifact, "exact match", 5)
        assert figures["value"] == pytest.approx(0.6)
    assert run("evaluate", "--data", path, "--model", trained) == 0
    assert capfd.readouterr().out == "saved_model: exact match 60.00% over 5 examples\n"
    assert contents(trained) == before


def test_evaluate_record_changes_results_and_card(copy, data, capfd):
    before = publishing.read_results(copy)
    data.with_name("two.tsv").write_text("man\twoman\nup\tx\n", encoding="utf-8")
    flags = ("evaluate", "--data", data.with_name("two.tsv"), "--model", copy, "--artifact", "litert", "--record")
    assert run(*flags) == 0
    after = publishing.read_results(copy)
    entry = after["artifacts"]["litert"]
    assert entry["value"] == 0.5 and entry["examples"] == 2
    words = f"evaluate --artifact litert --model {copy} --data {data.with_name('two.tsv')}"
    assert entry["command"] == f"python -m apps.word_reversal {words}"
    assert "exact match 50.00% | 2 |" in (copy / "README.md").read_text(encoding="utf-8")
    after["artifacts"]["litert"] = before["artifacts"]["litert"]
    assert after == before
    (copy / "results.json").unlink()
    assert fails(capfd, *flags).startswith("expected a results.json that lists litert in ")


def test_export_of_the_trained_model_gives_equal_answers(trained, tmp_path, capfd):
    folder = tmp_path / "exported"
    assert run("export", trained / "model.keras", "--output", folder) == 0
    assert "are written; `evaluate --record` measures them" in capfd.readouterr().out
    names = {*(publishing.FILES[name] for name in ARTIFACTS), "vocabulary.json", "results.json", "README.md"}
    assert {path.name for path in folder.iterdir()} == names
    words = ["man", "gnik", "up", "ggggg", "o"]
    for artifact in ARTIFACTS:
        assert evaluation.answers(folder, artifact, words) == evaluation.answers(trained, artifact, words)
    results = publishing.read_results(folder)
    assert results["training"] == publishing.read_results(trained)["training"]
    assert not any("value" in artifact for artifact in results["artifacts"].values())


def test_export_refuses_what_is_no_trained_model(trained, tmp_path, capfd):
    assert "got no file" in fails(capfd, "export", tmp_path / "none.keras")
    (tmp_path / "model.keras").write_bytes(b"damaged")
    assert "got a damaged file (" in fails(capfd, "export", tmp_path / "model.keras")
    shutil.copy(trained / "model.keras", tmp_path)
    assert "got no vocabulary.json there" in fails(capfd, "export", tmp_path / "model.keras")
    shutil.copy(trained / "vocabulary.json", tmp_path)
    keras.Sequential([keras.Input((2,)), keras.layers.Dense(3)], name="other").save(tmp_path / "model.keras")
    sentence = fails(capfd, "export", tmp_path / "model.keras", "--output", tmp_path / "out")
    assert sentence.startswith("expected a trained word_reversal model and its alphabet in ")
    assert not (tmp_path / "out").exists()


class Bytes(io.TextIOWrapper):
    """Standard input with these bytes."""

    def __init__(self, content):
        super().__init__(io.BytesIO(content))


def test_reverse_arguments_file_and_standard_input(trained, tmp_path, capfd, monkeypatch):
    flags = ("reverse", "--model", trained)
    assert run(*flags, "man", "up") == 0
    assert capfd.readouterr().out == "woman\ndown\n"
    (tmp_path / "words.txt").write_bytes(b"\xef\xbb\xbfking\r\ngirl\n")
    assert run(*flags, "--file", tmp_path / "words.txt") == 0
    assert capfd.readouterr().out == "queen\nboy\n"
    monkeypatch.setattr(sys, "stdin", Bytes(b"high\nblack"))
    assert run(*flags) == 0
    assert capfd.readouterr().out == "low\nwhite\n"
    monkeypatch.setattr(sys, "stdin", Bytes(b""))
    assert fails(capfd, *flags) == "expected a text in standard input, got nothing"
    assert fails(capfd, *flags, "--file", tmp_path / "none") == f"no such file or directory: {tmp_path / 'none'}"


def test_reverse_goes_on_after_a_word_that_cannot_be_spelled(trained, capfd):
    words = ["man", "", "manmanman", "mañ", "up"]
    assert run("reverse", "--model", trained, "--json", *words) == 2
    captured = capfd.readouterr()
    answers = [json.loads(line) for line in captured.out.splitlines()]
    assert [answer["word"] for answer in answers] == words
    assert [answer["reversed"] for answer in answers] == ["woman", None, None, None, "down"]
    assert 0.0 < answers[0]["probability"] <= 1.0 and "problem" not in answers[0]
    problems = [answer["problem"] for answer in answers[1:4]]
    assert problems == [
        "expected a word of 1 to 5 characters, got 0",
        "expected a word of 1 to 5 characters, got 9: 'manmanman'",
        "expected characters of the pairs it was trained on, got 'ñ' in place 3 of 'mañ'",
    ]
    assert captured.err == f"python -m apps.word_reversal: error: {'; '.join(problems)}\n"
    assert run("reverse", "--model", trained, *words, *["x"] * 1000) == 2
    captured = capfd.readouterr()
    assert captured.out == "woman\n\n\n\ndown\n" + "\n" * 1000  # a line for each word
    assert captured.err.endswith(f"error: {'; '.join(problems)}; and 1,000 more\n")


def test_reverse_with_a_beam_gives_candidates(trained, capfd):
    flags = ("reverse", "--model", trained, "--beam")
    assert run(*flags, 3, "--json", "man") == 0
    (answer,) = map(json.loads, capfd.readouterr().out.splitlines())
    probabilities = [candidate["probability"] for candidate in answer["candidates"]]
    assert len(probabilities) == 3 == len({candidate["reversed"] for candidate in answer["candidates"]})
    assert probabilities == sorted(probabilities, reverse=True) and sum(probabilities) <= 1.0
    assert answer["candidates"][0] == {name: answer[name] for name in ("reversed", "probability")}
    assert answer["reversed"] == "woman"
    assert run(*flags, 2, "up") == 0
    first, second = capfd.readouterr().out.splitlines()
    assert first.split()[1] == "down" and float(first.split()[0].rstrip("%")) > float(second.split()[0].rstrip("%"))
    assert run(*flags, 1, "--json", "man") == 0
    assert "candidates" not in json.loads(capfd.readouterr().out)
    assert fails(capfd, *flags, 101, "man") == "expected a beam of at most 100, got 101"
    with pytest.raises(SystemExit):
        run(*flags, 0, "man")


def test_reverse_plots_attention(trained, tmp_path, capfd, monkeypatch):
    seen = []
    monkeypatch.setattr(word_reversal, "plot_attention", lambda *arguments: seen.append(arguments))
    assert run("reverse", "--model", trained, "--plot", tmp_path / "plot.png", "up", "x", "king") == 2
    ((looks, path),) = seen
    assert path == tmp_path / "plot.png" and [(look.word, look.answer) for look in looks] == [
        ("up", "down"),
        ("king", "queen"),
    ]
    assert looks[0].attention.shape == (5, 3) and looks[1].attention.shape == (5, 5)  # "queen" is as long as it may be
    np.testing.assert_allclose(looks[0].attention.sum(axis=1), 1.0, atol=1e-5)
    capfd.readouterr()
    sentence = fails(capfd, "reverse", "--model", trained, "--plot", tmp_path / "plot.png", *["up"] * 13)
    assert sentence == "expected at most 12 words to plot, got more"


WITHOUT_TENSORFLOW = """
import sys
from apps.word_reversal import __main__ as word_reversal
from apps.word_reversal import artifacts, evaluation
from apps.word_reversal import data as word_reversal_data
status = word_reversal.main(sys.argv[1:])
heavy = {"tensorflow", "keras", "keras_rnn", "tensorflow_datasets", "matplotlib"}
sys.exit(status or ", ".join(sorted(heavy & set(sys.modules))) or 0)
"""


def test_reverse_does_not_import_tensorflow(trained, tmp_path):
    """Nor does it need to be where the project is."""
    environment = os.environ | {"PYTHONPATH": str(Path(word_reversal.__file__).parents[2])}
    command = [sys.executable, "-c", WITHOUT_TENSORFLOW, "reverse", "--model", trained, "--beam", "2", "man"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[1] == "woman" and done.stderr == ""


def test_without_a_verb_the_shipped_model_is_shown(trained, tmp_path, capfd, monkeypatch):
    (tmp_path / "word_reversal").symlink_to(trained)
    monkeypatch.setattr(publishing, "SHIPPED", tmp_path)
    assert run() == 0
    out = capfd.readouterr().out
    assert "stressed  None\n" in out  # of the six pairs' letters it can't be spelled
    for verb in ("train", "evaluate", "export", "reverse"):
        assert f"\n    {verb}" in out
    monkeypatch.setattr(publishing, "SHIPPED", tmp_path / "none")
    assert fails(capfd).startswith("expected a trained model in ")


def reviews(monkeypatch, *texts):
    monkeypatch.setattr(imdb, "labelled", {"test": (list(texts), np.zeros(len(texts), np.int32))}.__getitem__)


def test_english_words_are_the_most_frequent_whole_ones_of_the_test_side(monkeypatch):
    found = ["film", "movie", "acting", "plots", "seen", "best", "quite", "story", "watch", "seeing"]
    texts = [" ".join(found[: number + 1]) for number in range(len(found))]
    reviews(monkeypatch, *texts, "FILM<br />a an it Movie's x-ray café naïve don't the2 _seen " + "b" * 25)
    expected = [word for word in found if side_of(word) == "test"]
    assert 3 <= len(expected) < len(found)
    assert word_reversal_data.english_words(100) == expected
    assert word_reversal_data.english_words(2) == expected[:2]
    reviews(monkeypatch, " ".join(expected[::-1]))
    assert word_reversal_data.english_words(100) == sorted(expected)


def test_evaluate_measures_words_and_random_strings(copy, capfd, monkeypatch):
    reviews(monkeypatch, "the best films have been seen by all of their watchers again and again, quite happily")
    asked = {}

    def answers(folder, artifact, words):
        asked[words[0]] = words
        return [word[::-1] if number % 4 else "" for number, word in enumerate(words)]

    monkeypatch.setattr(evaluation, "answers", answers)
    assert run("evaluate", "--model", copy, "--artifact", "litert", "--json") == 0
    figures = json.loads(capfd.readouterr().out)
    words, strings = asked.values()
    assert len(strings) == 20 == len(set(strings)) and {len(text) for text in strings} == {24}
    assert {side_of(word) for word in words + strings} == {"test"}
    assert figures["metric"] == "exact match, English words"
    assert list(figures["more"]) == ["exact match, random strings of 24 characters"]
    assert list(figures["more"].values()) == [0.75] and figures["examples"] == 20 + len(words)
    assert figures["value"] == pytest.approx(sum(number % 4 > 0 for number in range(len(words))) / len(words))


@pytest.fixture
def only_training(monkeypatch):
    """Training of a network without loops that ends with model.keras, for tests of what happens around it."""

    def build_model(symbols, units, dropout):
        ids, previous = (keras.Input((None,), dtype="int32", name=name) for name in ("ids", "previous"))
        logits = keras.layers.Embedding(symbols, symbols)(previous)
        return keras.Model({"ids": ids, "previous": previous}, logits)

    monkeypatch.setattr(word_reversal, "build_model", build_model)
    monkeypatch.setattr(artifacts, "write", lambda *_: None)
    monkeypatch.setattr(artifacts, "ARTIFACTS", ())


def weights_of(folder):
    return keras.saving.load_model(folder / "model.keras").get_weights()


@pytest.mark.parametrize("own", [False, True])
def test_an_interrupted_run_goes_on_as_if_nothing_had_been(own, data, tmp_path, only_training, capfd, monkeypatch):
    """Ctrl-C in the second epoch leaves the first one's model; without the film reviews random strings are learned."""

    def missing(split):
        raise DataError("expected the film reviews, got none")

    monkeypatch.setattr(imdb, "labelled", missing)
    monkeypatch.setattr(word_reversal_learning, "SMALLEST_EPOCH", 3)
    flags = ("train", "--quick", *(("--data", data) if own else ()), "--output")
    assert run(*flags, tmp_path / "whole") == 0
    assert ("English words won't be measured: expected the film reviews" in capfd.readouterr().out) is not own

    def stop(self, batch, logs=None):
        if len(self.history) == 1 and batch == 1:
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
    found = fails(capfd, *flags, tmp_path / "cut", "--resume", "--batch-size", 5)
    assert found.startswith("expected the settings of the run to resume (batch_size ")
    assert contents(tmp_path) == before


def test_what_is_learned(data, monkeypatch):
    reviews(monkeypatch, "the best films have been seen by all of their watchers again and again, quite happily")
    shipped = word_reversal.load_data(None)
    assert shipped.train is shipped.validation is None and shipped.fingerprint() == "random strings"
    assert len(shipped.tests) == 2 and (shipped.alphabet.longest_word, shipped.alphabet.longest_answer) == (24, 24)
    assert shipped.alphabet.characters == CHARACTERS
    own = word_reversal.load_data(data)
    assert own.train == own.validation == SIX and own.tests == {"exact match": SIX}
    assert own.fingerprint() != word_reversal_data.Data(own.alphabet, SIX[1:], SIX, {}).fingerprint()


def test_train_refuses_wrong_data_and_writes_nothing(tmp_path, capfd, monkeypatch):
    (tmp_path / "bad.tsv").write_text("man\twoman\nking queen\n", encoding="utf-8")
    for flags in (("train", "--quick"), ("evaluate",)):
        sentence = fails(capfd, *flags, "--data", tmp_path / "bad.tsv")
        assert sentence.startswith(f"{tmp_path / 'bad.tsv'}, line 2: expected two columns separated by a tab, got 1")
    out = ("--output", tmp_path / "out")
    assert "which doesn't exist" in fails(capfd, "train", "--data", tmp_path / "none.tsv", *out)
    assert not (tmp_path / "out").exists()
    monkeypatch.setattr(command_line, "need", raise_data_error)
    for argv in (("train",), ("reverse", "--plot", "x", "up")):
        assert fails(capfd, *argv) == "expected the packages"


def raise_data_error(*_):
    raise DataError("expected the packages")


def test_what_is_missing_or_damaged(copy, tmp_path, capfd):
    assert "got no vocabulary.json there" in fails(capfd, "reverse", "--model", tmp_path, "up")
    (copy / "model.tflite").write_bytes(b"damaged")
    assert "got a damaged file" in fails(capfd, "reverse", "--model", copy, "up")
    (copy / "model.tflite").unlink()
    assert "got no model.tflite there" in fails(capfd, "reverse", "--model", copy, "up")
    (copy / "vocabulary.json").write_text('{"labels": [], "words": []}', encoding="utf-8")  # of another app
    assert "got another file (KeyError)" in fails(capfd, "reverse", "--model", copy, "up")
    shutil.rmtree(copy / "1")
    assert "got none" in fails(capfd, "evaluate", "--model", copy, "--data", data_of(tmp_path))


def data_of(folder):
    (folder / "one.tsv").write_text("up\tdown\n", encoding="utf-8")
    return folder / "one.tsv"
