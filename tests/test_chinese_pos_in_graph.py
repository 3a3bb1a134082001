"""What a SavedModel does in its graph, against the same in Python."""

import random

import numpy as np
import pytest
import tensorflow as tf
from test_chinese_pos_sentences import STRANGE, random_text

from apps.chinese_pos import decoding, in_graph, reading_in_graph, sentences
from apps.chinese_pos.data import slashed_line
from apps.chinese_pos.decoding import BEGIN, END, SINGLE
from apps.chinese_pos.lexicon import PLACES, Lexicon
from apps.chinese_pos.sentences import LONGEST

REAL = (
    "１２月３１日，中共中央总书记、国家主席发表１９９８年新年讲话《迈向充满希望的新世纪》。（新华社记者摄）",
    "他說：「這是 TensorFlow 2.21！」——真的？\r\n是的；100% 👍🏽",
    "I don't know 这个 word/词，中国人民爱我。",
)


@pytest.fixture(scope="module")
def lexicon():
    lines = ["中国/ns 人民/n 爱/v 我/r 。/w", "充满/v 希望/n 的/u 新/a 世纪/n", "ａ/nx ●/w 国学/n 中国人/n 人民/v"]
    lines.append("，/w ＴＸ卡/n")
    twins = {"國": "国", "學": "学", "漢": "汉"}
    return Lexicon.from_texts([slashed_line(line) for line in lines], pairs=30, rarest=1, twins=twins)[0]


@pytest.fixture(scope="module")
def texts():
    generator = random.Random(0)
    some = [random_text(generator) for _ in range(60)]
    return [
        *some,
        *REAL,
        "用TX卡，" * 9,
        "一𠀀。1.\n" * 3,
        STRANGE,
        "",
        " \n",
        "我" * (2 * LONGEST + 5) + "ab" * LONGEST,
        "",
        "\u0301",
        *some[:3],
    ]


def flat(texts):
    return reading_in_graph.read(reading_in_graph.code_points(tf.constant([text.encode() for text in texts])))


def random_model(labels):
    """Features -> scores, in which each of the features counts."""
    weights = np.random.default_rng(0).normal(size=(8, labels)).astype(np.float32)

    def model(features):
        return tf.tensordot(tf.sin(tf.cast(features, tf.float32)), weights, 1)

    return model


def test_characters_are_the_same(texts):
    found, expected = flat(texts), [sentences.read(text) for text in texts]
    for name in ("codes", "kinds", "pieces", "borders", "apart", "first"):
        parts = [getattr(read, name) for read in expected]
        np.testing.assert_array_equal(getattr(found, name).numpy(), np.concatenate(parts), name)
    rows = np.repeat(np.arange(len(texts)), [len(read) for read in expected])
    np.testing.assert_array_equal(found.row.numpy(), rows)


def test_features_are_the_same(texts, lexicon):
    found = reading_in_graph.LexiconInGraph(lexicon).features(flat(texts)).numpy()
    expected = np.concatenate([lexicon.features(sentences.read(text)) for text in texts])
    np.testing.assert_array_equal(found, expected)
    assert all(len(np.unique(column)) > 1 for column in expected.T)


@pytest.mark.parametrize("whole_numbers", [True, False])
def test_labels_are_the_same(whole_numbers):
    """Also where several sequences are equally good."""
    generator = np.random.default_rng(0)
    for tags in (1, 3):
        scores = generator.normal(size=(20, 9, len(PLACES) * tags)).astype(np.float32)
        scores = np.round(scores) if whole_numbers else scores
        borders = generator.integers(0, 3, (20, 9)).astype(np.int32)
        borders[:, 0] = sentences.ENDS
        lengths = generator.integers(1, 10, 20).astype(np.int32)
        known_tags = generator.integers(0, tags + 1, (20, 9)).astype(np.int32)
        known_tags[(borders == sentences.GOES_ON) | (generator.random((20, 9)) < 0.7)] = 0
        found = in_graph.decode(*map(tf.constant, (scores, borders, known_tags, lengths))).numpy()
        for row, length in enumerate(lengths):
            told = (values[row, :length] for values in (scores, borders, known_tags))
            (words,) = decoding.decode(*told, [length])
            assert found[row, length:].tolist() == [0] * (9 - length)
            assert spans_of(found[row, :length], tags) == words


def spans_of(labels, tags):
    """(first character, the one after the last, tag) of each word."""
    places = labels // tags
    firsts = np.flatnonzero((places == BEGIN) | (places == SINGLE))
    lasts = np.flatnonzero((places == END) | (places == SINGLE)) + 1
    return list(zip(firsts.tolist(), lasts.tolist(), (labels[firsts] % tags).tolist(), strict=True))


def test_tagged_texts_are_the_same(texts, lexicon, monkeypatch):
    monkeypatch.setattr(in_graph, "AT_ONCE", 7)
    model, lookup = random_model(len(PLACES) * len(lexicon.tags)), reading_in_graph.LexiconInGraph(lexicon)
    tag = tf.function(
        lambda texts: in_graph.tag(texts, model, lookup),
        input_signature=[tf.TensorSpec((None,), tf.string)],
        autograph=False,
    )
    found = [text.decode() for text in tag(tf.constant([text.encode() for text in texts])).numpy()]
    for text, tagged in zip(texts, found, strict=True):
        read, expected = sentences.read(text), []
        for part in map(read.part, read.sentences()):
            features = lexicon.features(part)
            told = model(features[None])[0].numpy(), lexicon.borders(part, features), lexicon.known_tags(part)
            for first, last, number in decoding.decode(*told, [len(part)])[0]:
                expected.append(f"{text[part.starts[first] : part.ends[last - 1]]}/{lexicon.tags[number]}")
        assert tagged == " ".join(expected)
    assert tag(tf.constant([], tf.string)).shape == (0,)
    assert tag(tf.constant([b"", b" "])).numpy().tolist() == [b"", b""]
    assert tag(tf.constant([b"\xff\xfe\xe4\xb8"])).numpy()[0].decode().count("\ufffd") >= 3
