"""The connected parts of a mask, and which of them are characters."""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np

SMALLEST = 0.05  # of the root of the picture's area: the longer side of a character


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
