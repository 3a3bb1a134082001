"""How well words and their tags were found: precision, recall and F1, known and unknown words, confused tags."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from apps.chinese_pos.data import TaggedText, Word

# jieba's tags that the People's Daily has by another name; those that it lacks otherwise count as wrong.
JIEBA_TAGS = {
    **{"x": "w", "eng": "nx", "nrt": "nr", "nrfg": "nr", "mq": "m", "rr": "r", "rz": "r", "zg": "z", "df": "d"},
    **{"vq": "v", "vi": "v", "ng": "Ng", "vg": "Vg", "ag": "Ag", "tg": "Tg", "dg": "Dg", "g": "Ng"},
    **{"uj": "u", "ul": "u", "uv": "u", "ug": "u", "ud": "u", "uz": "u"},
}


@dataclass(frozen=True)
class Agreement:
    """What was expected, what was found, and what of both is right."""

    expected: int
    found: int
    right: int

    @property
    def precision(self) -> float:
        return self.right / self.found if self.found else 0.0

    @property
    def recall(self) -> float:
        return self.right / self.expected if self.expected else 0.0

    @property
    def f1(self) -> float:
        return 2 * self.right / (self.expected + self.found) if self.expected + self.found else 0.0

    def as_dictionary(self) -> dict[str, float]:
        return {"precision": self.precision, "recall": self.recall, "F1": self.f1}


@dataclass
class Scores:
    """Counts of words over texts.

    found_of: {known to the lexicon: [words expected, found with any tag, found with their tag]}.
    confused: {(tag, tag found): words found in the right place with another tag}.
    """

    found: int = 0
    found_of: dict[bool, list[int]] = field(default_factory=lambda: {True: [0, 0, 0], False: [0, 0, 0]})
    confused: Counter[tuple[str, str]] = field(default_factory=Counter)

    def add(self, text: TaggedText, found: Iterable[Word], known: Container[str]) -> None:
        """Counts the words of a text.

        Args:
            found: the words that were found in it.
            known: the words of the training text.
        """
        tags = {(word.start, word.end): word.tag for word in found}
        self.found += len(tags)
        for start, end, tag in text.words:
            counts = self.found_of[text.text[start:end] in known]
            counts[0] += 1
            if (start, end) in tags:
                counts[1] += 1
                counts[2] += tags[start, end] == tag
                if tags[start, end] != tag:
                    self.confused[tag, tags[start, end]] += 1

    def _total(self, place: int) -> int:
        return sum(counts[place] for counts in self.found_of.values())

    @property
    def segmentation(self) -> Agreement:
        return Agreement(self._total(0), self.found, self._total(1))

    @property
    def joint(self) -> Agreement:
        """Words and their tags."""
        return Agreement(self._total(0), self.found, self._total(2))

    def accuracies(self) -> dict[str, dict[str, float]]:
        """Of words that the lexicon knows and of others: how many there are and which part was found."""
        return {
            name: {
                "words": self.found_of[known][0],
                "segmented": Agreement(self.found_of[known][0], 0, self.found_of[known][1]).recall,
                "segmented and tagged": Agreement(self.found_of[known][0], 0, self.found_of[known][2]).recall,
            }
            for name, known in (("known", True), ("unknown", False))
        }

    def as_dictionary(self, most: int = 10, with_tags: bool = True) -> dict[str, Any]:
        """For JSON; `most` of the confused tags, the commonest first; without tags what the words alone tell."""
        found = {"segmentation": self.segmentation.as_dictionary(), "words": self.accuracies()}
        if not with_tags:
            for about in found["words"].values():
                del about["segmented and tagged"]
            return found
        confused = sorted(self.confused.items(), key=lambda item: (-item[1], item[0]))[:most]
        rows = [{"tag": tag, "found": found, "words": words} for (tag, found), words in confused]
        return found | {"joint": self.joint.as_dictionary(), "confused": rows}


def score(texts: Sequence[TaggedText], found: Iterable[Sequence[Word]], known: Container[str]) -> Scores:
    """The scores of what was `found` in each of `texts`."""
    scores = Scores()
    for text, words in zip(texts, found, strict=True):
        scores.add(text, words, known)
    return scores


def with_corpus_tags(words: Iterable[Word]) -> list[Word]:
    """jieba's words with the tags that the People's Daily has for theirs."""
    return [word._replace(tag=JIEBA_TAGS.get(word.tag, word.tag)) for word in words]


def in_table(scores: dict[str, dict[str, Any]]) -> str:
    """Scores as `Scores.as_dictionary` gives them, by the name of who found the words, as lines for a person."""
    lines = [f"{'':<22}{'precision':>10}{'recall':>10}{'F1':>10}"]
    for name, found in scores.items():
        for kind in ("segmentation", "joint"):
            if kind not in found:
                continue
            values = "".join(f"{value:>10.2%}" for value in found[kind].values())
            lines.append(f"{f'{name}, {kind}':<22}{values}")
    lines.append("")
    for name, found in scores.items():
        for kind, about in found["words"].items():
            line = f"{name}, {about['words']:,} {kind} words: {about['segmented']:.2%} segmented"
            tagged = about.get("segmented and tagged")
            lines.append(line if tagged is None else f"{line}, {tagged:.2%} with their tag")
    first = next(iter(scores.values()))
    if "confused" in first:
        confused = ", ".join(f"{row['tag']} as {row['found']} {row['words']}" for row in first["confused"])
        lines.append(f"most confused tags: {confused or 'none'}")
    return "\n".join(lines)
