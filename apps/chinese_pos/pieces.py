"""Pieces of text whose borders are known before any network looks: links, numbers, words of letters, emoji, marks.

One regular expression finds them, in the syntax that Python's `re` and RE2 (in_graph.py) share; it travels in
`vocabulary.json`. The alternatives are tried in order at each place, and the first that fits is the piece.

    我用|Python3.6|和|C++|，|涨了12.5%|……|😱|🙏    a word ends at each bar, and none inside Python3.6, C++, 12.5%, ……
"""

from __future__ import annotations

import re
from typing import NamedTuple

import numpy as np

from apps.chinese_pos.kinds import ATTACHED, LETTER, ranges_of


class Piece(NamedTuple):
    """A kind of pieces: what is known of its borders."""

    patterns: tuple[str, ...]
    bounded: bool = False  # words end before it and behind it
    whole: bool = False  # no word ends inside
    mark: bool = False  # it isn't a word of the language: its tag is that of the marks in the training text

    @property
    def known(self) -> list[str]:
        """The names of what holds."""
        return [name for name in ("bounded", "whole", "mark") if getattr(self, name)]


# Letters, marks, digits, ideographs, white space in the patterns below; what may stand in a link, and end one.
_CLASSES = {
    "<L>": ranges_of(LETTER),
    "<M>": ranges_of(ATTACHED),
    "<D>": "0-9０-９",
    "<H>": "\u3400-\u9fff\U00020000-\U0003ffff〇○",
    "<S>": "\x01-\n\r \u3000",  # white space
    "<link>": "0-9A-Za-z\\-._~:/?#\\[\\]@!$&'()*+,;=%",
    "<end>": "0-9A-Za-z/=#&_~\\-+%$@",
}
PIECES = {
    "emoji": Piece(
        (
            "[\u2300-\u23ff\u25a0-\u25ca\u25cc-\u2775\u2794-\u27bf\u2b00-\u2bff]",
            "[\U0001f000-\U0001f1e5\U0001f200-\U0001faff]",
            "[\U0001f1e6-\U0001f1ff]{2}",  # a flag
            "[0-9#*]\ufe0f?\u20e3",  # a key
        ),
        bounded=True,
        whole=True,
        mark=True,
    ),
    # What the network decides, though it looks like one of the others: a rare character told by its parts (石示), the
    # names of types such as Ｂ—７７７, the columns of a table that run together, 1. at the beginning of a line.
    "open": Piece(
        (
            "[（(][<H>]{1,3}[）)]",
            "[<L><D>]+(?:[—－][<L><D>]+)+",
            "[０-９]+(?:．[０-９]+){2,}",
            "[<D>]+(?:·[<D>]+)+[%％‰]?",
            "[<D>]+[:：∶][<D>]{3,}",
            "[<D>]{3,}[:：∶][<D>]+",
            "[<D>]+[.．](?:[<S>]|$)",
        )
    ),
    "word": Piece(
        (
            "(?:https?|ftp)://[<link>]*[<end>]",
            "www\\.[<link>]*[<end>]",
            "[0-9A-Za-z][0-9A-Za-z._%+\\-]{0,63}@[0-9A-Za-z\\-]{1,63}(?:\\.[0-9A-Za-z\\-]{1,63})+",
            "(?:[0-9A-Za-z\\-]{1,63}\\.){1,4}[A-Za-z]{2,}/[<link>]*[<end>]",
            "(?:[<L>][.．]){2,}",  # initials
            "[<L>](?:\\+\\+|＋＋|[#＃])",
            "℃|℉|°[CF]",
            "[<L>](?:[<L><D><M>]+|[._'’&＆\\-][<L><D>])[<L><D><M>]*(?:[._'’&＆\\-．][<L><D>][<L><D><M>]*)*"
            "(?:\\+\\+|＋＋|[#＃])?",
        ),
        bounded=True,
        whole=True,
    ),
    "measure": Piece(("[<D>]+(?:[.．][<D>]+)*[<L>][<L><D>]*",), bounded=True),  # 5G, 10km: one word or two
    "number": Piece(
        (
            "[<D>]{2,4}[\\-/／][<D>]{1,2}[\\-/／][<D>]{1,4}",  # a date
            "[<D>]{1,2}(?:[:：∶][<D>]{1,2})+",  # a time, a score
            "[<D>]+[/／][<D>]+",
            "[<D>]+(?:,[<D>]{3})*(?:[.．][<D>]+)*[%％‰]?",
        ),
        whole=True,
    ),
    "run": Piece(("…+|⋯+|[.．]{3,}|。{2,}|·{3,}|[—–―－\\-]{2,}|[~～]{2,}",), bounded=True, whole=True, mark=True),
    "mark": Piece(
        (
            "[，。、；：？！“”‘’《》〈〉「」『』﹁﹂【】〔〕〖〗｛｝［］（）«»‹›¿¡‼⁉｡､｢｣＂＇]",
            "[\\[\\]{}()\"',;:?!`]",
            "\\.(?:[<S>]|$)",
        ),
        bounded=True,
        mark=True,
    ),
    "symbol": Piece(
        ("[+＋=＝<＜>＞|｜\\\\＼\\^＾&＆@＠#＃*＊$＄￥¥€£\u2190-\u21ff\u2200-\u2235\u2237-\u22ff\u2500-\u259f]",),
        bounded=True,
        mark=True,
    ),
}


def _with_classes(pattern: str) -> str:
    for name, characters in _CLASSES.items():
        pattern = pattern.replace(name, characters)
    return pattern


EXPRESSION = "|".join(f"({_with_classes('|'.join(piece.patterns))})" for piece in PIECES.values())
RULES = {
    "expression": EXPRESSION,  # a group for each kind
    "kinds": {name: piece.known for name, piece in PIECES.items()},
    "bounded": "words end before and behind, unless a known word goes across",
    "whole": "no word ends inside",
    "mark": "has the tag that `marks` tells",
}  # as vocabulary.json tells them
BOUNDED, WHOLE, MARK = (
    np.array([False, *(getattr(piece, name) for piece in PIECES.values())]) for name in ("bounded", "whole", "mark")
)  # by the number of the kind, 0 for what is in no piece
_IDEOGRAPHS = "\u3400-\u9fff"
_FIND = re.compile(f"[{_IDEOGRAPHS}]+|{EXPRESSION}")  # no piece begins with one: they are quickly passed over


def find(text: str) -> tuple[np.ndarray, np.ndarray]:
    """The pieces of a text, two arrays int32 (len(text),).

    Returns:
        The number of the kind of each character's piece, 0 in none; and a number that is another wherever a piece
        begins or ends.
    """
    kinds, changes = np.zeros(len(text), np.int32), np.zeros(len(text) + 1, np.int32)
    for found in _FIND.finditer(text):
        if found.lastindex is None:
            continue
        start, stop = found.span()
        kinds[start:stop] = found.lastindex
        changes[start] += 1
        changes[stop] += 1
    return kinds, np.cumsum(changes[:-1], dtype=np.int32)


def kind_of(word: str) -> int:
    """The number of the kind of which the whole word is a piece, 0 for none."""
    if _IDEOGRAPHS[0] <= word[:1] <= _IDEOGRAPHS[2]:
        return 0
    found = _FIND.fullmatch(word)
    return found.lastindex or 0 if found else 0
