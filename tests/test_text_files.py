"""Texts of any encoding and size -> ids on disk."""

import numpy as np
import pytest

from apps.pipeline import text_files
from apps.pipeline.errors import DataError
from apps.pipeline.text_files import encode, encoding_of, pieces_of

CHINESE = "今天的天气很好，我们去公园散步。\n" * 20
FRENCH = "Les élèves naïfs mangeaient déjà à la même fenêtre, où l'été brûlait les façades.\n" * 20


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (CHINESE, "utf-8"),
        (CHINESE, "utf-8-sig"),
        (CHINESE, "gb18030"),
        (CHINESE, "gbk"),
        (CHINESE, "utf-16"),
        (CHINESE, "utf-32"),
        (FRENCH, "latin-1"),
        ("plain\r\ntext\r", "ascii"),
    ],
)
def test_encodings_are_found(tmp_path, text, encoding):
    path = tmp_path / "text"
    path.write_bytes(text.encode(encoding))
    assert "".join(pieces_of([path], None)) == text.replace("\r\n", "\n").replace("\r", "\n")


def test_an_encoding_can_be_named(tmp_path):
    path = tmp_path / "text"
    path.write_bytes("日本語".encode("shift_jis"))
    assert "".join(pieces_of([path], "shift_jis")) == "日本語"
    with pytest.raises(DataError, match="expected the name of an encoding, such as gb18030, got 'klingon'"):
        list(pieces_of([path], "klingon"))
    with pytest.raises(DataError, match=r"expected utf-8 in .*text, got something else at byte 0: name one"):
        list(pieces_of([path], "utf-8"))


@pytest.mark.parametrize("cut", range(4))
def test_a_sample_that_ends_within_a_character_is_no_reason_to_refuse(tmp_path, monkeypatch, cut):
    monkeypatch.setattr(text_files, "_SAMPLE", 400 + cut)
    path = tmp_path / "text"
    for encoding in ("utf-8", "gb18030"):
        path.write_bytes(CHINESE.encode(encoding))
        assert encoding_of(path) == encoding


def test_what_is_no_text_is_refused(tmp_path):
    path = tmp_path / "picture"
    path.write_bytes(np.random.default_rng(0).bytes(5000))
    with pytest.raises(DataError, match=r"expected .* in .*picture, got"):
        list(pieces_of([path], None))


@pytest.mark.parametrize("piece", [1, 3, 7, 1000])
@pytest.mark.parametrize("level", ["char", "word"])
def test_pieces_cut_no_word_in_two(tmp_path, monkeypatch, piece, level):
    monkeypatch.setattr(text_files, "SHORTEST", 1)
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
    assert not list(tmp_path.glob("*.partial"))


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
        text_files, "prepared_batches", lambda corpus, part: [{"text": np.array([parts[part]], object)}]
    )
    assert text_files.tiny_shakespeare() == "To be or not to be"
    assert text_files.held_out_shakespeare() == (" or not", " to be")
