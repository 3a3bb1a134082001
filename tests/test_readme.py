"""What the README says is true: its commands run, its tree is the tree, its figures are those of the models."""

import importlib
import io
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import keras
import pytest
from PIL import Image, ImageDraw

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = [line.split("  #")[0].strip() for line in README.splitlines() if line.startswith("    python -m apps.")]
ANSWERS = {
    "sentiment": "positive|negative",
    "mnist_rows": r"7 +\d+\.\d%",
    "shakespeare": "ROMEO:\n.{400,}",
    "word_reversal": "desserts",
    "chinese_pos": "我/r 爱/v",
}
NEED_DATA = ("train", "evaluate")
COLUMN = 26  # of the tree, where the words about a file begin


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_run(command, tmp_path, capsys, monkeypatch):
    words = shlex.split(command)
    assert words[:2] == ["python", "-m"]
    app, arguments = importlib.import_module(f"{words[2]}.__main__"), words[3:]
    monkeypatch.chdir(tmp_path)
    drawing = Image.new("L", (90, 120), 255)
    ImageDraw.Draw(drawing).line([(20, 20), (70, 20), (40, 100)], 0, 8)
    drawing.save("photo.jpg")
    if "<" in arguments:
        reviews = io.BytesIO(b"A fine film.\nNever again.\n")
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(reviews, encoding="utf-8"))
        arguments = arguments[:-2]
    if arguments[:1] and arguments[0] in NEED_DATA:
        with pytest.raises(SystemExit) as stopped:  # the flags are there; test_contract.py trains and evaluates
            app.main([*arguments, "--help"])
        assert stopped.value.code == 0
        return
    assert app.main(arguments) == 0
    assert re.search(ANSWERS[app.NAME], capsys.readouterr().out, re.S)


@pytest.mark.slow
def test_the_code_of_the_export_section_runs(tmp_path, monkeypatch):
    code = next(block for block in re.findall(r"```python\n(.*?)```", README, re.S) if "keras_rnn.export" in block)
    monkeypatch.chdir(tmp_path)
    from keras_rnn import LSTM

    model = keras.Sequential([keras.Input((None,), dtype="int32"), keras.layers.Embedding(9, 3), LSTM(4)])
    exec(code, {"model": model})
    assert (tmp_path / "folder" / "1" / "saved_model.pb").exists()
    assert (tmp_path / "folder" / "model.tflite").exists()


def test_the_doors_from_python_open_without_tensorflow(tmp_path):
    code = next(block for block in re.findall(r"```python\n(.*?)```", README, re.S) if "from apps" in block)
    Image.new("L", (90, 120), 255).save(tmp_path / "photo.jpg")
    check = "import sys; assert not {'tensorflow', 'keras'} & set(sys.modules)"
    done = subprocess.run([sys.executable, "-c", code + check], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def paths_in(tree):
    """The paths of the Python files that the tree names; a folder called NAME stands for that of each app."""
    folders, found = [], set()
    for line in tree.splitlines():
        names = re.findall(r"\b\w+\.py\b", line)
        if heads := re.match(r"( *)(\S+/)(?: |$)", line):
            depth = len(heads[1])
            folders = [(indent, name) for indent, name in folders if indent < depth] + [(depth, heads[2])]
        elif names and len(line) - len(line.lstrip()) < COLUMN:  # otherwise a line goes on
            depth = len(line) - len(line.lstrip())
            folders = [(indent, name) for indent, name in folders if indent < depth]
        found |= {"".join(name for _, name in folders) + name for name in names}
    return {path.replace("NAME", app) for path in found for app in ANSWERS}


def test_the_tree_names_every_file_and_no_other():
    tree = README.split("## The tree")[1].split("```")[1]
    listed = subprocess.run(["git", "ls-files", "*.py"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("not a git checkout")
    named, there = (
        {path for path in paths if not path.startswith("tests/") and not path.endswith("__init__.py")}
        for paths in (paths_in(tree), listed.stdout.split())
    )
    assert named == there


@pytest.mark.parametrize("app", ANSWERS)
def test_the_figures_are_those_of_the_models(app):
    artifacts = json.loads((ROOT / "saved_models" / app / "results.json").read_text(encoding="utf-8"))["artifacts"]
    section = README.split("## Results")[1].split("\n## ")[0]
    for artifact in artifacts.values():
        row = next(line for line in section.splitlines() if f"`{artifact['command']}`" in line)
        more = [value for name, value in artifact.get("more", {}).items() if name in ("one pass", "segmentation F1")]
        for figure in (artifact["value"], *more):
            assert (f"{figure:.4f}" if "unit" in artifact else f"{figure:.2%}") in row
