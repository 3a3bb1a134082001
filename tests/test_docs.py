"""The site of docs/: it is built without a warning, and fetches nothing from elsewhere."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    pytest.importorskip("mkdocs", reason="needs the packages of keras-rnn[docs]")
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.mark.slow
def test_every_page_is_there_and_fetches_nothing_from_elsewhere(site):
    pages = sorted(site.rglob("*.html"))
    named = re.findall(r": ([\w/]+)\.md$|^ +- (\w+)\.md$", (ROOT / "mkdocs.yml").read_text(encoding="utf-8"), re.M)
    assert {"".join(names) + ".html" for names in named} <= {path.relative_to(site).as_posix() for path in pages}
    for page in pages:
        text = page.read_text(encoding="utf-8")
        fetched = re.findall(r'<(?:script|img|iframe)[^>]*\ssrc="?(https?:[^" >]+)', text)
        fetched += re.findall(r"<link[^>]*stylesheet[^>]*https?:[^>]+", text)
        assert not fetched, (page.name, fetched)


@pytest.mark.slow
def test_formulas_are_drawn_and_the_api_has_its_docstrings(site):
    lessons = (site / "lessons.html").read_text(encoding="utf-8")
    assert "<math" in lessons and "arithmatex" not in lessons
    api = (site / "api.html").read_text(encoding="utf-8")
    assert "keras_rnn.LSTM" in api and "Long short-term memory" in api
