"""Pictures of nothing that the classes know, drawn by chance: letters, scribbles, shapes, textures, mixed halves.

By them `refusal` learns what isn't to be answered. None is taken that looks like a training picture.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import cv2
import numpy as np

from apps.mnist_rows.pictures import BOX, SIZE, as_read

LEAST_INK = 5.0  # pixels of ink
CANVAS = 120  # pixels: what is drawn is reduced to what the network reads
FONTS = (
    cv2.FONT_HERSHEY_SIMPLEX,
    cv2.FONT_HERSHEY_PLAIN,
    cv2.FONT_HERSHEY_DUPLEX,
    cv2.FONT_HERSHEY_TRIPLEX,
    cv2.FONT_HERSHEY_COMPLEX_SMALL,
    cv2.FONT_HERSHEY_SCRIPT_COMPLEX,
)
GLYPHS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!?#$%&*+-=<>@/()[]{}~^;:"


def strange_pictures(
    count: int, pictures: np.ndarray, names: Sequence[str], box: int = BOX, seed: int = 0
) -> np.ndarray:
    """float32 (count or fewer, 28, 28), as the network reads them.

    Args:
        pictures: uint8 (pictures, 28, 28), that are trained on: parts of them are mixed, and what looks like one of
            them is left out.
        names: of the classes; what they are called is no strange letter or sign.
    """
    generator = np.random.default_rng(seed)
    glyphs = [glyph for glyph in GLYPHS if glyph.casefold() not in {name.casefold() for name in names}]
    known = features(pictures[generator.permutation(len(pictures))[:3000]])
    usual = np.quantile(_nearest(features(pictures[generator.permutation(len(pictures))[:500]]), known, skip=True), 0.3)
    found: list[np.ndarray] = []
    for _ in range(50):  # enough unless the classes are of all kinds of things
        drawn = np.stack([_drawn(pictures, glyphs, box, generator) for _ in range(max(200, count // 4))])
        drawn = drawn[drawn.sum(axis=(1, 2)) > LEAST_INK]  # mixed halves may have none
        found += list(drawn[_nearest(features(drawn), known) < usual])
        if len(found) >= count:
            break
    return np.stack(found[:count]) if found else np.zeros((0, SIZE, SIZE), np.float32)


def features(pictures: np.ndarray) -> np.ndarray:
    """Of pictures (pictures, 28, 28), uint8 or float, what is compared: halved with weights 1 3 3 1, of length 1:
    float32 (pictures, 196)."""
    half = np.zeros((SIZE // 2, SIZE + 2), np.float32)
    for row in range(SIZE // 2):
        half[row, 2 * row : 2 * row + 4] = 1, 3, 3, 1
    half = half[:, 1:-1]
    small = (half @ pictures.astype(np.float32) @ half.T).reshape(len(pictures), -1)
    return small / np.maximum(np.linalg.norm(small, axis=1, keepdims=True), 1e-6)


def _nearest(rows: np.ndarray, known: np.ndarray, skip: bool = False) -> np.ndarray:
    """The cosine of each row with the one that is most like it; skip: with the second, as it may be itself."""
    return np.partition(rows @ known.T, -2, axis=1)[:, -2 if skip else -1]


def _drawn(pictures: np.ndarray, glyphs: list[str], box: int, generator: np.random.Generator) -> np.ndarray:
    glyph = partial(_glyph, glyphs)
    kinds: tuple[Callable, ...] = (glyph, glyph, glyph, _curves, _curves, _corners, _figure, _texture, _stripes)
    if generator.random() < 0.25:
        return _mixed(pictures, generator)
    while True:
        canvas = np.zeros((CANVAS, CANVAS), np.uint8)
        kinds[generator.integers(len(kinds))](canvas, generator)
        rows, columns = (np.flatnonzero(canvas.max(axis=axis) > 80) for axis in (1, 0))
        if len(rows) > 5 and len(columns) > 5:
            return as_read(canvas[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].astype(np.float32) / 255, box)


def _pen(generator: np.random.Generator) -> int:
    return int(generator.integers(4, 15))


def _glyph(glyphs: list[str], canvas: np.ndarray, generator: np.random.Generator) -> None:
    """One or two letters or signs, leaning and squeezed."""
    text = "".join(generator.choice(glyphs, generator.choice([1, 1, 1, 2])))
    cv2.putText(canvas, text, (30, 85), int(generator.choice(FONTS)), 2.2, 255, _pen(generator) // 2 + 1, cv2.LINE_AA)
    lean, turn = generator.uniform(-0.3, 0.3), generator.uniform(-0.2, 0.2)
    matrix = np.float32([[generator.uniform(0.7, 1.2), lean, -50 * lean], [turn, 1.0, -60 * turn]])
    canvas[:] = cv2.warpAffine(canvas, matrix, (CANVAS, CANVAS))


def _curves(canvas: np.ndarray, generator: np.random.Generator) -> None:
    """Lines that wander."""
    pen = _pen(generator)
    for _ in range(generator.integers(1, 4)):
        turns = np.cumsum(generator.normal(0, generator.uniform(0.2, 1.0), generator.integers(15, 70)))
        turns += generator.uniform(0, 2 * np.pi)
        steps = np.cumsum(np.stack([np.cos(turns), np.sin(turns)], axis=1), axis=0)
        steps -= steps.min(axis=0)
        points = steps / max(1.0, steps.max()) * generator.uniform(50, 90) + generator.uniform(10, 25, 2)
        cv2.polylines(canvas, [np.round(points * 16).astype(np.int32)], False, 255, pen, cv2.LINE_AA, shift=4)


def _corners(canvas: np.ndarray, generator: np.random.Generator) -> None:
    """Straight lines from place to place, some of them closed or filled."""
    points = generator.integers(10, CANVAS - 10, (generator.integers(3, 12), 2)).astype(np.int32)
    if generator.random() < 0.2:
        cv2.fillPoly(canvas, [points], 255, cv2.LINE_AA)
    else:
        cv2.polylines(canvas, [points], bool(generator.integers(2)), 255, _pen(generator), cv2.LINE_AA)


def _figure(canvas: np.ndarray, generator: np.random.Generator) -> None:
    """Ellipses, rectangles and lines, hollow or solid, several of them across each other."""
    pen = _pen(generator)
    for _ in range(generator.integers(1, 5)):
        a, b = (tuple(map(int, generator.integers(10, CANVAS - 10, 2))) for _ in range(2))
        width = -1 if generator.random() < 0.25 else pen
        kind = generator.integers(3)
        if kind == 0:
            axes = tuple(map(int, generator.integers(8, 50, 2)))
            cv2.ellipse(canvas, a, axes, float(generator.uniform(0, 180)), 0, 360, 255, width, cv2.LINE_AA)
        elif kind == 1:
            cv2.rectangle(canvas, a, b, 255, width, cv2.LINE_AA)
        else:
            cv2.line(canvas, a, b, 255, pen, cv2.LINE_AA)


def _texture(canvas: np.ndarray, generator: np.random.Generator) -> None:
    """Spots and grain."""
    rough = cv2.GaussianBlur(generator.normal(0, 1, canvas.shape), (0, 0), generator.uniform(1.5, 14))
    canvas[:] = np.clip((rough / rough.std() - generator.uniform(-0.5, 1.5)) * generator.uniform(1, 4), 0, 1) * 255


def _stripes(canvas: np.ndarray, generator: np.random.Generator) -> None:
    """Waves, nets and gradients."""
    rows, columns = np.mgrid[: canvas.shape[0], : canvas.shape[1]] / CANVAS
    for _ in range(generator.integers(1, 3)):
        angle, waves = generator.uniform(0, np.pi), generator.uniform(0.5, 9)
        phase = (rows * np.sin(angle) + columns * np.cos(angle)) * waves + generator.uniform(0, 1)
        canvas[:] = np.maximum(canvas, np.clip(np.sin(2 * np.pi * phase) * generator.uniform(1, 4), 0, 1) * 255)
    if generator.random() < 0.5:
        canvas[np.hypot(rows - 0.5, columns - 0.5) > generator.uniform(0.2, 0.5)] = 0


def _mixed(pictures: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Halves of two training pictures, two of them over each other, or one turned."""
    first, second = (pictures[generator.integers(len(pictures))].astype(np.float32) / 255 for _ in range(2))
    kind = generator.integers(4)
    if kind == 0:
        return np.concatenate([first[: SIZE // 2], second[SIZE // 2 :]])
    if kind == 1:
        return np.concatenate([first[:, : SIZE // 2], second[:, SIZE // 2 :]], axis=1)
    if kind == 2:
        return np.maximum(first, np.roll(second, generator.integers(-6, 7, 2), (0, 1)))
    return np.ascontiguousarray(np.rot90(first, generator.integers(1, 4)))
