"""Pieces of mixed text: what is one word, where words end, and what is left to the network."""

import itertools
import time

import pytest

from apps.chinese_pos import pieces, sentences
from apps.chinese_pos.sentences import ENDS, GOES_ON


def cut(text):
    """The text cut where a word ends for certain."""
    found = sentences.read(text)
    places = [int(start) for start, border in zip(found.starts, found.borders, strict=True) if border == ENDS]
    return [text[a:b] for a, b in itertools.pairwise([*places, len(text)])]


def is_one_word(text):
    return all(border == GOES_ON for border in sentences.read(text).borders[1:])


@pytest.mark.parametrize(
    "text",
    [
        *("Linux|、|macOS", "Python3.6", "😱|Python|中|🙏", "用|C++|和|C#|写", "Node.js|很好", "AT&T|的", "don't"),
        *(
            "见|https://a.example/x?y=1&z=2#e|，|或|info@a.example.org|。",
            "看|www.example.org|吧",
            "a.example.org/b|的",
        ),
        *(
            "他|main.py|里",
            "U.S.|的",
            "COVID-19|疫情",
            "HTML5|和|CSS3",
            "Ｐｙｔｈｏｎ３．６|中",
            "écolé|的",
            "v1.2.3|版",
        ),
        *("好|……", "他|——|好", "嗯|...", "真|？|！", "“|好|”|，|他", "（|Linux|）", "[|好|]", "好|。。。", "~~|好|~~"),
        *(
            "👍🏽|👍|好",
            "🇨🇳|🇺🇸|人",
            "1️⃣|好",
            "👩\u200d👧|好",
            "❤️|爱",
            "●|好",
            "a|=|b",
            "价格|$|12.50",
            "@|张三",
            "a|+|b",
        ),
        *("36.5|℃|，", "5G|手机", "跑|10km|了", "他说|.", "好|. |好"),
    ],
)
def test_words_end_between_the_pieces(text):
    assert cut(text.replace("|", "")) == text.split("|")


@pytest.mark.parametrize(
    "text",
    [
        *(
            "9:30",
            "12:30:45",
            "３∶１",
            "12.5%",
            "１２．５％",
            "1,234.5",
            "2024-11-25",
            "2024/1/5",
            "1/3",
            "1998",
            "10.0.0.1",
        ),
        *(
            "https://example.org/a?b!c;d",
            "first.last+tag@mail.example.org",
            "Python3.6",
            "C++",
            "ＣＤ-ＲＯＭ",
            "……",
            "———",
        ),
        *("1️⃣", "🇨🇳", "℃", "Привет", "e\u0301a"),
    ],
)
def test_a_piece_is_one_word(text):
    assert is_one_word(text)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "1998年",
            "第3章",
            "2000元",
            "惠（君音）说",
            "波音Ｂ—７７７型",
            "A股",
            "T恤",
            "２：１９８２年",
            "９１７．０２９１４．０６",
        ),
        *("３·５％", "1.", "川·立派", "元／平方米", "二○○八", "４×１００米", "－５", "5G"),
    ],
)
def test_what_the_network_decides(text):
    assert cut(text) == [text] and not is_one_word(text)


def test_a_number_in_brackets_or_at_the_beginning_of_a_line():
    assert cut("(3)") == ["(", "3", ")"]
    assert cut("1. 首先\n2.") == ["1. ", "首先\n", "2."]


def test_a_link_has_no_end_of_a_sentence_inside():
    assert len(sentences.read("见http://a.cn/?a!b;c好").sentences()) == 1
    assert len(sentences.read("见？a好").sentences()) == 2


def test_no_text_takes_long():
    """The time grows with the length, not with its square."""
    parts = ["a", "-", "1", "%", "a.", "1.", "a-", "1:", "www.(", "http://(", "a@", "a'", "（", "1a", "1—", "1,", "-."]
    parts += ["1/", "１．", "a@a.", "（一", "……", ".", "．"]
    started = time.process_time()
    for part in parts:
        pieces.find(part * (30_000 // len(part)))
    assert time.process_time() - started < 20


def test_a_word_that_is_a_piece_has_its_kind():
    names = ["", *pieces.PIECES]
    assert [names[pieces.kind_of(word)] for word in ("，", "……", "😀", "Linux", "12", "中国", "＋", "，，")] == [
        *("mark", "run", "emoji", "word", "number", "", "symbol", "")
    ]
