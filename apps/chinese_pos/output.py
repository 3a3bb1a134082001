"""How tagged words are written: for a person, as CoNLL-U, as JSON."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

from apps.chinese_pos.data import Word
from apps.pipeline.printing import json_line

UNIVERSAL_TAGS = {  # of CoNLL-U's fourth column; others go into the fifth
    *("ADJ", "ADP", "ADV", "AUX", "CCONJ", "DET", "INTJ", "NOUN", "NUM"),
    *("PART", "PRON", "PROPN", "PUNCT", "SCONJ", "SYM", "VERB", "X", "_"),
}
COLOURS = {  # by the first letter of a tag
    **{"n": "bright_blue", "v": "bright_red", "a": "bright_green", "d": "green", "m": "yellow", "q": "yellow"},
    **{"r": "magenta", "t": "cyan", "s": "cyan", "f": "cyan", "w": "bright_black", "p": "bright_black", "P": "magenta"},
    **{"c": "bright_black", "u": "bright_black", "N": "bright_blue", "V": "bright_red", "A": "bright_green"},
}


def as_plain(text: str, found: Iterable[list[Word]]) -> str:
    """`word/tag word/tag ...`: no word has a space in it and no tag a slash, so the last slash of each divides it."""
    return " ".join(f"{text[word.start : word.end]}/{word.tag}" for sentence in found for word in sentence)


def as_json(text: str, found: Iterable[list[Word]]) -> str:
    """One object, "input", the text, and "answer", its words with their places, input[start:end], in code points."""
    words = [
        {"word": text[word.start : word.end], "tag": word.tag, "start": word.start, "end": word.end}
        for sentence in found
        for word in sentence
    ]
    return json_line({"input": text, "answer": words})


def as_conllu(text: str, found: Iterable[list[Word]]) -> str:
    """The sentences in CoNLL-U; TokenRange tells the word's place in the whole text."""
    blocks = []
    for sentence in found:
        lines = [f"# text = {' '.join(text[sentence[0].start : sentence[-1].end].split())}"]
        for number, (word, after) in enumerate(pairwise([*sentence, None]), 1):
            tags = (word.tag, "_") if word.tag in UNIVERSAL_TAGS else ("_", word.tag)
            place = f"TokenRange={word.start}:{word.end}"
            joined = after is not None and after.start == word.end
            about = f"SpaceAfter=No|{place}" if joined else place
            form = text[word.start : word.end]
            lines.append("\t".join([str(number), form, "_", *tags, "_", "_", "_", "_", about]))
        blocks.append("\n".join([*lines, ""]))
    return "\n".join(blocks)


FORMATS = {"plain": as_plain, "conllu": as_conllu, "json": as_json}


def print_coloured(text: str, found: Iterable[list[Word]]) -> None:
    """As `as_plain`, for a terminal: words in the colour of their tag, tags faint; controls don't reach it."""
    from rich.console import Console
    from rich.text import Text

    line = Text()
    for sentence in found:
        for word in sentence:
            shown = "".join(c if c.isprintable() or c in "\u200d\ufe0f" else "�" for c in text[word.start : word.end])
            line.append(shown, style=COLOURS.get(word.tag[0], "white")).append(f"/{word.tag} ", style="dim")
    Console(highlight=False, soft_wrap=True).print(line)
