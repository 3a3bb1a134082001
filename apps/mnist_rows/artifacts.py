"""The files of a trained model: pictures in, probabilities of the classes out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from apps.mnist_rows.data import LabelledPictures
from apps.mnist_rows.model import NAME
from apps.mnist_rows.pictures import Labels
from apps.mnist_rows.refusal import Refusal
from apps.pipeline import eight_bits, publishing
from apps.pipeline.publishing import FILES
from apps.pipeline.typical import Inputs

ARTIFACTS = tuple(FILES)
TYPICAL = 100  # training pictures by which an int8 file finds the ranges of its activations
PACKAGES = ("tensorflow", "keras", "ai-edge-litert", "numpy", "pillow")  # that figures may depend on


def write(model, labels: Labels, output: Path, how: dict[str, Any], typical: Inputs, refusal: Refusal | None) -> None:
    """A trained model -> SavedModel, LiteRT files, labels, results without figures yet, and model card.

    typical: what `typical_of` gives; it calibrates the fully quantised file. refusal: what tells other pictures from
    those of the classes.
    """
    import keras

    import keras_rnn

    classifier = keras.Model(model.input, {"probabilities": keras.ops.softmax(model.output)})
    inputs = [{"image": picture[None].astype(np.float32) / 255} for picture in typical["pictures"]]
    with publishing.new_folder(output, NAME, how) as folder:
        labels.save(folder)
        if refusal is not None:
            refusal.save(folder)
        eight_bits.written(lambda some: keras_rnn.export(classifier, folder, formats=some, inputs=inputs), ARTIFACTS)


def write_refusal(refusal: Refusal, folder: Path) -> None:
    """Puts it into a model's folder, with its hash in results.json."""
    from whole_files import placed_in

    results = publishing.read_results(folder)
    with placed_in(folder) as beside:
        refusal.save(beside)
        listed = results.get("files", {}) | publishing.list_files(beside)
        publishing.write_results(beside, results | {"files": listed})


def typical_of(data: LabelledPictures) -> Inputs:
    """Some of the pictures, uint8 (pictures, 28, 28), by which an int8 file finds the ranges of its activations."""
    some = data.pictures[:: max(1, len(data) // TYPICAL)][:TYPICAL]  # they are sorted: the first resemble each other
    return {"pictures": some}


def load_trained(path: Path):
    """What a model.keras that `train` wrote holds, and its labels; DataError if it isn't one."""
    from apps.pipeline import training

    return training.load_trained(
        path, NAME, Labels.load, lambda model, labels: model.output_shape[-1] == len(labels.names)
    )
