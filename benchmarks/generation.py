"""Characters a second of the shipped Shakespeare model: LiteRT, the SavedModel's graph, and the usual way with Keras.

The usual way is that of TensorFlow's tutorial on text generation: a tf.function that looks the characters up, calls the
model on them with the states, draws from the last logits and looks the character up again, called in a Python loop. Its
network is the shipped one's, made of keras.layers; what the weights are doesn't matter to the time.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import keras
import tensorflow as tf

from apps.pipeline import running
from apps.pipeline.publishing import SHIPPED
from apps.shakespeare import model as shakespeare
from apps.shakespeare.stepping import Stepper
from apps.shakespeare.symbols import Symbols
from apps.shakespeare.use import Choice, Writer
from benchmarks import tables, timing

PROMPT, LENGTH = "ROMEO:", 300
FOLDER = SHIPPED / shakespeare.NAME


class UsualModel(keras.Model):
    """Embedding, LSTMs of Keras and logits: (ids (batch, time), states) -> logits, states."""

    def __init__(self, symbols: int, units: int, layers: int):
        super().__init__()
        self.embedding = keras.layers.Embedding(symbols, units)
        self.recurrent = [keras.layers.LSTM(units, return_sequences=True, return_state=True) for _ in range(layers)]
        self.dense = keras.layers.Dense(symbols)

    def call(self, ids, states=None, training=False):
        hidden, new = self.embedding(ids), []
        for layer, before in zip(self.recurrent, states or [None] * len(self.recurrent), strict=True):
            hidden, *after = layer(hidden, initial_state=before, training=training)
            new.append(after)
        return self.dense(hidden), new


def usual_way(symbols: Symbols) -> Callable[[], str]:
    """The tutorial's loop."""
    recipe = shakespeare.Recipe()
    ids_of = keras.layers.StringLookup(vocabulary=list(symbols.symbols), mask_token=None)
    symbols_of = keras.layers.StringLookup(vocabulary=ids_of.get_vocabulary(), invert=True, mask_token=None)
    model = UsualModel(len(ids_of.get_vocabulary()), recipe.units, recipe.layers)
    mask = tf.constant([[-float("inf")] + [0.0] * len(symbols.symbols)])

    @tf.function
    def one_step(inputs, states=None):
        ids = ids_of(tf.strings.unicode_split(inputs, "UTF-8")).to_tensor()
        logits, states = model(ids, states)
        drawn = tf.random.categorical(logits[:, -1, :] / 0.8 + mask, num_samples=1)
        return symbols_of(tf.squeeze(drawn, axis=-1)), states

    def write() -> str:
        following, states, written = tf.constant([PROMPT]), None, [PROMPT]
        for _ in range(LENGTH):
            following, states = one_step(following, states)
            written.append(following)
        return tf.strings.join(written)[0].numpy().decode("utf-8")

    return write


def ways() -> dict[str, Callable[[], str]]:
    """What writes LENGTH characters after PROMPT."""
    symbols, step, small = Symbols.load(FOLDER), Stepper(FOLDER, "litert"), Stepper(FOLDER, "litert_int8")
    serve = running.load_saved_model(FOLDER / "1")
    given = {"length": tf.constant(LENGTH), "temperature": tf.constant(0.8), "seed": tf.constant(1)}
    choice = Choice(0.8, seed=1)
    return {
        "LiteRT, one thread": lambda: PROMPT + "".join(Writer(step, symbols, PROMPT).write(LENGTH, choice)),
        "LiteRT int8, one thread": lambda: PROMPT + "".join(Writer(small, symbols, PROMPT).write(LENGTH, choice)),
        "SavedModel, batch 1": lambda: serve(prompt=tf.constant([PROMPT]), **given)["text"][0].numpy().decode("utf-8"),
        "Keras, the usual way": usual_way(symbols),
    }


def run(output: Path, repeats: int, budget: float, only: str) -> None:
    """Writes generation.md and generation.json."""
    medians, count = timing.interleaved(ways(), repeats, budget=budget)
    rates = {way: 1000 * LENGTH / milliseconds for way, milliseconds in medians.items()}
    slowest = rates["Keras, the usual way"]
    rows = [[way, f"{rate:,.0f}", f"{rate / slowest:.1f}"] for way, rate in rates.items()]
    header = ["shakespeare", "characters a second", "times the usual way"]
    text = f"{tables.table(header, rows)}\n\nMedians of {count} texts of {LENGTH} characters."
    tables.write(output, "generation", text, {"characters_a_second": rates, "texts": count})
