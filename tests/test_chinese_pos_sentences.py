"""Texts as a tagger reads them: characters, their places, sentences, and where words end."""

import random

import numpy as np
import pytest

from apps.chinese_pos import sentences
from apps.chinese_pos.kinds import KINDS
from apps.chinese_pos.lexicon import as_string
from apps.chinese_pos.sentences import ENDS, FREE, GOES_ON, LONGEST, read

# White space, ends of lines, marks, letters, digits, symbols, emoji, traditional characters, controls.
STRANGE = (
    "我爱中国。！？；  \n\r\u3000abXY０9.,;!?“”\"'é\u0301\u200d👩👨👍🏽🇨🇳\ufe0f國學漢\u0308\u200b\ufeff\x00\x7f"
    "~-—…・「」ａ●\u2028한あア\u3099𠀀\x85\xa0\t\x01\x09+#@/:：%（）_$→℃"
)
PHRASES = (  # of mixed text, whose borders are known
    *("Python3.6", "C++", "C#", "https://a.cn/b?c=1;d#e", "a.b@c.cn", "9:30", "１２．５％", "……", "——", "1️⃣", "T恤"),
    *(
        "5G",
        "2：１９８２",
        "（石示）",
        "1. ",
        "1,234.5",
        "2024-11-25",
        "U.S.",
        "don't",
        "3.1.4",
        "A—１",
        "10km",
        "。。。",
    ),
)


def random_text(generator, longest=60):
    """Any characters, and phrases now and then."""
    size = generator.randrange(longest)
    return "".join(generator.choice(PHRASES if generator.random() < 0.1 else STRANGE) for _ in range(size))


def shown(text):
    """The characters of each sentence; a bar is where a word ends, a tie where none does."""
    found = read(text)
    marks = {ENDS: "|", GOES_ON: "_", FREE: ""}
    parts = [marks[border] + character for border, character in zip(found.borders, as_string(found), strict=True)]
    return ["".join(parts[part]) for part in found.sentences()]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        (" \t\n\u3000\x00", []),
        ("我说。你听！！他；", ["|我说|。", "|你听|！|！", "|他|；"]),
        ("我\n你\r\n他", ["|我", "|你", "|他"]),
        ("我 你\u3000他", ["|我|你|他"]),
        ("我。 你", ["|我|。", "|你"]),
        ("WTO的a b", ["|Ｗ_Ｔ_Ｏ|的ａ|ｂ"]),
        ("ＷTo1é", ["|Ｗ_Ｔ_ｏ_１_é"]),
        ("3.14%,\"x'?", ["|３_．_１_４_％|，|”|ｘ|’|？"]),
        ("「二〇〇八」", ["|“|二○○八|”"]),
        ("e\u0301x 👍🏽好", ["|ｅ_ｘ|👍|好"]),
        ("👩\u200d👧是\u3099", ["|👩|是"]),
        ("\u0301\u0302a", ["|\u0301ａ"]),  # marks without a character before them are one
        (" \u0301", ["|\u0301"]),
        ("🇨🇳我", ["|🇨_🇳|我"]),
        ("Привет мир", ["|П_р_и_в_е_т|м_и_р"]),
        ("\ud800我", ["|\ufffd我"]),
    ],
)
def test_characters_sentences_and_borders(text, expected):
    assert shown(text) == expected


def test_letters_with_accents_are_letters():
    assert shown("caféx") == ["|ｃ_ａ_ｆ_é_ｘ"]


def test_places_point_into_the_text_and_cover_it():
    generator = random.Random(0)
    for _ in range(300):
        text = random_text(generator)
        found = read(text)
        assert (found.starts < found.ends).all() and (found.ends[:-1] <= found.starts[1:]).all()
        covered = np.zeros(len(text), bool)
        for start, end in zip(found.starts, found.ends, strict=True):
            covered[start:end] = True
        kinds = read("".join(character for character, seen in zip(text, covered, strict=True) if not seen))
        assert len(kinds) == 0  # what is in no character is white space
        for start, end in zip(found.starts, found.ends, strict=True):
            assert len(read(text[start:end])) == 1
        assert (found.borders[found.first] == ENDS).all() and found.first[:1].all()


def test_a_long_sentence_is_cut():
    assert [len(part) for part in shown("我" * (2 * LONGEST + 3) + "。你")] == [LONGEST + 1, LONGEST + 1, 6, 2]
    assert [part.count("_") for part in shown("a" * (LONGEST + 2))] == [LONGEST - 1, 1]


@pytest.mark.parametrize("size", [2 * LONGEST, 600])
def test_pieces_are_read_as_the_whole(size, monkeypatch):
    generator = random.Random(1)
    texts = [random_text(generator, 200) for _ in range(20)] + ["我。" * 400, "我a" * 700, "。\n" * 9 + "我 " * 600]
    whole = [read(text) for text in texts]
    monkeypatch.setattr(sentences, "AT_ONCE", size)
    for text, expected in zip(texts, whole, strict=True):
        found = list(sentences.read_in_pieces(text))
        for name in ("codes", "borders", "kinds", "first"):
            parts = [getattr(read, name) for _, read in found] or [getattr(expected, name)]
            np.testing.assert_array_equal(np.concatenate(parts), getattr(expected, name))
        starts = [read.starts + offset for offset, read in found] or [expected.starts]
        np.testing.assert_array_equal(np.concatenate(starts), expected.starts)


def test_pieces_end_even_where_nothing_can_be_cut(monkeypatch):
    monkeypatch.setattr(sentences, "AT_ONCE", 10)
    for text in ("我" + "\u0301" * 100, " " * 100, "我" * 100):
        assert sum(len(read) for _, read in sentences.read_in_pieces(text)) <= len(text)


def test_without_surrogates_keeps_places():
    assert sentences.without_surrogates("a\ud800我\udfff😀") == "a\ufffd我\ufffd😀"


def test_the_kinds_are_sorted():
    firsts = [first for first, _ in KINDS]
    assert firsts == sorted(set(firsts)) and firsts[0] == 0
