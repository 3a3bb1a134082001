"""How many reviews of one's own it takes, alone and beginning with the shipped model: python -m benchmarks few_reviews.

The reviews are IMDB's test reviews, as the shipped model was trained on the training reviews; what is measured on are
others of them. Its kind of text is the same, so this is the best case: reviews of other things gain less.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from apps.pipeline import publishing
from apps.sentiment.data import LabelledTexts, reviews
from apps.sentiment.model import QUICK, STARTED, Recipe, build_model

STARTED_WITH, ALONE = (200,), (200, 1_000, 5_000)  # reviews
MEASURED = 2_000  # reviews that nothing is trained on


def taught(own: LabelledTexts, start: Path | None):
    """The (model, vocabulary) that `train --quick --data` makes of reviews, or with --start-from."""
    from apps.pipeline.runs import Run
    from apps.pipeline.splits import split
    from apps.pipeline.vocabulary import Vocabulary
    from apps.sentiment.learning import learn_labels, pretrain
    from apps.sentiment.start import model_from, vocabulary_from

    changes = {**QUICK, **({**STARTED, "started_from": str(start)} if start else {})}
    recipe = Recipe(**changes)
    labelled, validation = split(own, 0.1, recipe.seed)
    texts = labelled.texts + validation.texts
    with tempfile.TemporaryDirectory() as folder:
        run = Run("sentiment", recipe, own.fingerprint(), Path(folder), resume=False)
        if start is None:
            vocabulary = Vocabulary.from_texts(texts, recipe.words, recipe.keep_last, own.names)
        else:
            vocabulary = vocabulary_from(start, texts, own.names)
        sequences = [np.array(vocabulary.all_ids(text), np.int32) for text in texts]
        if start is None:
            model = build_model(len(vocabulary), recipe.units)
            pretrain(model, sequences, vocabulary, run)
        else:
            model = model_from(start, vocabulary, sequences, labelled.labels)
        learn_labels(model, sequences, labelled.labels, validation.labels, run)
    return model, vocabulary


def accuracy(model, vocabulary, test: LabelledTexts) -> float:
    from apps.pipeline.batches import padded

    rows = [np.array(vocabulary.ids(text), np.int32) for text in test.texts]
    order = np.argsort([len(row) for row in rows], kind="stable")
    right = 0
    for start in range(0, len(order), 50):
        part = order[start : start + 50]
        logits = np.array(model(padded([rows[i] for i in part]), training=False))[:, 0]
        right += int(np.sum((logits > 0.0) == test.labels[part]))
    return right / len(test)


def run(output: Path, repeats: int, budget: float, only: str) -> None:
    """Prints a line for each number of reviews as soon as it is measured; only "started" or "alone", or both."""
    from apps.pipeline import training

    training.set_up(Recipe.seed)
    everything = reviews("test")
    order = np.random.default_rng(0).permutation(len(everything))

    def part(chosen: np.ndarray) -> LabelledTexts:
        kept = np.zeros(len(everything), bool)
        kept[chosen] = True
        return everything.part(kept)

    test, rest = part(order[:MEASURED]), order[MEASURED:]
    print("| reviews | begins | accuracy |\n| --- | --- | --- |", flush=True)
    for name, start, counts in (("started", publishing.SHIPPED / "sentiment", STARTED_WITH), ("alone", None, ALONE)):
        for count in counts if only in name else ():
            found = accuracy(*taught(part(rest[:count]), start), test)
            begins = "with the shipped model" if start else "with nothing"
            print(f"| {count:,} | {begins} | {found:.2%} |", flush=True)
