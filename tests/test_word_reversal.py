"""The app that spells words backwards: answers, candidates, tests, stages, refusals."""

import json
import sys

import keras
import numpy as np
import pytest
from app_table import APPS, ARTIFACTS, PAIRS, Bytes

from apps.corpora import imdb
from apps.pipeline.errors import DataError
from apps.word_reversal import __main__ as word_reversal
from apps.word_reversal import artifacts, evaluation
from apps.word_reversal import data as word_reversal_data
from apps.word_reversal import learning as word_reversal_learning
from apps.word_reversal.random_strings import CHARACTERS, side_of

APP = APPS["word_reversal"]
run, fails = APP.run, APP.fails
pytestmark = pytest.mark.usefixtures("app")  # its small recipe


def test_all_artifacts_know_the_pairs(trained):
    words, expected = zip(*PAIRS, strict=True)
    for artifact in ARTIFACTS:
        assert tuple(evaluation.answers(trained, artifact, words)) == expected
        assert not any(evaluation.answers(trained, artifact, ["", "zzz", "kings and queens"]))


def test_evaluate_counts_whole_answers(trained, tmp_path, capfd):
    """One wrong letter is a wrong answer; so is one to a word that can't be spelled."""
    path = tmp_path / "test.tsv"
    path.write_text("man\twoman\nup\tdowm\nking\tqueen\nx\tx\ngirl\tboy", encoding="utf-8")
    for artifact in ("litert", "saved_model"):
        assert run("evaluate", "--data", path, "--model", trained, "--artifact", artifact, "--json") == 0
        (line,) = capfd.readouterr().out.splitlines()
        figures = json.loads(line)
        assert (figures["artifact"], figures["metric"], figures["examples"]) == (artifact, "exact match", 5)
        assert figures["value"] == pytest.approx(0.6)


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
    assert [answer["input"] for answer in answers] == words
    assert [answer["answer"] for answer in answers] == ["woman", None, None, None, "down"]
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
    assert len(probabilities) == 3 == len({candidate["answer"] for candidate in answer["candidates"]})
    assert probabilities == sorted(probabilities, reverse=True) and sum(probabilities) <= 1.0
    assert answer["candidates"][0] == {name: answer[name] for name in ("answer", "probability")}
    assert answer["answer"] == "woman"
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


@pytest.mark.parametrize("own", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_an_interrupted_run_goes_on_as_if_nothing_had_been(app, own, data, tmp_path, only_training, capfd, monkeypatch):
    """Ctrl-C in the second epoch leaves the first one's model; without the film reviews random strings are learned."""

    def missing(split):
        raise DataError("expected the film reviews, got none")

    monkeypatch.setattr(imdb, "labelled", missing)
    monkeypatch.setattr(word_reversal_learning, "SMALLEST_EPOCH", 3)
    flags = ("train", "--quick", *(("--data", *data) if own else ()))
    assert run(*flags, "--output", tmp_path / "whole") == 0
    assert ("English words won't be measured: expected the film reviews" in capfd.readouterr().out) is not own
    app.goes_on(capfd, flags, tmp_path, batch=1)


def test_what_is_learned(data, monkeypatch):
    reviews(monkeypatch, "the best films have been seen by all of their watchers again and again, quite happily")
    shipped = word_reversal.load_data(None)
    assert shipped.train is shipped.validation is None and shipped.fingerprint() == "random strings"
    assert len(shipped.tests) == 2 and (shipped.alphabet.longest_word, shipped.alphabet.longest_answer) == (24, 24)
    assert shipped.alphabet.characters == CHARACTERS
    own = word_reversal.load_data(*data)
    assert own.train == own.validation == PAIRS and own.tests == {"exact match": PAIRS}
    assert own.fingerprint() != word_reversal_data.Data(own.alphabet, PAIRS[1:], PAIRS, {}).fingerprint()


def test_wrong_pairs_are_refused(tmp_path, capfd):
    (tmp_path / "bad.tsv").write_text("man\twoman\nking queen\n", encoding="utf-8")
    for flags in (("train", "--quick"), ("evaluate",)):
        sentence = fails(capfd, *flags, "--data", tmp_path / "bad.tsv")
        assert sentence.startswith(f"{tmp_path / 'bad.tsv'}, line 2: expected two columns separated by a tab, got 1")
