"""How many words, and words with their tags, each of a model's files finds; and jieba beside it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from apps.chinese_pos import scores
from apps.chinese_pos.data import TaggedText, fingerprint, jieba_words
from apps.chinese_pos.lexicon import Lexicon
from apps.chinese_pos.use import words_by
from apps.pipeline.publishing import Evaluation


def evaluate(folder: Path, artifact: str, test: Sequence[TaggedText], with_jieba: bool = False) -> Evaluation:
    """The scores of one of a folder's artifacts over all of `test`, and of jieba.posseg in the same run.

    Where most words have a tag that the model doesn't know, the segmentation alone is measured.

    with_jieba: its tags are those of Peking University too, but for a few (scores.JIEBA_TAGS).
    """
    lexicon = Lexicon.load(folder)
    other_tags = tags_of_others(test, lexicon)
    texts = [text.text for text in test]
    finders = {artifact: lambda: words_by(folder, artifact, texts)}
    if with_jieba:
        jieba_words("")  # loads its dictionary
        finders["jieba"] = lambda: [jieba_words(text).words for text in texts]
    found_by = {}
    for name, find in finders.items():
        started = time.perf_counter()
        found = find()
        seconds = time.perf_counter() - started
        if name == "jieba":
            own_tags = scores.score(test, found, lexicon.words).joint
            found = [scores.with_corpus_tags(words) for words in found]
        found_by[name] = scores.score(test, found, lexicon.words).as_dictionary(with_tags=not other_tags)
        found_by[name]["characters per second"] = sum(map(len, texts)) / seconds
    if with_jieba:
        found_by["jieba"]["joint F1 with its own tags"] = own_tags.f1
    ours, text = found_by[artifact], "\n" + in_lines(found_by)
    metric = "segmentation" if other_tags else "joint"
    figures = {"artifact": artifact, "metric": f"{metric} F1", "value": ours[metric]["F1"], "examples": len(test)}
    if other_tags:
        text = f"\nmeasured by the words alone: the model doesn't know the tags {', '.join(other_tags)}{text}"
    else:
        figures["more"] = {"segmentation F1": ours["segmentation"]["F1"]}
    return Evaluation(figures | {"data_sha256": fingerprint(test)}, {"scores": found_by}, text, found_by)


def tags_of_others(test: Sequence[TaggedText], lexicon: Lexicon) -> list[str]:
    """The tags of `test` that the model doesn't have, if most words have one of these: they are of another set."""
    counts = Counter(word.tag for text in test for word in text.words)
    missing = sorted(counts.keys() - set(lexicon.tags))
    return missing if 2 * sum(counts[tag] for tag in missing) > counts.total() else []


def in_lines(found_by: dict[str, dict[str, Any]]) -> str:
    """The scores and speeds of the artifact, and of jieba, as text."""
    speeds = (f"{name} {found['characters per second']:,.0f}" for name, found in found_by.items())
    lines = [scores.in_table(found_by), f"characters per second: {', '.join(speeds)}"]
    if "jieba" in found_by:
        own = found_by["jieba"]["joint F1 with its own tags"]
        lines.append(f"jieba's tags are compared by the corpus's names for them; by its own, its joint F1 is {own:.2%}")
    return "\n".join(lines)
