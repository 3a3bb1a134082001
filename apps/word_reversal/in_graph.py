"""The signatures of a trained translator's files: letter by letter, and as one graph, words in and answers out."""

from __future__ import annotations

from typing import Any

from apps.word_reversal.alphabet import END, START, Alphabet
from apps.word_reversal.model import STATES


def signatures(model, alphabet: Alphabet, batch: int | None) -> dict[str, Any]:
    """`encode` and `step` of a trained translator; for any batch (None) also `serving_default`, word -> answer; for one
    batch, as LiteRT has it, also `padded_encode` and `padded_step`: the same with ids padded to the longest word, for
    runtimes that take static shapes only.

    encode   ids int32 (batch, time), padded with 0 -> encoded float32 (batch, time, features), hidden and memory
             (batch, units)
    step     the same, and previous int32 (batch,): the start mark, then each id written ->
             log_probabilities float32 (batch, symbols), attention (batch, time), the new hidden and memory
    """
    import tensorflow as tf

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

    def of_length(time: int | None) -> list[Signature]:
        ids = tf.TensorSpec((batch, time), tf.int32, name="ids")
        given = [tf.TensorSpec((batch, time, encoder.output["encoded"].shape[-1]), tf.float32, name="encoded")]
        given += [tf.TensorSpec((batch, encoder.output[name].shape[-1]), tf.float32, name=name) for name in STATES]
        previous = tf.TensorSpec((batch,), tf.int32, name="previous")
        return [Signature(encode, [ids]), Signature(step, [previous, ids, *given])]

    result = dict(zip(("encode", "step"), of_length(None), strict=True))
    if batch is None:
        return result | {"serving_default": Signature(serve, [tf.TensorSpec((None,), tf.string, name="word")])}
    padded = of_length(1 + alphabet.longest_word)  # the start mark comes first
    return result | dict(zip(("padded_encode", "padded_step"), padded, strict=True))


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
