"""The wheel: small enough for PyPI, and with everything that answers on the command line and on the page."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ASKED = {
    ("sentiment", "classify", "A fine film."): "positive",
    ("shakespeare", "generate", "--prompt", "ROMEO:", "--length", "3"): "ROMEO:",
    ("word_reversal", "reverse", "stressed"): "desserts",
    ("chinese_pos", "tag", "我爱北京。"): "我/r 爱/v",
    ("mnist_rows",): "7   100.0%",
}
PYPI_TAKES = 100e6


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    pytest.importorskip("hatchling", reason="needs hatchling, which keras-rnn[dev] brings")
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (path,) = folder.glob("keras_rnn-*-py3-none-any.whl")
    return path


@pytest.mark.slow
def test_the_wheel_is_small_typed_and_has_a_command(wheel):
    assert wheel.stat().st_size <= 40e6 < PYPI_TAKES
    with zipfile.ZipFile(wheel) as file:
        names = set(file.namelist())
        assert {f"{package}/py.typed" for package in ("apps", "keras_rnn", "whole_files")} <= names
        assert {f"apps/page/site/{path.name}" for path in (ROOT / "apps" / "page" / "site").iterdir()} <= names
        (entry_points,) = (name for name in names if name.endswith("entry_points.txt"))
        assert "keras-rnn = apps.__main__:main" in file.read(entry_points).decode()
    assert not [name for name in names if "/training/" in name or name.endswith((".keras", ".pb"))]


@pytest.mark.slow
def test_every_app_answers_from_the_wheel(wheel, tmp_path):
    with zipfile.ZipFile(wheel) as file:
        file.extractall(tmp_path / "installed")
    (tmp_path / "elsewhere").mkdir()
    for words, answer in ASKED.items():
        start = f"import sys; sys.path[:0] = [{str(tmp_path / 'installed')!r}]; sys.argv[1:] = {list(words)!r}; "
        code = start + "import apps.__main__ as programs; programs.main()"
        command = [sys.executable, "-P", "-c", code]
        done = subprocess.run(command, cwd=tmp_path / "elsewhere", capture_output=True, text=True, env={})
        assert done.returncode == 0 and answer in done.stdout, (words, done.stderr)


@pytest.mark.slow
def test_the_page_is_written_from_the_wheel(wheel, tmp_path):
    with zipfile.ZipFile(wheel) as file:
        file.extractall(tmp_path / "installed")
    start = f"import sys; sys.path[:0] = [{str(tmp_path / 'installed')!r}]; "
    words = ["page", str(tmp_path / "page"), "--runtime", "https://packages.example"]
    code = start + f"import apps.__main__ as programs; sys.argv[1:] = {words!r}; programs.main()"
    done = subprocess.run([sys.executable, "-P", "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    models = tmp_path / "page" / "models"
    assert {path.parent.name for path in models.glob("*/*.tflite")} == {path.name for path in models.iterdir()} != set()
