"""Nats a symbol: how surprised each of a model's files is by a text that it wasn't trained on."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from apps.pipeline import publishing
from apps.pipeline.errors import DataError
from apps.pipeline.publishing import Evaluation
from apps.shakespeare.stepping import Stepper

WINDOW = 256  # symbols, from a zero state: how others measure


def evaluate(folder: Path, artifact: str, *parts: np.ndarray) -> Evaluation:
    """Nats a symbol of one of a folder's artifacts over the parts of a text, ids of its vocabulary, one after another:
    in windows of 256 that start from a zero state, and in one pass with the state carried on."""
    ids = np.concatenate(parts).astype(np.int32)
    if len(ids) < 2:
        raise DataError(f"expected a text of 2 symbols or more to measure, got {len(ids)}")
    step = Stepper(folder, artifact)
    windows, one_pass = nats_in_windows(step, ids), nats_in_one_pass(step, ids)
    figures = {"windows of 256": windows.mean(), "one pass": one_pass.mean()}
    if len(parts) > 1:
        middle = len(parts[0]) - 1  # predictions of the first part
        for name, part in (("first half", slice(0, middle)), ("second half", slice(middle, None))):
            figures |= {f"windows, {name}": windows[part].mean(), f"one pass, {name}": one_pass[part].mean()}
    figures = {name: round(float(value), 6) for name, value in figures.items()}
    value = figures.pop("windows of 256")
    return Evaluation(
        {
            "artifact": artifact,
            "metric": "windows of 256",
            "value": value,
            "more": figures,
            "unit": "nats",
            "perplexity": (perplexity := round(float(np.exp(value)), 4)),
            "examples": len(windows),
            "data_sha256": publishing.digest(ids.tobytes()),
        },
        text=f"; perplexity {perplexity:.4f} in windows",
    )


def nats(logits: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """The negative logarithm of the probability of each target: logits (rows, ids), targets (rows,) -> (rows,)."""
    logits = logits.astype(np.float64)
    logits -= logits.max(axis=-1, keepdims=True)
    chosen = np.take_along_axis(logits, targets[:, None], axis=-1)[:, 0]
    return np.log(np.exp(logits).sum(axis=-1)) - chosen


def nats_in_windows(step: Stepper, ids: np.ndarray, window: int = WINDOW) -> np.ndarray:
    """Of every symbol but the first, (symbols - 1,), each window of predictions from a zero state.

    window 3:   reads  a b c | d e f | g        The last window may be shorter; nothing is left out.
                says   b c d | e f g | h
    """
    from tqdm import tqdm

    result = np.zeros(len(ids) - 1)
    starts = np.arange(0, len(result), window)
    for first in tqdm(range(0, len(starts), step.rows), "windows", disable=None):
        rows = starts[first : first + step.rows]
        states = step.zeros(len(rows))
        for place in range(window):
            going = rows + place < len(result)  # all but, at the end, the last
            if not going.all():
                rows, states = rows[going], {name: state[going] for name, state in states.items()}
            if not len(rows):
                break
            logits, states = step(ids[rows + place], states)
            result[rows + place] = nats(logits, ids[rows + place + 1])
    return result


def nats_in_one_pass(step: Stepper, ids: np.ndarray) -> np.ndarray:
    """Of every symbol but the first, (symbols - 1,), the state carried on from the first symbol to the last."""
    from tqdm import tqdm

    result, states = np.zeros(len(ids) - 1), step.zeros()
    for place in tqdm(range(len(result)), "one pass", disable=None):
        logits, states = step(ids[place : place + 1], states)
        result[place] = nats(logits, ids[place + 1 : place + 2])[0]
    return result
