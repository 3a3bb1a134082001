"""Where in a picture is what was written? Not the table, the shadow, the rules, the box, the underline.

1. `contrast`: how much darker (or lighter) than the paper around it is each pixel? The paper's own brightness there is
   found by morphological closing (Serra 1982), which takes away whatever is thinner than its window and leaves straight
   edges as they are: a shadow, a sheet on a table, uneven light change the paper, and leave no contrast.
2. `without_lines`: straight lines that run across the sheet are erased run by run, as staves are in printed music:
   where a stroke crosses the line, the run is longer than the line is wide, and stays.
3. `characters`: connected parts; those at the picture's edge, frames around others and underlines are no characters.
"""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np

from apps.mnist_rows.contrast import WHOLE, WINDOW, contrast, is_light, square
from apps.mnist_rows.lines import without_lines
from apps.mnist_rows.parts import characters

SIDE = 400  # pixels: larger pictures than a square of this side are reduced first
FAINTEST = 0.05  # strength that can still be ink


@dataclasses.dataclass(frozen=True)
class Found:
    """What was found on a sheet.

    strength: float32 (rows, columns), of ink; characters: a mask, bool (rows, columns), for each, from left to right.
    """

    strength: np.ndarray
    characters: list[np.ndarray]
    score: float


def find(colours: np.ndarray) -> Found | None:
    """uint8 (rows, columns, 3) -> what is written there; None if nothing is."""
    if min(colours.shape[:2]) < 4:
        return None
    factor = SIDE / (colours.shape[0] * colours.shape[1]) ** 0.5
    if factor < 1:
        colours = cv2.resize(colours, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    sheets = [found for sheet in _sheets(colours) if (found := _find_on(colours, sheet)) is not None]
    if sheets:
        return max(sheets, key=lambda found: found.score)
    return _find_on(colours, None) or _find_on(colours, None, WHOLE)


def _sheets(colours: np.ndarray) -> list[np.ndarray]:
    """Masks, bool (rows, columns), of the convex regions that the picture falls into if it does so at all."""
    height, width = colours.shape[:2]
    factor = 100 / max(height, width)
    if factor > 1:
        return []
    small = cv2.resize(colours, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    smooth = cv2.medianBlur(small, int(0.17 * min(small.shape[:2])) | 1)
    values = smooth.reshape(-1, 3).astype(np.float32)
    criteria = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 20, 0.5)
    start = (values.mean(axis=1) > values.mean()).astype(np.int32)
    _, labels, centres = cv2.kmeans(values, 2, start, criteria, 1, cv2.KMEANS_USE_INITIAL_LABELS)
    if not _sharp(smooth, labels.reshape(smooth.shape[:2]), centres):
        return []
    labels = labels.reshape(smooth.shape[:2])
    sheets = [sheet for label in (0, 1) for sheet in _convex_regions((labels == label).astype(np.uint8))]
    whole = len(sheets) == 1 and sheets[0].mean() > 0.97
    return (
        [] if whole else [cv2.resize(sheet, (width, height), interpolation=cv2.INTER_NEAREST) > 0 for sheet in sheets]
    )


def _convex_regions(mask: np.ndarray) -> list[np.ndarray]:
    """The connected parts of a mask, uint8 0 or 1, that are large and nearly convex, made convex."""
    count, numbers, boxes, _ = cv2.connectedComponentsWithStats(mask)
    regions = []
    for number in range(1, count):
        if boxes[number][4] < 0.1 * mask.size:
            continue
        part = (numbers == number).astype(np.uint8)
        hull = cv2.convexHull(cv2.findContours(part, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0][0])
        if boxes[number][4] > 0.85 * cv2.contourArea(hull) > 0:
            regions.append(cv2.fillConvexPoly(np.zeros_like(mask), hull, 1))
    return regions


def _sharp(smooth: np.ndarray, labels: np.ndarray, centres: np.ndarray) -> bool:
    """Do the colours change at once where two regions meet, and by much?"""
    away = np.float32(np.linalg.norm(centres[0] - centres[1]))
    if away < 0.1 * 255:
        return False
    bands = []
    for label in (0, 1):
        depth = cv2.distanceTransform((labels == label).astype(np.uint8), cv2.DIST_L2, 3)
        band = (depth > 2.5) & (depth < 6)
        if not band.any():
            return False
        bands.append(smooth[band].mean(axis=0))
    return bool(np.linalg.norm(bands[0] - bands[1]) > 0.7 * away)


def _find_on(colours: np.ndarray, sheet: np.ndarray | None, window: float = WINDOW) -> Found | None:
    """As `find`, on a sheet (None: the whole picture); None too if what is there goes on beyond the sheet."""
    inner = np.ones(colours.shape[:2], bool)
    if sheet is not None:
        margin = max(2, round(0.015 * min(colours.shape[:2])))
        padded = np.pad(sheet.astype(np.uint8), margin, mode="edge")
        inner = cv2.erode(padded, square(2 * margin + 1))[margin:-margin, margin:-margin] > 0
        if inner.mean() < 0.03:
            return None
    light = is_light(colours if inner.all() else _filled(colours, inner))
    seen = contrast(colours, light, inner, window)
    few = min(seen.smooth.size, max(3, seen.smooth.size // 2000))
    strongest = float(np.partition(seen.smooth.ravel(), -few)[-few])
    if strongest < max(FAINTEST, 6.0 * seen.noise):
        return None
    mask = (seen.smooth > max(0.25 * strongest, 4.0 * seen.noise)).astype(np.uint8)
    cleaned = without_lines(mask, inner)
    cleaned, cut = _without_outer(cleaned, inner)
    numbers, groups, score = characters(cleaned, seen.smooth)
    if not groups and inner.all():  # a stroke from one edge to another, in a picture cut close
        numbers, groups, score = characters(mask, seen.smooth)
    if not groups or (not inner.all() and cut > 0.25 * max(part.longer for group in groups for part in group)):
        return None
    return Found(seen.strength, [np.isin(numbers, [part.number for part in group]) for group in groups], score)


def _filled(colours: np.ndarray, inner: np.ndarray) -> np.ndarray:
    """A picture whose outside has the usual colour of its inside."""
    return np.where(inner[..., None], colours, np.median(colours[inner], axis=0).astype(np.uint8))


def _without_outer(mask: np.ndarray, inner: np.ndarray) -> tuple[np.ndarray, float]:
    """(a mask less the parts that reach the sheet's edge in the picture, how deep these reach into the sheet)."""
    if inner.all():
        return mask, 0.0
    depth = cv2.distanceTransform(inner.astype(np.uint8), cv2.DIST_L2, 3)
    _, numbers = cv2.connectedComponents(mask, connectivity=8)
    outer = np.unique(numbers[(depth < 3) & (mask > 0)])
    deep = depth[np.isin(numbers, outer[outer > 0])]
    kept = mask.copy()
    kept[np.isin(numbers, outer[outer > 0])] = 0
    return kept, float(deep.max(initial=0.0))
