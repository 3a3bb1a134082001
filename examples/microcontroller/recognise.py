"""Recognises digits as a microcontroller does: TensorFlow Lite Micro runs the model in one block of memory, the arena.

    pip install tflite-micro numpy pillow
    python examples/microcontroller/recognise.py picture.png

Prints each picture's digit, then what a firmware must have: flash for the model, RAM for the arena, operators.
It needs nothing else of this project than the model and the labels beside it. A picture is one dark character on light
paper, or the other way round; `python -m apps.mnist_rows recognise` reads photographs too.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

MODEL = Path(__file__).resolve().parents[2] / "saved_models" / "mnist_rows" / "model_full_int8.tflite"
LARGE_ARENA = 16_000_000  # bytes: to find out in what a model needs
SIZE, MIDDLE = 28, 14  # of the network's pictures: pixels of a side; row and column of the centre of mass
FAINT = 0.3  # ink below this part of the strongest is paper


class DataError(ValueError):
    """What the user gave isn't as expected; the text is one sentence."""


def read_labels(folder: Path) -> tuple[list[str], int]:
    """The names of the classes, and the pixels of a character's longer side, from labels.json."""
    try:
        about = json.loads((folder / "labels.json").read_text(encoding="utf-8"))
        return about["labels"], about["image"]["box"]
    except (OSError, ValueError, KeyError) as error:
        raise DataError(f"expected a labels.json in {folder}, got none that can be read ({error})") from None


def read_picture(path: Path, name: str) -> np.ndarray:
    """The ink of a picture, 0 to 1, float32 (rows, columns): how far each pixel is from the paper at the border."""
    try:
        with Image.open(path) as image:
            grey = np.asarray(image.convert("L"), np.float32) / 255
    except OSError:
        raise DataError(f"{name}: expected a picture, got a file that can't be read as one") from None
    border = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    return np.abs(grey - np.median(border))


def prepare(ink: np.ndarray, name: str, box: int = 20) -> np.ndarray:
    """A character as MNIST's makers made theirs (LeCun et al., 1998): scaled into a box, its centre of mass in the
    middle; float32 (SIZE, SIZE)."""
    if ink.max() < FAINT:
        raise DataError(f"{name}: expected a picture of a character, got nothing that stands out")
    ink = ink / ink.max()
    rows, columns = (np.flatnonzero((ink > FAINT).any(axis=axis)) for axis in (1, 0))
    ink = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    scale = box / max(ink.shape)
    height, width = (max(1, round(scale * side)) for side in ink.shape)
    small = np.asarray(Image.fromarray(ink).resize((width, height), Image.Resampling.BOX))
    places = [np.arange(side) @ small.sum(axis=1 - axis) / small.sum() for axis, side in enumerate(small.shape)]
    top, left = (
        int(np.clip(round(MIDDLE - place), 0, SIZE - side)) for place, side in zip(places, small.shape, strict=True)
    )
    picture = np.zeros((SIZE, SIZE), np.float32)
    picture[top : top + height, left : left + width] = small
    return picture


class Micro:
    """A LiteRT file with one input and one output, run by TensorFlow Lite Micro.

    content: the file's bytes; arena: bytes for all that changes. DataError if it can't run in them.
    """

    def __init__(self, content: bytes, arena: int = LARGE_ARENA):
        try:
            from tflite_micro.python.tflite_micro import runtime
        except ImportError:
            raise DataError("expected the package tflite-micro, got none: pip install tflite-micro") from None
        self.runtime, self.content = runtime, content
        with standard_error() as messages:
            try:
                self.interpreter = runtime.Interpreter.from_bytes(content, arena_size=arena)
            except Exception as error:  # damage shows as errors of struct, IndexError, ...
                reason = " ".join(messages().split()) or str(error)
                raise DataError(f"expected a model for TensorFlow Lite Micro, got one it can't run: {reason}") from None
        self.input, self.output = self.interpreter.get_input_details(0), self.interpreter.get_output_details(0)

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """float32 in the shape of the input -> float32, even if the file works with 8-bit integers throughout."""
        self.interpreter.reset()  # a fused recurrent operator keeps its state from call to call
        self.interpreter.set_input(quantised(values, self.input), 0)
        self.interpreter.invoke()
        return restored(self.interpreter.get_output(0), self.output)

    def used(self) -> int:
        """Bytes of the arena that are in use once the model is ready."""
        with standard_error() as messages:
            self.interpreter.print_allocations()
            return int(re.search(r"Arena allocation total (\d+) bytes", messages())[1])

    def smallest_arena(self) -> int:
        """Bytes that are enough, at most 1 % too many. To plan which tensors share memory takes more than is `used`."""
        step = max(64, self.used() // 100)
        too_small, enough = self.used() - 1, self.used() + step
        while not self.fits(enough):
            too_small, enough = enough, 2 * enough - self.used()
        while enough - too_small > step:
            middle = (too_small + enough) // 2
            too_small, enough = (too_small, middle) if self.fits(middle) else (middle, enough)
        return enough

    def fits(self, arena: int) -> bool:
        """Whether the model can run in so many bytes."""
        try:
            Micro(self.content, arena)
        except DataError:
            return False
        return True

    def operators(self) -> list[str]:
        """What the firmware's MicroMutableOpResolver must know."""
        codes = self.runtime.convert_bytearray_to_object(self.content).operatorCodes
        names = {value: name for name, value in vars(self.runtime.schema_fb.BuiltinOperator).items()}
        return sorted({names[self.runtime.get_builtin_code_from_operator_code(code)] for code in codes})


def quantised(values: np.ndarray, details: dict) -> np.ndarray:
    """Numbers as a tensor has them: float32 as they are, or integers by its scale and zero point."""
    if details["dtype"] == np.float32:
        return values.astype(np.float32)
    scale, zero = (details["quantization_parameters"][key][0] for key in ("scales", "zero_points"))
    limits = np.iinfo(details["dtype"])
    return np.clip(np.round(values / scale + zero), limits.min, limits.max).astype(details["dtype"])


def restored(values: np.ndarray, details: dict) -> np.ndarray:
    """The opposite of `quantised`."""
    if details["dtype"] == np.float32:
        return values
    scale, zero = (details["quantization_parameters"][key][0] for key in ("scales", "zero_points"))
    return ((values.astype(np.float32) - zero) * scale).astype(np.float32)


@contextlib.contextmanager
def standard_error() -> Iterator[Callable[[], str]]:
    """What C++ code writes to standard error meanwhile, as the text that the yielded function returns."""
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as file:

        def written() -> str:
            file.seek(0)
            return file.read().decode("utf-8", "replace")

        os.dup2(file.fileno(), 2)
        try:
            yield written
        finally:
            os.dup2(kept, 2)
            os.close(kept)


def report(model: Micro, milliseconds: float) -> None:
    print(f"flash: {len(model.content):,} bytes of model")
    print(f"RAM: {model.smallest_arena():,} bytes of arena")
    print(f"time: {milliseconds:.1f} ms a picture on this computer")
    print(f"operators: {', '.join(model.operators())}")


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="recognise.py", description="Recognises digits with TensorFlow Lite Micro.")
    parser.add_argument("pictures", nargs="+", type=Path, metavar="PICTURE", help="PNG, JPEG, WebP, GIF, TIFF, ...")
    parser.add_argument("--model", type=Path, default=MODEL, help="a .tflite file beside labels.json (default: ours)")
    flags = parser.parse_args(argv)
    try:
        labels, box = read_labels(flags.model.parent)
        if not flags.model.is_file():
            raise DataError(f"expected a model in {flags.model}, got none")
        model, seconds = Micro(flags.model.read_bytes()), []
        for path in flags.pictures:
            if not path.is_file():
                raise DataError(f"expected a picture in {path}, got no such file")
            image = prepare(read_picture(path, str(path)), str(path), box)
            start = time.perf_counter()
            probabilities = model(image[None])[0]
            seconds.append(time.perf_counter() - start)
            best = int(np.argmax(probabilities))
            print(f"{labels[best]} {probabilities[best]:7.1%}  {path}")
        report(model, 1e3 * float(np.median(seconds)))
    except DataError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
