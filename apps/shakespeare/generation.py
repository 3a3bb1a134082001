"""A language model that goes on with a prompt: symbol by symbol from `step`, or whole in a graph."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from apps.shakespeare.sampling import choose, choose_in_graph, random_number, ranked
from apps.shakespeare.stepping import States, Stepper
from apps.shakespeare.symbols import UNKNOWN, Symbols

START = "\n"  # what an empty prompt counts as
LONG = 10_000  # symbols of a prompt that show progress
OFFERED = 9  # symbols to choose from by hand


@dataclass(frozen=True)
class Choice:
    """How a symbol is chosen; see `sampling.choose`."""

    temperature: float = 0.8
    top_k: int = 0
    top_p: float = 1.0
    seed: int = 0


class Writer:
    """A text that grows: it has read the prompt, and `logits` say what comes next. Each symbol takes one step."""

    def __init__(self, step: Stepper, symbols: Symbols, prompt: str):
        self.step, self.symbols = step, symbols
        self.states: States = step.zeros()
        self.logits: np.ndarray | None = None
        self.read(prompt or START)
        if self.logits is None:  # nothing in the prompt is a symbol: it was U+001F, or a word's boundary alone
            self.take(UNKNOWN)

    def copy(self) -> Writer:
        """One that goes on from here by itself."""
        return copy.copy(self)  # what `take` changes, it replaces

    def read(self, text: str) -> None:
        from tqdm import tqdm

        ids = self.symbols.ids(text)
        for number in tqdm(ids, "reading", disable=len(ids) < LONG or None):
            self.take(number)

    def take(self, number: int) -> str:
        """Goes on with an id -> its symbol."""
        logits, self.states = self.step(np.array([number], np.int32), self.states)
        self.logits = logits[0]
        return self.symbols.text([number])

    def write(self, length: int, choice: Choice, row: int = 0) -> Iterator[str]:
        """`length` symbols, one by one; another `row` gives another text."""
        for place in range(length):
            draw = random_number(choice.seed, row, place)
            yield self.take(choose(self.logits, draw, choice.temperature, choice.top_k, choice.top_p))


def write_by_hand(writer: Writer, prompt: str) -> None:
    """Offers the likeliest symbols again and again, until the user ends it, then prints the text."""
    text = prompt
    print("A number chooses, Enter takes the first, other text is written as it is (after ' if a number); Ctrl-D ends.")
    while True:
        order, chances = ranked(writer.logits)
        offers = [(writer.symbols.text([number]), chance) for number, chance in zip(order, chances, strict=True)]
        print(
            "  ".join(f"{place} {symbol!r} {chance:.0%}" for place, (symbol, chance) in enumerate(offers[:OFFERED], 1))
        )
        try:
            answer = input(f"{text[-60:]!r} ")
        except EOFError:
            print(f"\n\n{text}")
            return
        place = int(answer or 1) if (answer.isascii() and answer.isdigit()) or not answer else 0
        if 1 <= place <= min(OFFERED, len(order)):
            text += writer.take(int(order[place - 1]))
        elif place or answer == "0":
            print(f"expected a number from 1 to {min(OFFERED, len(order))}, got {answer}")
        else:
            answer = answer.removeprefix("'")
            writer.read(answer)
            text += answer


def generate_in_graph(step, zeros, symbols: Symbols, prompt, length, temperature, seed, top_k=0, top_p=1.0):
    """What `Writer` writes, in TensorFlow operations: prompts, strings (batch,) -> with `length` more symbols each.

    Args:
        step: (ids=int32 (batch,), the states by name) -> {"logits", the new states}.
        zeros: states by name, (1, units).
        length, seed, top_k: int32 (). temperature, top_p: float32 ().
    """
    import tensorflow as tf

    prompt = tf.strings.unicode_transcode(prompt, "UTF-8", "UTF-8", errors="replace")
    ids = symbols.ids_in_graph(tf.where(prompt == "", START, prompt))
    lengths = tf.cast(ids.row_lengths(), tf.int32)
    # A prompt may have no symbol even so: one of word boundaries alone. It counts as UNKNOWN, which is 0.
    lengths, ids = tf.maximum(lengths, 1), ids.to_tensor()
    ids = tf.pad(ids, [[0, 0], [0, tf.maximum(0, 1 - tf.shape(ids)[1])]])
    length, batch = tf.maximum(length, 0), tf.shape(ids)[0]
    rows, seed = tf.range(tf.cast(batch, tf.int64)), tf.cast(seed, tf.int64)
    steps = tf.maximum(1, tf.reduce_max(lengths) + length - 1)
    states = {name: tf.tile(state, [batch, 1]) for name, state in zeros.items()}
    written = tf.TensorArray(tf.int32, steps, element_shape=[None])

    #   place        0   1   2   3   4           number of the draw: place - (length of the prompt - 1)
    #   reads        T   o   _   b   e
    #   chooses              b   e   ,           for the prompt "To "
    def body(place, last, states, written):
        within = tf.gather(ids, tf.minimum(place, tf.shape(ids)[1] - 1), axis=1)
        outputs = dict(step(ids=tf.where(place < lengths, within, last), **states))
        draws = random_number(seed, rows, tf.cast(tf.maximum(place - (lengths - 1), 0), tf.int64))
        chosen = choose_in_graph(outputs.pop("logits"), draws, temperature, top_k, top_p)
        return place + 1, chosen, outputs, written.write(place, chosen)

    start = (tf.constant(0), tf.zeros([batch], tf.int32), states, written)
    *_, written = tf.while_loop(lambda place, *_: place < steps, body, start, maximum_iterations=steps)
    places = tf.expand_dims(lengths - 1, 1) + tf.expand_dims(tf.range(length), 0)
    more = tf.gather(tf.transpose(written.stack()), places, batch_dims=1)
    return tf.strings.join([prompt, symbols.texts_in_graph(more)])
