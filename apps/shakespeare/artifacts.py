"""The files of a trained model: the signatures that take prompts, and LiteRT files that take a step."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from apps.pipeline import eight_bits, publishing
from apps.pipeline.typical import Inputs, texts_of
from apps.shakespeare.data import EncodedText
from apps.shakespeare.model import NAME
from apps.shakespeare.symbols import START, Symbols

ARTIFACTS = ("saved_model", "litert", "litert_float16", "litert_int8")
TYPICAL = (1, 2, 7, 100)  # symbols of the text that is trained on, by which an export is checked
PACKAGES = ("tensorflow", "keras", "ai-edge-litert", "numpy", "jieba")  # that figures may depend on


def write(model, symbols: Symbols, output: Path, how: dict[str, Any], typical: Inputs | None) -> None:
    """A trained model -> SavedModel, LiteRT files, vocabulary, results without figures yet, and model card.

    typical: what `typical_of` gives, by which the files are compared with the model; None: random ids are.
    """
    import tensorflow as tf

    import keras_rnn
    from apps.shakespeare.in_graph import generate_in_graph
    from keras_rnn import Signature
    from keras_rnn.interface import Interface

    interface = Interface(model)
    step = interface.step(None)

    def generate(**inputs):
        return {"text": generate_in_graph(step.function, interface.states, symbols, **inputs)}

    types = {"prompt": tf.string, "length": tf.int32, "temperature": tf.float32, "seed": tf.int32}
    types |= {"top_k": tf.int32, "top_p": tf.float32}
    specs = [tf.TensorSpec((None,) if name == "prompt" else (), dtype, name=name) for name, dtype in types.items()]
    signatures = {
        "serving_default": Signature(generate, specs[:4]),
        "sample": Signature(generate, specs),
        "step": step,
    }
    texts = [] if typical is None else typical["prompts"].tolist()
    inputs = [{"ids": np.array([symbols.ids(text or START)], np.int32)} for text in texts] or None
    cases = cases_of(texts[-1] if texts else "ROMEO:", len(symbols), interface.states)
    with publishing.new_folder(output, NAME, how) as folder:
        symbols.save(folder)
        options = {"step": True, "inputs": inputs}
        eight_bits.written(lambda some: keras_rnn.export(model, folder, formats=some, **options), ARTIFACTS[1:])
        keras_rnn.export_functions(signatures, folder, cases=cases, resources=[model, symbols.table])


def cases_of(prompt: str, symbols: int, states: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """What the SavedModel's signatures are checked with."""
    generator = np.random.default_rng(0)
    prompts = {"prompt": [prompt, ""], "length": 20, "temperature": 0.8, "seed": 1}
    step = {name: generator.normal(size=(2, state.shape[1])) for name, state in states.items()}
    return {
        "serving_default": [prompts],
        "sample": [prompts | {"top_k": 5, "top_p": 0.9}],
        "step": [step | {"ids": [0, symbols - 1]}],
    }


def typical_of(text: EncodedText) -> Inputs:
    """Beginnings of a text that a model is trained on."""
    return {"prompts": texts_of([text.symbols.text(text.ids[:length]) for length in TYPICAL])}


def load_trained(path: Path):
    """What a model.keras that `train` wrote holds, and its symbols; DataError if it isn't one."""
    from apps.pipeline import training

    return training.load_trained(
        path, NAME, Symbols.load, lambda model, symbols: model.output["logits"].shape[-1] == len(symbols)
    )
