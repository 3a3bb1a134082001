"""A picture file of one character -> 28 rows of 28 pixels, made the way MNIST's makers made theirs.

That is (LeCun et al. 1998, "Gradient-based learning applied to document recognition"): the character fills a box of 20
pixels, keeps its proportions, gets grey edges from the scaling, and has its centre of mass in the middle. Before that
the character must be found: `finding.find` does that.
"""

from __future__ import annotations

import contextlib
import dataclasses
import io
import json
import math
import stat
import warnings
from pathlib import Path
from typing import BinaryIO

import cv2
import numpy as np
from PIL import Image, ImageFilter, ImageOps, UnidentifiedImageError

from apps.mnist_rows.finding import Found, find
from apps.pipeline import json_files, model_folder
from apps.pipeline.errors import DataError, summary

SIZE = 28  # rows, and pixels of a row
MIDDLE = 14  # the row and the column of the centre of mass, in MNIST as here
BOX = 20  # pixels: the longer side of a character in MNIST
FORMATS = ("PNG", "JPEG", "BMP", "WEBP", "GIF", "TIFF", "PPM")  # PPM: PBM, PGM and PNM too
MORE_FORMATS = ("AVIF", "HEIF")  # where Pillow and its plugins have them
NAMES = "PNG, JPEG, BMP, WebP, GIF, TIFF or PPM"
EXTENSIONS = (".png", ".jpg", ".jpeg", ".bmp", ".webp", ".gif", ".tif", ".tiff", ".ppm", ".pgm", ".pbm", ".pnm")
EXTENSIONS += (".avif", ".heic", ".heif")
LARGEST_FILE = 2**27  # bytes
MOST_PIXELS = 50_000_000  # of 4 bytes; a JPEG file may have 64 times as many, for it is unpacked smaller
WORKING_SIDE = 400  # pixels: pictures larger than a square of this side are reduced first
THINNEST, USUAL = 1.3, 1.9  # pixels of MNIST's strokes, by `_stroke`: 5 % of all are thinner, half of all


class NothingThere(DataError):
    """There is nothing on the paper."""


def read_picture(source: Path | BinaryIO, name: str) -> Image.Image:
    """A picture, upright, with at most about four times the pixels of a square of WORKING_SIDE.

    Args:
        source: a file's path, or an open binary file. Of several pictures in a file the first counts.
        name: what to call it in a sentence.

    Raises:
        DataError: there is no picture, half of one, or one too large to unpack.
    """
    content = _content(source, name)
    if not content or len(content) > LARGEST_FILE:
        got = f"more than {LARGEST_FILE >> 20} MB" if content else "an empty file"
        raise DataError(f"{name}: expected a picture, got {got}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's, of many pixels, which are counted here, and of odd metadata
            with Image.open(io.BytesIO(content), formats=_formats(content)) as image:
                image.draft(None, (2 * WORKING_SIDE, 2 * WORKING_SIDE))  # a JPEG file can be unpacked smaller
                if image.width * image.height > MOST_PIXELS:
                    raise Image.DecompressionBombError
                return _upright(image)
    except UnidentifiedImageError:
        how = ": `pip install pillow-heif` makes HEIC readable" if _is_heic(content) else ""
        got = "a HEIC picture" if how else "another kind of file"
        raise DataError(f"{name}: expected a {NAMES} picture, got {got}{how}") from None
    except Image.DecompressionBombError:
        raise DataError(f"{name}: expected at most {MOST_PIXELS:,} pixels, got more") from None
    except Exception as error:  # damage shows as errors of the system, of zlib, struct, or as SyntaxError
        raise DataError(f"{name}: expected a whole picture, got a damaged file: {summary(error)}") from error


def _content(source: Path | BinaryIO, name: str) -> bytes:
    """At most LARGEST_FILE + 1 bytes of a file."""
    if not isinstance(source, Path):
        return source.read(LARGEST_FILE + 1)
    kind = source.stat().st_mode
    if not stat.S_ISREG(kind) and not stat.S_ISDIR(kind):  # a pipe that nobody writes to would never end
        raise DataError(f"{name}: expected a file, got a pipe or a device; `-` reads standard input")
    with source.open("rb") as file:
        return file.read(LARGEST_FILE + 1)


def _is_heic(content: bytes) -> bool:
    return content[4:8] == b"ftyp" and content[8:12] in (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1")


def _formats(content: bytes) -> list[str]:
    """Those that Pillow can try, with the plugin for HEIC where the file needs it and it is installed."""
    if _is_heic(content):
        with contextlib.suppress(ImportError):
            import pillow_heif

            pillow_heif.register_heif_opener()
    Image.init()
    return [kind for kind in (*FORMATS, *MORE_FORMATS) if kind in Image.OPEN]


def _upright(image: Image.Image) -> Image.Image:
    """Any of Pillow's modes as RGB, or RGBA if it is transparent somewhere, turned as its metadata says."""
    image.load()
    if image.mode.startswith("I") or image.mode == "F":  # 16 bits a pixel, or fractions: Pillow itself would clip them
        image = _eight_bits(image)
    mode = "RGBA" if image.has_transparency_data else "RGB"
    image = image if image.mode == mode else image.convert(mode)
    factor = math.isqrt(image.width * image.height) // WORKING_SIDE
    return ImageOps.exif_transpose(image.reduce(factor) if factor > 1 else image)


def _eight_bits(image: Image.Image) -> Image.Image:
    """A picture of whole numbers up to 65,535, or of fractions of its lightest pixel, as one of bytes, strip by strip:
    in one piece it would take several times its memory."""
    lightest = max(1e-6, image.getextrema()[1]) if image.mode == "F" else 65_535.0
    result = np.empty(image.size[::-1], np.uint8)
    for top in range(0, image.height, 256):
        strip = np.asarray(image.crop((0, top, image.width, min(top + 256, image.height))), np.float32)
        result[top : top + 256] = (strip * (255 / lightest)).clip(0, 255)
    return Image.fromarray(result)


def prepare(image: Image.Image, name: str, box: int = BOX) -> np.ndarray:
    """What the network reads: float32 (28, 28), 0 is paper and 1 is ink; all that is written as one character.

    Args:
        image: as `read_picture` gives it.
        name: what to call it in a sentence.
        box: pixels of the character's longer side.

    Raises:
        NothingThere: there is nothing on the paper.
    """
    found = _found(image, name)
    return _one(found.strength, np.any(found.characters, axis=0), box)


def characters(image: Image.Image, name: str, box: int = BOX) -> list[np.ndarray]:
    """As `prepare`, each character for itself, from left to right."""
    found = _found(image, name)
    return [_one(found.strength, mask, box) for mask in found.characters]


def _found(image: Image.Image, name: str) -> Found:
    found = find(_colours(image))
    if found is None:
        raise NothingThere(f"{name}: no digit found, nothing stands out from the background")
    return found


def _one(strength: np.ndarray, mask: np.ndarray, box: int) -> np.ndarray:
    """The character of a mask, bool (rows, columns), as the network reads it."""
    darkest = max(np.percentile(strength[mask], 75), 1e-3)
    edge = cv2.dilate(mask.astype(np.uint8), np.ones((3, 3), np.uint8))  # the grey edge of a stroke is part of it
    ink = np.clip(strength / darkest, 0.0, 1.0) * edge
    sure = mask & (ink > 0.2) if (mask & (ink > 0.2)).any() else mask
    rows, columns = np.flatnonzero(sure.any(axis=1)), np.flatnonzero(sure.any(axis=0))
    inside = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return as_read(ink[inside].astype(np.float32), box)


def as_read(ink: np.ndarray, box: int = BOX) -> np.ndarray:
    """A character that fills its picture, float32 (rows, columns) up to 1, as the network reads it."""
    return _centred(_scaled(ink, box))


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
        from msgspec import Struct

        class Content(Struct):
            labels: list[str]
            image: dict[str, float]

        what = "labels"
        content = model_folder.read_json(folder, "labels.json", Content, what)
        names, box = tuple(content.labels), content.image.get("box", 0)
        if len(set(names)) != len(names) or len(names) < 2 or box not in range(1, SIZE + 1):
            reason = f"labels that aren't distinct, or no box of 1 to {SIZE} pixels"
            raise json_files.damaged(folder / "labels.json", what, reason)
        return cls(names, int(box))


def _colours(image: Image.Image) -> np.ndarray:
    """uint8 (rows, columns, 3). Where the picture is transparent, it is taken for paper."""
    colours = np.asarray(image)
    if image.mode != "RGBA":
        return colours
    alpha, colours = colours[..., 3:], colours[..., :3]
    visible = colours[alpha[..., 0] > 127]
    if len(visible) < alpha.size and (not len(visible) or np.ptp(visible, axis=0).max() < 77):
        return np.repeat(alpha, 3, axis=2)  # drawn in one colour on nothing: the shape is what is visible
    share = alpha / np.float32(255)
    return np.round(share * colours + (1.0 - share) * np.median(visible, axis=0)).astype(np.uint8)


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
