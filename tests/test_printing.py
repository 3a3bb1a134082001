"""What comes from outside is shown, and never obeyed."""

import json

import pytest

from apps.pipeline.printing import json_line, visible

UNSAFE = ["\x1b[2J", "\a", "\n", "\r", "\x7f", "\x85", "\x9b31m", "\u2028", "\u2029", "\u202e", "\ud800", "\0"]


@pytest.mark.parametrize("unsafe", UNSAFE, ids=ascii)
def test_unsafe_characters_are_visible(unsafe):
    shown = visible(f"a{unsafe}b")
    assert shown.isprintable() and shown.startswith("a\\") and shown.endswith("b")
    assert eval(f"'{shown}'") == f"a{unsafe}b"  # as Python writes them


@pytest.mark.parametrize("safe", ["Grüße, 世界 🙏🏽", "a\u0301", "שלום", "C:\\new", ""])
def test_all_others_stay(safe):
    assert visible(safe) == safe


def test_what_a_text_is_made_of_may_be_kept():
    assert visible("one\n\ttwo\x1b", keep="\n\t") == "one\n\ttwo\\x1b"


@pytest.mark.parametrize("unsafe", UNSAFE, ids=ascii)
def test_an_object_is_one_line_for_every_splitter_and_comes_back(unsafe):
    value = {f"key{unsafe}": [f"a{unsafe}世界"]}
    line = json_line(value)
    assert len(line.splitlines()) == 1 and "世界" in line
    assert line.isprintable() and json.loads(line) == value


def test_what_json_has_no_number_for_is_refused():
    with pytest.raises(ValueError, match="not JSON compliant"):
        json_line({"probability": float("nan")})
