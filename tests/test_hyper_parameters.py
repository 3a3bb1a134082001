"""The example of a search: processes share the trials, and a second start knows the first one's."""

import subprocess
import sys
from pathlib import Path

import pytest
from app_table import PAIRS

pytest.importorskip("optuna", reason="needs the packages of keras-rnn[search]")

EXAMPLE = Path(__file__).parents[1] / "examples" / "hyper_parameters.py"


@pytest.mark.slow
def test_a_search_goes_on_where_it_ended(tmp_path):
    pairs = tmp_path / "pairs.tsv"
    pairs.write_text("".join(f"{first}\t{second}\n" for first, second in PAIRS), encoding="utf-8")
    for trials in (1, 2):
        command = [sys.executable, EXAMPLE, pairs, tmp_path / "search", "--trials", "1", "--epochs", "1"]
        done = subprocess.run(command, capture_output=True, text=True, cwd=EXAMPLE.parents[1])
        assert done.returncode == 0, done.stderr
        assert f"{trials} trials; the best: validation loss " in done.stdout.splitlines()[-1]
    assert {path.name for path in (tmp_path / "search").iterdir()} == {"journal.log", "trial-0", "trial-1"}
