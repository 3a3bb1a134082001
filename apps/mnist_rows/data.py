"""Pictures and their labels: MNIST, and the user's own, as files like MNIST's or as a folder of pictures per class."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import json
import math
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from apps.corpora import mnist
from apps.mnist_rows.pictures import BOX, EXTENSIONS, SIZE, prepare, read_picture
from apps.pipeline.errors import DataError, summary
from apps.pipeline.splits import expect_enough, say_held_out, split


@dataclass(frozen=True, eq=False)
class LabelledPictures:
    """Pictures and their classes: `pictures[i]` is of class `names[labels[i]]`.

    pictures: uint8 (pictures, 28, 28), 0 where there is nothing; labels: int32 (pictures,).
    """

    kind: ClassVar[str] = "pictures"
    pictures: np.ndarray
    labels: np.ndarray
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.pictures)

    def identities(self) -> list[str]:
        """What decides the side of each example in `split`: the SHA-256 of its picture."""
        return [hashlib.sha256(picture.tobytes()).hexdigest() for picture in self.pictures]

    def part(self, chosen: np.ndarray) -> LabelledPictures:
        """Those where `chosen`, bool (pictures,), is true."""
        return LabelledPictures(self.pictures[chosen], self.labels[chosen], self.names)

    def fingerprint(self) -> str:
        """SHA-256, as hexadecimal digits, of the pictures with the names of their labels, in order."""
        digest = hashlib.sha256(json.dumps([len(self), *self.names]).encode())
        digest.update(self.pictures.tobytes())
        digest.update(self.labels.astype("<i4").tobytes())
        return digest.hexdigest()

    def box(self) -> int:
        """The usual longer side of what is in a picture, in pixels: 20 in MNIST's, 28 where it fills the frame."""
        sides = [
            max(np.ptp(np.flatnonzero(lines)) + 1 for lines in (ink.any(axis=0), ink.any(axis=1)))
            for ink in self.pictures > 0
            if ink.any()
        ]
        return int(np.median(sides)) if sides else BOX


def load_data(path: Path | None, seed: int) -> tuple[LabelledPictures, LabelledPictures, LabelledPictures]:
    """-> train, validation and test: MNIST, or what is in the folder `path`.

    A twelfth of the training pictures is validation, as 5,000 are of MNIST's 60,000. Without test pictures of
    their own, a tenth of all are held out.
    """
    return divided(*((digits("train"), digits("test")) if path is None else own_pictures(path)), seed)


def divided(
    train: LabelledPictures, test: LabelledPictures | None, seed: int
) -> tuple[LabelledPictures, LabelledPictures, LabelledPictures]:
    """Train, validation and test of pictures of which those for tests may be apart."""
    if test is None:
        expect_enough(train)
        train, test = split(train, 0.1, seed + 1)
    return *split(train, 1 / 12, seed), test


def load_test_data(path: Path | None, trained: dict[str, Any] | None = None) -> LabelledPictures:
    """What `evaluate` counts: MNIST's test pictures, or the user's own, all that aren't apart as training pictures; of
    these what `train` holds out, if they are those that the model was trained on (`publishing.own_data`)."""
    if path is None:
        return digits("test")
    everything, test = own_pictures(path)
    if test is not None:
        return test
    if trained is not None:
        with contextlib.suppress(DataError):  # too few to be split: they aren't what was trained on
            train, _, apart = divided(everything, None, trained["recipe"]["seed"])
            if train.fingerprint() == trained["data_sha256"]:
                say_held_out(len(apart), len(everything), everything.kind, "by the hash of each")
                return apart
    return everything


def digits(part: str) -> LabelledPictures:
    """MNIST's of the split "train" or "test"; see `mnist.labelled`."""
    return LabelledPictures(*mnist.labelled(part), tuple("0123456789"))


def own_pictures(folder: Path) -> tuple[LabelledPictures, LabelledPictures | None]:
    """The user's (pictures, test pictures); None if none are marked as such.

    Args:
        folder: with the files of MNIST's kind that `idx_files` reads, or with a folder of picture files for each class.

    Raises:
        DataError: names the file or folder, what was expected and what came.
    """
    if not folder.is_dir():
        got = "a file" if folder.exists() else "nothing"
        raise DataError(
            f"expected a folder with a folder of pictures per class, or with IDX files, got {got}: {folder}"
        )
    if any(folder.glob("*idx3*")):
        return idx_files(folder)
    return class_folders(folder), None


def class_folders(folder: Path) -> LabelledPictures:
    """Folders of picture files; each folder's name is that of a class. Other files don't count."""
    from tqdm import tqdm

    places = sorted(place for place in folder.iterdir() if place.is_dir() and not place.name.startswith("."))
    if len(places) < 2:
        raise DataError(f"expected two folders of pictures or more, one per class, in {folder}, got {len(places)}")
    files = [
        (path, label)
        for label, place in enumerate(places)
        for path in sorted(place.iterdir())
        if path.suffix.lower() in EXTENSIONS and not path.name.startswith(".")
    ]
    for label, place in enumerate(places):
        if not any(label == found for _, found in files):
            raise DataError(f"expected pictures ({', '.join(EXTENSIONS)}) in {place}, got none")
    pictures = [prepare(read_picture(path, str(path)), str(path)) for path, _ in tqdm(files, "pictures", disable=None)]
    whole = np.round(np.stack(pictures) * 255).astype(np.uint8)
    return LabelledPictures(whole, np.array([label for _, label in files], np.int32), tuple(p.name for p in places))


def idx_files(folder: Path) -> tuple[LabelledPictures, LabelledPictures | None]:
    """(training pictures, test pictures or None) from files named like MNIST's, each of which may end in .gz:

        train-images-idx3-ubyte  train-labels-idx1-ubyte  t10k-images-idx3-ubyte  t10k-labels-idx1-ubyte

    If there are only test files, they come first. The names of the classes are the numbers that label the first.
    """
    parts = [part for part in ("train", "t10k") if any(folder.glob(f"*{part}*images*idx3*"))]
    if not parts:
        raise DataError(
            f"expected train-images-idx3-ubyte or t10k-images-idx3-ubyte (perhaps .gz) in {folder}, got none"
        )
    read = []
    for part in parts:
        pictures, labels = _read_idx(folder, f"*{part}*images*idx3*", 3), _read_idx(folder, f"*{part}*labels*idx1*", 1)
        if len(pictures) != len(labels) or not len(labels):
            raise DataError(
                f"expected a label for each picture in {folder}, got {len(pictures)} and {len(labels)} labels"
            )
        if pictures.shape[1:] != (SIZE, SIZE):
            got = " x ".join(map(str, pictures.shape[1:]))
            raise DataError(f"expected pictures of {SIZE} x {SIZE} pixels in {folder}, got {got}")
        read.append((pictures, labels))
    known = np.unique(read[0][1])
    sides = []
    for pictures, labels in read:
        if not np.isin(labels, known).all():
            raise DataError(f"expected labels in {folder} that training pictures have, got others in the test pictures")
        ids = np.searchsorted(known, labels).astype(np.int32)
        sides.append(LabelledPictures(pictures, ids, tuple(str(number) for number in known)))
    return sides[0], sides[1] if len(sides) > 1 else None


def _read_idx(folder: Path, pattern: str, dimensions: int) -> np.ndarray:
    """The one IDX file that fits the pattern: 0, 0, 8 (bytes), the number of dimensions, each size, then the bytes."""
    paths = sorted(folder.glob(pattern))
    if len(paths) != 1:
        raise DataError(f"expected one file {pattern} in {folder}, got {len(paths)}")
    try:
        with gzip.open(paths[0]) if paths[0].suffix.lower() == ".gz" else paths[0].open("rb") as file:
            content = file.read()
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{paths[0]}: expected a file that can be read, got {summary(error)}") from error
    start = 4 + 4 * dimensions
    if len(content) < start or content[:4] != bytes([0, 0, 8, dimensions]):
        raise DataError(f"{paths[0]}: expected an IDX file of bytes in {dimensions} dimensions, got {content[:4]!r}")
    shape = [int(size) for size in np.frombuffer(content[4:start], ">u4")]
    if len(content) - start != math.prod(shape):
        raise DataError(
            f"{paths[0]}: expected {math.prod(shape):,} bytes after the sizes, got {len(content) - start:,}"
        )
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)
