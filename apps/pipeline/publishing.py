"""results.json, published with a model: every figure and how it came about."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import platform
import shlex
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from apps.pipeline import json_files, model_card
from apps.pipeline.errors import DataError
from whole_files import write_whole

RESULTS, CARD = "results.json", "README.md"
FILES = {  # the artifacts, as keras_rnn.export names them
    "saved_model": "1",
    "litert": "model.tflite",
    "litert_float16": "model_float16.tflite",
    "litert_int8": "model_int8.tflite",
    "litert_full_int8": "model_full_int8.tflite",
}
AS_GOOD = 0.0005  # of a figure that is better the higher it is
SHIPPED = Path(__file__).resolve().parents[2] / "saved_models"


@dataclass(frozen=True)
class Evaluation:
    """The result of measuring an artifact.

    Attributes:
        figures: for results.json: the metric, its value, over how many examples, of which data.
        more: for those who ask for JSON.
        text: for a person, after the figures.
        details: what an app needs besides, to draw it.
    """

    figures: dict[str, Any]
    more: dict[str, Any] = field(default_factory=dict)
    text: str = ""
    details: Any = None


def read_results(folder: Path) -> dict[str, Any]:
    """The content of results.json, {} if there is none; DataError if it is damaged, also in a single field."""
    path = folder / RESULTS
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return {}
    results = json_files.decoded(content, results_type(), path, "results")
    for name, artifact in results.artifacts.items():
        if FILES.get(name) != artifact.file:
            raise DataError(f"expected artifacts of {', '.join(FILES)} in {path}, got {name!r} as {artifact.file!r}")
    if not (results.app.isidentifier() and model_card.template(results.app).is_file()):
        raise DataError(f"expected the name of an app in {path}, got {results.app!r}")
    return json.loads(content)


@functools.cache
def results_type() -> type:
    """The fields of results.json that are read, and their types, as a msgspec.Struct."""
    from msgspec import defstruct, field

    number = int | float
    file = [("bytes", int), ("sha256", str, "")]
    figures = [("metric", str, ""), ("value", number, 0), ("more", dict[str, number], {}), ("unit", str, "")]
    counted = [("examples", int, 0), ("command", str, "")]
    artifact = defstruct("Artifact", [("file", str), *file, *figures, *counted])
    stage = defstruct("Stage", [("stage", str), ("seconds", number), ("epochs", int), ("result", str)])
    licence = defstruct("Licence", [("model", str, ""), ("data", str, "")])
    data = [("own_data", bool, False), ("data_sha256", str, ""), ("licence", licence | None, None)]
    how = [("command", str, ""), *data, ("recipe", dict[str, Any], {}), ("stages", list[stage], [])]
    where = [("versions", dict[str, str], {}), ("hardware", dict[str, int | str | None], {})]
    files = dict[str, defstruct("File", file)]
    training = defstruct("Training", [*how, ("files", files, {}), *where])
    training_field = ("training", training, field(default_factory=training))
    lists = [("artifacts", dict[str, artifact], {}), ("files", files, {}), training_field]
    return defstruct("Results", [("app", str), *lists])


def quickest(folder: Path) -> str:
    """The LiteRT file that answers: that of 8 bits where results.json says that it is as good as that of 32."""
    artifacts = read_results(folder).get("artifacts", {})
    whole, small = (artifacts.get(name, {}).get("value") for name in ("litert", "litert_int8"))
    return "litert" if whole is None or small is None or small < whole - AS_GOOD else "litert_int8"


def own_data(folder: Path) -> dict[str, Any] | None:
    """How a folder's model was trained, if that was on the user's own data: its "recipe", "data_sha256", ..."""
    training = read_results(folder).get("training", {})
    return training if training.get("own_data") else None


def hashes(results: dict[str, Any]) -> dict[str, str]:
    """The SHA-256 of each file, or folder with a SavedModel, that results.json lists, by its name."""
    listed = {about["file"]: about for about in results.get("artifacts", {}).values()} | results.get("files", {})
    return {name: about["sha256"] for name, about in listed.items() if about.get("sha256")}


def write_results(folder: Path, results: dict[str, Any]) -> None:
    """Writes results.json and the model card."""
    write_whole(folder / RESULTS, json.dumps(results, indent=2, ensure_ascii=False) + "\n")
    write_whole(folder / CARD, model_card.text(results))


@contextlib.contextmanager
def new_folder(output: Path, app: str, how: dict[str, Any]) -> Iterator[Path]:
    """A folder to write a model's files into. At the end all of them appear in `output`, with the model card and
    results.json, which has no figures yet.

    how: how the model was trained.
    """
    from keras_rnn import artifacts

    with artifacts.placed_in(output) as folder:
        yield folder
        listed = {"artifacts": list_artifacts(folder), "files": list_files(folder)}
        write_results(folder, {"app": app, **listed, "training": how})


def list_artifacts(folder: Path) -> dict[str, Any]:
    """The artifacts in a folder, for a new results.json: file, bytes and SHA-256, but no figures yet."""
    written = {name: file for name, file in FILES.items() if (folder / file).exists()}
    return {name: {"file": file, **fingerprint(folder / file)} for name, file in written.items()}


def list_files(folder: Path) -> dict[str, Any]:
    """What else the model needs, such as vocabulary.json: bytes and SHA-256 of each JSON file in a folder."""
    return {path.name: fingerprint(path) for path in sorted(folder.glob("*.json")) if path.name != RESULTS}


def fingerprint(path: Path) -> dict[str, Any]:
    """Size and SHA-256 of a file, or of all files in a folder with their names: which model a figure belongs to."""
    import hashlib  # takes milliseconds to load OpenSSL, and not every verb needs it

    parts = sorted(part for part in path.rglob("*") if part.is_file()) if path.is_dir() else [path]
    hashed, size = hashlib.sha256(), 0
    for part in parts:
        if part != path:
            hashed.update(part.relative_to(path).as_posix().encode() + b"\0")
        content = part.read_bytes()
        hashed.update(content)
        size += len(content)
    return {"bytes": size, "sha256": hashed.hexdigest()}


def digest(content: bytes) -> str:
    """SHA-256, as hexadecimal digits: which data a figure belongs to."""
    import hashlib

    return hashlib.sha256(content).hexdigest()


def environment(packages: Sequence[str]) -> dict[str, Any]:
    """Versions of those packages that are installed, and hardware, for results.json."""
    installed = {name: version(name) for name in packages}
    return {
        "versions": {"python": platform.python_version(), **{name: v for name, v in installed.items() if v}},
        "hardware": {
            **{"machine": platform.machine(), "processor": _processor(), "cores": os.cpu_count()},
            **({"gpu": name} if (name := gpu()) else {}),
        },
    }


def gpu() -> str | None:
    """The name of the first GPU that TensorFlow, if it is loaded, computes on."""
    tensorflow = sys.modules.get("tensorflow")
    found = tensorflow.config.list_physical_devices("GPU") if tensorflow else []
    return tensorflow.config.experimental.get_device_details(found[0]).get("device_name", "GPU") if found else None


def command() -> str:
    """The command that runs, as a user would type it."""
    return shlex.join(["python", "-m", f"apps.{Path(sys.argv[0]).parent.name}", *sys.argv[1:]])


def evaluation_command(app: str, folder: Path, artifact: str, *more: str) -> str:
    """What a user types to repeat an evaluation of one of an app's artifacts; more: other flags."""
    words = ["python", "-m", f"apps.{app}", "evaluate", "--artifact", artifact]
    words += [] if folder.resolve() == SHIPPED / app else ["--model", str(folder)]
    return shlex.join([*words, *more])


def version(package: str) -> str | None:
    """That of an installed package."""
    import importlib.metadata  # takes a tenth of the time of a short command

    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor()
