"""python worker_process.py APP ARGUMENT...: the app's `train --quick` by its small recipe, one of several processes.

Nothing is dropped and epochs are short, so that several replicas have what one has but for rounding: Adam makes much
of little where a gradient is almost zero. In place of the files for use, worker 0 leaves weights.npz.
"""

import sys

import keras
import numpy as np
from app_table import APPS

from apps.pipeline.runs import Run

SHORT = {"sentiment": 4, "mnist_rows": 2, "word_reversal": 4, "chinese_pos": 4}  # SMALLEST_EPOCH


def keep(run: Run, model: keras.Model, *_) -> bool:
    if run.workers.first:
        np.savez(run.output / "weights.npz", *model.get_weights())
    return False


def main(name: str, *arguments: str) -> int:
    for kind in (keras.layers.Dropout, keras.layers.SpatialDropout1D):
        kind.call = lambda self, inputs, training=False: inputs
    Run.keep = keep
    app = APPS[name]
    with app.small():
        if name in SHORT:
            app.part("learning").SMALLEST_EPOCH = SHORT[name]
        else:
            app.part("learning").SHORTEST_EPOCH = app.part("learning").LONGEST_EPOCH = 4
        return app.run("train", "--quick", *arguments)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
