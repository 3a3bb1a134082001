"""Training that begins with another model."""

import numpy as np
import pytest
from app_table import APPS, reviews, write_csv

from apps.pipeline import publishing
from apps.pipeline.errors import DataError
from apps.pipeline.trained_weights import weights_of
from apps.pipeline.vocabulary import UNKNOWN, Vocabulary
from apps.sentiment.start import model_from, vocabulary_from

pytestmark = pytest.mark.usefixtures("app")


@pytest.fixture
def app(request):
    row = APPS["sentiment"]
    with row.small():
        yield row


@pytest.fixture
def trained(made):
    return made("sentiment")[1]


def ids_of(vocabulary, texts):
    return [np.array(vocabulary.all_ids(text), np.int32) for text in texts]


def test_known_words_keep_their_ids_and_new_ones_come_behind(trained):
    known = Vocabulary.load(trained)
    vocabulary = vocabulary_from(trained, ["good quokka quokka", "emu emu emu word1", "once"], ("n", "p"))
    assert vocabulary.words == (*known.words, "emu", "quokka")
    assert vocabulary.labels == ("n", "p") and vocabulary.keep_last == known.keep_last


def test_the_model_begins_where_the_other_ended(trained):
    rows = reviews(60, seed=9)
    texts, labels = [text for text, _ in rows], np.array([label.endswith("up") for _, label in rows], np.int32)
    vocabulary = vocabulary_from(trained, [*texts, "quokka quokka"], ("n", "p"))
    before = weights_of(trained, "sentiment")
    model = model_from(trained, vocabulary, ids_of(vocabulary, texts), labels)
    vectors = model.get_layer("embedding").get_weights()[0]
    np.testing.assert_array_equal(vectors[: len(before[0])], before[0])
    np.testing.assert_array_equal(vectors[-1], before[0][UNKNOWN])

    def right(answers):
        logits = [float(model(row[None], training=False)[0, 0]) for row in ids_of(vocabulary, texts)]
        return np.mean((np.array(logits) > 0) == answers)

    assert right(labels) > 0.9  # before a single step
    model = model_from(trained, vocabulary, ids_of(vocabulary, texts), 1 - labels)
    assert right(1 - labels) > 0.9  # the labels are called the other way round
    three = vocabulary_from(trained, texts, ("a", "b", "c"))
    model = model_from(trained, three, ids_of(three, texts), labels)
    assert model.output_shape == (None, 3)
    lstm = [weight for weight in before if weight.ndim == 2][1]
    np.testing.assert_array_equal(model.get_layer("bidirectional").get_weights()[0], lstm)


def test_train_start_from(app, trained, tmp_path, capfd):
    file = write_csv(tmp_path / "few.csv", reviews(24, seed=11))
    folder = tmp_path / "model"
    flags = ("--data", file, "--output", folder, "--epochs", 1)
    assert app.run("train", "--start-from", trained, *flags) == 0
    said = capfd.readouterr().out
    assert "word vectors" not in said and f"next: python -m apps.sentiment classify --model {folder} --explain" in said
    recipe = publishing.read_results(folder)["training"]["recipe"]
    assert recipe["started_from"] == publishing.hashes(publishing.read_results(trained))["1"]
    assert app.run("classify", "--model", folder, "--json", "A good film") == 0
    assert '"answer": "thumbs up"' in capfd.readouterr().out
    assert "expected a trained model in" in app.fails(capfd, "train", "--start-from", tmp_path, *flags)


def test_weights_of_another_app_or_none(trained, tmp_path):
    with pytest.raises(DataError, match=r"expected a model of mnist_rows in .*, got one of sentiment"):
        weights_of(trained, "mnist_rows")
    with pytest.raises(DataError, match="to start from, got no SavedModel in"):
        weights_of(tmp_path, "sentiment")
