"""The kinds of characters: a table that travels in `vocabulary.json`."""

from __future__ import annotations

OTHER, SPACE, LINE_END, ATTACHED, LETTER, SYMBOL = range(6)
NAMES = ("other", "white space", "end of a line", "attached to the character before", "letter", "symbol")

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
    # Old alphabets, notes, mathematical letters, emoji with their skin tones, ideographs, tags.
    *((0x10000, LETTER), (0x1D000, SYMBOL), (0x1D400, LETTER), (0x1D800, SYMBOL), (0x1E000, LETTER), (0x1F000, SYMBOL)),
    *((0x1F3FB, ATTACHED), (0x1F400, SYMBOL), (0x20000, OTHER), (0xE0000, ATTACHED), (0xE1000, OTHER)),
)


def ranges_of(kind: int) -> str:
    """The characters of a kind, as they stand between the brackets of a regular expression."""
    ends = [*(first for first, _ in KINDS[1:]), 0x110000]
    return "".join(f"{chr(first)}-{chr(end - 1)}" for (first, of), end in zip(KINDS, ends, strict=True) if of == kind)
