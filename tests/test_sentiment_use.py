"""The shipped classifier in use: its vocabulary, why an answer is as it is, and texts through the SavedModel."""

import itertools
import json

import numpy as np
import pytest

from apps.pipeline.errors import DataError
from apps.pipeline.vocabulary import UNKNOWN, Vocabulary
from apps.sentiment.evaluation import probabilities
from apps.sentiment.shown import print_explanation
from apps.sentiment.use import Classifier, joined


def one_sentence(error):
    message = str(error.value)
    assert "\n" not in message and len(message) < 1000
    return message


@pytest.fixture
def folder(tmp_path):
    """A model's folder with a vocabulary, and nothing else yet."""
    Vocabulary(["good", "bad"], 5, ["no", "yes"]).save(tmp_path)
    return tmp_path


def test_load_vocabulary(folder):
    vocabulary = Vocabulary.load(folder)
    assert vocabulary.words == ("good", "bad") and vocabulary.labels == ("no", "yes") and vocabulary.keep_last == 5


def test_no_vocabulary(tmp_path):
    for folder in (tmp_path, tmp_path / "none"):
        with pytest.raises(DataError, match=r"expected a trained model in .*, got no vocabulary\.json there"):
            Vocabulary.load(folder)


def test_damaged_vocabulary(folder):
    path = folder / "vocabulary.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    whole = path.read_bytes()
    damaged = {
        whole[:-20]: "expected a vocabulary as `train` writes it in .*, got a damaged file",
        b"": "got a damaged file",
        b"\xff" + whole: "got a damaged file",
        b"[]": "got a damaged file",
        b"{}": "got a damaged file",
        json.dumps(content | {"words": None}).encode(): "got a damaged file",
        json.dumps(content | {"rules": {}}).encode(): "expected the rules of this version in .*, got others: train or",
    }
    for bad, sentence in damaged.items():
        path.write_bytes(bad)
        with pytest.raises(DataError, match=sentence) as error:
            Vocabulary.load(folder)
        assert str(path) in one_sentence(error)


WEIGHTS = {UNKNOWN: 0.25, 5: 2.0, 6: -1.5, 7: 0.25}


def score(ids):
    """Adds up weights, and 4 for each pair 7 5."""
    pairs = sum(pair == (7, 5) for pair in itertools.pairwise(ids))
    return sum(WEIGHTS[number] for number in ids) + 4.0 * pairs


def test_explain_says_what_is_lost_without_a_word(monkeypatch):
    monkeypatch.setattr(Classifier, "__init__", lambda self: None)
    monkeypatch.setattr(Classifier, "log_odds", lambda self, ids, label: score(ids) if label == 1 else None)
    weights = Classifier().weights
    assert weights([6, 7, 5]) == [-1.75, 4.0, 5.75]
    assert weights((5,)) == [1.75]
    assert weights([UNKNOWN, UNKNOWN]) == [0.0, 0.0]
    assert weights([5, 5, 6]) == [1.75, 1.75, -1.75]


def test_phrases_are_what_words_say_only_together(monkeypatch):
    monkeypatch.setattr(Classifier, "__init__", lambda self: None)
    monkeypatch.setattr(Classifier, "log_odds", lambda self, ids, label: score(ids))
    classifier = Classifier()

    def phrases(ids):
        return classifier.phrases(ids, classifier.weights(ids))

    # Without either word the 4 of the pair is lost, without both too, and once.
    assert phrases([6, 7, 5, 6]) == [(1, 3, 5.75)]
    assert phrases([6, 5, 6]) == []  # what adds up is seen word by word
    assert phrases([7, 5, 6, 7, 5]) == [(0, 2, 5.75), (3, 5, 5.75)]
    assert phrases([5]) == [] == phrases([UNKNOWN, UNKNOWN])
    assert joined(["it", "isn", "’t", "bad", "!"]) == "it isn’t bad !"


WORDS = [("a", 0.0), ("dull", -2.0), ("[red]", 0.5), ("film", -0.25), ("great", 1.0), ("好", 0.125)]


def test_explanation_in_plain_text(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    print_explanation(WORDS, [("not [red]", 0.5), ("a dull", -2.5)], ("no", "yes"))
    assert capsys.readouterr().out.splitlines() == [
        "a dull [red] film great 好 ",
        "  towards yes: great +1.00, [red] +0.50, 好 +0.12",
        "  towards no: dull -2.00, film -0.25",
        "  together: a dull -2.50, not [red] +0.50",
    ]
    print_explanation([("fine", 0.5)], [], ("[b]no[/b]", "yes"))
    assert capsys.readouterr().out.splitlines()[1:] == ["  towards yes: fine +0.50", "  towards [b]no[/b]: nothing"]
    print_explanation([("so", 0.0), ("so", 0.0)], [], ("no", "yes"))
    assert capsys.readouterr().out.splitlines()[1:] == ["  towards yes: nothing", "  towards no: nothing"]


def test_explanation_names_the_weightiest_five_of_each_label(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    words = [(f"w{n}", float(n)) for n in range(-7, 8)]
    print_explanation(words, [], ("no", "yes"))
    _, towards_yes, towards_no = capsys.readouterr().out.splitlines()
    assert towards_yes == "  towards yes: w7 +7.00, w6 +6.00, w5 +5.00, w4 +4.00, w3 +3.00"
    assert towards_no == "  towards no: w-7 -7.00, w-6 -6.00, w-5 -5.00, w-4 -4.00, w-3 -3.00"


def test_explanation_in_colours(capsys, monkeypatch):
    """The strongest word has the full colour, half as strong a paler one, green and red by the sign."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLORTERM", "truecolor")
    monkeypatch.setenv("TERM", "xterm-256color")
    print_explanation([("great", 2.0), ("dull", -1.0), ("film", 0.0)], [], ("no", "yes"))
    out = capsys.readouterr().out
    assert "48;2;50;255;50mgreat" in out
    assert "48;2;255;153;153mdull" in out
    assert "48;2;255;255;255mfilm" in out


def test_texts_of_the_saved_model_keep_their_order(folder, monkeypatch):
    """They go through the model in batches of like length: their answers must come back in their places."""
    import tensorflow as tf

    batches = []

    class Loaded:
        @staticmethod
        def serve(text):
            batches.append([len(value) for value in text.numpy()])
            return {"probability": tf.strings.to_number(text) / 1e6}

        signatures = {"serving_default": serve}  # noqa: RUF012

    (folder / "1").mkdir()
    (folder / "1" / "saved_model.pb").touch()
    monkeypatch.setattr(tf.saved_model, "load", lambda _: Loaded)
    texts = [str(10 ** (n * 5 % 7) + n % 2) for n in range(150)]
    found = probabilities(folder, "saved_model", texts)
    np.testing.assert_allclose(found[:, 1], [float(text) / 1e6 for text in texts], rtol=1e-6)
    assert [len(batch) for batch in batches] == [64, 64, 22]
    assert sum(batches, []) == sorted(map(len, texts))  # noqa: RUF017
