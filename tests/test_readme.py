"""What README and docs say is true: commands and code run, the tree is the tree, figures are those of the models."""

import contextlib
import importlib
import io
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image, ImageDraw

from keras_rnn import LSTM, convert

ROOT = Path(__file__).parents[1]
TEXTS = {path.name: path.read_text(encoding="utf-8") for path in [ROOT / "README.md", *sorted(ROOT.glob("docs/*.md"))]}
ANSWERS = {
    "sentiment": "positive|negative",
    "mnist_rows": r"7 +\d+\.\d%",
    "shakespeare": "ROMEO:\n.{400,}",
    "word_reversal": "desserts",
    "chinese_pos": "我/r 爱/v",
}
NEED_DATA = ("train", "evaluate", "score", "calibrate")
COLUMN = 26  # of the tree, where the words about a file begin


def cases(found):
    """(text, number): what was found there, as parameters of a test that have these names."""
    named = [(name, number, item) for name, text in TEXTS.items() for number, item in enumerate(found(text), 1)]
    return [pytest.param(item, id=f"{name}-{number}", marks=slow(item)) for name, number, item in named]


def slow(item):
    return [pytest.mark.slow] if "export(" in item else []


def commands_in(text):
    """Lines of code that run an app, without what is said of them."""
    return re.findall(r"^    (?:python -m apps\.|keras-rnn )(\w+(?: (?:\S| (?! ))*)?)", text, re.M)


def run_app(words):
    """Runs an app -> its name, and what it printed."""
    name, *arguments = words
    app, printed = importlib.import_module(f"apps.{name}.__main__"), io.StringIO()
    with contextlib.redirect_stdout(printed):
        assert app.main(arguments) == 0
    return name, printed.getvalue()


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder to work in, with the files that the texts take for there."""
    monkeypatch.chdir(tmp_path)
    drawing = Image.new("L", (90, 120), 255)
    ImageDraw.Draw(drawing).line([(20, 20), (70, 20), (40, 100)], 0, 8)
    drawing.save("photo.jpg")
    (tmp_path / "reviews.txt").write_text("A fine film.\nNever again.\n", encoding="utf-8")
    (tmp_path / "saved_models").symlink_to(ROOT / "saved_models")
    return tmp_path


@pytest.mark.parametrize("command", cases(commands_in))
def test_commands_run(command, place, capsys, monkeypatch):
    words = shlex.split(command.strip())
    if words[0] in ("lessons", "page", "serve"):
        assert (ROOT / "apps" / words[0] / "__main__.py").exists()  # tests of their own run them
        return
    if words[1:2] and words[1] in NEED_DATA:
        app = importlib.import_module(f"apps.{words[0]}.__main__")
        with pytest.raises(SystemExit) as stopped:  # the flags are there; test_contract.py trains and evaluates
            app.main([*words[1:], "--help"])
        assert stopped.value.code == 0
        return
    if "<" in words:
        reviews = io.BytesIO(b"A fine film.\nNever again.\n")
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(reviews, encoding="utf-8"))
        words = words[: words.index("<")]
    name, printed = run_app(words)
    assert re.search(ANSWERS[name], printed, re.S)


def sessions_in(text):
    """Commands and what they print."""
    blocks = re.findall(r"```console\n(.*?)```", text, re.S)
    return [session for block in blocks for session in re.split(r"^\$ keras-rnn ", block, flags=re.M)[1:]]


@pytest.mark.parametrize("session", cases(sessions_in))
def test_what_a_command_prints_is_what_is_shown(session, place):
    command, shown = session.split("\n", 1)
    _, printed = run_app(shlex.split(command))
    number = re.compile(r"\d+\.\d+")
    assert number.sub("#", printed) == number.sub("#", shown)
    for one, other in zip(number.findall(printed), number.findall(shown), strict=True):
        assert float(one) == pytest.approx(float(other), abs=0.1 if float(other) > 1 else 1e-3)  # machines round


def code_in(text):
    return re.findall(r"```python\n(.*?)```", text, re.S)


@pytest.mark.parametrize("code", cases(code_in))
def test_code_runs(code, place):
    names = {}
    if "import" not in code.split("model")[0] or ("keras_rnn.export(model" in code and "keras.Model" not in code):
        inputs = keras.Input((None,), dtype="int32")
        names["model"] = keras.Sequential([inputs, keras.layers.Embedding(9, 3), LSTM(4)])
    if "from_torch" in code:
        import keras_rnn

        names["keras_rnn"] = keras_rnn
        layer = LSTM(3)
        layer(np.zeros((1, 2, 4), np.float32))
        convert.save_torch([layer], "model.safetensors")
        code = code.replace(', prefix="encoder.lstm"', "")  # save_torch writes names without one
    exec(code, names)
    if "keras_rnn.export" in code:
        assert (place / "folder" / "1" / "saved_model.pb").exists() and [*(place / "folder").glob("*.tflite")]


def test_the_doors_from_python_open_without_tensorflow(tmp_path):
    code = next(code for code in code_in(TEXTS["apps.md"]) if "from apps" in code)
    Image.new("L", (90, 120), 255).save(tmp_path / "photo.jpg")
    check = "import sys; assert not {'tensorflow', 'keras'} & set(sys.modules)"
    done = subprocess.run([sys.executable, "-c", code + check], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_readme_is_short_and_its_links_lead_somewhere():
    assert len(TEXTS["README.md"].splitlines()) <= 150
    for name, text in TEXTS.items():
        folder = ROOT if name == "README.md" else ROOT / "docs"
        prose = re.sub(r"```.*?```", "", text, flags=re.S)
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", prose):
            assert (folder / target).exists(), (name, target)


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
    tree = TEXTS["tree.md"].split("```")[1]
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
    for artifact in artifacts.values():
        row = next(line for line in TEXTS["results.md"].splitlines() if f"`{artifact['command']}`" in line)
        more = [value for name, value in artifact.get("more", {}).items() if name in ("one pass", "segmentation F1")]
        for figure in (artifact["value"], *more):
            assert (f"{figure:.4f}" if "unit" in artifact else f"{figure:.2%}") in row
    row = next(line for line in TEXTS["README.md"].splitlines() if line.startswith(f"| `keras-rnn {app} "))
    figure = artifacts["litert"]["value"]
    assert (f"{figure:.4f}" if "unit" in artifacts["litert"] else f"{figure:.2%}") in row
