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

SIDE = 400  # pixels: larger pictures than a square of this side are reduced first
WINDOW = 0.3  # of the picture's shorter side: strokes are thinner, sheets and shadows wider
WHOLE = 2.0  # as WINDOW, for solid shapes and pictures cut close: all that isn't as light as the lightest is dark
FAINTEST = 0.05  # strength that can still be ink
SMALLEST = 0.05  # of the root of the picture's area: the longer side of a character
SLOPE = 20  # degrees: how far from level or upright a line may be


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
    lightest = cv2.dilate(np.where(known, steady, 0), _square(side))  # what is outside has no say
    paper = cv2.erode(np.where(known, lightest, 255), _square(side))
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


def _square(side: int) -> np.ndarray:
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
        paper = cv2.morphologyEx(channel, operation, _square(side)).astype(np.float32)
        thin = np.minimum(np.maximum(way * (channel - paper), 0), np.maximum(way * (channel - around), 0))
        rough = np.abs(np.diff(paper, axis=0)).sum() + np.abs(np.diff(paper, axis=1)).sum()
        signs.append(((thin**2).sum() + 1.0) / (rough + channel.size / 2))
    return bool(signs[0] > signs[1])


def without_lines(mask: np.ndarray, inner: np.ndarray) -> np.ndarray:
    """A mask, uint8 0 or 1, less the lines that run across the sheet."""
    kept = mask.copy()
    for turn in (np.asarray, np.transpose):
        lines = _level_lines(np.ascontiguousarray(turn(mask)), np.ascontiguousarray(turn(inner)))
        if lines.any():
            kept &= turn(_kept_beside(np.ascontiguousarray(turn(mask)), lines))
    return kept


def _level_lines(mask: np.ndarray, inner: np.ndarray) -> np.ndarray:
    """The nearly level lines of a mask that run from one edge of the sheet, where `inner` ends, to another."""
    height, width = mask.shape
    level = cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((1, max(3, width // 60)), np.uint8))
    angles = {"min_theta": np.pi * (90 - SLOPE) / 180, "max_theta": np.pi * (90 + SLOPE) / 180}
    found = cv2.HoughLines(level * 255, 1, np.pi / 360, max(10, width // 5), **angles)
    lines = np.zeros_like(mask)
    if found is None:
        return lines
    columns = np.arange(width)
    wide, length = cv2.dilate(mask, np.ones((3, 1), np.uint8)) > 0, _upright_runs(mask)
    across = 0.6 * inner.sum(axis=1).max()
    for rho, theta in found.reshape(-1, 2)[:400]:
        rows = np.round((rho - columns * np.cos(theta)) / np.sin(theta)).astype(int)
        inside = (rows >= 0) & (rows < height)
        rows = rows.clip(0, height - 1)
        for start, end in _runs(inside & inner[rows, columns]):
            inked = wide[rows[start:end], columns[start:end]]
            ends = max(3, (end - start) // 25)
            if end - start > across and inked.mean() > 0.85 and inked[:ends].any() and inked[-ends:].any():
                if np.median(length[rows[start:end], columns[start:end]]) > 0.05 * (end - start) + 1:
                    continue  # as thick as a stroke
                lines[rows[start:end], columns[start:end]] = 1
    return lines


def _runs(flags: np.ndarray) -> list[tuple[int, int]]:
    """Starts and ends of the runs of true values."""
    change = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(np.int8), [0]])))
    return list(zip(change[::2].tolist(), change[1::2].tolist(), strict=True))


def _kept_beside(mask: np.ndarray, lines: np.ndarray) -> np.ndarray:
    """A mask without those of its upright runs that lie on `lines` and aren't longer than a line is wide."""
    length = _upright_runs(mask)
    on = (cv2.dilate(lines, np.ones((5, 1), np.uint8)) > 0) & (mask > 0)
    if not on.any():
        return mask
    longest = 1.6 * np.percentile(length[on], 40) + 1
    thin = ((mask > 0) & (length <= longest)).astype(np.uint8)
    reach = np.ones((2 * int(longest) + 1, 1), np.uint8)
    return np.where((cv2.dilate((on & (thin > 0)).astype(np.uint8), reach) > 0) & (thin > 0), 0, mask).astype(np.uint8)


def _upright_runs(mask: np.ndarray) -> np.ndarray:
    """For each pixel of a mask the length of the upright run that it lies in, 0 outside."""
    height = mask.shape[0]
    rows = np.arange(height)[:, None]
    paper = mask == 0
    before = np.maximum.accumulate(np.where(paper, rows, -1), axis=0)
    after = np.minimum.accumulate(np.where(paper, rows, height)[::-1], axis=0)[::-1]
    return np.where(paper, 0, after - before - 1)


@dataclasses.dataclass(frozen=True)
class Part:
    """A connected part of a mask: its number in the image of numbers, its box, its pixels."""

    number: int
    left: int
    top: int
    width: int
    height: int
    area: int
    strength: float

    @property
    def right(self) -> int:
        return self.left + self.width

    @property
    def bottom(self) -> int:
        return self.top + self.height

    @property
    def longer(self) -> int:
        return max(self.width, self.height)

    def at_edge(self, shape: tuple[int, ...], margin: int = 2) -> bool:
        """Does it touch the edge of the picture?"""
        return (
            self.left < margin or self.top < margin or self.right > shape[1] - margin or self.bottom > shape[0] - margin
        )

    def within(self, other: Part) -> bool:
        """Does it lie in the other's box?"""
        level = other.left <= self.left and self.right <= other.right
        return level and other.top <= self.top and self.bottom <= other.bottom


def parts_of(mask: np.ndarray, strength: np.ndarray) -> tuple[np.ndarray, list[Part]]:
    """(numbers of the connected parts, int32 (rows, columns); the parts, the largest first)."""
    count, numbers, boxes, _ = cv2.connectedComponentsWithStats(mask, connectivity=8, ltype=cv2.CV_32S)
    total = np.bincount(numbers.ravel(), strength.ravel(), count)
    parts = [Part(i, *map(int, boxes[i]), float(total[i] / boxes[i][4])) for i in range(1, count)]
    return numbers, sorted(parts, key=lambda part: -part.area)


def characters(mask: np.ndarray, strength: np.ndarray) -> tuple[np.ndarray, list[list[Part]], float]:
    """(numbers of the connected parts; the parts of each character, from left to right; how much there is)."""
    numbers, parts = parts_of(mask, strength)
    if not parts:
        return numbers, [], 0.0
    smallest = max(3.0, mask.size**0.5 / 25)
    parts = [part for part in parts if part.area >= smallest]
    free = [part for part in parts if not part.at_edge(mask.shape)]
    if max((part.longer for part in free), default=0) > max(2 * smallest, 0.1 * parts[0].longer if parts else 0):
        parts = free  # otherwise the character itself touches the edge
    parts = _without_frames(parts)
    parts = _without_underlines(parts)
    if not parts:
        return numbers, [], 0.0
    main = max(parts, key=lambda part: part.area * part.strength * _middle(part, mask.shape))
    if main.longer < SMALLEST * mask.size**0.5 or main.area < 0.03 * mask.sum():  # dust, or one of very many
        return numbers, [], 0.0
    chosen, waiting = [main], [part for part in parts if part is not main and part.strength > 0.4 * main.strength]
    while near := [part for part in waiting if any(_belongs(part, other, main) for other in chosen)]:
        chosen += near
        waiting = [part for part in waiting if part not in near]
    return numbers, _side_by_side(chosen), main.longer * main.strength * _middle(main, mask.shape)


def _belongs(part: Part, other: Part, main: Part) -> bool:
    """Is a part a stroke of the character that `other` belongs to, or a character beside it, of the size of `main`?"""
    across = max(part.left - other.right, other.left - part.right)
    along = max(part.top - other.bottom, other.top - part.bottom)
    level = min(part.bottom, other.bottom) - max(part.top, other.top) > 0.4 * min(part.height, other.height)
    beside = part.longer > 0.5 * main.longer and level and across < 1.2 * main.longer
    return beside or (10 * part.area >= main.area and max(across, along) < 0.35 * main.longer)


def _middle(part: Part, shape: tuple[int, ...]) -> float:
    """1 in the middle of the picture, less at its edge."""
    x, y = (part.left + part.width / 2) / shape[1] - 0.5, (part.top + part.height / 2) / shape[0] - 0.5
    return 1.0 - 1.5 * (x * x + y * y)


def _without_frames(parts: list[Part]) -> list[Part]:
    """Less those that go around others of some size and are hollow themselves."""
    result = []
    for part in parts:
        inner = [other for other in parts if other is not part and other.within(part)]
        size = max((other.longer for other in inner), default=0)
        hollow = part.area < 0.5 * part.width * part.height
        if not (hollow and size > 0.3 * part.longer):
            result.append(part)
    return result


def _without_underlines(parts: list[Part]) -> list[Part]:
    """Less level bars below (or above) something higher than they are."""
    return [part for part in parts if not any(_underlines(part, other) for other in parts)] or parts


def _underlines(bar: Part, other: Part) -> bool:
    """Is `bar` long and level, and is the other above it and higher?"""
    high = other.height > max(2.5 * bar.height, 0.4 * bar.width)
    together = min(other.right, bar.right) - max(other.left, bar.left)
    return bar.width > 4 * bar.height and high and other.bottom <= bar.bottom and together > 0.5 * other.width


def _side_by_side(parts: list[Part]) -> list[list[Part]]:
    """Groups of parts that stand above one another, from left to right."""
    groups: list[list[Part]] = []
    for part in sorted(parts, key=lambda part: -part.longer):
        for group in groups:
            left, right = min(p.left for p in group), max(p.right for p in group)
            overlap = min(right, part.right) - max(left, part.left)
            if overlap > 0.3 * part.width or part.longer < 0.5 * group[0].longer:
                group.append(part)
                break
        else:
            groups.append([part])
    return sorted(groups, key=lambda group: min(part.left for part in group))


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
        inner = cv2.erode(padded, _square(2 * margin + 1))[margin:-margin, margin:-margin] > 0
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
