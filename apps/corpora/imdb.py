"""Film reviews (Maas et al. 2011): 25,000 to learn from, 25,000 to test with, and 50,000 without a label."""

from __future__ import annotations

import numpy as np

from apps.corpora.prepared import Corpus, prepared_batches

LABELS = ("negative", "positive")
LICENCE = "reviews by users of IMDB, the Large Movie Review Dataset (Maas et al., 2011): published for research"
_CORPUS = Corpus(
    "imdb_reviews/plain_text:1.0.0",
    "IMDB reviews",
    ("http://ai.stanford.edu/~amaas/data/sentiment/aclImdb_v1.tar.gz",),
    {"train": 25_000, "test": 25_000, "unsupervised": 50_000},
)


def labelled(split: str) -> tuple[list[str], np.ndarray]:
    """The 25,000 texts of the split "train" or "test", sorted, and the number of each one's label, int32 (texts,).

    Half of them are positive. The first call downloads 84 MB. DataError if that fails or what is on disk is damaged.
    """
    if split not in ("train", "test"):
        raise ValueError(f"expected the split 'train' or 'test', got {split!r}")
    examples = sorted(_examples(split))
    return [text for text, _ in examples], np.array([label for _, label in examples], np.int32)


def unlabelled() -> list[str]:
    """The 50,000 texts that have no label, sorted; otherwise as `labelled`."""
    return sorted(text for text, _ in _examples("unsupervised"))


def _examples(split: str) -> list[tuple[str, int]]:
    """The texts and labels (0 negative, 1 positive, -1 none) of a split, in the order of the file."""
    return [
        (text.decode("utf-8"), label)
        for batch in prepared_batches(_CORPUS, split)
        for text, label in zip(batch["text"], batch["label"].tolist(), strict=True)
    ]
