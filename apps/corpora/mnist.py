"""Handwritten digits (LeCun et al. 1998): 60,000 to learn from, 10,000 to test with."""

from __future__ import annotations

import numpy as np

from apps.corpora.prepared import Corpus, prepared_batches

LICENCE = "MNIST (LeCun, Cortes and Burges, 1998), made of pictures of NIST: published for research"
_CORPUS = Corpus(
    "mnist:3.0.1",
    "MNIST digits",
    tuple(
        f"https://storage.googleapis.com/cvdf-datasets/mnist/{name}-ubyte.gz"
        for name in ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")
    ),
    {"train": 60_000, "test": 10_000},
)


def labelled(split: str) -> tuple[np.ndarray, np.ndarray]:
    """Pictures uint8 (pictures, 28, 28) and their digits int32 (pictures,) of the split "train" or "test", sorted.

    The first call downloads 11 MB. DataError if that fails or what is on disk is damaged.
    """
    batches = prepared_batches(_CORPUS, split)
    pictures = np.concatenate([batch["image"][..., 0] for batch in batches])
    labels = np.concatenate([batch["label"] for batch in batches]).astype(np.int32)
    order = sorted(range(len(labels)), key=lambda i: (pictures[i].tobytes(), labels[i]))  # the file's isn't promised
    return pictures[order], labels[order]
