"""The files of a trained model: the signature that takes texts, and LiteRT files that take features."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from apps.chinese_pos import sentences
from apps.chinese_pos.data import TaggedText
from apps.chinese_pos.lexicon import PLACES, Lexicon
from apps.chinese_pos.model import NAME
from apps.pipeline import eight_bits, publishing
from apps.pipeline.typical import Inputs, texts_of

ARTIFACTS = ("saved_model", "litert", "litert_float16", "litert_int8")
TYPICAL = 8  # training texts by whose first sentences an export is checked
TEXTS = ["我爱自然语言处理。", "", "她说：“2 点见！”\n好，OK。"]  # by which the SavedModel is, and by a typical one
LONGEST = 200  # characters of that
PACKAGES = ("tensorflow", "keras", "ai-edge-litert", "numpy", "gensim", "snownlp", "jieba")  # figures may depend on


def write(model, lexicon: Lexicon, output: Path, how: dict[str, Any], typical: Inputs) -> None:
    """A trained model -> SavedModel, LiteRT files, lexicon, results without figures yet, and model card.

    typical: what `typical_of` gives; by it the files are compared with the model.
    """
    import tensorflow as tf

    import keras_rnn
    from apps.chinese_pos import in_graph
    from apps.chinese_pos.reading_in_graph import LexiconInGraph

    lookup = LexiconInGraph(lexicon)

    def serve(text):
        return {"tagged": in_graph.tag(text, lambda features: model(features, training=False), lookup)}

    texts = [tf.TensorSpec((None,), tf.string, name="text")]
    read = [sentences.read(text) for text in typical["texts"].tolist()]
    first = [lexicon.features(each.part(each.sentences()[0])) for each in read if len(each)]
    inputs = [{"features": features[None]} for features in first]
    with publishing.new_folder(output, NAME, how) as folder:
        lexicon.save(folder)
        formats = [name for name in ARTIFACTS if name != "saved_model"]
        options = {"length": sentences.LONGEST, "inputs": inputs}
        eight_bits.written(lambda some: keras_rnn.export(model, folder, formats=some, **options), formats)
        functions = {"serving_default": keras_rnn.Signature(serve, texts)}
        cases = {"serving_default": [{"text": [*TEXTS, *(text[:LONGEST] for text in typical["texts"].tolist()[:1])]}]}
        keras_rnn.export_functions(functions, folder, cases=cases, resources=[model, *lookup.tables])


def typical_of(texts: Sequence[TaggedText]) -> Inputs:
    """Some of the texts, of which the first sentences are read."""
    return {"texts": texts_of([text.text for text in texts[:: max(1, len(texts) // TYPICAL)][:TYPICAL]])}


def load_trained(path: Path):
    """What a model.keras that `train` wrote holds, and its lexicon; DataError if it isn't one."""
    from apps.pipeline import training

    return training.load_trained(
        path, NAME, Lexicon.load, lambda model, lexicon: model.output_shape[-1] == len(PLACES) * len(lexicon.tags)
    )
