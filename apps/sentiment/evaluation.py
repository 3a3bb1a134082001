"""How often each of a model's files is right, of whole texts and of short ones; and which label is taken for which."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from apps.pipeline import confusion, running
from apps.pipeline.publishing import Evaluation
from apps.sentiment.data import LabelledTexts
from apps.sentiment.sentences import one_sentence
from apps.sentiment.use import Classifier

SURE = 0.99  # an answer that a reader takes for certain
BINS = 15  # of equal width, from the least to the highest confidence


def evaluate(folder: Path, artifact: str, test: LabelledTexts, short: LabelledTexts | None = None) -> Evaluation:
    """The accuracy and the macro-F1 of one of a folder's artifacts over all of `test`, and how it judges one sentence
    of each text; its details are how often each label got each answer.

    short: texts of which it is told too how many are right.
    """
    count = len(test.names)
    parts = [test.texts, [one_sentence(text) for text in test.texts], short.texts if short else []]
    found = probabilities(folder, artifact, [text for part in parts for text in part], count)
    whole, sentences, rest = np.split(found, [len(test), 2 * len(test)])
    answers = answers_of(whole)
    matrix = confusion.counted(test.labels, answers, count)
    more = of_sentences(sentences, test.labels)
    if short:
        more |= {f"of {len(short)} short negated texts": float(np.mean(answers_of(rest) == short.labels))}
    figures = {"metric": "accuracy", "value": float(np.mean(answers == test.labels)), "more": more}
    return Evaluation(
        {"artifact": artifact, **figures, "examples": len(test), "data_sha256": test.fingerprint()},
        {"macro_f1": confusion.macro_f1(matrix), "labels": test.names, "confusion": matrix.tolist()},
        f", macro-F1 {confusion.macro_f1(matrix):.2%}\n{confusion.in_table(matrix, test.names)}",
        matrix,
    )


def of_sentences(found: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """The accuracy of the answers to one sentence of each text, how far their confidence is from it, and the share of
    the wrong ones that are SURE.

    found: probabilities, (texts, labels); labels: of the texts that the sentences are of, (texts,).
    """
    right, confidence = answers_of(found) == labels, found.max(axis=1)
    wrong = confidence[~right]
    return {
        "of one sentence": float(np.mean(right)),
        "its calibration error": calibration_error(right, confidence, found.shape[1]),
        f"{SURE:.0%} sure of its wrong ones": float(np.mean(wrong > SURE)) if len(wrong) else 0.0,
    }


def calibration_error(right: np.ndarray, confidence: np.ndarray, labels: int) -> float:
    """The mean distance of accuracy and confidence, over answers in BINS by their confidence (Naeini et al. 2015).

    Args:
        right: which answers are, bool (answers,).
        confidence: the probability of each, (answers,), which is at least 1 / labels.
    """
    lowest = 1.0 / labels
    bins = ((confidence - lowest) / (1.0 - lowest) * BINS).astype(int).clip(0, BINS - 1)
    gaps = np.bincount(bins, confidence - right, BINS)
    return float(np.abs(gaps).sum() / len(right))


def answers_of(found: np.ndarray) -> np.ndarray:
    """The label that each row of probabilities (texts, labels) says; of two the first where they are equal."""
    return found.argmax(axis=1)


def probabilities(folder: Path, artifact: str, texts: Sequence[str], labels: int = 2) -> np.ndarray:
    """Of each label for each text, float (texts, labels), by one of a folder's artifacts."""
    from tqdm import tqdm

    if artifact == "saved_model":
        order = np.argsort([len(text) for text in texts], kind="stable")  # texts of similar length: little padding
        output = "probability" if labels == 2 else "probabilities"
        found = running.served(folder, "text", output, [texts[index] for index in order], batch_size=64)
        found = np.concatenate([np.zeros((0, labels) if labels > 2 else 0, np.float32), *found])[np.argsort(order)]
        return np.stack([1.0 - found, found], axis=1) if labels == 2 else found
    classifier = Classifier(folder, artifact)
    ids = (classifier.vocabulary.ids(text) for text in tqdm(texts, artifact, disable=None))
    return np.stack([classifier.probabilities(row) for row in ids])
