"""Chinese texts whose words have tags: the People's Daily, CoNLL-U files, plain text labelled by jieba."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from apps.corpora import peoples_daily
from apps.pipeline import chinese_words
from apps.pipeline.errors import DataError

VALIDATION, TEST = (0.875, 0.9), (0.9, 1.0)  # the parts of the texts, in order; those before are to train with
FEWEST = 40  # texts, so that one is there to validate with


class Word(NamedTuple):
    """A word in a text, text[start:end], and its part of speech."""

    start: int
    end: int
    tag: str


@dataclass(frozen=True)
class TaggedText:
    """A text, such as a line of a newspaper, and its words in order."""

    text: str
    words: tuple[Word, ...]


def joined(words: Iterable[tuple[str, str, str]]) -> TaggedText:
    """(word, tag, what separates it from the next) of each word -> the text."""
    text, found = "", []
    for word, tag, after in words:
        found.append(Word(len(text), len(text) + len(word), tag))
        text += word + after
    return TaggedText(text, tuple(found))


def fingerprint(texts: Iterable[TaggedText]) -> str:
    """SHA-256, as hexadecimal digits, of texts and words in order."""
    digest = hashlib.sha256()
    for text in texts:
        digest.update(json.dumps([text.text, text.words]).encode() + b"\n")
    return digest.hexdigest()


def split_in_order(texts: list[TaggedText]) -> tuple[list[TaggedText], list[TaggedText], list[TaggedText]]:
    """-> those to train with, the next 2.5 % to validate, the last 10 % to test; DataError if there are too few."""
    if len(texts) < FEWEST:
        raise DataError(f"expected at least {FEWEST} tagged texts to train, validate and test with, got {len(texts)}")
    first, second = (int(len(texts) * part) for part in VALIDATION)
    return texts[:first], texts[first:second], texts[second:]


def load_texts(path: Path | None, label_with: str | None = None) -> list[TaggedText]:
    """The People's Daily; or the sentences of a CoNLL-U file; or with "jieba" the lines of a text as it tags them."""
    if path is None:
        if label_with:
            raise DataError(f"expected --data with the text that {label_with} is to label, got none")
        return [slashed_line(line) for line in peoples_daily.lines()]
    texts = labelled_by_jieba(path) if label_with else conllu_file(path)
    if not texts:
        raise DataError(f"expected tagged words in {path}, got none")
    return texts


def load_data(
    path: Path | None, label_with: str | None = None
) -> tuple[list[TaggedText], list[TaggedText], list[TaggedText]]:
    """-> train, validation and test, in the order of `load_texts`."""
    return split_in_order(load_texts(path, label_with))


def slashed_line(line: str) -> TaggedText:
    """A line of `word/tag word/tag ...`, as the People's Daily has them; the last slash of each counts."""
    return joined((*item.rsplit("/", 1), "") for item in line.split())


def conllu_file(path: Path) -> list[TaggedText]:
    """The sentences of a CoNLL-U file, as Universal Dependencies publishes them, with UPOS tags.

    Words are followed by a space unless SpaceAfter=No is said of them; if the file says it of none, only Latin words.
    A token of several words has the tag of its first.

    Raises:
        DataError: names the file, the line, what was expected and what came.
    """
    sentences: list[list[tuple[str, str, bool]]] = [[]]
    whole, parts = None, range(0)  # the last token of several words, and their numbers
    for number, line in enumerate(lines_of(path), 1):
        if not line.strip():
            sentences.append([])
            whole, parts = None, range(0)
            continue
        if line.startswith("#"):
            continue
        fields = line.split("\t")
        if len(fields) != 10 or not re.fullmatch(r"\d+([-.]\d+)?", fields[0]):
            raise DataError(f"{path}, line {number}: expected the 10 columns of CoNLL-U, got {line[:60]!r}")
        index, form, _, tag, *_, about = fields
        if "." in index:  # a word that isn't in the text
            continue
        if "-" in index:
            first, last = map(int, index.split("-"))
            whole, parts = (form, about), range(first, last + 1)
            continue
        if int(index) in parts:
            if whole is None:
                continue
            (form, about), whole = whole, None  # with the tag of its first word
        if not form.strip() or not tag or any(map(str.isspace, tag)):
            raise DataError(f"{path}, line {number}: expected a word and its tag, got {form!r} and {tag!r}")
        sentences[-1].append((form, tag, "SpaceAfter=No" in about))
    spaced = any(no_space for sentence in sentences for *_, no_space in sentence)
    return [joined(_separated(sentence, spaced)) for sentence in sentences if sentence]


def _separated(sentence: list[tuple[str, str, bool]], spaced: bool) -> Iterator[tuple[str, str, str]]:
    """What `joined` takes; without SpaceAfter in the file only Latin words are separated."""
    for (form, tag, no_space), (after, *_) in zip(sentence, [*sentence[1:], ("", "", True)], strict=True):
        latin = form[-1].isascii() and form[-1].isalpha() and after[:1].isascii() and after[:1].isalpha()
        yield form, tag, " " if after and (not no_space if spaced else latin) else ""


def labelled_by_jieba(path: Path) -> list[TaggedText]:
    """The lines of a plain text that aren't blank, with jieba's words and tags."""
    return [jieba_words(line) for line in lines_of(path) if line.strip()]


def jieba_words(text: str) -> TaggedText:
    """A text with the words and tags of jieba.posseg, white space left out; DataError if jieba isn't installed."""
    words, start = [], 0
    for word, tag in chinese_words.cut_and_tag(text):
        if word.strip():
            words.append(Word(start, start + len(word), tag))
        start += len(word)
    return TaggedText(text, tuple(words))


def lines_of(path: Path) -> Iterator[str]:
    """The lines of a UTF-8 file without their line breaks; DataError if it isn't one."""
    number = 0
    try:
        with open(path, "rb") as file:
            for number, line in enumerate(file, 1):
                text = line.decode("utf-8-sig" if number == 1 else "utf-8")
                yield text.removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError as error:
        byte = error.object[error.start]
        raise DataError(f"{path}, line {number}: expected text in UTF-8, got the byte 0x{byte:02x}") from None
    except FileNotFoundError:
        raise DataError(f"expected a file with tagged words, got {path}, which doesn't exist") from None
    except IsADirectoryError:
        raise DataError(f"expected a file with tagged words, got {path}, which is a folder") from None
