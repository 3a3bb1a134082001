"""What `use.Writer` does, as one graph: prompts in, texts out."""

from __future__ import annotations

from apps.shakespeare.sampling import choose_in_graph, random_number
from apps.shakespeare.symbols import START, Symbols


def generate_in_graph(step, zeros, symbols: Symbols, prompt, length, temperature, seed, top_k=0, top_p=1.0):
    """What `Writer` writes, in TensorFlow operations: prompts, strings (batch,) -> with `length` more symbols each.

    Args:
        step: (ids=int32 (batch,), the states by name) -> {"logits", the new states}.
        zeros: states by name, (1, units).
        length, seed, top_k: int32 (). temperature, top_p: float32 ().
    """
    import tensorflow as tf

    prompt = tf.strings.unicode_transcode(prompt, "UTF-8", "UTF-8", errors="replace")
    ids = symbols.ids_in_graph(tf.where(prompt == "", START, prompt))
    lengths = tf.cast(ids.row_lengths(), tf.int32)
    # A prompt may have no symbol even so: one of word boundaries alone. It counts as UNKNOWN, which is 0.
    lengths, ids = tf.maximum(lengths, 1), ids.to_tensor()
    ids = tf.pad(ids, [[0, 0], [0, tf.maximum(0, 1 - tf.shape(ids)[1])]])
    length, batch = tf.maximum(length, 0), tf.shape(ids)[0]
    rows, seed = tf.range(tf.cast(batch, tf.int64)), tf.cast(seed, tf.int64)
    steps = tf.maximum(1, tf.reduce_max(lengths) + length - 1)
    states = {name: tf.tile(state, [batch, 1]) for name, state in zeros.items()}
    written = tf.TensorArray(tf.int32, steps, element_shape=[None])

    #   place        0   1   2   3   4           number of the draw: place - (length of the prompt - 1)
    #   reads        T   o   _   b   e
    #   chooses              b   e   ,           for the prompt "To "
    def body(place, last, states, written):
        within = tf.gather(ids, tf.minimum(place, tf.shape(ids)[1] - 1), axis=1)
        outputs = dict(step(ids=tf.where(place < lengths, within, last), **states))
        draws = random_number(seed, rows, tf.cast(tf.maximum(place - (lengths - 1), 0), tf.int64))
        chosen = choose_in_graph(outputs.pop("logits"), draws, temperature, top_k, top_p)
        return place + 1, chosen, outputs, written.write(place, chosen)

    start = (tf.constant(0), tf.zeros([batch], tf.int32), states, written)
    *_, written = tf.while_loop(lambda place, *_: place < steps, body, start, maximum_iterations=steps)
    places = tf.expand_dims(lengths - 1, 1) + tf.expand_dims(tf.range(length), 0)
    more = tf.gather(tf.transpose(written.stack()), places, batch_dims=1)
    return tf.strings.join([prompt, symbols.texts_in_graph(more)])
