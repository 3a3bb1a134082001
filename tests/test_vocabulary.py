"""Text to ids: Python, the TensorFlow graph and a reader of vocabulary.json's rules give the same tokens and ids."""

import copy
import json
import random
import re

import pytest
import tensorflow as tf

from apps.pipeline import vocabulary as text_module
from apps.pipeline.errors import DataError
from apps.pipeline.vocabulary import RULES, Vocabulary, tokenize, tokenize_in_graph

EXPECTED = {
    "It isn't <br />GREAT... 7/10!": ["it", "isn", "’t", "great", "…", "7", "/", "10", "!"],
    "": [],
    " \t\r\n\u00a0\u3000\x00\x85\u2028\x1c": [],
    "one\x00two\u00a0three": ["one", "two", "three"],
    "Don’t DON`T don´t don＇t": ["don", "’t"] * 4,
    "'quoted' rock'n'roll 'tis": ["'", "quoted", "'", "rock", "’n", "'", "roll", "'", "tis"],
    "a<BR/>b<a href='x'>c</A>d<1>e<>f<b": [*"abcd<1>e<>f<b"],
    "over <br the <br>moon>": ["over", "<", "br", "the", "moon", ">"],
    "well . . . no.. yes. ok": ["well", "…", "no", "…", "yes", ".", "ok"],
    "Ünïcode CAFÉ Ёлка ΣΟΦΟΣ σοφός": ["ünïcode", "café", "ёлка", "σοφοσ", "σοφόσ"],
    "İstanbul": ["i\u0307stanbul"],
    "这部电影很好!": ["这", "部", "电", "影", "很", "好", "!"],
    "カナ 한국": ["カ", "ナ", "한", "국"],
    "so😀😀good ❤\ufe0f 👍🏽": ["so", "😀", "😀", "good", "❤", "👍", "🏽"],
    "soft\u00adhyphen zero\u200bwidth \ufeffmark": ["softhyphen", "zerowidth", "mark"],
    "half \ud83d a pair": ["half", "a", "pair"],
    "10% of $5.50_each": ["10", "%", "of", "$", "5", ".", "50", "_", "each"],
    "\\1 \\g<0> $1": ["\\", "1", "\\", "g", "<", "0", ">", "$", "1"],
}
PIECES = [
    *"abZé'’`´＇<>/. …-!?&\\$1\n\t\0",
    *("<br />", "<BR>", "<i", "</a", "...", ". .", "ß", "İ", "Σ", "ς", "ΑΣ", "ǅ", "ŉ", "K", "Å", "ẞ", "Ⅷ", "𐐀", "Ა"),
    *("\u00ad", "\u200b", "\u200d", "\ufe0f", "\ufffd", "\ufeff", "\u0301", "\u0307", "\u0345", "\u2028", "\x1f"),
    *(
        "😀",
        "👨\u200d👩\u200d👧",
        "好",
        "한",
        "ひ",
        "ا",
        "\u202eעב",
        "น",
        "\ud800",
        "\ud83d",
        "\ude00",
        "\u0888",
        "\U00016ea0",
    ),
]


def in_graph(texts):
    """The tokens that the graph finds in strings or bytes."""
    texts = [text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text for text in texts]
    return [
        [token.decode() for token in tokens] for tokens in tokenize_in_graph(tf.constant(texts, tf.string)).to_list()
    ]


def assert_same(texts, decoded=None):
    for text, found in zip(decoded or texts, in_graph(texts), strict=True):
        expected = tokenize(text)
        if expected != found:  # not a bare assert, which would compare and print a million characters
            place = next((i for i, pair in enumerate(zip(expected, found, strict=False)) if pair[0] != pair[1]), -1)
            ours, theirs = expected[place:][:1], found[place:][:1]
            pytest.fail(f"{text[:200]!a}: token {place} is {ours!a} in Python, {theirs!a} in the graph")


@pytest.mark.parametrize("text", EXPECTED)
def test_tokens(text):
    assert tokenize(text) == EXPECTED[text]


def test_the_graph_gives_the_same_tokens():
    assert in_graph(EXPECTED) == list(EXPECTED.values())
    assert in_graph([]) == []


def test_every_code_point():
    everything = [f"a{chr(code)}" if code < 0x40000 else chr(code) for code in range(0x110000)]  # no letters up there
    assert_same(["".join(everything[start : start + 256]) for start in range(0, len(everything), 256)])


@pytest.mark.parametrize("around", ["a'{}'b ", "<{}a>", "Α{}Σ ", "Α{}ΣΑ ", "ΑΣ{} ", "ΑΣ{}Α "])
def test_every_assigned_code_point_in_context(around):
    """Apostrophes, tags, and the Greek sigma, whose lower case at the end of a word depends on what is around it."""
    planes = [*range(0x18000), *range(0x1B000, 0x20000), *range(0xE0000, 0xE0200)]  # the rest is ideographs or nothing
    everything = [around.format(chr(code)) for code in planes if not 0x3400 <= code < 0xA000]
    assert_same(["".join(everything[start : start + 256]) for start in range(0, len(everything), 256)])


def test_random_text():
    generator = random.Random(0)
    assert_same(["".join(generator.choices(PIECES, k=generator.randint(0, 40))) for _ in range(10_000)])


def test_random_bytes():
    generator = random.Random(1)
    texts = [generator.randbytes(generator.randint(0, 40)) for _ in range(5_000)]
    texts += ["".join(generator.choices("aé好😀", k=9)).encode()[generator.randint(0, 3) : -1] for _ in range(1_000)]
    texts += [b"caf\xe9", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xc0\xaf", b"\xff" * 9, b"a\x80b"]
    assert_same(texts, [text.decode("utf-8", "replace") for text in texts])
    assert in_graph([b"caf\xe9s", b"a\xed\xa0\x80b"]) == [["caf", "s"], ["a", "b"]]


def test_long_text():
    generator = random.Random(2)
    repeated = ["a", "<", "<b", ".", ". ", "'a", "Σ", "好", " ", "\0", "😀", "<b>"]
    assert_same([(piece * 50_000)[:50_000] for piece in repeated])
    assert_same(["".join(generator.choices(PIECES, k=length))[:length] for length in (100_000, 1_000_000)])


def test_vocabulary_ranks_by_count_then_alphabet():
    texts = ["b a c", "c B é", "c, z z"]
    vocabulary = Vocabulary.from_texts(texts, size=100, keep_last=10, labels=("no", "yes"))
    assert vocabulary.words == ("c", "b", "z", ",", "a", "é")
    assert vocabulary.labels == ("no", "yes") and vocabulary.keep_last == 10
    assert len(vocabulary) == 8
    assert vocabulary.ids("c b z , a é unheard") == [2, 3, 4, 5, 6, 7, 1]
    assert Vocabulary.from_texts(reversed(texts), size=4, keep_last=10).words == ("c", "b", "z", ",")


def test_ids_keep_the_last_tokens_and_never_none():
    vocabulary = Vocabulary(["a", "b"], keep_last=3)
    assert vocabulary.ids("a") == [2]
    assert vocabulary.ids("a a a b c") == [2, 3, 1]
    for nothing in ("", " \n", "\u200b", "<br />", "\ud800"):
        assert vocabulary.ids(nothing) == [1]
        assert vocabulary.all_ids(nothing) == [1]
    assert vocabulary.all_ids("a a a b c") == [2, 2, 2, 3, 1]


BATCH = ["a b c", "", "<br />", "b", "c " * 9 + "a b", "Word isn't 好 😀...", "\0", "isn’t"]


@pytest.fixture
def vocabulary():
    return Vocabulary(["a", "b", "word", "isn", "’t", "好", "…", "<"], keep_last=5, labels=("neg", "pos"))


def test_ids_in_graph_equal_ids_row_by_row(vocabulary):
    ids = vocabulary.ids_in_graph(tf.constant(BATCH))
    assert ids.dtype == tf.int32 and ids.shape == (len(BATCH), 5)
    for text, row in zip(BATCH, ids.numpy().tolist(), strict=True):
        expected = vocabulary.ids(text)
        assert row == expected + [0] * (5 - len(expected))
    for text in BATCH:
        assert vocabulary.ids_in_graph(tf.constant([text])).numpy().tolist() == [vocabulary.ids(text)]
    assert vocabulary.ids_in_graph(tf.constant(["", " "])).numpy().tolist() == [[1], [1]]
    assert vocabulary.ids_in_graph(tf.constant([], tf.string)).shape[0] == 0


def test_ids_in_graph_survive_the_saved_model(vocabulary, tmp_path):
    class Reader(tf.Module):
        def __init__(self):
            self.table = vocabulary.table

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
        def __call__(self, texts):
            return vocabulary.ids_in_graph(texts)

    expected = [ids + [0] * (5 - len(ids)) for ids in map(vocabulary.ids, BATCH)]
    in_function = tf.function(vocabulary.ids_in_graph)  # the first to need the table, so that a trace makes it
    assert in_function(tf.constant(BATCH)).numpy().tolist() == expected
    assert vocabulary.ids_in_graph(tf.constant(BATCH)).numpy().tolist() == expected
    reader = Reader()
    assert reader(tf.constant(BATCH)).numpy().tolist() == expected
    tf.saved_model.save(reader, tmp_path / "reader")
    loaded = tf.saved_model.load(tmp_path / "reader")
    assert loaded(tf.constant(BATCH)).numpy().tolist() == expected
    assert loaded.signatures["serving_default"](texts=tf.constant(BATCH))["output_0"].numpy().tolist() == expected


def test_save_and_load(vocabulary, tmp_path):
    path = tmp_path / "vocabulary.json"
    vocabulary.save(tmp_path)
    loaded = Vocabulary.load(tmp_path)
    assert (loaded.words, loaded.keep_last, loaded.labels) == (vocabulary.words, 5, ("neg", "pos"))
    assert [loaded.ids(text) for text in BATCH] == [vocabulary.ids(text) for text in BATCH]
    (tmp_path / "again").mkdir()
    loaded.save(tmp_path / "again")
    assert (tmp_path / "again" / "vocabulary.json").read_bytes() == path.read_bytes()
    assert "好" in path.read_text(encoding="utf-8")


DAMAGE = {
    "cut": lambda content: content[: len(content) // 2],
    "empty": lambda content: b"",
    "not UTF-8": lambda content: content.replace("好".encode(), b"\xff"),
    "no words": lambda content: content.replace(b'"words"', b'"wards"'),
    "no rules": lambda content: content.replace(b'"rules"', b'"rulers"'),
    "words null": lambda content: json.dumps(json.loads(content) | {"words": None}).encode(),
    "a list": lambda content: b"[1, 2]",
    "a number": lambda content: b"5",
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_vocabulary_is_refused(vocabulary, tmp_path, damage):
    path = tmp_path / "vocabulary.json"
    vocabulary.save(tmp_path)
    path.write_bytes(DAMAGE[damage](path.read_bytes()))
    with pytest.raises(
        DataError, match=r"expected a vocabulary as `train` writes it in .*, got a damaged file"
    ) as error:
        Vocabulary.load(tmp_path)
    assert str(path) in str(error.value)


def test_a_vocabulary_of_other_rules_is_refused(vocabulary, tmp_path, monkeypatch):
    other = copy.deepcopy(RULES)
    other["after lower-casing"].pop()
    with monkeypatch.context() as patch:
        patch.setattr(text_module, "RULES", other)
        vocabulary.save(tmp_path)
    with pytest.raises(DataError, match=r"expected the rules of this version in .*, got others: train or export"):
        Vocabulary.load(tmp_path)


def ids_by_the_file(path, text):
    """What a program in any language does that has only vocabulary.json."""
    content = json.loads(path.read_text(encoding="utf-8"))
    rules = content["rules"]
    for pattern, replacement in rules["before lower-casing"]:
        text = re.sub(pattern, replacement, text)
    text = text.lower()
    for pattern, replacement in rules["after lower-casing"]:
        text = re.sub(pattern, replacement, text)
    assert rules["then"] == "split at spaces"
    tokens = [token for token in text.split(" ") if token][-content["keep_last"] :]
    special, words = rules["ids"], content["words"]
    ids = [special["first word"] + words.index(token) if token in words else special["unknown"] for token in tokens]
    return ids or [special["unknown"]]


def test_the_file_alone_is_enough_to_make_the_ids(tmp_path):
    generator = random.Random(3)
    whole = [piece for piece in PIECES if not "\ud800" <= piece <= "\udfff"]
    texts = [text for text in EXPECTED if "\ud83d" not in text]
    texts += ["".join(generator.choices(whole, k=30)) for _ in range(500)]
    vocabulary = Vocabulary.from_texts(texts[::2], size=60, keep_last=12)
    path = tmp_path / "vocabulary.json"
    vocabulary.save(tmp_path)
    for text in texts:
        assert ids_by_the_file(path, text) == vocabulary.ids(text)
    ids = [vocabulary.ids(text) for text in texts]
    assert {1, 2, len(vocabulary) - 1} <= {id for row in ids for id in row} and max(map(len, ids)) == 12
