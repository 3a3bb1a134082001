"""Writes the opposites of six words by an encoder-decoder: one network reads the word, another writes the answer.

    encoder    (h, c) <- LSTM(x_t, (h, c))          x = m a n _ _          the answer has only its last (h, c)
    decoder    (h, c) <- LSTM(y_{t-1}, (h, c))      y = < w o m e n        begins with the encoder's
               p_t = softmax(V·h + b)               p: w o m e n >         the likeliest letter, until the mark >

    loss = -mean log p_t[y_t] over letters and end marks; what pads the answers counts nothing

"<" starts and ">" ends an answer, "_" pads shorter words: it is a row of zeros. The encoder's kernel starts with zeros,
so a letter that no word has says nothing either: mans is read as man. Sutskever et al. (2014), Cho et al. (2014).
"""

from __future__ import annotations

import argparse
import string
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import keras
import numpy as np

from apps.lessons.lesson import Checks, flags, run
from keras_rnn import LSTM

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PAIRS = {"man": "women", "black": "white", "king": "queen", "girl": "boy", "up": "down", "high": "low"}
NEVER_READ = ("mans", "kings", "upp", "white")
PADDING, START, END = "_<>"
SYMBOLS = PADDING + START + END + string.ascii_lowercase
LONGEST = 5  # letters
UNITS = 64


def ids_of(text: str, length: int) -> list[int]:
    """The ids of letters and marks, padded to `length`."""
    return [SYMBOLS.index(symbol) for symbol in text.ljust(length, PADDING)]


def examples(pairs: dict[str, str]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """-> ids of the words (pairs, 5), of what the decoder reads, "<women", and of what it must write, "women>"."""
    words = [ids_of(word, LONGEST) for word in pairs]
    read = [ids_of(START + answer, LONGEST + 1) for answer in pairs.values()]
    written = [ids_of(answer + END, LONGEST + 1) for answer in pairs.values()]
    return np.array(words), np.array(read), np.array(written)


def rows(ids) -> np.ndarray:
    """ids (batch, time) -> float32 (batch, time, symbols): a single 1 in each row, none for padding."""
    one_hot = np.eye(len(SYMBOLS), dtype=np.float32)
    one_hot[0] = 0.0
    return one_hot[np.array(ids)]


class EncoderDecoder(keras.Model):
    """Called on rows of words and of begun answers, (batch, time, symbols): logits (batch, time, symbols)."""

    def __init__(self):
        super().__init__()
        self.encoder = LSTM(UNITS, return_state=True, kernel_initializer="zeros")
        self.decoder = LSTM(UNITS, return_sequences=True, return_state=True)
        self.scores = keras.layers.Dense(len(SYMBOLS))

    def build(self, shapes):
        self.encoder.build(shapes[0])
        self.decoder.build(shapes[1])
        self.scores.build((None, None, UNITS))

    def call(self, inputs):
        words, read = inputs
        _, *state = self.encoder(words)
        outputs, *_ = self.decoder(read, initial_state=state)
        return self.scores(outputs)

    def read(self, words: Sequence[str]) -> list:
        """The encoder's hidden state and memory after each word, each (words, UNITS)."""
        return self.encoder(rows([ids_of(word, LONGEST) for word in words]))[1:]

    def answer(self, word: str) -> tuple[str, np.ndarray]:
        """The answer without its end mark, and p of each symbol at each step, (steps, symbols)."""
        state, letter, answer, steps = self.read([word]), START, "", []
        while letter != END and len(steps) <= LONGEST:
            outputs, *state = self.decoder(rows([ids_of(letter, 1)]), initial_state=state)
            steps.append(np.array(keras.ops.softmax(self.scores(outputs)))[0, 0])
            letter = SYMBOLS[steps[-1].argmax()]
            answer += letter
        return answer.removesuffix(END), np.array(steps)


def learn(pairs: dict[str, str], steps: int) -> EncoderDecoder:
    """A model that has taken `steps` steps of Adam, each on all pairs; prints the loss in nats a letter."""
    model, (words, read, written) = EncoderDecoder(), examples(pairs)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=SYMBOLS.index(PADDING))
    model.compile(keras.optimizers.Adam(0.01), loss)
    for step in range(1, steps + 1):
        model.reset_metrics()  # train_on_batch gives the mean since then
        value = float(model.train_on_batch((rows(words), rows(read)), written))
        if step in (1, steps // 4, steps // 2, steps):
            print(f"step {step}: loss {value:.4f}")
    return model


def draw(model: EncoderDecoder, word: str) -> Figure:
    """The encoder's states in their plane of greatest variance, and what the decoder makes of one of them."""
    from matplotlib.figure import Figure

    words = [*PAIRS, *NEVER_READ]
    states = np.concatenate(model.read(words), axis=1)
    states -= states[: len(PAIRS)].mean(axis=0)
    plane = states @ np.linalg.svd(states[: len(PAIRS)])[2][:2].T
    figure = Figure(figsize=(12, 5), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1.3, 1))
    for name, place in zip(words, plane, strict=True):
        text, style = (f"{name}\n", "C0o") if name in PAIRS else (f"\n{name} -> {model.answer(name)[0]}", "C1x")
        left.plot(*place, style, markersize=9)
        left.annotate(text, place, ha="center", va="center", linespacing=2)
    left.set(title="The encoder's states: six words it learned (o), others (x)")
    left.set(xlabel="first principal component", ylabel="second principal component")
    left.margins(0.3)
    answer, steps = model.answer(word)
    shown = sorted({SYMBOLS.index(letter) for letter in answer + END})
    picture = right.imshow(steps[:, shown].T, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    right.set(xticks=range(len(steps)), xticklabels=START + answer, xlabel="what the decoder reads")
    right.set(yticks=range(len(shown)), yticklabels=[SYMBOLS[i] for i in shown], title=f"{word} -> {answer}")
    figure.colorbar(picture, ax=right, label="probability that it writes the letter")
    return figure


def teach(given: argparse.Namespace, checks: Checks, steps: int = 200) -> Figure | None:
    """Learns the pairs, then answers them and words that it never read."""
    keras.utils.set_random_seed(given.seed)
    model = learn(PAIRS, steps)
    answers = {word: model.answer(word)[0] for word in (*PAIRS, *NEVER_READ)}
    print("\n".join(f"{word:>5} -> {answer}" for word, answer in answers.items()))
    checks.check(f"all {len(PAIRS)} pairs are right", all(answers[word] == PAIRS[word] for word in PAIRS))
    checks.check("mans -> women, though it never saw an s", answers["mans"] == "women")
    return draw(model, "mans") if given.plot else None


def main(argv: Sequence[str] | None = None) -> int:
    """The command line -> its exit status; see `--help`."""
    return run(teach, flags(__file__), argv)


if __name__ == "__main__":
    sys.exit(main())
