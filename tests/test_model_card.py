"""The model cards as the Hugging Face hub reads them, and as a command writes them again."""

from pathlib import Path

import pytest
from app_table import APPS

from apps.pipeline import model_card, publishing

SHIPPED = Path(__file__).parents[1] / "saved_models"
TASKS = {
    "sentiment": "text-classification",
    "mnist_rows": "image-classification",
    "shakespeare": "text-generation",
    "word_reversal": "text-generation",
    "chinese_pos": "token-classification",
}


def read_by_the_hub(text):
    return pytest.importorskip("huggingface_hub").ModelCard(text).data


@pytest.mark.parametrize("app", APPS)
def test_the_hub_reads_the_front_matter(app):
    data = read_by_the_hub((SHIPPED / app / "README.md").read_text(encoding="utf-8"))
    assert (data.library_name, data.pipeline_tag, data.license) == ("keras", TASKS[app], "apache-2.0")
    assert data.metrics and all(isinstance(each, str) for each in [*data.metrics, *data.tags])


@pytest.mark.parametrize("app", APPS)
def test_the_shipped_card_is_what_the_command_writes(app, tmp_path):
    (tmp_path / "results.json").write_bytes((SHIPPED / app / "results.json").read_bytes())
    assert model_card.main([str(tmp_path)]) == 0
    assert (tmp_path / "README.md").read_bytes() == (SHIPPED / app / "README.md").read_bytes()


@pytest.mark.parametrize("app", APPS)
def test_the_card_of_a_model_of_ones_own_names_no_data_of_the_app(app):
    results = publishing.read_results(SHIPPED / app)
    results["training"]["own_data"] = True
    data = read_by_the_hub(model_card.text(results))
    assert data.library_name == "keras" and data.datasets is None and data.language is None


@pytest.mark.parametrize("argv", [[], ["no such folder"]], ids=["nothing", "none"])
def test_what_is_no_folder_of_a_model_is_one_sentence(argv, capsys):
    assert model_card.main(argv) == 2
    told = capsys.readouterr().err
    assert told.startswith("python -m apps.pipeline.model_card: error: expected ") and len(told.splitlines()) == 1
