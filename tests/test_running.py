"""A model's folder in use: what is missing or damaged in it."""

import sys

import pytest

from apps.pipeline import running
from apps.pipeline.errors import DataError


def one_sentence(error):
    message = str(error.value)
    assert "\n" not in message and len(message) < 1000
    return message


@pytest.mark.parametrize(("artifact", "name"), [("litert", "model.tflite"), ("litert_int8", "model_int8.tflite")])
def test_no_or_damaged_litert_file(tmp_path, artifact, name):
    with pytest.raises(DataError, match=rf"expected a trained model in .*, got no {name} there"):
        running.LiteRT(tmp_path, artifact)
    for content in (b"", b"not a model", bytes(1000)):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DataError, match=rf"expected a LiteRT model in .*{name}, got a damaged file") as error:
            running.LiteRT(tmp_path, artifact)
        one_sentence(error)


def test_no_or_damaged_saved_model(tmp_path):
    with pytest.raises(DataError, match=r"expected a SavedModel in .*1, got none"):
        running.load_saved_model(tmp_path / "1")
    (tmp_path / "1").mkdir()
    with pytest.raises(DataError, match=r"expected a SavedModel in .*1, got none"):
        running.load_saved_model(tmp_path / "1")
    for content in (b"", b"\x0a\xff\xff"):
        (tmp_path / "1" / "saved_model.pb").write_bytes(content)
        with pytest.raises(DataError, match=r"expected a SavedModel in .*1, got a damaged one \(\w+\)") as error:
            running.load_saved_model(tmp_path / "1")
        one_sentence(error)


def test_one_or_many():
    assert running.one_or_many(len, "four") == 4
    assert running.one_or_many(len, (text for text in ("four", ""))) == [4, 0]


def test_the_module_does_not_import_tensorflow():
    assert running.__name__ in sys.modules
    assert "tensorflow" not in vars(running) and "keras" not in vars(running)
