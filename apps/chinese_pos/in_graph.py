"""The tagger as one graph, for a SavedModel that takes raw text: reading, network, search, writing."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

from apps.chinese_pos.decoding import BEGIN, END, INSIDE, SINGLE
from apps.chinese_pos.lexicon import FEATURES, PLACES
from apps.chinese_pos.reading_in_graph import LexiconInGraph, code_points, count_of, read
from apps.chinese_pos.sentences import ENDS, GOES_ON

AT_ONCE = 64  # sentences of similar length in one call of the network: memory doesn't grow with the text


def decode(scores: tf.Tensor, borders: tf.Tensor, known_tags: tf.Tensor, lengths: tf.Tensor) -> tf.Tensor:
    """`decoding.decode` of several sentences, int32 (batch, time), 0 after the end of each.

    Args:
        scores: float32 (batch, time, places * tags); borders, known_tags: int32 (batch, time); lengths: int32 (batch,).
    """
    batch, time, tags = tf.shape(scores)[0], tf.shape(scores)[1], scores.shape[2] // len(PLACES)
    scores = possible(tf.reshape(scores, (batch, time, len(PLACES), tags)), borders, known_tags)
    scores = tf.transpose(scores, [1, 0, 2, 3])
    nothing = tf.fill((batch, tags), -float("inf"))

    def forward(t, closed, begun, inside, closing, from_inside):
        now = scores[t]
        from_inside = from_inside.write(t, inside > begun)
        opened = tf.maximum(begun, inside)
        ways = tf.concat([opened + now[:, END], closed + now[:, SINGLE]], 1)
        closing = closing.write(t, tf.argmax(ways, 1, tf.int32))
        begun, inside = closed + now[:, BEGIN], opened + now[:, INSIDE]
        return t + 1, tf.reduce_max(ways, 1, keepdims=True), begun, inside, closing, from_inside

    arrays = tf.TensorArray(tf.int32, time), tf.TensorArray(tf.bool, time)
    start = (0, tf.zeros((batch, 1)), nothing, nothing, *arrays)
    *_, closing, from_inside = tf.while_loop(lambda t, *_: t < time, forward, start)
    closing, from_inside = closing.stack(), from_inside.stack()

    def backward(t, begins_next, tag, labels):
        ended, tag = begins_next, tf.where(begins_next, closing[t] % tags, tag)
        inside = tf.gather(from_inside[tf.minimum(t + 1, time - 1)], tag, batch_dims=1)
        place = tf.where(ended, tf.where(closing[t] < tags, END, SINGLE), tf.where(inside, INSIDE, BEGIN))
        over = t >= lengths
        labels = labels.write(t, tf.where(over, 0, place * tags + tag))
        return t - 1, over | (place == BEGIN) | (place == SINGLE), tag, labels

    start = (time - 1, tf.ones([batch], tf.bool), tf.zeros([batch], tf.int32), tf.TensorArray(tf.int32, time))
    *_, labels = tf.while_loop(lambda t, *_: t >= 0, backward, start)
    return tf.transpose(labels.stack())


def possible(scores: tf.Tensor, borders: tf.Tensor, known_tags: tf.Tensor) -> tf.Tensor:
    """`decoding.possible` of scores (batch, time, places, tags)."""
    starts, goes_on = tf.constant([[True], [False], [False], [True]]), tf.constant([[False], [True], [True], [False]])
    borders, known_tags = (tf.expand_dims(tf.expand_dims(values, 2), 3) for values in (borders, known_tags))
    excluded = ((borders == ENDS) & goes_on) | ((borders == GOES_ON) & starts)
    excluded |= (known_tags > 0) & (known_tags - 1 != tf.range(scores.shape[3]))
    return tf.where(excluded, -float("inf"), scores)


def labels_of(
    model: Callable, features: tf.Tensor, borders: tf.Tensor, known_tags: tf.Tensor, first: tf.Tensor
) -> tf.Tensor:
    """The label of each character, int32 (characters,): AT_ONCE sentences at a time, the shortest first.

    Args:
        model: features (batch, time, FEATURES) -> scores (batch, time, places * tags).
        features, borders, known_tags, first: of the characters of all sentences.
    """
    together = tf.concat([features, tf.stack([borders, known_tags], 1)], 1)
    sentence = count_of(first) - 1
    count = tf.reduce_sum(tf.cast(first, tf.int32))
    rows = tf.RaggedTensor.from_value_rowids(together, tf.cast(sentence, tf.int64), tf.cast(count, tf.int64))
    lengths = tf.cast(rows.row_lengths(), tf.int32)
    order = tf.argsort(lengths, stable=True)

    def some(start, found):
        chosen = order[start : start + AT_ONCE]
        part, length = tf.gather(rows, chosen).to_tensor(), tf.gather(lengths, chosen)
        part = tf.ensure_shape(part, (None, None, len(FEATURES) + 2))
        labels = decode(model(part[:, :, :-2]), part[:, :, -2], part[:, :, -1], length)
        labels = tf.boolean_mask(labels, tf.sequence_mask(length, tf.shape(labels)[1]))
        return start + AT_ONCE, found.write(start // AT_ONCE, labels)

    found = tf.TensorArray(tf.int32, 0, dynamic_size=True, infer_shape=False, element_shape=(None,))
    _, found = tf.while_loop(lambda start, _: start < count, some, (0, found), parallel_iterations=1)
    sorted_rows = tf.RaggedTensor.from_row_lengths(found.concat(), tf.gather(lengths, order))
    return tf.gather(sorted_rows, tf.argsort(order, stable=True)).values


def tag(texts: tf.Tensor, model: Callable, lexicon: LexiconInGraph) -> tf.Tensor:
    """Raw texts, string (batch,), UTF-8 -> `word/tag word/tag ...`, string (batch,)."""
    points = code_points(texts)
    characters = read(points)
    features = lexicon.features(characters)
    borders, known_tags = lexicon.borders(characters, features), lexicon.known_tags(characters)
    labels = labels_of(model, features, borders, known_tags, characters.first)
    tags = len(lexicon.lexicon.tags)
    place = labels // tags
    begins = (place == BEGIN) | (place == SINGLE)
    word = tf.gather(count_of(begins) - 1, tf.boolean_mask(characters.member, characters.member >= 0))
    kept = tf.boolean_mask(points.codes, characters.member >= 0)
    count = tf.reduce_sum(tf.cast(begins, tf.int64))
    words = tf.strings.unicode_encode(tf.RaggedTensor.from_value_rowids(kept, tf.cast(word, tf.int64), count), "UTF-8")
    names = tf.gather(tf.constant(lexicon.lexicon.tags), tf.boolean_mask(labels % tags, begins))
    rows = tf.cast(tf.boolean_mask(characters.row, begins), tf.int64)
    tagged = tf.RaggedTensor.from_value_rowids(words + "/" + names, rows, tf.size(texts, tf.int64))
    return tf.strings.reduce_join(tagged, axis=1, separator=" ")
