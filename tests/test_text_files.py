"""Texts of any encoding and size -> ids on disk."""

import numpy as np
import pytest

from apps.pipeline import text_files
from apps.pipeline.errors import DataError
from apps.pipeline.text_files import encoding_of, pieces_of

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
