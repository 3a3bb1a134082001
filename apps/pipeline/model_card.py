"""The model card beside a model: the app's card.md, with the figures and the training of results.json.

Its front matter is what the Hugging Face hub reads. `python -m apps.pipeline.model_card FOLDER...` writes the cards of
folders again, from their results.json.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

_OF_THE_APPS_DATA = ("datasets", "language")  # keys of the front matter that a model of the user's data doesn't have


def template(app: str) -> Path:
    """The card of an app, with places for what is measured."""
    return Path(__file__).resolve().parents[1] / app / "card.md"


def text(results: dict[str, Any]) -> str:
    """The card for the content of a results.json."""
    card = template(results["app"]).read_text(encoding="utf-8")
    if results.get("training", {}).get("own_data"):
        front, rest = re.fullmatch(r"(---\n.*?\n---\n)(.*)", card, re.DOTALL).groups()
        card = re.sub(rf"^({'|'.join(_OF_THE_APPS_DATA)}):.*\n", "", front, flags=re.MULTILINE) + rest
    return card.format(figures=_figures(results), training=_training(results), licence=_licence(results))


def in_words(figures: dict[str, Any]) -> str:
    """One line for a person: which artifact, its metrics and over how many examples."""
    return f"{figures['artifact']}: {metrics_in_words(figures)} over {figures['examples']:,} examples"


def metrics_in_words(figures: dict[str, Any]) -> str:
    """The metric, then those in "more", a dictionary; in per cent, or in the "unit" that the figures name."""
    metrics = {figures["metric"]: figures["value"], **figures.get("more", {})}
    unit = figures.get("unit")
    return ", ".join(f"{name} {f'{value:.4f} {unit}' if unit else f'{value:.2%}'}" for name, value in metrics.items())


def _figures(results: dict[str, Any]) -> str:
    rows = ["| artifact | file | size | figure | examples | command |", "| --- | --- | --- | --- | --- | --- |"]
    for name, artifact in results.get("artifacts", {}).items():
        size = f"{artifact['bytes'] / 1e6:.1f} MB"
        metric = metrics_in_words(artifact) if "value" in artifact else "not measured"
        rows.append(
            f"| {name} | `{artifact['file']}` | {size} | {metric} | {artifact.get('examples', 0):,} "
            f"| `{artifact.get('command', '')}` |"
        )
    return "\n".join(rows)


def _licence(results: dict[str, Any]) -> str:
    licence = results.get("training", {}).get("licence", {})
    if not licence:
        return "Not written down."
    return f"The model: {licence['model']}. What it was trained on: {licence['data']}."


def _training(results: dict[str, Any]) -> str:
    training = results.get("training", {})
    rows = ["| stage | minutes | epochs | result |", "| --- | --- | --- | --- |"]
    for stage in training.get("stages", []):
        rows.append(f"| {stage['stage']} | {stage['seconds'] / 60:.1f} | {stage['epochs']} | {stage['result']} |")
    where = training.get("hardware", {}).get("gpu")
    return "\n".join([f"`{training.get('command', '')}`{f', on a GPU: {where}' if where else ''}", "", *rows])


def main(argv: Sequence[str] | None = None) -> int:
    """Writes the card of each folder again -> exit status."""
    from apps.pipeline import command_line, publishing
    from apps.pipeline.errors import DataError
    from whole_files import write_whole

    def work() -> None:
        folders = [Path(name) for name in (sys.argv[1:] if argv is None else argv)]
        if not folders:
            raise DataError("expected folders of models whose cards to write again, got none")
        for folder in folders:
            results = publishing.read_results(folder)
            if not results:
                raise DataError(f"expected a {publishing.RESULTS} in {folder}, got none")
            write_whole(folder / publishing.CARD, text(results))

    return command_line.exit_status("python -m apps.pipeline.model_card", work)


if __name__ == "__main__":
    sys.exit(main())
