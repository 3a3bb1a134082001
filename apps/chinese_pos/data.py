"""Chinese texts whose words have tags: the People's Daily, CoNLL-U files, plain text labelled by jieba."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from apps.corpora import peoples_daily
from apps.pipeline import chinese_words
from apps.pipeline.errors import DataError
from apps.pipeline.splits import say_held_out
from apps.pipeline.text_files import encoding_of, opened_text

VALIDATION, TEST = (0.875, 0.9), (0.9, 1.0)  # shares of the texts, in order; what comes before is trained on
FEWEST = 40  # texts, or there would be none to validate with
TAG_COLUMNS = {"upos": 3, "xpos": 4}  # of CoNLL-U: the universal tags, and those of the language


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


def load_texts(path: Path | None, label_with: str | None = None, tags: str | None = None) -> list[TaggedText]:
    """The People's Daily; or the sentences of a CoNLL-U file; or with "jieba" the lines of a text as it tags them.

    tags: the column of a CoNLL-U file that has them, of TAG_COLUMNS, "upos" by default.
    """
    if path is None:
        if label_with:
            raise DataError(f"expected --data with the text that {label_with} is to label, got none")
        if tags:
            raise DataError(f"expected --data with the CoNLL-U file whose column is chosen by --tags {tags}, got none")
        return [slashed_line(line) for line in peoples_daily.lines()]
    texts = labelled_by_jieba(path) if label_with else conllu_file(path, tags or "upos")
    if not texts:
        raise DataError(f"expected tagged words in {path}, got none")
    return texts


def load_data(
    path: Path | None, label_with: str | None = None, tags: str | None = None
) -> tuple[list[TaggedText], list[TaggedText], list[TaggedText]]:
    """-> train, validation and test, in the order of `load_texts`."""
    return split_in_order(load_texts(path, label_with, tags))


def load_test_data(
    path: Path | None, label_with: str | None, tags: str | None, trained: dict[str, Any] | None
) -> list[TaggedText]:
    """What `evaluate` counts: the People's Daily's test lines, or the user's texts; of these what `train` holds out, if
    they are those that the model was trained on (`publishing.own_data`)."""
    if path is None:
        return load_data(None, label_with, tags)[2]
    texts = load_texts(path, label_with, tags)
    if trained is not None and len(texts) >= FEWEST:
        learnt, _, test = split_in_order(texts)
        if fingerprint(learnt) == trained["data_sha256"]:
            say_held_out(len(test), len(texts), "texts", "the last of them")
            return test
    return texts


def slashed_line(line: str) -> TaggedText:
    """A line of `word/tag word/tag ...`, as the People's Daily has them; the last slash of each counts."""
    return joined((*item.rsplit("/", 1), "") for item in line.split())


def conllu_file(path: Path, tags: str = "upos") -> list[TaggedText]:
    """The sentences of a CoNLL-U file, as Universal Dependencies publishes them.

    Words are followed by a space unless SpaceAfter=No is said of them; if the file says it of none, only Latin words.
    A token of several words has the tag of its first.

    Args:
        tags: which column has them, of TAG_COLUMNS.

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
        where = f"{path}, line {number}"
        fields = _columns(line, where)
        index, form, about, tag = fields[0], fields[1], fields[9], fields[TAG_COLUMNS[tags]]
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
            raise DataError(f"{where}: expected a word and its tag, got {form!r} and {tag!r}")
        if tag == "_":
            column = f"column {TAG_COLUMNS[tags] + 1}"
            raise DataError(f"{where}: expected the tag of {form!r} in {column}, got _{_hint(fields)}")
        sentences[-1].append((form, tag, "SpaceAfter=No" in about))
    spaced = any(no_space for sentence in sentences for *_, no_space in sentence)
    return [joined(_separated(sentence, spaced)) for sentence in sentences if sentence]


def _columns(line: str, where: str) -> list[str]:
    """The 10 columns of a word; DataError if the line doesn't have them."""
    fields = line.split("\t")
    if len(fields) == 10 and re.fullmatch(r"\d+([-.]\d+)?", fields[0]):
        return fields
    if "\t" not in line and len(line.split()) == 10:
        raise DataError(f"{where}: expected tabs between the 10 columns of CoNLL-U, got spaces: {line[:60]!r}")
    raise DataError(f"{where}: expected the 10 columns of CoNLL-U, got {line[:60]!r}")


def _hint(fields: list[str]) -> str:
    """Where else a word's tag stands."""
    found = [name for name, column in TAG_COLUMNS.items() if fields[column] not in ("_", "")]
    return f": take those of the other column by --tags {found[0]}" if found else ", and no tag in the other column"


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
    """The lines of a text file without their line breaks, in the encoding that fits it; it may be compressed by gzip.

    DataError if it isn't one.
    """
    encoding, read = "", 0
    try:
        encoding = encoding_of(path)
        with opened_text(path, encoding) as file:
            for line in file:
                read += 1
                yield line.removesuffix("\n")
    except UnicodeDecodeError as error:
        byte = f"0x{error.object[error.start]:02x}"
        raise DataError(f"{path}, after line {read}: expected text in {encoding}, got the byte {byte}") from None
    except FileNotFoundError:
        raise DataError(f"expected a file with tagged words, got {path}, which doesn't exist") from None
