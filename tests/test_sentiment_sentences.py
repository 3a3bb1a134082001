"""Texts cut into sentences, and the forty short ones."""

import hashlib

import numpy as np
import pytest

from apps.corpora import imdb
from apps.sentiment.data import negated
from apps.sentiment.sentences import one_sentence, sentences

TEXTS = {
    "Well made. Is it?<br /><br />Yes!": ["Well made.", "Is it?", "Yes!"],
    'She said "no." Then... nothing! 8.5/10': ['She said "no."', "Then...", "nothing!", "8.5/10"],
    "很好。不好！看吗？好": ["很好。", "不好！", "看吗？", "好"],
    "one line\nanother": ["one line", "another"],
    " \n ": [],
}


@pytest.mark.parametrize("text", TEXTS, ids=["marks", "quotes", "chinese", "lines", "nothing"])
def test_sentences(text):
    assert sentences(text) == TEXTS[text]


def test_one_sentence_is_drawn_by_the_text_and_no_crumb():
    text = "Oh. The first one. The second one. The third one."
    drawn = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8]) % 3
    assert one_sentence(text) == f"The {('first', 'second', 'third')[drawn]} one."
    found = {one_sentence(f"Oh. The first one. The second one. The {number}rd one.")[4:9] for number in range(50)}
    assert len(found) >= 3  # another text, another place
    assert (one_sentence("Oh. No."), one_sentence("")) == ("Oh. No.", "")


def test_the_negated_texts_are_forty_and_as_many_of_each_label():
    texts = negated()
    assert len(set(texts.texts)) == 40 and texts.names == imdb.LABELS
    assert np.bincount(texts.labels).tolist() == [20, 20]
