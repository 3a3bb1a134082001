"""A picture file of one character -> 28 rows of 28 pixels, made the way MNIST's makers made theirs.

That is (LeCun et al. 1998, "Gradient-based learning applied to document recognition"): the character fills a box of 20
pixels, keeps its proportions, gets grey edges from the scaling, and has its centre of mass in the middle. Before that
the character must be found: whatever differs in colour from the paper, on paper of any colour and uneven light.
"""

from __future__ import annotations

import dataclasses
import io
import json
import math
import warnings
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageFilter, ImageOps, UnidentifiedImageError

from apps.pipeline.errors import DataError, summary

SIZE = 28  # rows, and pixels of a row
MIDDLE = 14  # the row and the column of the centre of mass, in MNIST as here
BOX = 20  # pixels: the longer side of a character in MNIST
FORMATS = ("PNG", "JPEG", "BMP", "WEBP")
LARGEST_FILE = 2**28  # bytes
MOST_PIXELS = 2**26
WORKING_SIDE = 400  # pixels: pictures larger than a square of this side are reduced first
FAINTEST = 0.06  # difference of colour, of 1 between black and white, that can still be ink
THINNEST, USUAL = 1.3, 1.9  # pixels of MNIST's strokes, by `_stroke`: 5 % of all are thinner, half of all


def read_picture(source: Path | BinaryIO, name: str) -> Image.Image:
    """A PNG, JPEG, BMP or WebP picture, upright, with at most about four times the pixels of a square of WORKING_SIDE.

    Args:
        source: a file's path, or an open binary file.
        name: what to call it in a sentence.

    Raises:
        DataError: there is no picture, half of one, or one too large to unpack.
    """
    with source.open("rb") if isinstance(source, Path) else io.BytesIO(source.read(LARGEST_FILE + 1)) as file:
        content = file.read(LARGEST_FILE + 1)
    if not content or len(content) > LARGEST_FILE:
        got = f"more than {LARGEST_FILE >> 20} MB" if content else "an empty file"
        raise DataError(f"{name}: expected a picture, got {got}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's, of many pixels, which are counted here, and of odd metadata
            with Image.open(io.BytesIO(content), formats=FORMATS) as image:
                image.draft(None, (2 * WORKING_SIDE, 2 * WORKING_SIDE))  # a JPEG file can be unpacked smaller
                if image.width * image.height > MOST_PIXELS:
                    raise Image.DecompressionBombError
                return _upright(image)
    except UnidentifiedImageError:
        raise DataError(f"{name}: expected a PNG, JPEG, BMP or WebP picture, got another kind of file") from None
    except Image.DecompressionBombError:
        raise DataError(f"{name}: expected at most {MOST_PIXELS:,} pixels, got more") from None
    except Exception as error:  # damage shows as errors of the system, of zlib, struct, or as SyntaxError
        raise DataError(f"{name}: expected a whole picture, got a damaged file: {summary(error)}") from error


def _upright(image: Image.Image) -> Image.Image:
    """Any of Pillow's modes as RGB, or RGBA if it is transparent somewhere, turned as its metadata says."""
    image.load()
    if image.mode.startswith("I"):  # 16 bits a pixel, which Pillow's own conversion would clip
        image = Image.fromarray((np.asarray(image) / 257.0).clip(0, 255).astype(np.uint8))
    mode = "RGBA" if image.has_transparency_data else "RGB"
    image = image if image.mode == mode else image.convert(mode)
    factor = math.isqrt(image.width * image.height) // WORKING_SIDE
    return ImageOps.exif_transpose(image.reduce(factor) if factor > 1 else image)


def prepare(image: Image.Image, name: str, box: int = BOX) -> np.ndarray:
    """What the network reads: float32 (28, 28), 0 is paper and 1 is ink.

    Args:
        image: as `read_picture` gives it.
        name: what to call it in a sentence.
        box: pixels of the character's longer side.

    Raises:
        DataError: there is nothing on the paper.
    """
    distance, noise = _distance_from_paper(_colours(image))
    strongest = np.partition(distance.ravel(), -_few(distance))[-_few(distance)]
    threshold = max(0.2 * strongest, 4.0 * noise)
    kept, largest = _large_parts(distance > threshold)
    if strongest < max(FAINTEST, 6.0 * noise) or largest < max(3, math.isqrt(distance.size) // 25):
        raise DataError(f"{name}: expected a picture of a character, got nothing that stands out from the background")
    rows, columns = np.flatnonzero(kept.any(axis=1)), np.flatnonzero(kept.any(axis=0))
    inside = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    darkest = np.percentile(distance[kept], 75)
    ink = np.clip((distance - 2.0 * noise) / (darkest - 2.0 * noise), 0.0, 1.0)
    ink[(distance > threshold) & ~kept] = 0.0
    return _centred(_scaled(ink[inside].astype(np.float32), box))


@dataclasses.dataclass(frozen=True)
class Labels:
    """The classes that a model knows, and how `prepare` makes what it reads; labels.json in the model's folder."""

    names: tuple[str, ...]
    box: int

    def save(self, folder: Path) -> None:
        image = {"rows": SIZE, "columns": SIZE, "paper": 0.0, "ink": 1.0, "box": self.box, "centre_of_mass": MIDDLE}
        content = {"labels": self.names, "image": image}
        (folder / "labels.json").write_text(json.dumps(content, ensure_ascii=False, indent=1), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Labels:
        """Reads what `save` wrote; DataError if there is none or it is damaged."""
        path = folder / "labels.json"
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            labels = cls(tuple(content["labels"]), content["image"]["box"])
            if not all(isinstance(name, str) for name in labels.names) or not 1 <= labels.box <= SIZE:
                raise ValueError(f"{labels}")
            return labels
        except FileNotFoundError:
            raise DataError(f"expected a trained model in {folder}, got no {path.name} there") from None
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(f"expected labels as `train` writes them in {path}, got a damaged file ({error})") from None


def _few(distance: np.ndarray) -> int:
    """How many pixels may be brighter than anything real: dust and reflections."""
    return min(distance.size, max(3, distance.size // 5000))


def _colours(image: Image.Image) -> np.ndarray:
    """float32 (rows, columns, channels), 0 to 1. Where the picture is transparent, it is taken for paper."""
    colours = np.asarray(image, np.float32) / 255
    if image.mode != "RGBA":
        return colours
    alpha, colours = colours[..., 3:], colours[..., :3]
    visible = colours[alpha[..., 0] > 0.5]
    if len(visible) < alpha.size and (not len(visible) or np.ptp(visible, axis=0).max() < 0.3):
        return alpha  # drawn in one colour on nothing: the shape is what is visible
    return alpha * colours + (1.0 - alpha) * np.median(visible, axis=0)


def _distance_from_paper(colours: np.ndarray) -> tuple[np.ndarray, float]:
    """How far the colour of each pixel is from the paper's, (rows, columns), and how far the paper's own pixels are.

    The paper's colour is a smooth surface, quadratic in row and column, fitted to a frame along the edges; strokes that
    reach into the frame hardly count (iterated least squares with Cauchy's weights).
    """
    height, width, channels = colours.shape
    row, column = np.meshgrid(np.linspace(-1, 1, height), np.linspace(-1, 1, width), indexing="ij")
    terms = np.stack([np.ones_like(row), row, column, row * row, row * column, column * column], axis=-1)
    frame = np.ones((height, width), bool)
    border = max(1, min(height, width) // 16)
    frame[border:-border, border:-border] = False
    some = np.flatnonzero(frame)[:: 1 + frame.sum() // 5000]
    places, seen = terms.reshape(-1, terms.shape[-1])[some], colours.reshape(-1, channels)[some].astype(np.float64)
    surface = np.zeros((terms.shape[-1], channels))
    surface[0] = np.median(seen, axis=0)
    for _ in range(10):
        residual = np.linalg.norm(seen - places @ surface, axis=1)
        weights = 1.0 / (1.0 + (residual / (5.0 * np.percentile(residual, 25) + 0.01)) ** 2)
        weighted = (places * weights[:, None]).T
        surface = np.linalg.lstsq(weighted @ places, weighted @ seen, rcond=None)[0]
    distance = np.linalg.norm(colours - terms @ surface, axis=-1) / channels**0.5
    return distance, 3.0 * float(np.percentile(distance[frame], 25))


def _large_parts(mask: np.ndarray) -> tuple[np.ndarray, int]:
    """Those connected parts of a mask that have at least a tenth of the pixels of the largest, and how many that has.

    What is left out is dust and noise.
    """
    height, width = mask.shape
    waiting = np.pad(mask, 1).ravel().tolist()  # lists are faster than arrays, pixel by pixel
    row = width + 2
    steps = (-row - 1, -row, -row + 1, -1, 1, row - 1, row, row + 1)
    parts = []
    for first in np.flatnonzero(np.pad(mask, 1)).tolist():
        if not waiting[first]:
            continue
        waiting[first] = False
        part = [first]
        for place in part:  # it grows meanwhile
            for step in steps:
                if waiting[place + step]:
                    waiting[place + step] = False
                    part.append(place + step)
        parts.append(part)
    kept = np.zeros((height + 2) * row, bool)
    largest = max(map(len, parts), default=0)
    for part in parts:
        if 10 * len(part) >= largest:
            kept[part] = True
    return kept.reshape(height + 2, row)[1:-1, 1:-1], largest


def _stroke(ink: np.ndarray) -> float:
    """The mean width of the strokes in pixels: twice the area by the length of the outline."""
    padded = np.pad(ink, 1)
    outline = np.abs(np.diff(padded, axis=0)).sum() + np.abs(np.diff(padded, axis=1)).sum()
    return 2.0 * float(ink.sum() / outline)


def _scaled(ink: np.ndarray, box: int) -> np.ndarray:
    """A character, (rows, columns), scaled so that its longer side is `box`; hair lines become strokes first."""
    longer = max(ink.shape)
    image = Image.fromarray(np.round(ink * 255).astype(np.uint8))
    if longer < 3 * box:
        stroke = _stroke(ink) * box / longer
    else:  # pixels that noise tore out of a stroke would count as outline: close them first
        closed = np.asarray(image.filter(ImageFilter.MaxFilter(3)), np.float32) / 255
        stroke = (_stroke(closed) - 2.0) * box / longer
    growth = round((USUAL - stroke) / 2 * longer / box) if stroke < THINNEST else 0
    if growth:
        image = ImageOps.expand(image, growth).filter(ImageFilter.MaxFilter(2 * growth + 1))
        longer = max(image.size)
    size = [max(1, round(side * box / longer)) for side in image.size]
    return np.asarray(image.resize(size, Image.Resampling.BILINEAR), np.float32) / 255


def _centred(ink: np.ndarray) -> np.ndarray:
    """A character of at most 28 x 28 in a picture of 28 x 28, with its centre of mass in the middle if it fits so."""
    result = np.zeros((SIZE, SIZE), np.float32)
    start = []
    for side, profile in zip(ink.shape, (ink.sum(axis=1), ink.sum(axis=0)), strict=True):
        centre = float(np.arange(side) @ profile / profile.sum())
        start.append(min(max(round(MIDDLE - centre), 0), SIZE - side))
    result[start[0] : start[0] + ink.shape[0], start[1] : start[1] + ink.shape[1]] = ink
    return result
