"""Sentences with labels, their batches, and what a word that occurs only here isn't told."""

import numpy as np
import pytest

from apps.chinese_pos import learning as chinese_pos_learning
from apps.chinese_pos.data import TaggedText, Word, slashed_line
from apps.chinese_pos.learning import labelled_sentences, labels_of, tagging_batches
from apps.chinese_pos.lexicon import FEATURES, UNKNOWN, Lexicon

TEXTS = [slashed_line(line) for line in ("中国/ns 爱/v 我们/r 。/w 我/r", "中国/ns 人民/n", "我/r")]
STARTS, TAG_OF_START = list(FEATURES).index("starts"), list(FEATURES).index("tag of the longest that starts")


@pytest.fixture(scope="module")
def known():
    return Lexicon.from_texts(TEXTS, pairs=50, rarest=1)


def named(labels, lexicon):
    return ["BIES"[label // len(lexicon.tags)] + lexicon.tags[label % len(lexicon.tags)] for label in labels]


def test_sentences_have_labels(known):
    lexicon, counts = known
    data = labelled_sentences(TEXTS, lexicon, counts)
    labels = [named(labels, lexicon) for labels in data.labels]
    assert labels == [["Bns", "Ens", "Sv", "Br", "Er", "Sw"], ["Sr"], ["Bns", "Ens", "Bn", "En"], ["Sr"]]
    assert [features.shape for features in data.features] == [(6, 8), (1, 8), (4, 8), (1, 8)]


def test_a_word_of_this_text_alone_is_not_told(known):
    lexicon, counts = known
    told = labelled_sentences(TEXTS, lexicon).features
    left_out = labelled_sentences(TEXTS, lexicon, counts).features
    assert told[0][:, STARTS].tolist() == [2, 0, 1, 3, 0, 1]  # 中国, 爱, 我 and 我们, 。
    assert left_out[0][:, STARTS].tolist() == [2, 0, 0, 1, 0, 0]  # 中国 and 我 are in other texts too
    assert left_out[2][:, STARTS].tolist() == [2, 0, 0, 0]
    assert left_out[0][0, TAG_OF_START] == told[0][0, TAG_OF_START] == 1 + lexicon.tags.index("ns")


def test_three_characters_and_white_space_in_a_word():
    apart = np.array([True, False, False, True, False])
    labels = labels_of([(0, 3, "", "n"), (3, 4, "", "v"), (4, 5, "", "x")], apart, {"n": 0, "v": 1})
    assert labels.tolist() == [0, 2, 4, 7, -1]
    assert labels_of([(0, 5, "", "v")], apart, {"n": 0, "v": 1}).tolist() == [1, 3, 5, 1, 5]


def test_sentences_with_unknown_tags_are_left_out(known):
    data = labelled_sentences([TaggedText("我。你", (Word(0, 1, "r"), Word(1, 2, "w"), Word(2, 3, "zz")))], known[0])
    assert [len(labels) for labels in data.labels] == [2]


def test_batches(known, monkeypatch):
    monkeypatch.setattr(chinese_pos_learning, "SMALLEST_EPOCH", 5)
    lexicon, counts = known
    data = labelled_sentences(TEXTS, lexicon, counts)
    shuffled = tagging_batches(data, 2, 0.5, seed=0, shuffle=True)
    assert len(shuffled) == 6  # of 4 sentences, thrice
    batches = list(shuffled)
    assert sum(weights.sum() for *_, weights in batches) == 3 * 12
    hidden = np.concatenate([f[w > 0][:, :3].ravel() == UNKNOWN for f, _, w in batches])
    assert 0.2 < hidden.mean() < 0.8
    assert all((features[weights == 0] == 0).all() for features, _, weights in batches)
    plain = list(tagging_batches(data, 3, 0.0, seed=0, shuffle=False))
    assert [labels.shape for _, labels, _ in plain] == [(3, 4), (1, 6)]
    features, labels, weights = plain[1]
    np.testing.assert_array_equal(features[0], data.features[0])
    np.testing.assert_array_equal(labels[0], data.labels[0])
    assert weights.tolist() == [[1.0] * 6]


def test_batches_repeat_with_seed_and_epoch(known):
    data = labelled_sentences(TEXTS, *known)
    first, again, other = (tagging_batches(data, 2, 0.3, seed, shuffle=True) for seed in (1, 1, 2))
    features = [np.concatenate([f.ravel() for f, *_ in batches]) for batches in (first, again, other)]
    np.testing.assert_array_equal(features[0], features[1])
    assert features[0].shape != features[2].shape or (features[0] != features[2]).any()
