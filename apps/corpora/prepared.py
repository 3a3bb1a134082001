"""Corpora that tensorflow-datasets knows: find, download, check and read them as arrays.

Nothing here imports TensorFlow before it is asked for a corpus, so commands that need none start fast.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from apps.pipeline.errors import DataError, summary


@dataclass(frozen=True)
class Corpus:
    """A corpus that tensorflow-datasets downloads, checks (SHA-256) and converts.

    name: dataset/config:version, or dataset:version; kind: of its examples, for sentences; archives: where
    tensorflow-datasets gets them; sizes: the examples of each split.
    """

    name: str
    kind: str
    archives: tuple[str, ...]
    sizes: dict[str, int]

    def folder(self, root: Path) -> Path:
        return root.joinpath(*re.split("[/:]", self.name))


def prepared_batches(corpus: Corpus, split: str) -> list[dict[str, np.ndarray]]:
    """A split in the order of its file, as arrays by name, 1000 examples at a time; downloads it if it isn't there.

    DataError if that fails or what is on disk is damaged.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # errors only, if this is what imports TensorFlow
    try:
        import tensorflow_datasets as tfds
    except ModuleNotFoundError as error:
        raise DataError(
            f"expected the package tensorflow-datasets, which reads the {corpus.kind} ({error}): "
            "install it with pip install '.[train]' in the project's folder"
        ) from error
    root = Path(os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets").expanduser()
    if not os.path.exists(corpus.folder(root)):  # also when it is not ours to look at, where Path.exists raises
        _download(tfds, corpus, root)
    try:
        dataset = tfds.builder(corpus.name, data_dir=root).as_dataset(split=split)
        batches = list(dataset.batch(1000).as_numpy_iterator())
    except Exception as error:  # damage shows as errors of TensorFlow, protobuf, JSON, the file system, ...
        raise _damaged(corpus, root, split, summary(error)) from error
    count = sum(len(next(iter(batch.values()))) for batch in batches)
    if count != corpus.sizes[split]:
        raise _damaged(corpus, root, split, f"{count:,}")
    return batches


def _damaged(corpus: Corpus, root: Path, split: str, got: str) -> DataError:
    return DataError(
        f"expected the {corpus.sizes[split]:,} {corpus.kind} of the split {split!r} in {corpus.folder(root)}, "
        f"got {got}: delete that folder, then run this again to download them or copy them there again"
    )


def _download(tfds, corpus: Corpus, root: Path) -> None:
    """Has tensorflow-datasets download, check (SHA-256) and convert the corpus, under a temporary name until done."""
    import requests  # tensorflow-datasets requires it

    dataset = re.split("[/:]", corpus.name)[0]
    try:
        for archive in corpus.archives:
            name, extension = archive.rsplit("/", 1)[-1].split(".", 1)
            if not any((root / "downloads").glob(f"{dataset}/*{name}*.{extension}")):
                # Without a network, tensorflow-datasets would try for three and a half minutes before it gives up.
                requests.head(archive, timeout=20)
        tfds.builder(corpus.name, data_dir=root).download_and_prepare()
    except Exception as error:  # no network, a refusing server, a wrong hash, a full disk, a broken archive, ...
        no_network = isinstance(error, requests.ConnectionError | requests.Timeout)
        raise DataError(
            f"expected the {corpus.kind} in {root / dataset} (TFDS_DATA_DIR names another place) or a network to "
            f"download them from {corpus.archives[0]}, got {'no connection' if no_network else summary(error)}: on a "
            f"machine with a network, run python -c \"import tensorflow_datasets as tfds; tfds.load('{dataset}')\" "
            f"and copy the folder ~/tensorflow_datasets/{dataset} from there into {root}, or pass your own data "
            "with --data"
        ) from error
