"""A mask less the straight lines that run across the sheet."""

from __future__ import annotations

import cv2
import numpy as np

SLOPE = 20  # degrees: how far from level or upright a line may be


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
