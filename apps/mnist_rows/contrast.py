"""How much darker, or lighter, than the paper around it is each pixel?"""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np

WINDOW = 0.3  # of the picture's shorter side: strokes are thinner, sheets and shadows wider
WHOLE = 2.0  # as WINDOW, for solid shapes and pictures cut close: all that isn't as light as the lightest is dark


@dataclasses.dataclass(frozen=True)
class Contrast:
    """What stands out from the paper.

    strength: float32 (rows, columns), 0 for paper; smooth: the same, smoothed; noise: how strong mere
    paper usually is.
    """

    strength: np.ndarray
    smooth: np.ndarray
    noise: float


def contrast(colours: np.ndarray, light: np.ndarray, inner: np.ndarray, window: float) -> Contrast:
    """uint8 (rows, columns, 3) -> what is lighter than its surroundings (`light`) or darker, where `inner` is true.

    light: as `is_light` gives it.
    """
    height, width = inner.shape
    shorter = min(height, width)
    seen = np.where(light, 255 - colours, colours)
    side = max(3, round(window * shorter)) | 1
    steady = cv2.medianBlur(seen, 5) if shorter > 100 else seen
    around = 0 if window == WHOLE else side // 2
    steady, known = _with_margin(steady, around), np.pad(inner, around, mode="edge")[..., None]
    lightest = cv2.dilate(np.where(known, steady, 0), square(side))  # what is outside has no say
    paper = cv2.erode(np.where(known, lightest, 255), square(side))
    paper = paper[around : around + height, around : around + width]
    difference = np.maximum(paper.astype(np.float32) - seen, 0.0) / 255
    strength = np.sqrt((difference**2).mean(axis=-1)) * inner
    if not light.any():  # ink takes a part of what light there is
        strength /= np.maximum(paper.mean(axis=-1) / 255, 0.2)
    smooth = cv2.GaussianBlur(strength, (0, 0), 1.0) if shorter > 100 else strength
    noise = float(np.median(smooth[inner]))
    return Contrast(strength, smooth, noise)


def _with_margin(colours: np.ndarray, margin: int) -> np.ndarray:
    """A picture with its edges' colours around it, less what is short along the edges: strokes that reach them."""
    if not margin:
        return colours
    height, width = colours.shape[:2]
    edges = (colours[0], colours[:, -1], colours[-1, ::-1], colours[::-1, 0])  # clockwise from the upper left corner
    once = cv2.resize(np.concatenate(edges)[None], (400, 1), interpolation=cv2.INTER_AREA)
    steady = cv2.medianBlur(np.tile(once, (1, 3, 1)), 161)[:, 400:800]
    around = cv2.resize(steady, (2 * (height + width), 1), interpolation=cv2.INTER_NEAREST)[0]
    top, right, bottom, left = np.split(around, np.cumsum([width, height, width]))
    result = np.pad(colours, ((margin, margin), (margin, margin), (0, 0)), mode="edge")
    result[:margin, margin:-margin], result[-margin:, margin:-margin] = top, bottom[::-1]
    result[margin:-margin, :margin], result[margin:-margin, -margin:] = left[::-1, None], right[:, None]
    for rows, columns, colour in (
        (np.s_[:margin], np.s_[:margin], top[0]),
        (np.s_[:margin], np.s_[-margin:], top[-1]),
        (np.s_[-margin:], np.s_[:margin], bottom[-1]),
        (np.s_[-margin:], np.s_[-margin:], bottom[0]),
    ):
        result[rows, columns] = colour
    return result


def square(side: int) -> np.ndarray:
    return np.ones((side, side), np.uint8)


def is_light(colours: np.ndarray) -> np.ndarray:
    """Is the writing lighter than the paper? An answer for each channel, bool (3,): red on green is both.

    Two signs of the right answer: without what is thin the picture is smooth; and what is thin differs from the median
    of a wide surrounding.
    """
    factor = 100 / max(colours.shape[:2])
    small = cv2.resize(colours, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA) if factor < 1 else colours
    side = max(3, round(WINDOW * min(small.shape[:2]))) | 1
    small = _with_margin(small, side)
    return np.array([_is_light(channel, side) for channel in cv2.split(small)])


def _is_light(channel: np.ndarray, side: int) -> bool:
    """As `is_light`, for one channel of a small picture, uint8 (rows, columns)."""
    around = cv2.medianBlur(channel, int(0.8 * min(channel.shape)) | 1).astype(np.float32)
    signs = []
    for way, operation in ((1, cv2.MORPH_OPEN), (-1, cv2.MORPH_CLOSE)):
        paper = cv2.morphologyEx(channel, operation, square(side)).astype(np.float32)
        thin = np.minimum(np.maximum(way * (channel - paper), 0), np.maximum(way * (channel - around), 0))
        rough = np.abs(np.diff(paper, axis=0)).sum() + np.abs(np.diff(paper, axis=1)).sum()
        signs.append(((thin**2).sum() + 1.0) / (rough + channel.size / 2))
    return bool(signs[0] > signs[1])
