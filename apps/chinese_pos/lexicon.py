"""What a tagger knows from its training text: characters, pairs of them, words with their commonest tags; and the
features of each character that the network gets from it."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from apps.chinese_pos import pieces, sentences
from apps.chinese_pos.data import TaggedText
from apps.chinese_pos.sentences import BOUNDARY, ENDS, FREE, Characters
from apps.pipeline import json_files, model_folder
from apps.pipeline.errors import DataError

FILE = "vocabulary.json"
PADDING, UNKNOWN, FIRST = 0, 1, 2  # ids of characters and pairs; known ones start at FIRST
LONGEST_WORD = 5  # characters of the words that are looked up
FEATURES = {  # the columns of what the network is told of a character
    "character": "id",
    "left pair": "id of the pair that it ends",
    "right pair": "id of the pair that it begins",
    "starts": "bit n-1: a known word of n characters starts here",
    "ends": "bit n-1: one ends here",
    "passes": "bit n-3: one of n characters goes from before here to after here",
    "tag of the longest that starts": "1 + its number, 0 without one",
    "tag of the longest that ends": "1 + its number, 0 without one",
}
ENDING, PASSING = (list(FEATURES).index(name) for name in ("ends", "passes"))
PLACES = "BIES"  # of a character in its word: begins it, inside, ends it, is it; label = place * number of tags + tag

TagCounts = Mapping[str, Counter[str]]


class Lexicon:
    """Characters, pairs and words in the order of their ids, and the tags.

    Args:
        tags: their names, in the order of the model's outputs.
        characters, pairs: as `sentences.read` reads them; a pair may have BOUNDARY in it.
        words: {word: its commonest tag}.
        twins: {traditional character: the simplified one that it is read as}; only those are kept that the lexicon
            doesn't have itself and whose twin it has.
    """

    def __init__(
        self,
        tags: Iterable[str],
        characters: str,
        pairs: Sequence[str],
        words: Mapping[str, str],
        twins: Mapping[str, str] | None = None,
    ):
        self.tags, self.characters, self.pairs, self.words = tuple(tags), characters, tuple(pairs), dict(words)
        known, twins = set(characters).union(*self.words), twins or {}
        self.twins = {old: twins[old] for old in sorted(twins) if old not in known and twins[old] in known}
        self._simplified = str.maketrans(self.twins)

    @classmethod
    def from_texts(
        cls, texts: Iterable[TaggedText], pairs: int, rarest: int, twins: Mapping[str, str] | None = None
    ) -> tuple[Lexicon, TagCounts]:
        """The lexicon of training texts, and how often each word has which tag.

        Args:
            pairs: how many, the commonest.
            rarest: how often a character must occur.
            twins: as `traditional.twins` gives them; the texts too are read by them.
        """
        characters, found_pairs, counts = Counter(), Counter(), {}
        twins = twins or {}
        simplified = str.maketrans(twins)
        for text in texts:
            read = sentences.read(text.text)
            string = as_string(read).translate(simplified)
            characters.update(string)
            for run in runs(read):
                found_pairs.update(map("".join, itertools.pairwise(BOUNDARY + string[run] + BOUNDARY)))
            for _, _, word, tag in words_read(text, read, string):
                counts.setdefault(word, Counter())[tag] += 1
        tags = sorted({tag for found in counts.values() for tag in found})
        ranked = sorted((c for c in characters if characters[c] >= rarest), key=lambda c: (-characters[c], c))
        ranked_pairs = sorted(found_pairs, key=lambda pair: (-found_pairs[pair], pair))[:pairs]
        words = {word: commonest(counts[word]) for word in sorted(counts)}
        return cls(tags, "".join(ranked), ranked_pairs, words, twins), counts

    @cached_property
    def _ids(self) -> tuple[dict[str, int], dict[str, int], dict[str, int]]:
        """The numbers of characters, pairs, and 1 + those of the words' tags."""
        numbers = {tag: number for number, tag in enumerate(self.tags, 1)}
        known = {word: numbers[tag] for word, tag in self.words.items() if len(word) <= LONGEST_WORD}
        return (
            {character: index for index, character in enumerate(self.characters, FIRST)},
            {pair: index for index, pair in enumerate(self.pairs, FIRST)},
            known,
        )

    @cached_property
    def stand_ins(self) -> dict[int, int]:
        """Ids of unknown characters by their kind."""
        return {kind: self._ids[0].get(character, UNKNOWN) for kind, character in sentences.STAND_INS.items()}

    @cached_property
    def marks(self) -> dict[str, str]:
        """{kind of pieces: its tag}, where all known marks of the kind have one tag.

        Where none of a kind is known, it is that of the punctuation marks.
        """
        found: dict[str, set[str]] = {name: set() for name, piece in pieces.PIECES.items() if piece.mark}
        names = list(pieces.PIECES)
        for word, tag in self.words.items():
            kind = pieces.kind_of(word)
            if kind and names[kind - 1] in found:
                found[names[kind - 1]].add(tag)
        found = {name: tags or found["mark"] for name, tags in found.items()}
        return {name: next(iter(tags)) for name, tags in found.items() if len(tags) == 1}

    @cached_property
    def tags_of_pieces(self) -> np.ndarray:
        """1 + the number of the tag of all pieces of a kind, by the kind's number; 0 where the network decides."""
        numbers = {tag: number for number, tag in enumerate(self.tags, 1)}
        return np.array([0, *(numbers.get(self.marks.get(name), 0) for name in pieces.PIECES)], np.int32)

    def string_of(self, read: Characters) -> str:
        """What characters are read as, one code point each, traditional ones as their twins."""
        return as_string(read).translate(self._simplified)

    def borders(self, read: Characters, features: np.ndarray) -> np.ndarray:
        """What is known of the place before each character, int32 (characters,): that of `read`, but a word may go on
        where a known one goes across the border of a piece, as in ＢＰ机."""
        across = (features[:, ENDING] > 1) | (features[:, PASSING] > 0)
        return np.where(across & ~read.apart & (read.borders == ENDS), FREE, read.borders)

    def known_tags(self, read: Characters) -> np.ndarray:
        """1 + the number of the tag that a character's piece has, 0 if the network decides; int32 (characters,)."""
        return self.tags_of_pieces[read.pieces]

    def features(self, read: Characters, left_out: TagCounts | None = None) -> np.ndarray:
        """What the network is told about each character, int32 (characters, FEATURES).

        Args:
            left_out: words for which other tags than the commonest hold here: {word: {tag: count}}, empty if unknown.
        """
        string = self.string_of(read)
        characters, pairs, known = self._ids
        if left_out is not None:
            numbers = {tag: number for number, tag in enumerate(self.tags, 1)}
            changed = {word: numbers[commonest(tags)] if tags else 0 for word, tags in left_out.items()}
            known = _Changed(known, changed)
        ids = np.array([characters.get(character, UNKNOWN) for character in string], np.int32)
        for kind, stand_in in self.stand_ins.items():
            ids[(ids == UNKNOWN) & (read.kinds == kind)] = stand_in
        in_pairs: list[int] = []
        left, right = [], []
        tags = np.zeros((len(string), LONGEST_WORD), np.int32)  # 1 + that of the known word of n + 1 characters
        for run in runs(read):
            part = string[run]
            in_pairs = [pairs.get(pair, UNKNOWN) for pair in map("".join, itertools.pairwise(f"\n{part}\n"))]
            left += in_pairs[:-1]
            right += in_pairs[1:]
            for length in range(1, min(LONGEST_WORD, len(part)) + 1):
                found = [known.get(part[start : start + length], 0) for start in range(len(part) - length + 1)]
                tags[run.start : run.start + len(found), length - 1] = found
        columns = [ids, np.array(left, np.int32), np.array(right, np.int32), *word_features(tags)]
        return np.stack(columns, axis=1).astype(np.int32)

    def save(self, folder: Path) -> None:
        """Writes vocabulary.json: everything, with the rules by which text is read, as JSON in UTF-8."""
        by_tag = {tag: " ".join(word for word, of in self.words.items() if of == tag) for tag in self.tags}
        content = {
            "tags": self.tags,
            "places": PLACES,
            "features": FEATURES,
            "ids": {"padding": PADDING, "unknown": UNKNOWN, "first": FIRST},
            "rules": sentences.RULES,
            "characters": self.characters,
            "pairs": "".join(self.pairs),
            "words": by_tag,
            "twins": "".join(map("".join, self.twins.items())),
            "marks": self.marks,
        }
        (folder / FILE).write_text(json.dumps(content, ensure_ascii=False, indent=0), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Lexicon:
        """Reads what `save` wrote into a model's folder; DataError if there is none, or the file is damaged or was made
        by other rules than today's."""
        from msgspec import Struct

        class Content(Struct):
            tags: list[str]
            features: dict[str, str]
            rules: dict[str, Any]
            characters: str
            pairs: str
            words: dict[str, str]
            twins: str

        what = "a lexicon"
        content = model_folder.read_json(folder, FILE, Content, what)
        if content.rules != json.loads(json.dumps(sentences.RULES)):
            wanted = f"expected the rules of this version in {folder / FILE}"
            raise DataError(f"{wanted}, got others: train or export the model again")
        tags, pairs, twins = content.tags, in_twos(content.pairs), in_twos(content.twins)
        if not (tags and all(tags) and distinct(tags) and content.words.keys() <= set(tags)):
            raise json_files.damaged(folder / FILE, what, "tags that aren't distinct, or words of other tags")
        if content.features != FEATURES or not (distinct(content.characters) and distinct(pairs)):
            raise json_files.damaged(folder / FILE, what, "other features, or characters or pairs that aren't distinct")
        if len(content.pairs) % 2 or len(content.twins) % 2:
            raise json_files.damaged(folder / FILE, what, "half a pair")
        words = {word: tag for tag, found in content.words.items() for word in found.split(" ") if word}
        return cls(tags, content.characters, pairs, words, dict(twins))


def in_twos(text: str) -> list[str]:
    """A text in parts of two characters."""
    return [text[start : start + 2] for start in range(0, len(text), 2)]


def distinct(items: Sequence[str]) -> bool:
    """Whether no item comes twice."""
    return len(set(items)) == len(items)


class _Changed:
    """A dictionary with overrides."""

    def __init__(self, values: Mapping[str, int], changed: Mapping[str, int]):
        self.values, self.changed = values, changed

    def get(self, key: str, default: int) -> int:
        found = self.changed.get(key)
        return self.values.get(key, default) if found is None else found


def commonest(tags: Counter[str]) -> str:
    """The commonest; of equally common ones the first in the alphabet."""
    return min(tags, key=lambda tag: (-tags[tag], tag))


def as_string(read: Characters) -> str:
    """What characters are read as, one code point each."""
    return read.codes.astype(np.uint32).tobytes().decode("utf-32-le")


def runs(read: Characters) -> list[slice]:
    """The characters between two places where a word ends because of white space or the end of a sentence."""
    cuts = [*np.flatnonzero(read.apart).tolist(), len(read)]
    return [slice(start, stop) for start, stop in itertools.pairwise(cuts)]


def words_read(text: TaggedText, read: Characters, string: str) -> list[tuple[int, int, str, str]]:
    """Each word's characters, string[first:last], what they are read as, and its tag."""
    firsts = np.searchsorted(read.starts, [word.start for word in text.words])
    lasts = np.searchsorted(read.starts, [word.end for word in text.words])
    found = zip(firsts.tolist(), lasts.tolist(), text.words, strict=True)
    return [(first, last, string[first:last], word.tag) for first, last, word in found if first < last]


def word_features(tags: np.ndarray) -> list[np.ndarray]:
    """The last five columns of FEATURES, each int32 (characters,).

    Args:
        tags: int32 (characters, LONGEST_WORD), 1 + the tag of the known word of n + 1 characters that starts here, or
            0.
    """
    starts, ends, passes, of_start, of_end = (np.zeros(len(tags), np.int32) for _ in range(5))
    for length in range(1, LONGEST_WORD + 1):
        starting = tags[:, length - 1]
        ending = shifted(starting, length - 1)
        starts |= (starting > 0).astype(np.int32) << (length - 1)
        ends |= (ending > 0).astype(np.int32) << (length - 1)
        inside = sum(shifted(starting, back) for back in range(1, length - 1))
        if length > 2:
            passes |= (inside > 0).astype(np.int32) << (length - 3)
        of_start = np.where(starting > 0, starting, of_start)
        of_end = np.where(ending > 0, ending, of_end)
    return [starts, ends, passes, of_start, of_end]


def shifted(values: np.ndarray, places: int) -> np.ndarray:
    """The values, each moved so many places on; zeros come in."""
    return np.concatenate([np.zeros(min(places, len(values)), values.dtype), values[: max(0, len(values) - places)]])
