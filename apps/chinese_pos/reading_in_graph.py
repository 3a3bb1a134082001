"""`pieces`, `sentences` and `lexicon` in TensorFlow's operations: texts -> characters and their features.

All texts of a batch are one long row of code points; what may not cross from one to the next is told by `row`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import tensorflow as tf

from apps.chinese_pos import pieces, sentences
from apps.chinese_pos.kinds import ATTACHED, KINDS, LETTER, LINE_END, SPACE
from apps.chinese_pos.lexicon import ENDING, FIRST, LONGEST_WORD, PASSING, UNKNOWN, Lexicon
from apps.chinese_pos.sentences import BOUNDARY, ENDS, FREE, GOES_ON, JOINER, LONGEST

PIECE_BEGINS = "".join(chr(number) for number in range(1, len(pieces.PIECES) + 1))  # a control before each kind
PIECE_ENDS = chr(len(pieces.PIECES) + 1)


class Characters(NamedTuple):
    """As sentences.Characters, of all texts in a batch.

    row: of each character, the text's number; member: of each code point, the character's number, -1 for white space.
    """

    row: tf.Tensor
    codes: tf.Tensor
    kinds: tf.Tensor
    pieces: tf.Tensor
    borders: tf.Tensor
    apart: tf.Tensor
    first: tf.Tensor
    member: tf.Tensor


class CodePoints(NamedTuple):
    """Of all texts in a batch, in one row: int32 (code points,) each.

    row: the text's number; pieces, piece_numbers: as `pieces.find` gives them.
    """

    codes: tf.Tensor
    row: tf.Tensor
    pieces: tf.Tensor
    piece_numbers: tf.Tensor


def code_points(texts: tf.Tensor) -> CodePoints:
    """The code points of texts, string (batch,), UTF-8, and their pieces.

    RE2 puts a control character before each piece, which tells its kind, and one behind it.
    """
    controls = f"{PIECE_BEGINS}{PIECE_ENDS}"
    texts = tf.strings.unicode_transcode(texts, "UTF-8", "UTF-8", errors="replace")
    texts = tf.strings.regex_replace(texts, f"[{controls}]", " ")  # white space, as they are
    marked = "".join(f"{begin}\\{number}" for number, begin in enumerate(PIECE_BEGINS, 1))
    texts = tf.strings.regex_replace(texts, pieces.EXPRESSION, marked + PIECE_ENDS)
    found = tf.strings.unicode_decode(texts, "UTF-8")
    codes, row = found.values, tf.cast(found.value_rowids(), tf.int32)
    is_control = (codes >= 1) & (codes <= ord(PIECE_ENDS))
    numbers = count_of(is_control)
    controls = tf.concat([[0], tf.boolean_mask(codes, is_control) % ord(PIECE_ENDS)], 0)
    parts = (codes, row, tf.gather(controls, numbers), numbers)
    return CodePoints(*(tf.boolean_mask(part, ~is_control) for part in parts))


def before(values: tf.Tensor, filler, places: int = 1) -> tf.Tensor:
    """The value so many places before each place, `filler` before the first."""
    size = tf.size(values)
    return tf.concat([tf.fill([tf.minimum(places, size)], filler), values[: tf.maximum(0, size - places)]], 0)


def after(values: tf.Tensor, filler, places: int = 1) -> tf.Tensor:
    """The value so many places after each place, `filler` after the last."""
    return tf.concat([values[places:], tf.fill([tf.minimum(places, tf.size(values))], filler)], 0)


def count_of(flags: tf.Tensor) -> tf.Tensor:
    """How many are true up to each place, int32."""
    return tf.cumsum(tf.cast(flags, tf.int32))


def read(points: CodePoints) -> Characters:
    """`sentences.read` of all texts in a batch."""
    codes, row, of_piece, piece_numbers = points
    firsts, kinds_of = (tf.constant(column, tf.int32) for column in zip(*KINDS, strict=True))
    kinds = tf.gather(kinds_of, tf.searchsorted(firsts, codes, side="right") - 1)
    new_text = before(row, -1) != row
    space = (kinds == SPACE) | (kinds == LINE_END)
    after_joiner = before(codes == JOINER, False) & ~new_text
    attached = ~space & ~(new_text | before(space, True)) & ((kinds == ATTACHED) | after_joiner)
    is_character = ~space & ~attached
    member = tf.where(space, -1, count_of(is_character) - 1)
    lines, spaces = count_of(kinds == LINE_END), count_of(space)

    row, kinds, codes, lines, spaces, of_piece, piece_numbers = (
        tf.boolean_mask(values, is_character)
        for values in (row, kinds, read_as(codes), lines, spaces, of_piece, piece_numbers)
    )
    new_text = before(row, -1) != row
    inside = ~new_text & (before(piece_numbers, -1) == piece_numbers)
    in_whole = inside & tf.gather(pieces.WHOLE, of_piece)
    bounded = tf.gather(pieces.BOUNDED, of_piece)
    new_line = new_text | (before(lines, 0) != lines)
    is_end = tf.reduce_any(tf.expand_dims(codes, 1) == [ord(character) for character in sentences.SENTENCE_ENDS], 1)
    first = new_line | (before(is_end, False) & ~is_end & ~in_whole)
    places = tf.range(tf.size(codes))
    begin = tf.gather(tf.boolean_mask(places, first), count_of(first) - 1)
    first |= (places - begin) % LONGEST == 0
    apart = first | (before(spaces, 0) != spaces)
    letters = kinds == LETTER
    borders = tf.where(in_whole | (letters & before(letters, False)), GOES_ON, FREE)
    borders = tf.where(apart | (~inside & (bounded | before(bounded, False))), ENDS, borders)
    return Characters(row, codes, kinds, of_piece, borders, apart, first, member)


def read_as(codes: tf.Tensor) -> tf.Tensor:
    """Code points -> those that they are read as."""
    codes = replaced(codes, sentences.READ_AS)
    return tf.where((codes > 0x20) & (codes < 0x7F), codes + sentences.FULL_WIDTH, codes)


def replaced(codes: tf.Tensor, replacements: Mapping[str, str]) -> tf.Tensor:
    """Code points, some of them replaced: {character: what stands in its place}."""
    if not replacements:
        return codes
    pairs = sorted((ord(character), ord(replacement)) for character, replacement in replacements.items())
    keys, values = (tf.constant(column, tf.int32) for column in zip(*pairs, strict=True))
    found = tf.minimum(tf.searchsorted(keys, codes), len(pairs) - 1)
    return tf.where(tf.gather(keys, found) == codes, tf.gather(values, found), codes)


class LexiconInGraph:
    """A lexicon's lookup tables, to be saved with what uses `features`.

    tables: they; a SavedModel keeps only those that it is given as resources.
    """

    def __init__(self, lexicon: Lexicon):
        self.lexicon = lexicon
        numbers = {tag: number for number, tag in enumerate(lexicon.tags, 1)}
        known = {word: numbers[tag] for word, tag in lexicon.words.items() if len(word) <= LONGEST_WORD}
        self._characters = table({c: i for i, c in enumerate(lexicon.characters, FIRST)}, UNKNOWN)
        self._pairs = table({pair: i for i, pair in enumerate(lexicon.pairs, FIRST)}, UNKNOWN)
        self._words = table(known, 0)
        self.tables = [self._characters, self._pairs, self._words]

    def features(self, read: Characters) -> tf.Tensor:
        """`Lexicon.features`, int32 (characters, FEATURES)."""
        codes = replaced(read.codes, self.lexicon.twins)
        string = tf.strings.unicode_encode(tf.expand_dims(codes, 1), "UTF-8")
        ids = self._characters.lookup(string)
        for kind, stand_in in self.lexicon.stand_ins.items():
            ids = tf.where((ids == UNKNOWN) & (read.kinds == kind), stand_in, ids)
        left = self._pairs.lookup(tf.where(read.apart, BOUNDARY, before(string, BOUNDARY)) + string)
        right = self._pairs.lookup(string + tf.where(after(read.apart, True), BOUNDARY, after(string, BOUNDARY)))
        run, part, tags = count_of(read.apart), string, []
        for length in range(1, LONGEST_WORD + 1):
            part = part if length == 1 else part + after(string, "", length - 1)
            inside = after(run, -1, length - 1) == run
            tags.append(tf.where(inside, self._words.lookup(part), 0))
        return tf.stack([ids, left, right, *word_features(tags)], axis=1)

    def borders(self, read: Characters, features: tf.Tensor) -> tf.Tensor:
        """`Lexicon.borders`, int32 (characters,)."""
        across = (features[:, ENDING] > 1) | (features[:, PASSING] > 0)
        return tf.where(across & ~read.apart & (read.borders == ENDS), FREE, read.borders)

    def known_tags(self, read: Characters) -> tf.Tensor:
        """`Lexicon.known_tags`, int32 (characters,)."""
        return tf.gather(self.lexicon.tags_of_pieces, read.pieces)


def table(values: dict[str, int], default: int) -> tf.lookup.StaticHashTable:
    """A lookup table; made where no function is traced, to which it would belong."""
    with tf.init_scope():
        keys = tf.constant(list(values) or [""])
        initializer = tf.lookup.KeyValueTensorInitializer(keys, tf.constant(list(values.values()) or [default]))
        return tf.lookup.StaticHashTable(initializer, default_value=default)


def word_features(tags: Sequence[tf.Tensor]) -> list[tf.Tensor]:
    """`lexicon.word_features`, of as many tensors as there are lengths."""
    starts = ends = passes = of_start = of_end = tf.zeros_like(tags[0])
    for length, starting in enumerate(tags, 1):
        ending = before(starting, 0, length - 1)
        starts += tf.cast(starting > 0, tf.int32) * 2 ** (length - 1)
        ends += tf.cast(ending > 0, tf.int32) * 2 ** (length - 1)
        if length > 2:
            inside = tf.add_n([before(starting, 0, back) for back in range(1, length - 1)])
            passes += tf.cast(inside > 0, tf.int32) * 2 ** (length - 3)
        of_start = tf.where(starting > 0, starting, of_start)
        of_end = tf.where(ending > 0, ending, of_end)
    return [starts, ends, passes, of_start, of_end]
