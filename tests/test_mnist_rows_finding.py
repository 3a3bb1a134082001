"""Digits as people photograph them: the shipped model reads at least nine in ten of each kind."""

import io
import json

import photographs
import pytest
from PIL import Image

from apps.mnist_rows import load
from apps.mnist_rows.__main__ import main

COUNT = 10  # of each kind: each digit once
NUMBERS = [(4, 2), (1, 0), (2, 0, 2, 6), (3, 7, 5), (8, 8), (9, 1, 6), (5, 4), (6, 7), (1, 2, 3), (7, 0)]


@pytest.fixture(scope="module")
def recogniser():
    return load()


def picture_file(photograph):
    file = io.BytesIO()
    Image.fromarray(photograph).save(file, "PNG")
    file.seek(0)
    return file


@pytest.mark.parametrize("kind", photographs.KINDS)
def test_what_is_not_the_digit_is_not_taken_for_ink(kind, recogniser):
    pictures = [picture_file(photographs.photograph(kind, digit, number=0)) for digit in range(COUNT)]
    answers = recogniser.recognise(pictures)
    assert sum(answer.label == str(digit) for digit, answer in enumerate(answers)) >= 0.9 * COUNT


def test_several_digits_are_a_number(recogniser):
    right = 0
    for digits in NUMBERS:
        file = picture_file(photographs.photograph_of_number(digits, number=0))
        found, expected = recogniser.number(file, "a"), "".join(map(str, digits))
        if found.label == expected:
            right += 1
            assert [told["label"] for told in found.characters] == list(expected) and found.probabilities is None
            file.seek(0)
            problem = recogniser.answer(file, "a").problem
            assert problem.startswith(f"a: expected one character, got {len(digits)} side by side: `--digits`")
    assert right >= 0.9 * len(NUMBERS)


def test_a_number_on_the_command_line_and_names_that_would_steer_the_terminal(tmp_path, capfd):
    path = tmp_path / "a\x1b[31m\n.png"
    path.write_bytes(picture_file(photographs.photograph_of_number((4, 2), number=0)).getvalue())
    assert main(["recognise", "--digits", str(path)]) == 0
    (line,) = capfd.readouterr().out.splitlines()
    assert line.split()[0] == "42" and "a\\x1b[31m\\n.png" in line and "(4: " in line
    assert main(["recognise", "--digits", "--json", str(path)]) == 0
    answer = json.loads(capfd.readouterr().out)
    assert answer["answer"] == "42" and [told["label"] for told in answer["characters"]] == ["4", "2"]
    assert main(["recognise", str(path)]) == 2
    captured = capfd.readouterr()
    assert "got 2 side by side" in captured.err and "\x1b" not in captured.out + captured.err
