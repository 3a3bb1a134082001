"""Minutes until a network knows 88% of IMDB's test reviews: our layers and Keras's, the same weights and batches.

The sentiment app's network at the size of `train --quick`, without pretraining, by the pipeline's own loop. The
two train in rotation, BATCHES batches each, so that other load affects both equally, and see the same part of the test
reviews after each turn. The time for that, and for building their graphs, counts. IMDB is needed: the first
`python -m apps.sentiment train` downloads it.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import keras
import numpy as np

from apps.pipeline import training
from apps.pipeline.batches import Batches
from apps.pipeline.vocabulary import Vocabulary
from apps.sentiment import data, learning
from apps.sentiment import model as sentiment
from benchmarks import tables
from benchmarks.apps import with_layers_of

TARGET = 0.88  # accuracy
BATCHES = 65  # in a turn; 390 are all reviews
REVIEWS = 2000  # of the 25,000 to test with, which say the accuracy to 0.7%
TURNS = 24
LEARNING_RATE = 1.5e-3
MAKERS = ("ours", "keras")


class InTurns(Batches):
    """Batches whose epoch is a turn: so many of them, one turn after the other through the epochs of `whole`."""

    def __init__(self, whole: Batches):
        super().__init__(lambda _: self.turn(), whole.assemble, whole.signature, whole.seed)
        self.whole = whole

    def turn(self) -> list[np.ndarray]:
        epoch, turn = divmod(self.epoch, max(1, len(self.whole) // BATCHES))
        drawn = self.whole.draw(np.random.default_rng([self.seed, epoch]))
        return drawn[turn * BATCHES : (turn + 1) * BATCHES]


def reviews() -> tuple[learning.Texts, learning.Texts, Vocabulary]:
    """Those to train with and to test with, as ids and labels."""
    recipe = sentiment.Recipe()
    train, test = data.reviews("train"), data.reviews("test")
    vocabulary = Vocabulary.from_texts(train.texts, recipe.words, recipe.keep_last, train.names)
    chosen = np.random.default_rng(0).permutation(len(test))[:REVIEWS]
    ids = [[np.array(vocabulary.ids(text), np.int32) for text in part.texts] for part in (train, test)]
    return (ids[0], train.labels), ([ids[1][index] for index in chosen], test.labels[chosen]), vocabulary


def curves(train: learning.Texts, test: learning.Texts, words: int, folder: Path) -> dict[str, dict[str, list]]:
    """For each maker: the seconds after each turn, and the accuracy then; until both have reached TARGET."""
    recipe, models = sentiment.Recipe(), {}
    tests = learning.text_batches(test, recipe.batch_size, 0.0, 0, shuffle=False)
    for maker in MAKERS:
        models[maker] = with_layers_of(maker, lambda: sentiment.build_model(words, sentiment.QUICK["units"]))
        loss = keras.losses.BinaryCrossentropy(from_logits=True)
        optimizer = training.AdamW(LEARNING_RATE, weight_decay=0.01, global_clipnorm=1.0)
        models[maker].compile(optimizer, loss, metrics=[learning.accuracy], jit_compile=False)
    models["keras"].set_weights(models["ours"].get_weights())
    found = {maker: {"seconds": [], "accuracy": []} for maker in MAKERS}
    for turn in range(1, TURNS + 1):
        for maker in MAKERS:
            if max(found[maker]["accuracy"], default=0.0) >= TARGET:
                continue
            whole = learning.text_batches(train, recipe.batch_size, recipe.unknown_rate, recipe.seed, shuffle=True)
            fitted = training.fit(
                models[maker],
                InTurns(whole),
                tests,
                folder / f"{maker}.npz",
                epochs=turn,
                settings={"maker": maker},
                monitor="val_accuracy",
                patience=TURNS,
                resume=turn > 1,
            )
            found[maker]["seconds"].append(fitted.seconds)
            found[maker]["accuracy"].append(fitted.history[-1]["val_accuracy"])
    return found


def seconds_to(curve: dict[str, list], accuracy: float) -> float | None:
    """The seconds after which a curve first reaches an accuracy; None if it doesn't."""
    return next((s for s, a in zip(curve["seconds"], curve["accuracy"], strict=True) if a >= accuracy), None)


def run(output: Path, repeats: int, budget: float, only: str) -> None:
    """Measures and writes imdb.md, imdb.json, imdb.png; takes the arguments of every verb and needs no more."""
    recipe = sentiment.Recipe()
    training.set_up(recipe.seed)
    train, test, vocabulary = reviews()
    with tempfile.TemporaryDirectory() as folder:
        found = curves(train, test, len(vocabulary), Path(folder))
    tables.write(output, "imdb", markdown(found), {"target": TARGET, "batches": BATCHES, **found})
    series = {maker: (curve["seconds"], curve["accuracy"]) for maker, curve in found.items()}
    tables.lines(output / "imdb.png", "IMDB", "seconds of training", "accuracy on test reviews", series, log=False)


def markdown(found: dict[str, dict[str, list]]) -> str:
    """A row for each maker."""
    rows, taken = [], {maker: seconds_to(curve, TARGET) for maker, curve in found.items()}
    for maker, curve in found.items():
        reached = "not reached" if taken[maker] is None else f"{taken[maker]:.0f}"
        rows.append([maker, reached, str(len(curve["seconds"]) * BATCHES), f"{curve['accuracy'][-1]:.2%}"])
    text = tables.table(["IMDB", f"seconds to {TARGET:.0%}", "batches of 64", "accuracy at the end"], rows)
    return text if None in taken.values() else f"{text}\n\nkeras / ours: {taken['keras'] / taken['ours']:.2f}"
