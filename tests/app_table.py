"""The apps, a row each: little data as users have it, a recipe that learns it in seconds, and what to ask then."""

import contextlib
import csv
import dataclasses
import importlib
import io
import random
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

from apps.mnist_rows.distortion import Distortion
from apps.pipeline.checkpoints import Checkpoints

# What the small recipes write; test_contract.py has a slow test of everything that the apps write.
ARTIFACTS = ("saved_model", "litert", "litert_int8")


@dataclasses.dataclass(frozen=True)
class App:
    """A row.

    write_data: into a folder -> what `--data` takes.
    recipe: what `train --quick` learns it with; `patches` are what no flag says, by module and name.
    stages, left: what training reports, and what it leaves in the folder `training`.
    learned: whether a figure of the test data says that it has learnt.
    question: what is asked, by `flags` before it or by the options of `method` in Python, given what `write_data`
        gave; the printed answer begins with `answer`.
    serve: inputs of the SavedModel's signature; output: its name there.
    """

    name: str
    verb: str
    write_data: Callable[[Path], list[Path]]
    recipe: dict[str, Any]
    patches: dict[str, Any]
    metric: str
    learned: Callable[[float], bool]
    question: Callable[[list[Path]], Any]
    answer: str
    serve: dict[str, Any]
    output: str
    flags: tuple[Any, ...] = ()
    method: str = ""
    options: dict[str, Any] = dataclasses.field(default_factory=dict)
    stages: tuple[str, ...] = ("labels",)
    left: tuple[str, ...] = ("labels.npz",)
    beside: str = "vocabulary.json"
    also: tuple[str, ...] = ()  # other JSON files that the model needs

    def part(self, name: str = "__main__") -> ModuleType:
        """A module of the app."""
        return importlib.import_module(f"apps.{self.name}.{name}")

    def ask(self, data: list[Path]) -> list[Any]:
        """The question as arguments of the verb."""
        return [*self.flags, self.question(data)]

    def run(self, *argv: Any) -> int:
        """The exit status of a command."""
        return self.part().main([str(argument) for argument in argv])

    def fails(self, capfd, *argv: Any) -> str:
        """The one sentence with which a command fails."""
        assert self.run(*argv) == 2
        err = capfd.readouterr().err
        lines = [line for line in err.splitlines() if "error: " in line]
        start = f"python -m apps.{self.name}: error: "
        assert len(lines) == 1 and lines[0].startswith(start) and "Traceback" not in err
        return lines[0].removeprefix(start)

    @contextlib.contextmanager
    def small(self) -> Iterator[None]:
        """Within it `train --quick` follows the small recipe and writes ARTIFACTS."""
        with self.writing(ARTIFACTS), pytest.MonkeyPatch.context() as monkeypatch:
            monkeypatch.setattr(self.part(), "QUICK", self.recipe)
            for place, value in self.patches.items():
                module, name = place.split(".")
                monkeypatch.setattr(self.part(module), name, value)
            yield

    @contextlib.contextmanager
    def writing(self, artifacts: tuple[str, ...]) -> Iterator[None]:
        """Within it the app writes these."""
        with pytest.MonkeyPatch.context() as monkeypatch:
            monkeypatch.setattr(self.part("artifacts"), "ARTIFACTS", artifacts)
            yield

    def train(self, data: list[Path], folder: Path) -> Path:
        """The folder of a model that has learnt, by the app's own command and within `small`."""
        with pytest.MonkeyPatch.context() as monkeypatch:
            monkeypatch.setattr(sys, "argv", [self.part().__file__, "train", "--quick"])
            assert self.run("train", "--quick", "--data", *data, "--output", folder) == 0
        return folder

    def goes_on(self, capfd, flags: list[Any], folder: Path, batch: int) -> None:
        """Asserts that Ctrl-C at a batch of the second epoch leaves the first one's model, and that `--resume` ends
        with the weights in `folder`/whole, those of the same training without it."""

        def stop(checkpoints, at, logs=None):
            if (len(checkpoints.history), at) == (1, batch):
                raise KeyboardInterrupt

        with pytest.MonkeyPatch.context() as monkeypatch:
            monkeypatch.setattr(Checkpoints, "on_train_batch_end", stop)
            assert self.run(*flags, "--output", folder / "cut") == 0
        assert "Stopped: writing the best model so far" in capfd.readouterr().out
        first = weights_of(folder / "cut")
        assert self.run(*flags, "--output", folder / "cut", "--resume") == 0
        resumed = weights_of(folder / "cut")
        for ours, theirs in zip(resumed, weights_of(folder / "whole"), strict=True):
            np.testing.assert_array_equal(ours, theirs)
        assert np.abs(first[0] - resumed[0]).max() > 1e-4


# sentiment: texts of which one word tells the label

LABELS = ("thumbs down", "thumbs up")


def reviews(count: int, seed: int = 1) -> list[tuple[str, str]]:
    """Texts with their labels."""
    generator = np.random.default_rng(seed)
    tells = (["dull", "stale", "bad"], ["warm", "funny", "good"])
    rows = []
    for number in range(count):
        words = [f"word{n}" for n in generator.integers(0, 30, generator.integers(4, 14))]
        words[generator.integers(len(words))] = str(generator.choice(tells[number % 2])).title()
        rows.append((" ".join(words) + ".", LABELS[number % 2]))
    return rows


def write_csv(path: Path, rows: list[tuple[str, str]]) -> Path:
    with open(path, "w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("text", "label"), *rows])
    return path


# mnist_rows: drawings of three lines

CLASSES = ("eins", "minus", "seven")
LINES = {"eins": [(25, 5), (25, 45)], "minus": [(4, 25), (46, 25)], "seven": [(12, 7), (38, 7), (20, 45)]}
LITTLE = Distortion(shift=1.0, turn=5.0, scaling=0.05, shear=0.05, waves=0.3)


def drawing(name: str, number: int = 0, paper: Any = "white", pen: Any = "black") -> Image.Image:
    """Another one for each number."""
    generator = np.random.default_rng([number, CLASSES.index(name)])
    image = Image.new("RGB", (50, 50), paper)
    points = [tuple(np.array(point) + generator.integers(-3, 4, 2)) for point in LINES[name]]
    ImageDraw.Draw(image).line(points, pen, int(generator.integers(3, 6)))
    return image


def write_drawings(folder: Path) -> list[Path]:
    """A folder for each class."""
    for name in CLASSES:
        (folder / name).mkdir()
        for number in range(40):
            drawing(name, number).save(folder / name / f"{number}.png")
    return [folder]


# shakespeare: two sentences again and again, in two files of different encodings

SENTENCES = "the cat sat on the mat.\nthe dog ate the hat.\n" * 90


def write_sentences(folder: Path) -> list[Path]:
    (folder / "first.txt").write_text(SENTENCES, encoding="utf-8")
    (folder / "second.txt").write_bytes(SENTENCES.encode("utf-16"))
    return [folder / "first.txt", folder / "second.txt"]


# word_reversal: six pairs, by heart

PAIRS = [("man", "woman"), ("black", "white"), ("king", "queen"), ("girl", "boy"), ("up", "down"), ("high", "low")]


def write_pairs(folder: Path) -> list[Path]:
    path = folder / "pairs.tsv"
    path.write_text("".join(f"{first}\t{second}\n" for first, second in PAIRS), encoding="utf-8")
    return [path]


# chinese_pos: subject, verb, object

SUBJECTS = ("我/r", "你们/r", "老师/n", "图书馆/n", "ＷＴＯ/nx")
VERBS = ("爱/v", "学习/v", "研究/v")
OBJECTS = ("中国/ns", "人民/n", "自然/n 语言/n", "北京/ns")


def sentence(number: int) -> str:
    """Another one for each number; one in three has two parts."""
    generator = random.Random(number)
    one = f"{generator.choice(SUBJECTS)} {generator.choice(VERBS)} {generator.choice(OBJECTS)} 。/w"
    return one if number % 3 else f"{one} {generator.choice(OBJECTS)} ！/w"


def tagged(count: int) -> list[Any]:
    """The texts of these sentences with their words."""
    from apps.chinese_pos.data import slashed_line

    return [slashed_line(sentence(number)) for number in range(count)]


def as_conllu(texts: list[Any]) -> str:
    rows = (
        "".join(
            f"{number}\t{text.text[word.start : word.end]}\t_\t{word.tag}" + "\t_" * 5 + "\tSpaceAfter=No\n"
            for number, word in enumerate(text.words, 1)
        )
        for text in texts
    )
    return "\n".join(rows)


def write_tagged(folder: Path) -> list[Path]:
    path = folder / "own.conllu"
    path.write_text(as_conllu(tagged(120)), encoding="utf-8")
    return [path]


ROWS = [
    App(
        name="sentiment",
        verb="classify",
        write_data=lambda folder: [write_csv(folder / "reviews.csv", reviews(160))],
        recipe={"words": 60, "units": 16, "word_vector_epochs": 1, "language_model_epochs": 1, "epochs": 2}
        | {"batch_size": 16, "student_epochs": 0, "keep_last": 20, "learning_rate": 0.03},
        patches={"learning.SMALLEST_EPOCH": 80},
        stages=("word vectors", "language models", "labels", "few words"),
        left=("word_vectors.npz", "language_model.npz", "labels.npz"),
        metric="accuracy",
        learned=lambda accuracy: accuracy >= 0.9,
        question=lambda data: "A good film",
        flags=("--explain",),
        options={"explain": True},
        answer="thumbs up",
        serve={"text": ["A good, WARM film!", "dull, stale and bad", "", "nothing that it knows 好😀"]},
        output="probability",
    ),
    App(
        name="mnist_rows",
        verb="recognise",
        write_data=write_drawings,
        recipe={"units": 8, "epochs": 2, "batch_size": 50, "learning_rate": 0.03, "distortion": LITTLE},
        patches={
            "learning.SMALLEST_EPOCH": 25,
            "artifacts.TYPICAL": 3,
            "learning.STRANGE": 800,
            "learning.MEASURED": 20,
        },
        metric="accuracy",
        learned=lambda accuracy: accuracy >= 0.95,
        question=lambda data: str(data[0] / "eins" / "3.png"),
        answer="eins",
        serve={"image": np.random.default_rng(1).random((2, 28, 28)).tolist()},
        output="probabilities",
        beside="labels.json",
        left=("labels.npz", "refusal.json"),
        also=("refusal.json",),
    ),
    App(
        name="shakespeare",
        verb="generate",
        write_data=write_sentences,
        recipe={"units": 12, "window": 16, "batch_size": 8, "epochs": 2, "seed": 3, "learning_rate": 0.02},
        patches={"learning.SHORTEST_EPOCH": 50},
        stages=("text",),
        left=("text.npz", "ids.bin"),
        metric="windows of 256",
        learned=lambda nats: nats < 2.0 < np.log(19),  # 19 symbols
        question=lambda data: "the c",
        flags=("--length", 5, "--seed", 1, "--prompt"),
        method="write",
        options={"length": 5, "seed": 1},
        answer="the c",
        serve={"prompt": ["the cat", "", "€uro"], "length": 9, "temperature": 0.8, "seed": 7},
        output="text",
    ),
    App(
        name="word_reversal",
        verb="reverse",
        write_data=write_pairs,
        recipe={"units": 24, "epochs": 3, "batches": 3, "learning_rate": 0.02, "averaging": 0.01, "dropout": 0.0},
        patches={"learning.VALIDATION": 1, "data.TESTED": 20},
        stages=("letters",),
        left=("letters.npz",),
        metric="exact match",
        learned=lambda share: share == 1.0,
        question=lambda data: "man",
        answer="woman",
        serve={"word": ["man", "", "gnik", "kings and queens"]},
        output="reversed",
    ),
    App(
        name="chinese_pos",
        verb="tag",
        write_data=write_tagged,
        recipe={"units": 12, "character_size": 12, "pair_size": 4, "pairs": 100, "word_vector_epochs": 1, "epochs": 2}
        | {"batch_size": 10, "learning_rate": 0.03, "averaging_steps": 5, "rarest": 1, "dropout": 0.2}
        | {"unknown_rate": 0.03},
        patches={"learning.SMALLEST_EPOCH": 30, "artifacts.TYPICAL": 2},
        stages=("vectors", "labels"),
        left=("character_vectors.npz", "pair_vectors.npz", "labels.npz"),
        metric="joint F1",
        learned=lambda f1: f1 >= 0.9,
        question=lambda data: "你们学习自然语言。",
        answer="你们/r 学习/v 自然/n 语言/n 。/w",
        serve={"text": ["我 爱WTO！/", "", "你们学习自然语言。"]},
        output="tagged",
    ),
]
APPS = {app.name: app for app in ROWS}
EVERYTHING = {app.name: app.part("artifacts").ARTIFACTS for app in ROWS}  # what they write without the small recipe


class Bytes(io.TextIOWrapper):
    """Standard input with these bytes."""

    def __init__(self, content: bytes):
        super().__init__(io.BytesIO(content))


def weights_of(folder: Path) -> list[np.ndarray]:
    """Those of the model that `train` left."""
    import keras

    return keras.saving.load_model(folder / "model.keras").get_weights()


def contents(folder: Path) -> dict[Path, bytes]:
    """All files below a folder."""
    return {path.relative_to(folder): path.read_bytes() for path in Path(folder).rglob("*") if path.is_file()}
