"""A trained model's folder, read and measured: what is in its files is what was written, by the hashes in its
results.json, and all of one model, also while another takes its place.

A folder without results.json, or whose results.json lists no hash of a file, is somebody's own: its files are checked
by what is in them alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from apps.pipeline import json_files, publishing
from apps.pipeline.errors import DataError
from apps.pipeline.publishing import Evaluation
from whole_files import in_turn, newest, placed_in, read_whole

Content = TypeVar("Content")
Opened = TypeVar("Opened")


class Damaged(DataError):
    """A file isn't the one that was written: it is damaged, or the folder was replaced while it was read."""


def read(folder: Path, name: str) -> bytes:
    """The content of a file of the folder; DataError if there is none, Damaged if it isn't as results.json has it."""
    path = folder / name
    try:
        if not path.is_file() and path.exists():
            raise DataError(f"expected a file at {path}, got something else")
        content = path.read_bytes()
    except FileNotFoundError:
        raise DataError(f"expected a trained model in {folder}, got no {name} there{left_out(path)}") from None
    expected = publishing.hashes(publishing.read_results(folder)).get(name)
    if expected is not None and publishing.digest(content) != expected:
        raise _damaged(path)
    return content


def has_hash(folder: Path, name: str) -> bool:
    """Whether results.json tells what is in a file of the folder."""
    return name in publishing.hashes(publishing.read_results(folder))


def read_json(folder: Path, name: str, kind: type[Content], what: str) -> Content:
    """The content of a JSON file of the folder as a msgspec.Struct; what: the file is to be, for the sentence."""
    return json_files.decoded(read(folder, name), kind, folder / name, what)


def expect_whole(path: Path) -> None:
    """Damaged if the SavedModel in the folder `path` isn't as the results.json beside it has it."""
    expected = publishing.hashes(publishing.read_results(path.parent)).get(path.name)
    if expected is not None and publishing.fingerprint(path)["sha256"] != expected:
        raise _damaged(path)


def expect_trained(path: Path) -> None:
    """DataError if there is no file at `path` to export; better before TensorFlow starts than behind it."""
    if not path.is_file():
        raise DataError(f"expected a trained model, as `train` writes it to model.keras, got no file {path}")


def expect_as_trained(path: Path, how: dict[str, Any]) -> None:
    """Damaged if the model.keras at `path` isn't the one that the training `how` in results.json left there."""
    expected = how.get("files", {}).get(path.name, {}).get("sha256")
    if expected is not None and publishing.fingerprint(path)["sha256"] != expected:
        raise Damaged(
            f"expected {path} as `train` wrote it, by the SHA-256 in the {publishing.RESULTS} beside it, got other "
            "bytes: the file is damaged, or its run wasn't finished (`train --resume` does that); a model of your own "
            "needs a name of its own"
        )


def kept(folder: Path, name: str, how: dict[str, Any]) -> bytes | None:
    """The content of a file that the training `how` in results.json left in a folder; None if there is none."""
    expected = how.get("files", {}).get(name, {}).get("sha256")
    try:
        content = (folder / name).read_bytes() if expected else None
    except FileNotFoundError:
        return None
    if content is not None and publishing.digest(content) != expected:
        raise _damaged(folder / name)
    return content


def expect_app(folder: Path, app: str) -> None:
    """DataError if the folder's results.json says that it is another app's model."""
    found = publishing.read_results(folder).get("app", app)
    if found != app:
        raise DataError(f"expected a model of {app} in {folder}, got one of {found}")


def started(folder: Path, app: str, fields: Sequence[str] = ()) -> dict[str, Any]:
    """What is other in the recipe of a training that begins with the model in a folder.

    Args:
        fields: of the recipe that say what the network is made of; they are the other model's.

    DataError if the folder has no SavedModel of this app.
    """
    expect_app(folder, app)
    path, results = folder / publishing.FILES["saved_model"], publishing.read_results(folder)
    if not (path / "saved_model.pb").is_file():
        raise DataError(f"expected a trained model in {folder} to start from, got no SavedModel there{left_out(path)}")
    recipe = results.get("training", {}).get("recipe", {})
    sha256 = publishing.hashes(results).get(path.name) or publishing.fingerprint(path)["sha256"]
    return {name: recipe[name] for name in fields if name in recipe} | {"started_from": sha256}


def opened(folder: Path, app: str, make: Callable[[Path], Opened]) -> Opened:
    """What `make` makes of the files in a model's folder: all old or all new if it is replaced meanwhile.

    Args:
        make: is given the folder to read from, which isn't `folder` while files take their places there; it is called
            again if another model came meanwhile.

    Raises:
        DataError: there is no such folder, it is another app's, or a file is missing or damaged.
        OSError: the model was being replaced when that was cut off, and what was to take its place is gone; or it is
            another one each time.
    """

    def read_and_check(here: Path) -> Opened:
        expect_app(here, app)
        return make(here)

    return read_whole(folder, read_and_check)


def results_of(folder: Path) -> dict[str, Any]:
    """The results.json of a model's folder, as `publishing.read_results`, also while the model is replaced."""
    return read_whole(folder, publishing.read_results)


def record(folder: Path, app: str, artifact: str, measure: Callable[[Path], Evaluation], command: str) -> Evaluation:
    """What `measure` finds, its figures written into results.json and the model card with the command that repeats it.

    Args:
        measure: as `make` of `opened`.

    Raises:
        DataError: results.json doesn't list the artifact, which is found out before anything is measured; or the model
            is another one meanwhile.
    """

    def measured(here: Path) -> tuple[str | None, Evaluation]:
        return _listed(publishing.read_results(here), artifact, folder).get("sha256"), measure(here)

    sha256, evaluation = opened(folder, app, measured)
    with in_turn(folder), placed_in(folder) as beside:
        results = publishing.read_results(folder)
        entry = _listed(results, artifact, folder)
        if entry.get("sha256") != sha256:
            raise DataError(
                f"expected the {artifact} that was measured in {folder}, got another model's, which came meanwhile: "
                "measure it again"
            )
        entry |= evaluation.figures | {"command": command}
        publishing.write_results(beside, results)
    return evaluation


def _listed(results: dict[str, Any], artifact: str, folder: Path) -> dict[str, Any]:
    """The artifact's entry in results.json; DataError if there is none, and so no place for figures."""
    if artifact not in results.get("artifacts", {}):
        raise DataError(f"expected a results.json that lists {artifact} in {folder}, got none: export the model again")
    return results["artifacts"][artifact]


def expect_artifact(folder: Path, artifact: str) -> None:
    """DataError if the folder's results.json lists the artifact and its file isn't there."""
    path = newest(folder) / publishing.FILES[artifact]
    if not path.exists() and (why := left_out(path)):
        raise DataError(f"expected {path} to measure, got no such file{why}")


def left_out(path: Path) -> str:
    """Where a file is that isn't there, for the end of a sentence; empty if results.json doesn't list it either."""
    results = publishing.read_results(path.parent)
    if path.name not in publishing.hashes(results):
        return ""
    place = f"saved_models/{results['app']} of the project's repository"
    return f": the package leaves it out to be small; it is in {place}, and `train` writes it"


def _damaged(path: Path) -> Damaged:
    return Damaged(
        f"expected {path} as it was written, by the SHA-256 in the {publishing.RESULTS} beside it, got other bytes: "
        "the file is damaged or another model's; get the folder again, or export the model anew"
    )
