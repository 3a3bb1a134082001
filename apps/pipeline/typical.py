"""Typical inputs of a model, which `train` keeps in its training folder: `export` proves the files with them."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from whole_files import whole

FILE = "typical.npz"
LONGEST = 10_000  # characters of a text that are kept

Inputs = dict[str, np.ndarray]  # by what they are: "texts", str (texts,); "pictures", uint8 (pictures, 28, 28); ...


def texts_of(texts: Sequence[str]) -> np.ndarray:
    """The ends of some texts, str (texts,)."""
    return np.array([text[-LONGEST:] for text in texts], np.str_)


def save(inputs: Inputs, folder: Path) -> Path:
    """Writes the file, whole or not at all -> its path."""
    path = folder / FILE
    with whole(path) as beside:
        np.savez_compressed(beside, **inputs)
    return path


def load(content: bytes) -> Inputs:
    """What `save` wrote."""
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        return dict(arrays)
