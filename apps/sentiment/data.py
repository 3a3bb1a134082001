"""Texts and their labels: IMDB's, or those of the user's own files, read, checked and split."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from apps.corpora import imdb
from apps.pipeline.errors import DataError
from apps.pipeline.splits import expect_enough, say_held_out, split
from apps.sentiment.cleaning import folded, key, ordered, say_repeated, usable
from apps.sentiment.columns import examples
from apps.sentiment.formats import tables

NEGATED = Path(__file__).with_name("negated.csv")


@dataclass(frozen=True, eq=False)
class LabelledTexts:
    """Texts and their classes: `texts[i]` is of class `names[labels[i]]`; `labels` is int32 (texts,)."""

    kind: ClassVar[str] = "texts"
    texts: list[str]
    labels: np.ndarray
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.texts)

    def identities(self) -> list[str]:
        """What decides the side of each example in `split`: its text."""
        return self.texts

    def part(self, chosen: np.ndarray) -> LabelledTexts:
        """Those where `chosen`, bool (texts,), is true."""
        texts = [text for text, kept in zip(self.texts, chosen, strict=True) if kept]
        return LabelledTexts(texts, self.labels[chosen], self.names)

    def fingerprint(self) -> str:
        """SHA-256, as hexadecimal digits, of the texts with the names of their labels, in order."""
        digest = hashlib.sha256()
        for text, label in zip(self.texts, self.labels, strict=True):
            digest.update(json.dumps([text, self.names[label]]).encode() + b"\n")
        return digest.hexdigest()


@dataclass(frozen=True)
class Files:
    """The user's own files, and how they are read.

    Attributes:
        paths: of what `formats.tables` reads.
        encoding: of all of them; None: it is found for each.
        text_column, label_column: see `columns.examples`.
        exact_labels: labels that differ in case or spaces are different ones.
    """

    paths: Sequence[Path]
    encoding: str | None = None
    text_column: str | None = None
    label_column: str | None = None
    exact_labels: bool = False


def load_data(files: Files, seed: int) -> tuple[LabelledTexts, LabelledTexts, LabelledTexts, list[str]]:
    """-> train, validation, test and texts without a label: IMDB, or the user's files, if there are any, of which a
    tenth each is validation and test."""
    if not files.paths:
        train, validation = split(reviews("train"), 0.1, seed)
        return train, validation, reviews("test"), imdb.unlabelled()
    return *divided(labelled_texts(files), seed), []


def divided(texts: LabelledTexts, seed: int) -> tuple[LabelledTexts, LabelledTexts, LabelledTexts]:
    """Train, validation and test of the user's own; DataError if there are too few of a label."""
    expect_enough(texts)
    train, test = split(texts, 0.1, seed)
    return *split(train, 0.1, seed + 1), test


def load_test_data(files: Files, names: Sequence[str], trained: dict[str, Any] | None = None) -> LabelledTexts:
    """What `evaluate` counts: IMDB's test reviews, or the texts in the user's files; of these what `train` holds out,
    if they are those that the model was trained on (`publishing.own_data`).

    names: the model's labels. DataError if the texts have another.
    """
    if not files.paths:
        return _with_names(reviews("test"), names, exact=True)
    texts = labelled_texts(files, fewest_labels=1)
    if trained is not None:
        with contextlib.suppress(DataError):  # too few to be split: they aren't what was trained on
            train, _, test = divided(texts, trained["recipe"]["seed"])
            if train.fingerprint() == trained["data_sha256"]:
                say_held_out(len(test), len(texts), texts.kind, "by the hash of each")
                return test
    return _with_names(texts, names, files.exact_labels)


def _with_names(texts: LabelledTexts, names: Sequence[str], exact: bool) -> LabelledTexts:
    """The same texts with the labels of a model."""
    exact = exact or len({key(name) for name in names}) < len(names)  # labels that only --exact-labels tells apart
    places = {name if exact else key(name): place for place, name in enumerate(names)}
    found = [places.get(name if exact else key(name)) for name in texts.names]
    if None in found:
        raise DataError(f"expected the model's labels {_listed(names)}, got {_listed(texts.names)}")
    return LabelledTexts(texts.texts, np.array(found, np.int32)[texts.labels], tuple(names))


def _listed(names: Sequence[str]) -> str:
    """Names for an error's sentence, shortened."""
    shown = [name if len(name) <= 40 else f"{name[:37]}..." for name in names[:6]]
    if len(names) > 6:
        return f"{', '.join(shown)}, ... ({len(names):,})"
    return ", ".join(shown) if len(shown) > 2 else " and ".join(shown)


def reviews(part: str) -> LabelledTexts:
    """IMDB's of the split "train" or "test"; see `imdb.labelled`."""
    return LabelledTexts(*imdb.labelled(part), imdb.LABELS)


def negated() -> LabelledTexts:
    """Forty short film opinions that deny something, ours, of which bags of words get half wrong: to measure with."""
    return labelled_texts(Files([NEGATED]))


def labelled_texts(files: Files, fewest_labels: int = 2) -> LabelledTexts:
    """The user's own texts, in the files' order. What is odd about them is said.

    Raises:
        DataError: names the file, what was expected and what came.
    """
    name = str(files.paths[0]) if len(files.paths) == 1 else f"{len(files.paths)} files"
    found = (table for path in files.paths for table in tables(path, files.encoding))
    rows = (row for table in found for row in examples(table, files.text_column, files.label_column))
    texts, spelled = usable(rows, name)
    labels = spelled if files.exact_labels else folded(spelled)
    names = ordered(labels)
    if len(names) < fewest_labels:
        raise DataError(f"{name}: expected two different labels or more, got {len(names)}: {names[0]!r}")
    say_repeated(texts, labels)
    places = {label: place for place, label in enumerate(names)}
    return LabelledTexts(texts, np.array([places[label] for label in labels], np.int32), names)
