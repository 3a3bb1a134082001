"""The files of a trained model: the signature that takes texts, and LiteRT files that take ids."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from apps.pipeline import eight_bits, publishing
from apps.pipeline.publishing import FILES
from apps.pipeline.typical import Inputs, texts_of
from apps.pipeline.vocabulary import Vocabulary
from apps.sentiment.data import LabelledTexts
from apps.sentiment.model import NAME, outputs

ARTIFACTS = tuple(FILES)
TYPICAL = 50  # training texts by which an int8 file finds the ranges of its activations
FEW = 8  # of them, by which the SavedModel is checked
PACKAGES = ("tensorflow", "keras", "ai-edge-litert", "numpy", "gensim", "scikit-learn")  # that figures may depend on


def write(model, vocabulary: Vocabulary, output: Path, how: dict[str, Any], typical: Inputs) -> None:
    """A trained model -> SavedModel, LiteRT files, vocabulary, results without figures yet, and model card.

    typical: what `typical_of` gives; it calibrates the fully quantised file.
    """
    import keras
    import tensorflow as tf

    import keras_rnn

    two = outputs(len(vocabulary.labels)) == 1

    def serve(text):
        logits = model(vocabulary.ids_in_graph(text), training=False)
        if two:
            return {"probability": tf.sigmoid(logits[:, 0])}
        return {"probabilities": tf.nn.softmax(logits), "labels": names_of_all(vocabulary.labels, tf.shape(logits))}

    if two:
        logit = model.output[:, 0]
        scores = {"probability": keras.ops.sigmoid(logit), "logit": logit}
    else:
        scores = {"probabilities": keras.ops.softmax(model.output), "logits": keras.ops.add(model.output, 0.0)}
    scorer = keras.Model(model.input, scores)
    texts = typical["texts"].tolist()
    inputs = [{"ids": np.array([vocabulary.ids(text)], np.int32)} for text in texts]
    functions = {"serving_default": keras_rnn.Signature(serve, [tf.TensorSpec((None,), tf.string, name="text")])}
    cases = {"serving_default": [{"text": [*texts[:FEW], ""]}]}
    formats = [name for name in ARTIFACTS if name != "saved_model"]
    with publishing.new_folder(output, NAME, how) as folder:
        vocabulary.save(folder)
        options = {"length": vocabulary.keep_last, "inputs": inputs}
        eight_bits.written(lambda some: keras_rnn.export(scorer, folder, formats=some, **options), formats)
        keras_rnn.export_functions(functions, folder, cases=cases, resources=[model, vocabulary.table])


def names_of_all(labels: Sequence[str], shape):
    """string (batch, labels): their names for each text, as TensorFlow Serving wants the batch in every output."""
    import tensorflow as tf

    return tf.broadcast_to(tf.constant(labels), shape)


def typical_of(data: LabelledTexts) -> Inputs:
    """Some of the texts that a model is trained on."""
    return {"texts": texts_of(data.texts[:TYPICAL])}


def load_trained(path: Path):
    """What a model.keras that `train` wrote holds, and its vocabulary; DataError if it isn't one."""
    from apps.pipeline import training
    from apps.sentiment import few_words  # noqa: F401  (a layer of its is in the file)

    return training.load_trained(path, NAME, Vocabulary.load, _fits)


def _fits(model, vocabulary: Vocabulary) -> bool:
    words, logits = model.get_layer("embedding").input_dim, model.output_shape[-1]
    return words == len(vocabulary) and logits == outputs(len(vocabulary.labels))
