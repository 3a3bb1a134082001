"""Learns what comes next: windows of a text in two orders, the states carried from one to the next."""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf

from apps.pipeline import training
from apps.pipeline.batches import Batches
from apps.pipeline.runs import Run
from apps.shakespeare.evaluation import WINDOW
from apps.shakespeare.symbols import UNKNOWN
from keras_rnn.interface import Interface
from keras_rnn.streaming import Stream, reading

SHORTEST_EPOCH = 100  # batches: a short text is read several times before it is validated
LONGEST_EPOCH = 2000  # a text of gigabytes is validated more often than once
VALIDATED = 1 << 18  # symbols at most


def window_batches(ids: np.ndarray, window: int, batch_size: int, sampling: str, unknown_rate: float, seed: int):
    """Batches of ((ids (batch, window), whether they start at zero, bool), the ids that follow each, (batch, window)).

        sequential    row 0  [to be or no][t to be: tha][t is the que]      a row goes on where it was, so that
                      row 1  [whether 'ti][s nobler in ][the mind to ]      its state can be carried on
        random        row 0  [nobler in th][or not to be][slings and ]      each window begins at a zero state

    An epoch begins elsewhere each time, and a text that ends goes on at its beginning.

    Args:
        unknown_rate: the part of the ids read that become UNKNOWN, so that the model knows what to do with one.
    """
    size = len(ids) - 1
    count = min(LONGEST_EPOCH, max(SHORTEST_EPOCH, size // (window * batch_size)))
    reach = np.arange(window + 1)

    def draw(generator: np.random.Generator) -> list[np.ndarray]:
        if sampling == "random":
            return [np.append(generator.integers(size, size=batch_size), 1) for _ in range(count)]
        starts = generator.integers(size) + np.arange(batch_size) * (size // batch_size)
        return [np.append((starts + number * window) % size, number == 0) for number in range(count)]

    def assemble(starts_and_fresh: np.ndarray, generator: np.random.Generator):
        *starts, fresh = starts_and_fresh
        rows = ids[(np.array(starts)[:, None] + reach) % len(ids)]
        unknown = generator.random((len(rows), window)) < unknown_rate
        return (np.where(unknown, UNKNOWN, rows[:, :-1]).astype(np.int32), np.bool_(fresh)), rows[:, 1:]

    shape = (batch_size, window)
    inputs = (tf.TensorSpec(shape, tf.int32), tf.TensorSpec((), tf.bool))
    return Batches(draw, assemble, (inputs, tf.TensorSpec(shape, tf.int32)), seed, common=[1])


def validation_batches(ids: np.ndarray, batch_size: int = 32) -> Batches:
    """As `window_batches`: whole windows of WINDOW symbols, each from a zero state; a rest isn't validated."""
    window = min(WINDOW, len(ids) - 1)
    starts = np.arange(0, min(len(ids), VALIDATED) - window, window)

    def assemble(starts: np.ndarray, generator: np.random.Generator):
        rows = ids[starts[:, None] + np.arange(window + 1)]
        return (rows[:, :-1], np.bool_(True)), rows[:, 1:]

    inputs = (tf.TensorSpec((None, window), tf.int32), tf.TensorSpec((), tf.bool))
    batches = [starts[start : start + batch_size] for start in range(0, len(starts), batch_size)]
    signature = inputs, tf.TensorSpec((None, window), tf.int32)
    return Batches(lambda generator: batches, assemble, signature, common=[1])


class WindowReader(keras.Model):
    """Reads a window of each row of a batch with `network`, in training from where the window before ended.

    Called on (ids (batch, window), whether they begin at a zero state) -> logits (batch, window, symbols).

    Args:
        network: ids -> logits, with layers of keras_rnn that keep no state themselves.
        batch_size: of a batch; a replica that gets some of its rows always gets the same ones, and keeps their states.
    """

    def __init__(self, network: keras.Model, batch_size: int):
        super().__init__(name="reader")
        self.network, self.batch_size = network, batch_size
        self.carried = {
            name: self.add_weight(shape=(batch_size, state.shape[1]), initializer="zeros", trainable=False, name=name)
            for name, state in Interface(network).states.items()
        }

    def call(self, inputs, training=False):
        ids, fresh = inputs
        if not training:
            return self.network(ids, training=False)["logits"]
        keep = 1.0 - tf.cast(fresh, tf.float32)
        stream = Stream({name: keep * self._of_rows(state.value, ids) for name, state in self.carried.items()})
        with reading(stream):
            logits = self.network(ids, training=True)["logits"]
        for name, state in stream.new_states.items():
            self.carried[name].assign(self._with_rest(state, self.carried[name].value, ids))
        return logits

    def _of_rows(self, states, ids):
        """The states of the rows that there are: a replica's part of a batch may be smaller."""
        return states if ids.shape[0] == self.batch_size else states[: tf.shape(ids)[0]]

    def _with_rest(self, new, states, ids):
        return new if ids.shape[0] == self.batch_size else tf.concat([new, states[tf.shape(ids)[0] :]], axis=0)

    def get_config(self):
        return {"network": keras.saving.serialize_keras_object(self.network), "batch_size": self.batch_size}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        return cls(keras.saving.deserialize_keras_object(config["network"]), config["batch_size"])


def learn_text(network: keras.Model, train: np.ndarray, validation: np.ndarray, run: Run) -> training.Fitted:
    """Trains `network`, ids -> logits of the ids that follow, and keeps the epoch that validates best.

    train, validation: ids, int32 (symbols,).
    """
    recipe = run.recipe
    fitted = training.learn(
        WindowReader(network, recipe.batch_size),
        window_batches(train, recipe.window, recipe.batch_size, recipe.sampling, recipe.unknown_rate, recipe.seed),
        validation_batches(validation),
        run.stage("text"),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    for logs in fitted.history:
        logs["perplexity"], logs["val_perplexity"] = np.exp(logs["loss"]), np.exp(logs["val_loss"])
    result = f"validation {fitted.kept['val_loss']:.4f} nats a symbol in windows of {WINDOW}"
    run.finished("text", fitted.seconds, len(fitted.history), result)
    return fitted
