"""How many words, and words with their tags, each of a model's files finds; and jieba beside it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from apps.chinese_pos import scores
from apps.chinese_pos.data import TaggedText, fingerprint, jieba_words
from apps.chinese_pos.use import load_lexicon, words_by
from apps.pipeline.errors import DataError
from apps.pipeline.publishing import Evaluation


def evaluate(folder: Path, artifact: str, test: Sequence[TaggedText], with_jieba: bool = False) -> Evaluation:
    """The scores of one of a folder's artifacts over all of `test`, and of jieba.posseg in the same run.

    with_jieba: its tags are those of Peking University too, but for a few (scores.JIEBA_TAGS).
    """
    lexicon = load_lexicon(folder)
    if missing := {word.tag for text in test for word in text.words} - set(lexicon.tags):
        strange = sum(word.tag in missing for text in test for word in text.words)
        if strange * 2 > sum(len(text.words) for text in test):
            raise DataError(f"expected the model's tags {', '.join(lexicon.tags)}, got {', '.join(sorted(missing))}")
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
        found_by[name] = scores.score(test, found, lexicon.words).as_dictionary()
        found_by[name]["characters per second"] = sum(map(len, texts)) / seconds
    if with_jieba:
        found_by["jieba"]["joint F1 with its own tags"] = own_tags.f1
    ours = found_by[artifact]
    figures = {"artifact": artifact, "metric": "joint F1", "value": ours["joint"]["F1"], "examples": len(test)}
    more = {"segmentation F1": ours["segmentation"]["F1"]}
    figures |= {"more": more, "data_sha256": fingerprint(test)}
    return Evaluation(figures, {"scores": found_by}, "\n" + in_lines(found_by), found_by)


def in_lines(found_by: dict[str, dict[str, Any]]) -> str:
    """The scores and speeds of the artifact, and of jieba, as text."""
    speeds = (f"{name} {found['characters per second']:,.0f}" for name, found in found_by.items())
    lines = [scores.in_table(found_by), f"characters per second: {', '.join(speeds)}"]
    if "jieba" in found_by:
        own = found_by["jieba"]["joint F1 with its own tags"]
        lines.append(f"jieba's tags are compared by the corpus's names for them; by its own, its joint F1 is {own:.2%}")
    return "\n".join(lines)
