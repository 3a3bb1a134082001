"""Traditional characters and their twins, by OpenCC's table."""

import sys

import pytest

from apps.chinese_pos import traditional
from apps.pipeline.errors import DataError


def test_characters_have_one_twin_each():
    pytest.importorskip("opencc", reason="it is in the extra `train`")
    twins = traditional.twins()
    assert [twins[character] for character in "圖書館學習裡臺灣龍"] == list("图书馆学习里台湾龙")
    assert len(twins) > 3000 and all(len(a) == len(b) == 1 and a != b for a, b in twins.items())
    assert not twins.keys() & set("图书馆学习里著")


def test_without_opencc_a_sentence_says_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "opencc", None)
    with pytest.raises(DataError, match=r"expected the package opencc, got none.*pip install '\.\[train\]'"):
        traditional.twins()
