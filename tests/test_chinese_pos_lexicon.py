"""What a tagger knows of its training text, and what the network is told of each character."""

import json
from collections import Counter

import numpy as np
import pytest

from apps.chinese_pos import sentences
from apps.chinese_pos.data import slashed_line
from apps.chinese_pos.lexicon import FEATURES, FIRST, UNKNOWN, Lexicon, word_features
from apps.chinese_pos.sentences import ENDS

LINES = ("我/r 爱/v 中国/ns 。/w", "中国/ns 人民/n 爱/v 我/r 。/w", "爱/n 爱/n 人/n ●/w ａ/nx")
TEXTS = [slashed_line(line) for line in LINES]


TWINS = {"國": "国", "愛": "爱", "學": "学"}


@pytest.fixture(scope="module")
def lexicon():
    return Lexicon.from_texts(TEXTS, pairs=100, rarest=1, twins=TWINS)[0]


def told(lexicon, text, **options):
    """What is told of each character, by the columns' names."""
    found = lexicon.features(sentences.read(text), **options)
    assert found.dtype == np.int32 and found.shape[1] == len(FEATURES)
    return dict(zip(FEATURES, found.T.tolist(), strict=True))


def test_ids_go_from_common_to_rare():
    lexicon, counts = Lexicon.from_texts(TEXTS, pairs=3, rarest=2)
    assert lexicon.characters == "爱。中人国我"
    assert lexicon.pairs == ("。\n", "中国", "\n中")[:0] + lexicon.pairs and len(lexicon.pairs) == 3
    assert set(lexicon.pairs[:2]) == {"。\n", "中国"}
    assert lexicon.tags == ("n", "ns", "nx", "r", "v", "w")
    assert counts["爱"] == Counter(v=2, n=2)
    assert lexicon.words["爱"] == "n"  # as common as v, and before it
    assert lexicon.words["中国"] == "ns"


def test_characters_and_pairs(lexicon):
    found = told(lexicon, "中国鬱 爱")
    ids = {character: number for number, character in enumerate(lexicon.characters, FIRST)}
    pairs = {pair: number for number, pair in enumerate(lexicon.pairs, FIRST)}
    assert found["character"] == [ids["中"], ids["国"], UNKNOWN, ids["爱"]]
    assert found["left pair"] == [pairs["\n中"], pairs["中国"], UNKNOWN, pairs["\n爱"]]
    assert found["right pair"] == [pairs["中国"], UNKNOWN, UNKNOWN, UNKNOWN]  # white space is a border too
    assert pairs["ａ\n"] == told(lexicon, "ａ")["right pair"][0]


def test_unknown_letters_and_symbols_have_stand_ins(lexicon):
    ids = {character: number for number, character in enumerate(lexicon.characters, FIRST)}
    assert told(lexicon, "Zé😀鬱")["character"] == [ids["ａ"], ids["ａ"], ids["●"], UNKNOWN]
    assert told(Lexicon(["n"], "我", [], {}), "Z😀我")["character"] == [UNKNOWN, UNKNOWN, FIRST]


def test_known_words(lexicon):
    found = told(lexicon, "爱中国人民")
    n, ns = 1 + lexicon.tags.index("n"), 1 + lexicon.tags.index("ns")
    assert found["starts"] == [1, 2, 0, 3, 0]
    assert found["ends"] == [1, 0, 2, 1, 2]
    assert found["passes"] == [0, 0, 0, 0, 0]
    assert found["tag of the longest that starts"] == [n, ns, 0, n, 0]
    assert found["tag of the longest that ends"] == [n, 0, ns, n, n]
    assert told(lexicon, "中 国")["starts"] == [0, 0]  # a word doesn't go over white space


def test_word_features_of_every_length():
    tags = np.zeros((6, 5), np.int32)
    tags[0, 4], tags[1, 2], tags[2, 0], tags[1, 3] = 7, 8, 9, 3  # words [0, 5), [1, 4), [2, 3), [1, 5)
    starts, ends, passes, of_start, of_end = (column.tolist() for column in word_features(tags))
    assert starts == [16, 4 + 8, 1, 0, 0, 0]
    assert ends == [0, 0, 1, 4, 16 + 8, 0]
    assert passes == [0, 4, 4 + 2 + 1, 4 + 2, 0, 0]
    assert of_start == [7, 3, 9, 0, 0, 0]
    assert of_end == [0, 0, 9, 8, 7, 0]


def test_words_longer_than_the_longest_are_known_but_not_told():
    lexicon = Lexicon.from_texts([slashed_line("一二三四五六/m 一二三四五/m")], pairs=0, rarest=1)[0]
    assert "一二三四五六" in lexicon.words
    assert told(lexicon, "一二三四五六")["starts"] == [16, 0, 0, 0, 0, 0]


def test_what_is_known_from_this_text_alone_is_left_out(lexicon):
    r = 1 + lexicon.tags.index("r")
    v = 1 + lexicon.tags.index("v")
    found = told(lexicon, "我爱人民", left_out={"人民": Counter(), "爱": Counter(v=2, n=1)})
    assert found["tag of the longest that starts"][:2] == [r, v]
    assert found["starts"] == [1, 1, 1, 0] and found["ends"] == [1, 1, 1, 0]


def test_no_text_has_no_features(lexicon):
    assert lexicon.features(sentences.read("")).shape == (0, len(FEATURES))


def test_a_saved_lexicon_is_the_same(lexicon, tmp_path):
    lexicon.save(tmp_path)
    loaded = Lexicon.load(tmp_path)
    for name in ("tags", "characters", "pairs", "words", "twins", "marks"):
        assert getattr(loaded, name) == getattr(lexicon, name)
    text = "我爱中國人民。Zé😀"
    np.testing.assert_array_equal(loaded.features(sentences.read(text)), lexicon.features(sentences.read(text)))


def test_traditional_characters_are_read_as_their_twins(lexicon):
    assert lexicon.twins == {"國": "国", "愛": "爱"}  # it doesn't know 学
    assert told(lexicon, "我愛中國人民，學") == told(lexicon, "我爱中国人民，學")
    assert Lexicon(["n"], "国國", [], {"愛": "n", "爱": "n"}, TWINS).twins == {}  # known themselves
    learnt, counts = Lexicon.from_texts([slashed_line("愛/v 中國/ns 学/v")], 9, 1, TWINS)
    assert list(learnt.words) == ["中国", "学", "爱"] and counts["爱"] == Counter(v=1)
    assert learnt.characters == "中国学爱" and set(learnt.twins) == set(TWINS)


def test_the_tags_of_marks_are_learnt():
    lines = ["我/PRON ，/PUNCT 。/PUNCT ……/PUNCT ＋/SYM ＝/PUNCT"]
    lexicon = Lexicon.from_texts([slashed_line(line) for line in lines], 9, 1)[0]
    assert lexicon.marks == {"emoji": "PUNCT", "run": "PUNCT", "mark": "PUNCT"}  # of symbols there are two
    read = sentences.read("我，😀+1")
    assert [lexicon.tags[tag - 1] if tag else "" for tag in lexicon.known_tags(read)] == ["", "PUNCT", "PUNCT", "", ""]
    assert Lexicon(["n"], "我", [], {"我": "n"}).marks == {}


def test_a_known_word_goes_across_the_border_of_a_piece():
    lexicon = Lexicon(["n"], "我", [], {"ＢＰ机": "n", "卡拉ＯＫ": "n"})

    def cut(text):
        read = sentences.read(text)
        borders = lexicon.borders(read, lexicon.features(read))
        return "".join(f"|{text[s]}" if b == ENDS else text[s] for s, b in zip(read.starts, borders, strict=True))

    assert cut("用BP机唱卡拉OK了") == "|用|BP机唱卡拉OK|了"
    assert cut("用XP机") == "|用|XP|机"
    assert cut("。BP 机") == "|。|BP|机"


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda content: content.pop("words"), "damaged file"),
        (lambda content: content["words"].update(strange="词"), "damaged file"),
        (lambda content: content["features"].pop("passes"), "damaged file"),
        (lambda content: content.update(pairs=3), "damaged file"),
        (lambda content: content.pop("twins"), "damaged file"),
        (lambda content: content["rules"].update({"longest sentence": 9}), "got others"),
    ],
)
def test_a_damaged_lexicon_is_refused(lexicon, tmp_path, change, problem):
    path = tmp_path / "vocabulary.json"
    lexicon.save(tmp_path)
    content = json.loads(path.read_text(encoding="utf-8"))
    change(content)
    path.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(ValueError, match=problem):
        Lexicon.load(tmp_path)
    path.write_bytes(b"\xff{")
    with pytest.raises(ValueError, match="damaged file"):
        Lexicon.load(tmp_path)
