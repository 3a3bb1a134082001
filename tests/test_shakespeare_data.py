"""A text -> ids on disk, and what of it is held out."""

import numpy as np
import pytest

from apps.corpora import tiny_shakespeare
from apps.pipeline import text_files
from apps.pipeline.errors import DataError
from apps.pipeline.text_files import pieces_of
from apps.shakespeare import data
from apps.shakespeare.data import encode


@pytest.mark.parametrize("piece", [1, 3, 7, 1000])
@pytest.mark.parametrize("level", ["char", "word"])
def test_pieces_cut_no_word_in_two(tmp_path, monkeypatch, piece, level):
    monkeypatch.setattr(data, "SHORTEST", 1)
    monkeypatch.setattr(data, "PIECE", piece)
    monkeypatch.setattr(text_files, "PIECE", piece)
    paths = [tmp_path / "a", tmp_path / "b"]
    text = "one two three\nfour\n\nfive six\n"
    paths[0].write_text(text, encoding="utf-8")
    paths[1].write_text("seven", encoding="utf-8")
    encoded = encode(lambda: pieces_of(paths, None), level, None, tmp_path / "ids.bin")
    assert encoded.symbols.text(encoded.ids[:3]) == ("one" if level == "char" else "one two three")
    whole = encode(lambda: [text + "seven"], level, None, tmp_path / "whole.bin")
    assert encoded.ids.tolist() == whole.ids.tolist()
    assert encoded.fingerprint == whole.fingerprint


def test_the_vocabulary_is_that_of_the_part_that_is_trained_on(tmp_path):
    encoded = encode(lambda: ["abcabcabca" * 9, "abzzzzzzzz"], "char", None, tmp_path / "ids.bin")
    assert encoded.symbols.symbols == ("a", "b", "c")
    assert [len(part) for part in (encoded.train, encoded.validation, encoded.test)] == [90, 5, 5]
    assert encoded.validation.tolist() == [1, 2, 0, 0, 0]
    assert not list(tmp_path.glob("*.partial*"))


def test_only_the_most_frequent_have_an_id(tmp_path):
    encoded = encode(lambda: ["abcabcaba" * 10], "char", 2, tmp_path / "ids.bin")
    assert encoded.symbols.symbols == ("a", "b")
    assert encoded.ids[:4].tolist() == [1, 2, 0, 1]


def test_a_text_too_short_to_validate_with_is_refused(tmp_path):
    for length in (0, 1, 39):
        with pytest.raises(DataError, match=f"expected a text of 40 symbols or more to learn from, got {length}$"):
            encode(lambda length=length: ["a" * length], "char", None, tmp_path / "ids.bin")
    encoded = encode(lambda: ["a" * 40], "char", None, tmp_path / "ids.bin")
    assert len(encoded.validation) == len(encoded.test) == 2


def test_a_full_disk_leaves_nothing(tmp_path):
    def pieces():
        yield "abc"
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        encode(pieces, "char", None, tmp_path / "ids.bin")
    assert not list(tmp_path.iterdir())


def test_tiny_shakespeare_is_in_three_parts(monkeypatch):
    parts = {"train": b"To be", "validation": b" or not", "test": b" to be"}
    monkeypatch.setattr(
        tiny_shakespeare, "prepared_batches", lambda corpus, part: [{"text": np.array([parts[part]], object)}]
    )
    assert tiny_shakespeare.text() == "To be or not to be"
    assert tiny_shakespeare.held_out() == (" or not", " to be")
