"""Training that begins with another model's lexicon and layers: `train --start-from FOLDER`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from apps.chinese_pos import traditional
from apps.chinese_pos.data import TaggedText
from apps.chinese_pos.lexicon import FIRST, PADDING, PLACES, UNKNOWN, Lexicon, TagCounts
from apps.chinese_pos.model import NAME, Recipe, build_model
from apps.pipeline.trained_weights import NEW, carry_over, numbers_of, weights_of


def lexicon_from(folder: Path, texts: Sequence[TaggedText], recipe: Recipe) -> tuple[Lexicon, TagCounts]:
    """The lexicon of the model in `folder`, and behind what it knows the characters, pairs, words and tags of texts;
    and how often each word has which tag, once for what only the other knew.

    Where none of the texts' tags is among the other's they are of another scheme: then its tags, and its words, which
    have no other, stay behind.
    """
    known = Lexicon.load(folder)
    own, counts = Lexicon.from_texts(texts, recipe.pairs, recipe.rarest, traditional.twins())
    same_scheme = bool(set(known.tags) & set(own.tags))
    tags, words = own.tags, dict(own.words)
    counts = {word: Counter(tags) for word, tags in counts.items()}
    if same_scheme:
        tags = (*known.tags, *(tag for tag in own.tags if tag not in known.tags))
        words = known.words | own.words
        for word, tag in known.words.items():  # so that a word isn't unknown where a text with it is left out
            counts.setdefault(word, Counter())[tag] += 1
    characters = known.characters + "".join(c for c in own.characters if c not in known.characters)
    there = set(known.pairs)
    pairs = (*known.pairs, *(pair for pair in own.pairs if pair not in there))
    return Lexicon(tags, characters, pairs, words, traditional.twins()), counts


def model_from(folder: Path, lexicon: Lexicon, recipe: Recipe):
    """A model for `lexicon` that begins with all that the one in `folder` has learned. Characters and pairs that it
    doesn't know begin as its unknown ones, tags anew. DataError if the folder has no such model."""
    known, model = Lexicon.load(folder), build_model(lexicon, recipe)
    marks = [PADDING, UNKNOWN]
    of_tags = numbers_of(lexicon.tags, known.tags)
    labels = [
        NEW if number == NEW else place * len(known.tags) + number for place in range(len(PLACES)) for number in of_tags
    ]
    in_features = [0, *(NEW if number == NEW else 1 + number for number in of_tags)]
    ids = {
        "character/embeddings": (0, marks + numbers_of(lexicon.characters, known.characters, FIRST, UNKNOWN)),
        "pair/embeddings": (0, marks + numbers_of(lexicon.pairs, known.pairs, FIRST, UNKNOWN)),
        "tag_of_start/embeddings": (0, in_features),
        "tag_of_end/embeddings": (0, in_features),
        "scores/kernel": (1, labels),
        "scores/bias": (0, labels),
    }
    carry_over(model, weights_of(folder, NAME), folder, ids)
    return model
