"""Damaged and strangers' files in a model's folder."""

from __future__ import annotations

import json
import shutil
from typing import Any

from .trial import APPS, ROOT, Trial, contents, expect_clean, expect_sentence

STRANGE = [
    None,
    True,
    -1,
    0,
    10**20,
    1.5,
    float("nan"),
    "",
    "x",
    "\x1b[2J",
    "a\nb",
    [],
    [None],
    {},
    {"a": 1},
    ["a", "a"],
]


def flipped_bit(trial: Trial) -> None:
    """In any file of a model with hashes: it is noticed whenever the file is read."""
    folder = trial.model()
    name = trial.pick(["model.tflite", "model_int8.tflite", trial.about])
    content = bytearray((folder / name).read_bytes())
    content[int(trial.generator.integers(len(content)))] ^= 1 << int(trial.generator.integers(8))
    (folder / name).write_bytes(content)
    done = trial.ask(folder)
    if done.status == 0:  # it was the file of the two that isn't read
        assert name.endswith(".tflite") and done.out == trial.as_shipped()
        (folder / name).unlink()
        assert trial.ask(folder).out == done.out, "answered by a damaged file"
    else:
        expect_sentence(done)
        assert name in done.errors[0]


def edited_field(trial: Trial) -> None:
    """Of a vocabulary or labels, in a folder without hashes: a sentence or an answer."""
    folder = trial.model(hashes=False)
    edit(trial, folder / trial.about)
    expect_clean(trial.ask(folder, *(["--json"] if trial.generator.random() < 0.5 else [])))


def edited_results(trial: Trial) -> None:
    """A field of results.json: a sentence or the right answer, and nothing is written elsewhere."""
    folder = trial.model()
    edit(trial, folder / "results.json")
    before = (ROOT / "README.md").read_bytes()
    done = trial.ask(folder)
    expect_clean(done)
    assert done.status == 2 or done.out == trial.as_shipped()
    assert (ROOT / "README.md").read_bytes() == before


def edit(trial: Trial, path) -> None:
    """Another value, or none, at a random place of a JSON file."""
    content = json.loads(path.read_text(encoding="utf-8"))
    place: Any = content
    while True:
        key = trial.pick(list(place)) if isinstance(place, dict) else int(trial.generator.integers(len(place)))
        deeper = place[key]
        if not isinstance(deeper, dict | list) or not deeper or trial.generator.random() < 0.4:
            break
        place = deeper
    how = trial.generator.random()
    if how < 0.15:
        del place[key]
    elif how < 0.25 and isinstance(place, list):
        place.insert(key, place[key])
    else:
        place[key] = trial.pick(STRANGE)
    path.write_text(json.dumps(content), encoding="utf-8")


def nested(trial: Trial) -> None:
    """A JSON file nested deeply, cut off, or no JSON at all."""
    folder = trial.model(hashes=False)
    depth = int(trial.generator.integers(900, 200_000))
    content = (folder / trial.about).read_bytes()
    cut = int(trial.generator.integers(len(content)))
    spoiled = [
        b"[" * depth,
        b'{"a":' * depth,
        b"[" * depth + b"]" * depth,
        content[:cut],
        b"\xff\xfe{",
        b"",
        b"\0" * 99,
    ]
    (folder / trial.about).write_bytes(trial.pick(spoiled))
    expect_sentence(trial.ask(folder))


def structure_byte(trial: Trial) -> None:
    """Of a LiteRT file without a hash, or its end: a sentence or an answer, and the process lives."""
    folder = trial.model(hashes=False)
    content = bytearray((folder / "model.tflite").read_bytes())
    if trial.generator.random() < 0.3:
        del content[int(trial.generator.integers(len(content))) :]
    else:  # most of the structure stands at the beginning and at the end
        place = min(int(trial.generator.exponential(200)), len(content) - 1)
        content[trial.pick([place, -1 - place])] ^= int(trial.generator.integers(1, 256))
    (folder / "model.tflite").write_bytes(content)
    expect_clean(trial.ask(folder))


def other_apps_file(trial: Trial) -> None:
    """Another app's model, vocabulary or results among the files."""
    hashes = trial.generator.random() < 0.5
    folder = trial.model(hashes)
    other = trial.pick([app for app in APPS if app != trial.app])
    name = trial.pick(["model.tflite", "results.json", trial.about])
    theirs = ROOT / "saved_models" / other
    source = theirs / (
        name if (theirs / name).exists() else "labels.json" if other == "mnist_rows" else "vocabulary.json"
    )
    for target in ["model.tflite", "model_int8.tflite"] if name == "model.tflite" else [name]:
        shutil.copy(source, folder / target)
    expect_sentence(trial.ask(folder))


def evaluated_in_a_damaged_folder(trial: Trial) -> None:
    """`evaluate --record` where a file is missing, damaged or of another kind: a sentence, and nothing is changed."""
    folder = trial.model()
    name = trial.pick(["model.tflite", trial.about, "results.json"])
    how = trial.pick(["missing", "folder", "empty", "noise"])
    (folder / name).unlink()
    if how == "folder":
        (folder / name).mkdir()
    elif how != "missing":
        (folder / name).write_bytes(b"" if how == "empty" else trial.generator.bytes(500))
    before = contents(folder)
    done = trial.run("evaluate", "--model", folder, "--artifact", "litert", "--record", "--data", data_of(trial))
    expect_sentence(done)
    assert contents(folder) == before


def data_of(trial: Trial):
    """A little data that the app's `evaluate` takes."""
    path = trial.folder / {"sentiment": "own.csv", "chinese_pos": "own.conllu", "word_reversal": "own.tsv"}.get(
        trial.app, "own.txt"
    )
    if trial.app == "mnist_rows":
        for label in "012":
            (trial.folder / "own" / label).mkdir(parents=True)
            shutil.copy(trial.digit(), trial.folder / "own" / label / "a.png")
        return trial.folder / "own"
    path.write_text(
        {
            "sentiment": "text,label\nA warm film,positive\nA dull film,negative\n",
            "chinese_pos": "1\t我\t_\t_\tr\t_\t_\t_\t_\t_\n\n",
            "word_reversal": "stressed\tdesserts\n",
            "shakespeare": "To be, or not to be: that is the question. " * 3,
        }[trial.app],
        encoding="utf-8",
    )
    return path


DAMAGE = {
    "a flipped bit": flipped_bit,
    "an edited field of a vocabulary or labels": edited_field,
    "an edited field of results.json": edited_results,
    "JSON nested deeply, cut off, or none": nested,
    "a byte of a LiteRT file's structure, without hashes": structure_byte,
    "another app's file": other_apps_file,
    "evaluate --record in a damaged folder": evaluated_in_a_damaged_folder,
}
