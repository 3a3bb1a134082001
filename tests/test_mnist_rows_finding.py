"""Digits as people photograph them: the shipped model reads at least nine in ten of each kind."""

import photographs
import pytest
from PIL import Image

from apps.mnist_rows import pictures
from apps.pipeline import command_line, running
from apps.pipeline.errors import DataError

COUNT = 10  # of each kind: each digit once


@pytest.fixture(scope="module")
def answer():
    """A photograph -> the digit that the shipped model reads; None if there are none or several."""
    run = running.load_litert(command_line.SHIPPED / "mnist_rows", "litert")

    def answer(photograph):
        try:
            images = pictures.characters(Image.fromarray(photograph), "a")
        except DataError:
            return None
        return int(run(image=images[0][None])["probabilities"][0].argmax()) if len(images) == 1 else None

    return answer


@pytest.mark.parametrize("kind", photographs.KINDS)
def test_what_is_not_the_digit_is_not_taken_for_ink(kind, answer):
    right = sum(answer(photographs.photograph(kind, digit, number=0)) == digit for digit in range(COUNT))
    assert right >= 0.9 * COUNT
