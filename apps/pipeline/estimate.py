"""How long a training will take, by its first batches."""

from __future__ import annotations

import time

import keras

FIRST = 3  # batches that aren't timed: TensorFlow builds its graph
TIMED = 20


class Estimate(keras.callbacks.Callback):
    """Says after the first batches how long the epochs that are left will take.

    Args:
        batches: of an epoch.
        epochs: that are left.
        may_stop: whether training may end before the last one.
    """

    def __init__(self, batches: int, epochs: int, may_stop: bool):
        super().__init__()
        self.batches, self.epochs, self.may_stop = batches, epochs, may_stop
        self.started: float | None = None
        self.seen = 0

    def on_train_batch_end(self, batch, logs=None):
        self.seen += 1
        if self.seen == FIRST:
            self.started = time.perf_counter()
        if self.seen == FIRST + TIMED and self.started is not None:
            seconds = (time.perf_counter() - self.started) / TIMED * self.batches * self.epochs
            sooner = ", less if it stops getting better" if self.may_stop else ""
            epochs = f"{self.epochs} epoch{'' if self.epochs == 1 else 's'}"
            print(f"\n{in_words(seconds)} for {epochs}{sooner}", flush=True)


def in_words(seconds: float) -> str:
    """A length of time as a person says it."""
    if seconds < 60:
        return "less than a minute"
    minutes = round(seconds / 60)
    if minutes < 100:
        return f"about {minutes} minute{'' if minutes == 1 else 's'}"
    return f"about {seconds / 3600:.1f} hours"
