"""Text -> the sentences and characters that a tagger reads, each with its place in the original string.

The definition is a table of kinds of characters and a few rules on neighbours, so that NumPy (here) and TensorFlow
(tagging_in_graph.py) come to the same result; it travels in `vocabulary.json`.

    text        他 说：“W\u0308T O 。👍🏽    \u0308 is a combining mark, 🏽 a skin tone
    characters  他 说 ： “ W T O 。 👍   marks belong to the character before them
    read as     他 说 ： ” Ｗ Ｔ Ｏ 。 ●  full-width forms, as the corpus has them
    a word ends   |                |   at white space, and where a sentence ends
    none ends             W          between two letters of an alphabet, unless white space is there
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator

import numpy as np

OTHER, SPACE, LINE_END, ATTACHED, LETTER, SYMBOL = range(6)

# (first code point, kind), up to the next row.
KINDS = (
    *((0x0, SPACE), (0xA, LINE_END), (0xE, SPACE), (0x21, OTHER), (0x41, LETTER), (0x5B, OTHER), (0x61, LETTER)),
    *((0x7B, OTHER), (0x7F, SPACE), (0x85, LINE_END), (0x86, SPACE), (0xA1, OTHER), (0xAA, LETTER), (0xAB, OTHER)),
    *((0xAD, ATTACHED), (0xAE, OTHER), (0xB5, LETTER), (0xB6, OTHER), (0xBA, LETTER), (0xBB, OTHER), (0xC0, LETTER)),
    *((0xD7, OTHER), (0xD8, LETTER), (0xF7, OTHER), (0xF8, LETTER)),
    # Greek to Greek extended; Hangul letters and combining marks lie between.
    *((0x300, ATTACHED), (0x370, LETTER), (0x483, ATTACHED), (0x48A, LETTER), (0x1680, SPACE), (0x1681, LETTER)),
    *((0x180B, ATTACHED), (0x1810, LETTER), (0x1AB0, ATTACHED), (0x1B00, LETTER), (0x1DC0, ATTACHED), (0x1E00, LETTER)),
    # Spaces, joiners, marks of direction; symbols.
    *((0x2000, SPACE), (0x200C, ATTACHED), (0x2010, OTHER), (0x2028, LINE_END), (0x202A, ATTACHED), (0x202F, SPACE)),
    *((0x2030, OTHER), (0x205F, SPACE), (0x2060, ATTACHED), (0x2070, OTHER), (0x20D0, ATTACHED), (0x2100, SYMBOL)),
    # Glagolitic to Georgian; ideographs, kana, Hangul syllables.
    *((0x2C00, LETTER), (0x2DE0, ATTACHED), (0x2E00, OTHER), (0x3000, SPACE), (0x3001, OTHER), (0x302A, ATTACHED)),
    *((0x3030, OTHER), (0x3099, ATTACHED), (0x309B, OTHER), (0xA4D0, LETTER), (0xAC00, OTHER), (0xFB00, LETTER)),
    # Variation selectors, full-width forms.
    *((0xFE00, ATTACHED), (0xFE10, OTHER), (0xFE20, ATTACHED), (0xFE30, OTHER), (0xFE70, LETTER), (0xFEFF, ATTACHED)),
    *((0xFF00, OTHER), (0xFF21, LETTER), (0xFF3B, OTHER), (0xFF41, LETTER), (0xFF5B, OTHER)),
    # Old alphabets, notes, mathematical letters, emoji with their flags and skin tones, ideographs, tags.
    *((0x10000, LETTER), (0x1D000, SYMBOL), (0x1D400, LETTER), (0x1D800, SYMBOL), (0x1E000, LETTER), (0x1F000, SYMBOL)),
    *((0x1F1E6, LETTER), (0x1F200, SYMBOL), (0x1F3FB, ATTACHED), (0x1F400, SYMBOL), (0x20000, OTHER)),
    *((0xE0000, ATTACHED), (0xE1000, OTHER)),
)
JOINER = 0x200D  # what comes after it is one character with what came before it
FULL_WIDTH = 0xFF01 - 0x21  # how far the full-width forms of ! to ~ are from these
READ_AS = {  # further characters that are read as others: quotation marks, dots, dashes, zero
    **dict(zip("\"'＂＇「」『』﹁﹂", "”’”’“”‘’“”", strict=True)),
    **dict(zip("•・‧⋯–―〇｡､", "···…——○。、", strict=True)),
}
SENTENCE_ENDS = "。！？；"
LONGEST = 256  # characters; a longer sentence is cut, and so is the word there
AT_ONCE = 2**16  # code points of a long text that are read together
BOUNDARY = "\n"  # stands before and after words whose end is known, in pairs of characters
STAND_INS = {LETTER: "ａ", SYMBOL: "●"}  # what an unknown character of this kind is read as
RULES = {
    "kinds": ["other", "white space", "end of a line", "attached to the character before", "letter", "symbol"],
    "kind from this code point on": [list(row) for row in KINDS],
    "joiner": JOINER,
    "full width": FULL_WIDTH,
    "read as": READ_AS,
    "unknown of a kind": {str(kind): character for kind, character in STAND_INS.items()},
    "sentence ends": SENTENCE_ENDS,
    "longest sentence": LONGEST,
    "boundary": BOUNDARY,
}  # as vocabulary.json tells them

_FIRSTS, _KINDS = (np.array(column, np.int32) for column in zip(*KINDS, strict=True))
FREE, ENDS, GOES_ON = 0, 1, 2  # before a character: a word may end, ends, doesn't end


@dataclasses.dataclass(frozen=True, eq=False)
class Characters:
    """The characters of a text, all arrays (characters,).

    starts, ends: int, text[start:end] is the character with its marks.
    codes: int32, the code point that it is read as.
    kinds: int32, of KINDS.
    borders: int32, FREE, ENDS or GOES_ON: what is known of the place before the character.
    first: bool, the character begins a sentence.
    """

    starts: np.ndarray
    ends: np.ndarray
    codes: np.ndarray
    kinds: np.ndarray
    borders: np.ndarray
    first: np.ndarray

    def __len__(self) -> int:
        return len(self.codes)

    def sentences(self) -> list[slice]:
        """The characters of each sentence."""
        cuts = [*np.flatnonzero(self.first).tolist(), len(self)]
        return [slice(start, stop) for start, stop in itertools.pairwise(cuts)]

    def part(self, chosen: slice) -> Characters:
        """Some of the characters."""
        return Characters(*(getattr(self, field.name)[chosen] for field in dataclasses.fields(self)))


def read(text: str) -> Characters:
    """The characters of `text` in sentences. White space is in none of them; a lone surrogate is read as U+FFFD."""
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32).astype(np.int32)
    codes = np.where((codes >= 0xD800) & (codes < 0xE000), 0xFFFD, codes)
    kinds = _KINDS[np.searchsorted(_FIRSTS, codes, side="right") - 1]
    space = (kinds == SPACE) | (kinds == LINE_END)
    after_space = np.concatenate([[True], space])[:-1]
    after_joiner = np.concatenate([[False], codes == JOINER])[:-1]
    attached = ~space & ~after_space & ((kinds == ATTACHED) | after_joiner)
    begins = np.append(np.flatnonzero(~attached), len(codes))  # of characters and of spaces
    is_character = ~space[begins[:-1]]
    starts, ends = begins[:-1][is_character], begins[1:][is_character]

    lines = np.cumsum(kinds == LINE_END)[starts]
    kinds, codes = kinds[starts], read_as(codes[starts])
    is_end = np.isin(codes, [ord(character) for character in SENTENCE_ENDS])
    before = slice(None, -1)
    first = np.ones(len(codes), bool)
    first[1:] = (lines[1:] != lines[before]) | (is_end[before] & ~is_end[1:])
    places = np.arange(len(codes))
    first |= (places - np.maximum.accumulate(np.where(first, places, 0))) % LONGEST == 0
    known_end = first.copy()
    known_end[1:] |= starts[1:] != ends[before]
    letters = kinds == LETTER
    goes_on = np.zeros(len(codes), bool)
    goes_on[1:] = letters[1:] & letters[before] & ~known_end[1:]
    borders = np.where(known_end, ENDS, np.where(goes_on, GOES_ON, FREE)).astype(np.int32)
    return Characters(starts, ends, codes, kinds, borders, first)


def read_in_pieces(text: str) -> Iterator[tuple[int, Characters]]:
    """`read` of a text of any length, a part of it at a time: where the part begins in `text`, and its characters.

    A part ends with a sentence, and what is read of it doesn't depend on the others.
    """
    start = 0
    while start < len(text):
        stop = min(len(text), start + AT_ONCE)
        found = read(text[start:stop])
        begins = found.starts[found.first]
        if stop < len(text) and len(begins) > 1:  # the last sentence may go on
            found = found.part(slice(0, int(np.flatnonzero(found.first)[-1])))
            stop = start + int(begins[-1])
        yield start, found
        start = stop


def without_surrogates(text: str) -> str:
    """Lone surrogates, which no encoding has, as U+FFFD each."""
    return "".join("\ufffd" if "\ud800" <= character < "\ue000" else character for character in text)


def read_as(codes: np.ndarray) -> np.ndarray:
    """Code points -> those that they are read as."""
    codes = codes.copy()
    for character, replacement in READ_AS.items():
        codes[codes == ord(character)] = ord(replacement)
    half_width = (codes > 0x20) & (codes < 0x7F)
    return np.where(half_width, codes + FULL_WIDTH, codes).astype(np.int32)
