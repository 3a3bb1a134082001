"""A trained encoder-decoder in use: from LiteRT files without TensorFlow, and as the signatures of its artifacts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from apps.pipeline import running
from apps.pipeline.errors import DataError
from apps.pipeline.publishing import FILES
from apps.word_reversal.alphabet import END, START, Alphabet
from apps.word_reversal.search import Answer, States, beam_search


class Translator:
    """A LiteRT file of a model's folder and the alphabet beside it."""

    def __init__(self, folder: Path, artifact: str = "litert"):
        self.alphabet = Alphabet.load(folder)
        self.path = folder / FILES[artifact]
        self._encode = running.load_litert(folder, artifact, "encode")
        self._step = running.load_litert(folder, artifact, "step")

    def answers(self, word: str, width: int = 1) -> list[Answer]:
        """Those of a beam search, the likeliest first; DataError if the word can't be spelled."""
        ids = np.array([self.alphabet.ids(word)], np.int32)
        try:
            states = dict(self._encode(ids=ids))
            read = {"ids": ids, "encoded": states.pop("encoded")}

            def step(previous: int, states: States):
                outputs = self._step(previous=np.array([previous], np.int32), **read, **states)
                scores = outputs.pop("log_probabilities")[0]
                if len(scores) != len(self.alphabet):
                    raise IndexError
                return scores, outputs.pop("attention")[0], outputs

            return beam_search(step, states, width, self.alphabet.longest_answer)
        except (RuntimeError, KeyError, IndexError, ValueError) as error:  # ids or states that the model doesn't have
            raise DataError(f"expected the alphabet that {self.path} was made with beside it, got another") from error


def signatures(model, alphabet: Alphabet, batch: int | None) -> dict[str, Any]:
    """`encode` and `step` of a trained translator, and for any batch (None) also `serving_default`, word -> answer.

    encode   ids int32 (batch, time), padded with 0 -> encoded float32 (batch, time, features), hidden and memory
             (batch, units)
    step     the same, and previous int32 (batch,): the start mark, then each id written ->
             log_probabilities float32 (batch, symbols), attention (batch, time), the new hidden and memory
    """
    import tensorflow as tf

    from apps.word_reversal.model import STATES
    from keras_rnn.artifacts import Signature

    encoder, decoder = model.get_layer("encoder"), model.get_layer("decoder")

    def encode(ids):
        return encoder(ids, training=False)

    def step(previous, **inputs):
        outputs = decoder({"previous": tf.expand_dims(previous, 1), **inputs}, training=False)
        log_probabilities = tf.nn.log_softmax(tf.squeeze(outputs.pop("logits"), 1))
        return {"log_probabilities": log_probabilities, **outputs, "attention": tf.squeeze(outputs["attention"], 1)}

    def serve(word):
        ids, good = alphabet.ids_in_graph(word)
        written = greedy_in_graph(step, ids, encode(ids), ~good, alphabet.longest_answer)
        return {"reversed": tf.where(good, alphabet.texts_in_graph(written), "")}

    ids = tf.TensorSpec((batch, None), tf.int32, name="ids")
    given = [tf.TensorSpec((batch, None, encoder.output["encoded"].shape[-1]), tf.float32, name="encoded")]
    given += [tf.TensorSpec((batch, encoder.output[name].shape[-1]), tf.float32, name=name) for name in STATES]
    previous = tf.TensorSpec((batch,), tf.int32, name="previous")
    result = {"encode": Signature(encode, [ids]), "step": Signature(step, [previous, ids, *given])}
    if batch is None:
        result["serving_default"] = Signature(serve, [tf.TensorSpec((None,), tf.string, name="word")])
    return result


def greedy_in_graph(step, ids, encoded, finished, longest: int):
    """`search.beam_search` of width 1 in TensorFlow operations -> int32 (batch, steps), with end marks after the first.

    Args:
        step, ids, encoded: the signature `step`, what `encode` got and gave.
        finished: bool (batch,), the words that want no answer.
        longest: as for `beam_search`.
    """
    import tensorflow as tf

    states = dict(encoded)
    read = {"ids": ids, "encoded": states.pop("encoded")}
    start = tf.fill(tf.shape(ids)[:1], START)

    def goes_on(written, previous, finished, states):
        return (tf.shape(written)[1] < longest) & ~tf.reduce_all(finished)

    def write(written, previous, finished, states):
        outputs = step(previous=previous, **read, **states)
        best = tf.argmax(outputs["log_probabilities"][:, END:], axis=1, output_type=tf.int32) + END
        best = tf.where(finished, END, best)
        written = tf.concat([written, tf.expand_dims(best, 1)], axis=1)
        return written, best, finished | (best == END), {name: outputs[name] for name in states}

    any_length = tf.TensorShape((None, None))
    shapes = any_length, start.shape, finished.shape, {name: state.shape for name, state in states.items()}
    written = tf.zeros(tf.stack([tf.shape(ids)[0], 0]), tf.int32)
    return tf.while_loop(goes_on, write, (written, start, finished, states), shape_invariants=shapes)[0]


def texts_by_saved_model(folder: Path, words: Sequence[str], batch_size: int = 250) -> list[str]:
    """The answers of a folder's SavedModel."""
    import tensorflow as tf
    from tqdm import tqdm

    serve = running.load_saved_model(folder / FILES["saved_model"])
    found: list[str] = []
    for start in tqdm(range(0, len(words), batch_size), "saved_model", disable=None):
        batch = tf.constant([word.encode("utf-8", "replace") for word in words[start : start + batch_size]])
        found += [text.decode() for text in serve(word=batch)["reversed"].numpy()]
    return found
