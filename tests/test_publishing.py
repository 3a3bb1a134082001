"""results.json and the model card."""

import json
import re
import sys

import pytest

from apps.pipeline import model_card, publishing
from apps.pipeline.errors import DataError


def results():
    """As of a model with one artifact measured and one not yet."""
    measured = {"metric": "accuracy", "value": 0.91234, "examples": 25_000, "command": "python -m apps.x evaluate"}
    return {
        "app": "sentiment",
        "artifacts": {
            "saved_model": {"file": "1", "bytes": 17_340_000, **measured},
            "litert_int8": {"file": "model_int8.tflite", "bytes": 4_260_000},
        },
        "training": {
            "command": "python -m apps.sentiment train --seed 1 --data 'my {own} texts.csv'",
            "stages": [{"stage": "word vectors", "seconds": 90.0, "epochs": 5, "result": "good {enough}"}],
        },
    }


def test_the_card_has_the_figures_of_the_results(tmp_path):
    publishing.write_results(tmp_path, results())
    assert publishing.read_results(tmp_path) == results()
    card = (tmp_path / "README.md").read_text(encoding="utf-8")
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in card.splitlines() if line.startswith("|")]
    measured = ["saved_model", "`1`", "17.3 MB", "accuracy 91.23%", "25,000", "`python -m apps.x evaluate`"]
    assert measured in rows
    assert ["litert_int8", "`model_int8.tflite`", "4.3 MB", "not measured", "0", "``"] in rows
    assert ["word vectors", "1.5", "5", "good {enough}"] in rows
    assert "`python -m apps.sentiment train --seed 1 --data 'my {own} texts.csv'`" in card
    assert "{figures}" not in card and "{training}" not in card
    for number in re.findall(r"\d+\.\d\d%", card):
        assert number == "91.23%"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["README.md", "results.json"]


def test_a_card_without_anything_measured_or_trained(tmp_path):
    publishing.write_results(tmp_path, {"app": "sentiment"})
    assert "{" not in (tmp_path / "README.md").read_text(encoding="utf-8")


def test_results_that_are_not_there_or_damaged(tmp_path):
    assert publishing.read_results(tmp_path) == {}
    file = tmp_path / "results.json"
    for content in (b'{"app": ', b"\xff\xfe", b"[1, 2]", b'"text"'):
        file.write_bytes(content)
        with pytest.raises(DataError, match=r"expected results as `train` writes it in .*results\.json, got") as error:
            publishing.read_results(tmp_path)
        assert "\n" not in str(error.value)


def test_list_artifacts_adds_up_the_files(tmp_path):
    (tmp_path / "1" / "variables").mkdir(parents=True)
    (tmp_path / "1" / "saved_model.pb").write_bytes(b"x" * 100)
    (tmp_path / "1" / "variables" / "variables.index").write_bytes(b"x" * 20)
    (tmp_path / "model.tflite").write_bytes(b"x" * 7)
    (tmp_path / "model_int8.tflite").write_bytes(b"x" * 3)
    sizes = {name: artifact["bytes"] for name, artifact in publishing.list_artifacts(tmp_path).items()}
    assert sizes == {"saved_model": 120, "litert": 7, "litert_int8": 3}


def test_figures_in_words():
    figures = {"artifact": "litert", "metric": "accuracy", "value": 0.9, "examples": 25_000}
    assert model_card.in_words(figures) == "litert: accuracy 90.00% over 25,000 examples"


def test_several_metrics_in_words():
    figures = {"artifact": "litert", "metric": "windows", "value": 1.5, "examples": 10, "more": {"stateful": 1.25}}
    assert model_card.in_words(figures | {"unit": "nats"}) == (
        "litert: windows 1.5000 nats, stateful 1.2500 nats over 10 examples"
    )
    assert model_card.metrics_in_words(figures) == "windows 150.00%, stateful 125.00%"


def test_the_command_can_be_typed_again(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["somewhere/apps/sentiment/__main__.py", "train", "--data", "my texts.csv"])
    assert publishing.command() == "python -m apps.sentiment train --data 'my texts.csv'"


def test_environment_is_json_and_has_what_runs():
    about = json.loads(
        json.dumps(publishing.environment(["tensorflow", "keras", "ai-edge-litert", "numpy", "no-such-package"]))
    )
    assert about["versions"]["python"] == ".".join(map(str, sys.version_info[:3]))
    assert about["versions"].keys() == {"python", "tensorflow", "keras", "ai-edge-litert", "numpy"}
    assert about["hardware"]["cores"] >= 1 and about["hardware"]["machine"]


def test_the_gpu_stands_in_the_card_if_there_was_one():
    training = {"command": "python -m apps.x train", "stages": []}
    assert "on a GPU" not in model_card._training({"training": training})
    training["hardware"] = {"gpu": "some card"}
    assert model_card._training({"training": training}).startswith("`python -m apps.x train`, on a GPU: some card\n")
