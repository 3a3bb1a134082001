"""What is held out of labelled examples."""

import random

import numpy as np
import pytest

from apps.pipeline.errors import DataError
from apps.pipeline.splits import expect_enough, split
from apps.sentiment.data import LabelledTexts


def numbered(count, names=("no", "yes")):
    """Texts of which every fourth is twice there, the labels in turn."""
    texts = [f"text number {i - (i % 4 == 3)}" for i in range(count)]
    return LabelledTexts(texts, np.arange(count, dtype=np.int32) // 2 % len(names), names)


def test_split_keeps_every_text_once_and_equal_texts_together():
    data = numbered(4000)
    rest, held_out = split(data, 0.2)
    assert sorted(rest.texts + held_out.texts) == sorted(data.texts)
    assert not set(rest.texts) & set(held_out.texts)
    assert 700 < len(held_out) < 900
    label_of = dict(zip(data.texts, data.labels.tolist(), strict=True))
    for side in (rest, held_out):
        assert side.labels.dtype == np.int32 and side.names == data.names
        assert side.labels.tolist() == [label_of[text] for text in side.texts]
        assert side.texts == sorted(side.texts, key=data.texts.index)


def test_split_depends_on_the_seed_and_not_on_the_order():
    data = numbered(400)
    order = random.Random(1).sample(range(400), 400)
    again = LabelledTexts([data.texts[i] for i in order], data.labels[order], data.names)
    held_out = set(split(data, 0.3, seed=5)[1].texts)
    assert set(split(again, 0.3, seed=5)[1].texts) == held_out
    assert set(split(data, 0.3, seed=6)[1].texts) != held_out
    assert held_out < set(split(data, 0.5, seed=5)[1].texts)  # a larger part contains the smaller one


@pytest.mark.parametrize("rare", [4, 5, 9, 30])
def test_split_takes_the_same_part_of_each_label(rare):
    texts = [f"text {number}" for number in range(300 + rare)]
    data = LabelledTexts(texts, np.array([0] * 300 + [1] * rare, np.int32), ("common", "rare"))
    rest, held_out = split(data, 0.1)
    part = max(1, round(rare / 10))
    assert np.bincount(held_out.labels).tolist() == [30, part]
    assert np.bincount(rest.labels).tolist() == [270, rare - part]
    assert all(np.bincount(side.labels, minlength=2).all() for side in split(rest, 0.1))


def test_contradictory_texts_stay_together():
    texts = ["both"] * 3 + [f"good {i}" for i in range(4)] + [f"bad {i}" for i in range(4)]
    data = LabelledTexts(texts, np.array([1, 0, 1] + [1] * 4 + [0] * 4, np.int32), ("n", "p"))
    expect_enough(data)
    for seed in range(20):
        rest, held_out = split(data, 0.5, seed)
        assert (rest.texts.count("both"), held_out.texts.count("both")) in ((3, 0), (0, 3))
        assert all(np.bincount(side.labels, minlength=2).all() for side in (rest, held_out))


def test_split_refuses_too_few_of_a_label():
    one_sided = LabelledTexts(
        ["good", *(f"bad {i}" for i in range(99))], np.array([1] + [0] * 99, np.int32), ("n", "p")
    )
    with pytest.raises(DataError, match=r"expected 2 different texts or more of each label, .*, got 1 of 'p'$"):
        split(one_sided, 0.1)
    repeated = LabelledTexts(["a", "a", "b", "b"] * 9, np.array([0, 0, 1, 1] * 9, np.int32), ("n", "p"))
    with pytest.raises(
        DataError, match=r"expected 4 different texts or more of each label, .*, got 1 of 'n', 1 of 'p'"
    ):
        expect_enough(repeated)
    many = LabelledTexts(list("abcdefg"), np.arange(7, dtype=np.int32), tuple("ABCDEFG"))
    with pytest.raises(DataError, match=r"1 of 'E' and 2 more labels like these$"):
        expect_enough(many)
    for fraction in (0, 1, -0.5, float("nan")):
        with pytest.raises(ValueError, match=f"expected a fraction between 0 and 1, got {fraction}"):
            split(one_sided, fraction)
