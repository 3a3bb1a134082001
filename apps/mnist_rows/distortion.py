"""What training does to pictures of one character, so that no two epochs show the same."""

from __future__ import annotations

import dataclasses

import numpy as np

from apps.mnist_rows.pictures import SIZE


@dataclasses.dataclass(frozen=True)
class Distortion:
    """How far a picture may be changed and still show the same character; each picture gets its own random change."""

    shift: float = 3.0  # pixels
    turn: float = 12.0  # degrees
    scaling: float = 0.12  # of the height, and another of the width
    shear: float = 0.15  # pixels to the side per row
    waves: float = 1.2  # pixels, standard deviation of the largest elastic displacement


def distort(pictures: np.ndarray, distortion: Distortion, generator: np.random.Generator) -> np.ndarray:
    """Random shifts, turns, scalings, shears and elastic displacements, drawn anew for each picture.

    Elastic displacements are those of Simard, Steinkraus and Platt 2003, "Best practices for convolutional neural
    networks applied to visual document analysis": smooth random fields.

    Args:
        pictures: float32 (batch, 28, 28), 0 where there is nothing.

    Returns:
        float32 (batch, 28, 28), interpolated between the four nearest pixels.
    """
    count = len(pictures)

    def draw(largest: float) -> np.ndarray:
        return generator.uniform(-largest, largest, count).astype(np.float32)

    turn = np.deg2rad(draw(distortion.turn))
    height, width = 1.0 + draw(distortion.scaling), 1.0 + draw(distortion.scaling)
    shear = draw(distortion.shear)
    cosine, sine = np.cos(turn), np.sin(turn)
    # Where an output pixel comes from, [row, column]: turn @ [[height, 0], [shear, width]] @ place.
    matrix = [cosine * height - sine * shear, -sine * width, sine * height + cosine * shear, cosine * width]
    matrix = np.stack(matrix, axis=-1).reshape(count, 2, 2)
    places = matrix @ _PLACES + np.stack([draw(distortion.shift), draw(distortion.shift)], axis=-1)[:, :, None]
    waves = generator.standard_normal((count, 2, *_SMOOTH.shape[1:] * 2), np.float32)
    waves *= generator.uniform(0.0, distortion.waves, (count, 1, 1, 1)).astype(np.float32)
    places += (_SMOOTH @ waves @ _SMOOTH.T).reshape(places.shape)
    return _sample(pictures, places + (SIZE - 1) / 2)


def _smoothing(points: int = 8, width: float = 4.0) -> np.ndarray:
    """(28, points): turns a coarse grid of independent values into a smooth curve of the same standard deviation."""
    spacing = SIZE / points
    distance = np.arange(SIZE)[:, None] - (np.arange(points) + 0.5) * spacing + 0.5
    weights = np.exp(-0.5 * (distance / width) ** 2)
    return (weights / np.sqrt((weights**2).sum(axis=1, keepdims=True))).astype(np.float32)


_SMOOTH = _smoothing()
_PLACES = (np.indices((SIZE, SIZE), np.float32) - (SIZE - 1) / 2).astype(np.float32).reshape(2, -1)


def _sample(pictures: np.ndarray, places: np.ndarray) -> np.ndarray:
    """The values of (batch, 28, 28) at `places` (batch, [row, column], pixels), 0 outside."""
    padded = np.zeros((len(pictures), SIZE + 2, SIZE + 2), np.float32)
    padded[:, 1:-1, 1:-1] = pictures
    places = np.clip(places + 1.0, 0.0, SIZE + 0.999)
    corner = places.astype(np.int32)
    down, right = np.moveaxis(places - corner.astype(np.float32), 1, 0)
    first = np.arange(len(pictures), dtype=np.int32)[:, None] * (SIZE + 2) ** 2
    index = first + corner[:, 0] * (SIZE + 2) + corner[:, 1]
    flat = padded.ravel()
    upper = flat[index] * (1.0 - right) + flat[index + 1] * right
    lower = flat[index + SIZE + 2] * (1.0 - right) + flat[index + SIZE + 3] * right
    return (upper + down * (lower - upper)).reshape(pictures.shape)
