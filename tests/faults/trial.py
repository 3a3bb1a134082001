"""One try of a fault: an app, a folder to spoil, random numbers, and what a command does then."""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import os
import re
import shutil
import signal
from dataclasses import dataclass
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[2]
APPS = ("sentiment", "mnist_rows", "shakespeare", "word_reversal", "chinese_pos")
VERBS = dict(zip(APPS, ("classify", "recognise", "generate", "reverse", "tag"), strict=True))
QUESTIONS = {"sentiment": "A warm, funny film.", "word_reversal": "stressed", "chinese_pos": "我爱自然语言处理。"}
UNSAFE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
LONGEST = 60  # seconds that a command may take


@dataclass(frozen=True)
class Done:
    """What a command in this process did: exit status, what it printed."""

    status: int
    out: str
    err: str

    @property
    def errors(self) -> list[str]:
        return [line for line in self.err.splitlines() if "error: " in line]


@dataclass(frozen=True)
class Trial:
    """A try.

    Attributes:
        folder: an empty one of its own.
        generator: whose numbers decide what the fault is.
    """

    app: str
    folder: Path
    generator: np.random.Generator

    @property
    def about(self) -> str:
        """The JSON file of the app's model."""
        return "labels.json" if self.app == "mnist_rows" else "vocabulary.json"

    def pick(self, values):
        """One of them."""
        return values[int(self.generator.integers(len(values)))]

    def model(self, hashes: bool = True) -> Path:
        """A copy of what the app's shipped LiteRT files need."""
        folder = self.folder / "model"
        folder.mkdir()
        shipped = ROOT / "saved_models" / self.app
        for path in [shipped / "model.tflite", shipped / "model_int8.tflite", *shipped.glob("*.json")]:
            if hashes or path.name != "results.json":
                shutil.copy(path, folder)
        return folder

    def run(self, *words: object) -> Done:
        """A command of the app, in this process; TimeoutError if it takes too long."""
        main = importlib.import_module(f"apps.{self.app}.__main__").main
        out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", "backslashreplace") for _ in range(2))

        def late(*_: object) -> None:
            raise TimeoutError(f"more than {LONGEST} seconds")

        before = signal.signal(signal.SIGALRM, late)
        signal.alarm(LONGEST)
        try:
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                status = main([str(word) for word in words])
        except SystemExit as error:
            status = int(error.code or 0)
        finally:
            signal.alarm(0)
            signal.signal(signal.SIGALRM, before)
        texts = []
        for file in (out, err):
            file.flush()
            texts.append(file.buffer.getvalue().decode("utf-8", "replace"))
        return Done(status, *texts)

    def ask(self, model: Path | None = None, *more: object) -> Done:
        """The app's verb with an ordinary question."""
        given: list[object] = [] if model is None else ["--model", model]
        if self.app == "mnist_rows":
            return self.run("recognise", *given, *more, self.digit())
        if self.app == "shakespeare":
            return self.run("generate", *given, *more, "--prompt", "ROMEO:", "--length", 5, "--seed", 1)
        return self.run(VERBS[self.app], *given, *more, QUESTIONS[self.app])

    def digit(self) -> Path:
        """A picture of a one."""
        from PIL import Image, ImageDraw

        path = self.folder / "one.png"
        if not path.exists():
            image = Image.new("L", (60, 60), 255)
            ImageDraw.Draw(image).line([(30, 8), (30, 52)], 0, 6)
            image.save(path)
        return path

    def as_shipped(self) -> str:
        """What the verb prints with the shipped model."""
        return self.ask().out


def expect_sentence(done: Done) -> None:
    """It was refused, in one sentence that can't drive a terminal."""
    assert done.status == 2, f"status {done.status}: {done.out[:200]!r} {done.err[-300:]!r}"
    expect_clean(done)


def expect_clean(done: Done) -> None:
    """An answer, or one sentence; no traceback, no fault of ours, nothing that could drive a terminal."""
    assert done.status in (0, 2), f"status {done.status}: {done.err[-300:]!r}"
    assert len(done.errors) == (done.status == 2), f"several lines: {done.err[-500:]!r}"
    assert "Traceback" not in done.err, done.err[-500:]
    unsafe = UNSAFE.search(re.sub(r"\r[^\n]*?\|[^\n]*", "", done.out + done.err))  # but for progress bars
    assert unsafe is None, f"printed {unsafe[0]!r}"


def expect_json(done: Done, lines: int) -> None:
    """So many lines, by every splitter's idea of a line, each of which is JSON."""
    expect_clean(done)
    found = done.out.splitlines()
    assert done.status == 2 or len(found) == lines, f"{len(found)} lines for {lines} inputs"
    for line in found:
        json.loads(line, parse_constant=lambda name: (_ for _ in ()).throw(AssertionError(f"{name} isn't JSON")))


def contents(folder: Path) -> dict[str, bytes]:
    """All files below a folder."""
    return {
        os.path.relpath(Path(at) / name, folder): (Path(at) / name).read_bytes()
        for at, _, names in os.walk(folder)
        for name in names
    }
