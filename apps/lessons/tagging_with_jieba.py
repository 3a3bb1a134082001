"""Tags the words of a Chinese paragraph perfectly, and those of a text it never saw badly: the classroom tagger.

    words, tags = jieba(text)          id = 1 + place in gensim's dictionary of the paragraph, 0 for every other word
    h_t = LSTM(E[id_t], h_{t-1})       p_t = softmax(V·h_t + c)          loss = -mean_t log p_t[tag_t]

The exercise of many courses trains and scores a tagger on the same few sentences. Each word's vector can hold its tag,
so 100 % shows nothing but memory. In a new text most words have the id 0, whose vector was never trained. Tags: jieba's
hidden Markov model. A tagger that is measured on text it never saw: python -m apps.chinese_pos.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import keras
import numpy as np

from apps.lessons.lesson import Checks, flags, run
from apps.pipeline import chinese_words, command_line
from keras_rnn import LSTM

if TYPE_CHECKING:
    from gensim.corpora import Dictionary
    from matplotlib.figure import Figure

PARAGRAPH = (
    "我们学校后面有一座小山，山上长满了竹子和松树。春天，老师常带我们去山上看花。小明喜欢画画，他总是坐在石头上，"
    "认真地画远处的河。小红喜欢唱歌，她一边走一边唱，鸟儿也跟着叫。中午，大家坐在树下吃饭，有人讲故事，有人分水果。"
    "老师说，山里的空气很新鲜，多走路对身体好。下午四点，我们高高兴兴地回家，妈妈问我今天学到了什么，"
    "我说我认识了三种花和两种鸟。"
)
NEVER_SEEN = (
    "上个星期天，爸爸带弟弟去城里的博物馆参观。博物馆很大，里面放着古代的瓷器和书法。弟弟看见一把旧剑，站在前面不肯离开。"
    "爸爸说，这把剑有两千年的历史，当时的将军曾经用它打仗。我们走了三个小时，大家都累了，于是坐在门口喝茶。"
    "晚上，弟弟写了一篇日记，他说明年还要再去。"
)
UNITS = 32


def words_and_tags(text: str) -> tuple[list[str], list[str]]:
    """jieba's words of a text and their tags."""
    words, tags = zip(*((word, tag) for word, tag in chinese_words.cut_and_tag(text) if word.strip()), strict=True)
    return list(words), list(tags)


def ids_of(symbols: Sequence[str], dictionary: Dictionary) -> np.ndarray:
    """ids, int32 (1, time): from 1 up for what the dictionary knows, 0 for what it doesn't."""
    return np.array([dictionary.doc2idx(symbols, unknown_word_index=-1)], np.int32) + 1


def learn(word_ids: np.ndarray, tag_ids: np.ndarray, words: int, tags: int, steps: int) -> keras.Model:
    """A model that has taken `steps` steps of Adam on one sequence: ids (1, time) -> logits (1, time, tags + 1)."""
    layers = [keras.layers.Embedding(words + 1, UNITS), LSTM(UNITS, return_sequences=True)]
    model = keras.Sequential([*layers, keras.layers.Dense(tags + 1)])
    model.compile(keras.optimizers.Adam(0.02), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    for step in range(1, steps + 1):
        model.reset_metrics()  # train_on_batch gives the mean since then
        loss = float(model.train_on_batch(word_ids, tag_ids))
        if step in (1, steps // 4, steps // 2, steps):
            print(f"step {step}: loss {loss:.4f} nats a word")
    return model


def kinds(words: Sequence[str], tags: Sequence[str], dictionary: Dictionary) -> np.ndarray:
    """What each word is: "punctuation", "known word" or "unknown word", (time,)."""
    known = ids_of(words, dictionary)[0] > 0
    return np.where(np.array(tags) == "x", "punctuation", np.where(known, "known word", "unknown word"))


def score(right: np.ndarray, kind: np.ndarray) -> dict[str, tuple[float, int]]:
    """bool (time,) -> the part that is right of all words and of each kind, and how many there are."""
    chosen = {"all": np.ones_like(right), **{name: kind == name for name in sorted(set(kind))}}
    return {name: (float(right[which].mean()), int(which.sum())) for name, which in chosen.items()}


def draw(scores: dict[str, dict[str, tuple[float, int]]], floor: float) -> Figure:
    """The part that is right, of each text and kind of word, and what the commonest tag alone would get."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 4.5), layout="constrained")
    axis = figure.subplots()
    rows = [
        (f"{text}: {kind} ({count})", part, text) for text, of in scores.items() for kind, (part, count) in of.items()
    ]
    colours = ["tab:blue" if text == next(iter(scores)) else "tab:orange" for *_, text in rows]
    bars = axis.barh([name for name, *_ in rows], [100 * part for _, part, _ in rows], color=colours)
    axis.bar_label(bars, fmt="%.0f %%", padding=3)
    axis.axvline(100 * floor, color="grey", linestyle=":", label="its commonest tag for each word of the new text")
    axis.set(xlabel="right tags (%)", xlim=(0, 112), title="What a tagger scores on its own paragraph says nothing")
    axis.invert_yaxis()
    axis.legend(loc="lower right")
    return figure


def teach(given: argparse.Namespace, checks: Checks, steps: int = 80) -> Figure | None:
    """Learns the paragraph, then tags it and a text that it never saw."""
    command_line.need("gensim")
    from gensim.corpora import Dictionary

    keras.utils.set_random_seed(given.seed)
    words, tags = words_and_tags(PARAGRAPH)
    known_words, known_tags = Dictionary([words]), Dictionary([tags])
    print(f"{len(words)} words, {len(known_words)} different ones, {len(known_tags)} tags")
    model = learn(ids_of(words, known_words), ids_of(tags, known_tags), len(known_words), len(known_tags), steps)
    scores = {}
    for name, text in (("own paragraph", PARAGRAPH), ("new text", NEVER_SEEN)):
        words, tags = words_and_tags(text)
        found = np.array(model(ids_of(words, known_words)))[0].argmax(axis=-1)
        right = found == np.where(ids_of(tags, known_tags)[0] > 0, ids_of(tags, known_tags)[0], -1)
        scores[name] = score(right, kinds(words, tags, known_words))
        shown = [f"{word}/{tag}" if r else f"[{word}/{tag}]" for word, tag, r in zip(words, tags, right, strict=True)]
        print(f"\n{name}, wrong ones in brackets: {' '.join(shown)}")
        print("; ".join(f"{kind}: {part:.1%} of {count}" for kind, (part, count) in scores[name].items()))
    floor = float(np.mean(np.array(tags) == Counter(words_and_tags(PARAGRAPH)[1]).most_common(1)[0][0]))
    print(f"the paragraph's commonest tag for every word: {floor:.1%} of the new text")
    checks.check("100 % of its own paragraph", scores["own paragraph"]["all"][0] == 1.0)
    return draw(scores, floor) if given.plot else None


def main(argv: Sequence[str] | None = None) -> int:
    """The command line -> its exit status; see `--help`."""
    return run(teach, flags(__file__), argv)


if __name__ == "__main__":
    sys.exit(main())
