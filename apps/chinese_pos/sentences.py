"""Text -> the sentences and characters that a tagger reads, each with its place in the original string.

The definition is a table of kinds of characters, the pieces whose borders are known (pieces.py) and a few rules on
neighbours, so that NumPy (here) and TensorFlow (reading_in_graph.py) come to the same result; it travels in
`vocabulary.json`.

    text        他 说：“W\u0308T O 。👍🏽    \u0308 is a combining mark, 🏽 a skin tone
    characters  他 说 ： “ W T O 。 👍   marks belong to the character before them
    read as     他 说 ： ” Ｗ Ｔ Ｏ 。 ●  full-width forms, as the corpus has them
    borders    |他|说|：|“|W_T |O|。|👍   | a word ends: white space, a sentence's end, around a bounded piece;
                                        _ none ends: between two letters, inside a whole piece
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator

import numpy as np

from apps.chinese_pos import kinds, pieces
from apps.chinese_pos.kinds import ATTACHED, LETTER, LINE_END, SPACE, SYMBOL

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
    "kinds": list(kinds.NAMES),
    "kind from this code point on": [list(row) for row in kinds.KINDS],
    "joiner": JOINER,
    "full width": FULL_WIDTH,
    "read as": READ_AS,
    "unknown of a kind": {str(kind): character for kind, character in STAND_INS.items()},
    "sentence ends": SENTENCE_ENDS,
    "longest sentence": LONGEST,
    "boundary": BOUNDARY,
    "pieces": pieces.RULES,
}  # as vocabulary.json tells them

_FIRSTS, _KINDS = (np.array(column, np.int32) for column in zip(*kinds.KINDS, strict=True))
FREE, ENDS, GOES_ON = 0, 1, 2  # before a character: a word may end, ends, doesn't end


@dataclasses.dataclass(frozen=True, eq=False)
class Characters:
    """The characters of a text, all arrays (characters,).

    starts, ends: int, text[start:end] is the character with its marks.
    codes: int32, the code point that it is read as.
    kinds: int32, of KINDS.
    pieces: int32, the kind of the character's piece, as `pieces.find` numbers them.
    borders: int32, FREE, ENDS or GOES_ON: what is known of the place before the character.
    apart: bool, white space is before the character, or the end of a sentence.
    first: bool, the character begins a sentence.
    inside: bool, the character is in one piece with that before it.
    """

    starts: np.ndarray
    ends: np.ndarray
    codes: np.ndarray
    kinds: np.ndarray
    pieces: np.ndarray
    borders: np.ndarray
    apart: np.ndarray
    first: np.ndarray
    inside: np.ndarray

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

    of_piece, piece_numbers = (values[starts] for values in pieces.find(text))
    inside = np.zeros(len(starts), bool)
    inside[1:] = (piece_numbers[1:] == piece_numbers[:-1]) & (of_piece[1:] > 0)
    in_whole, bounded = inside & pieces.WHOLE[of_piece], pieces.BOUNDED[of_piece]
    lines = np.cumsum(kinds == LINE_END)[starts]
    kinds, codes = kinds[starts], read_as(codes[starts])
    is_end = np.isin(codes, [ord(character) for character in SENTENCE_ENDS])
    first = np.ones(len(codes), bool)
    first[1:] = (lines[1:] != lines[:-1]) | (is_end[:-1] & ~is_end[1:] & ~in_whole[1:])
    places = np.arange(len(codes))
    first |= (places - np.maximum.accumulate(np.where(first, places, 0))) % LONGEST == 0
    apart = first.copy()
    apart[1:] |= starts[1:] != ends[:-1]
    letters = kinds == LETTER
    borders = np.full(len(codes), ENDS, np.int32)
    borders[1:] = np.where(in_whole[1:] | (letters[1:] & letters[:-1]), GOES_ON, FREE)
    borders[1:][~inside[1:] & (bounded[1:] | bounded[:-1])] = ENDS
    borders[apart] = ENDS
    return Characters(starts, ends, codes, kinds, of_piece, borders, apart, first, inside)


def read_in_pieces(text: str) -> Iterator[tuple[int, Characters]]:
    """`read` of a text of any length, a part of it at a time: where the part begins in `text`, and its characters.

    A part ends with a sentence, and what is read of it doesn't depend on the others.
    """
    start = 0
    while start < len(text):
        stop = min(len(text), start + AT_ONCE)
        found = read(text[start:stop])
        begins = np.flatnonzero(found.first & ~found.inside)
        if stop < len(text) and len(begins) > 1:  # the last sentence may go on
            stop = start + int(found.starts[begins[-1]])
            found = found.part(slice(0, int(begins[-1])))
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
