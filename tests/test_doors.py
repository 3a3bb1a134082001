"""The apps from Python: README's lines run without TensorFlow, and the answers are those that the verbs print."""

import json
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

ROOT = Path(__file__).parents[1]
CODE = next(
    block
    for block in re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.S)
    if "apps" in block
)
ASKED = {  # app: its verb, inputs, and the flags by which the command line answers the same
    "sentiment": ("classify", ["A warm, funny film.", "Never again.", ""], {}, ()),
    "mnist_rows": ("recognise", ["photo.jpg", "none.png"], {}, ()),
    "shakespeare": ("generate", ["ROMEO:"], {"length": 9, "seed": 3}, ("--length", "9", "--seed", "3", "--prompt")),
    "word_reversal": ("reverse", ["stressed", "é", "live"], {"beam": 2}, ("--beam", "2")),
    "chinese_pos": ("tag", ["我爱自然语言处理。", ""], {}, ()),
}
METHODS = {app: verb for app, (verb, *_) in ASKED.items()} | {"shakespeare": "write"}


@pytest.fixture(autouse=True)
def photo(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    drawing = Image.new("L", (90, 120), 255)
    ImageDraw.Draw(drawing).line([(20, 20), (70, 20), (40, 100)], 0, 8)
    drawing.save("photo.jpg")


def test_the_lines_of_the_readme_run_without_tensorflow(tmp_path):
    heavy = "import sys; assert not {'tensorflow', 'keras'} & set(sys.modules)"
    done = subprocess.run([sys.executable, "-c", CODE + heavy], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("app", ASKED)
def test_one_or_many_and_the_command_line_answer_alike(app, capfd):
    verb, inputs, options, flags = ASKED[app]
    answer = getattr(import_module(f"apps.{app}").load(), METHODS[app])
    answers = answer(inputs, **options)
    assert [answer(one, **options) for one in inputs] == answers
    import_module(f"apps.{app}.__main__").main([verb, "--json", *flags, *inputs])
    for line, one in zip(capfd.readouterr().out.splitlines(), answers, strict=True):
        for name, value in json.loads(line).items():
            if name == "words" and app == "chinese_pos":
                words = [[one.text[w.start : w.end], w.tag, w.start, w.end] for s in one.sentences for w in s]
                assert [list(word.values()) for word in value] == words
            else:
                assert getattr(one, name) == value


def test_a_folder_of_ones_own(tmp_path):
    from apps import word_reversal
    from apps.pipeline.errors import DataError

    shipped = ROOT / "saved_models" / "word_reversal"
    assert word_reversal.load(str(shipped)).reverse("live").reversed == "evil"
    with pytest.raises(DataError, match="expected a trained model in "):
        word_reversal.load(tmp_path)
