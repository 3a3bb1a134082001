"""What the command line shows of an answer, and what it shows of the app without a verb."""

from __future__ import annotations

import io

import numpy as np

from apps.mnist_rows.pictures import SIZE
from apps.mnist_rows.use import Answer, load
from apps.pipeline.printing import visible


def print_answer(answer: Answer) -> None:
    """One line for a picture, with the next answer if that is likely too."""
    file = visible(answer.file)
    if answer.label is None:
        print(f"{'(no answer)':>19}  {file}", flush=True)
        return
    if answer.characters:
        each = ", ".join(f"{visible(told['label'])}: {told['probability']:.1%}" for told in answer.characters)
        together = float(np.prod([told["probability"] for told in answer.characters]))
        print(f"{visible(answer.label):>10} {together:8.1%}  {file}  ({each})", flush=True)
        return
    (label, first), (other, second), *_ = sorted(answer.probabilities.items(), key=lambda item: -item[1])
    doubt = f"  ({visible(other)}: {second:.1%})" if second >= 0.01 else ""
    print(f"{visible(label):>10} {first:8.1%}  {file}{doubt}", flush=True)


def demonstrate() -> None:
    """What the shipped model says of three drawn digits, and what it sees of them."""
    from PIL import Image, ImageDraw

    drawings = (  # name, size, paper, pen, its width, a line through these points
        ("ink", (180, 200), "white", "midnightblue", 9, [(50, 52), (128, 48), (82, 160)]),
        (
            "chalk",
            (320, 200),
            "darkgreen",
            "ivory",
            13,
            [(190, 70), (205, 48), (232, 44), (250, 62), (244, 88), (190, 150), (262, 150)],
        ),
        ("crayon", (90, 90), "khaki", "firebrick", 4, [(38, 20), (24, 54), (66, 52), (56, 20), (54, 78)]),
    )
    recogniser, answers = load(), []
    for name, size, paper, pen, width, points in drawings:
        drawing, file = Image.new("RGB", size, paper), io.BytesIO()
        ImageDraw.Draw(drawing).line(points, pen, width, joint="curve")
        drawing.save(file, "PNG")
        file.seek(0)
        answers.append(recogniser.answer(file, name))
    for answer in answers:
        print_answer(answer)
    print()
    images = [answer.image for answer in answers if answer.image is not None] or [np.zeros((SIZE, SIZE), np.float32)]
    for row in np.concatenate(images, axis=1).reshape(SIZE // 2, 2, -1).mean(axis=1):
        print("".join(" .:*#"[int(4.99 * value)] for value in row).rstrip())
