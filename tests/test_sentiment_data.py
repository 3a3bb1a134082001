"""The corpora: IMDB through tensorflow-datasets from a small archive on a local server, and the user's own files."""

import codecs
import dataclasses
import functools
import gzip
import hashlib
import http.server
import importlib
import io
import json
import os
import random
import shutil
import socket
import subprocess
import sys
import tarfile
import threading

import numpy as np
import pytest

from apps.corpora import imdb
from apps.pipeline.errors import DataError
from apps.pipeline.splits import split
from apps.sentiment.data import LabelledTexts, labelled_file, reviews

REVIEWS = {  # folder of the archive: the reviews in it; two are equal, one isn't ASCII
    "train/pos": ["What a joy from start to end.", "I laughed. I cried. I stayed for the credits."],
    "train/neg": ["Two hours I won't get back.", "Even the popcorn was stale."],
    "train/unsup": ["The hero has a hat.", "Où est le café ? 😀", "The hero has a hat."],
    "test/pos": ["A small wonder."],
    "test/neg": ["I left early.", "A small plunder."],
}
SIZES = {"train": 4, "test": 3, "unsupervised": 3}


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass


@pytest.fixture(scope="module")
def archive_url(tmp_path_factory):
    """The address of an archive with REVIEWS, laid out like the original."""
    folder = tmp_path_factory.mktemp("server")
    with tarfile.open(folder / "aclImdb_v1.tar.gz", "w:gz") as archive:
        for kind, reviews in REVIEWS.items():
            for number, review in enumerate(reviews):
                content = review.encode()
                member = tarfile.TarInfo(f"aclImdb/{kind}/{number}_7.txt")
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(QuietHandler, directory=folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/aclImdb_v1.tar.gz"
    server.shutdown()
    server.server_close()


def small_imdb(monkeypatch, root, url):
    """Lets `imdb` look for REVIEWS in `root` and at `url`."""
    builder = importlib.import_module("tensorflow_datasets.datasets.imdb_reviews.imdb_reviews_dataset_builder")
    monkeypatch.setattr(builder, "_DOWNLOAD_URL", url)
    monkeypatch.setattr(imdb, "_CORPUS", dataclasses.replace(imdb._CORPUS, archives=(url,), sizes=SIZES))
    monkeypatch.setenv("TFDS_DATA_DIR", str(root))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@pytest.fixture(scope="module")
def prepared(archive_url, tmp_path_factory):
    """A data folder that tensorflow-datasets filled by downloading and converting the small archive."""
    root = tmp_path_factory.mktemp("prepared")
    with pytest.MonkeyPatch.context() as monkeypatch:
        small_imdb(monkeypatch, root, archive_url)
        assert len(reviews("train")) == SIZES["train"]
    return root


@pytest.fixture
def closed_url():
    """An address where nobody answers, as on a machine without a network."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    return f"http://127.0.0.1:{port}/aclImdb_v1.tar.gz"


@pytest.fixture
def copy(prepared, tmp_path, monkeypatch, closed_url):
    """The folder of the converted reviews in a copy that may be damaged, with no network to get them again."""
    shutil.copytree(prepared / "imdb_reviews", tmp_path / "imdb_reviews")
    small_imdb(monkeypatch, tmp_path, closed_url)
    return tmp_path / "imdb_reviews" / "plain_text" / "1.0.0"


def one_sentence(error):
    message = str(error.value)
    assert "\n" not in message and len(message) < 1000
    return message


def test_imdb_is_complete_and_sorted(copy):
    train, test = reviews("train"), reviews("test")
    assert train.names == ("negative", "positive")
    assert train.labels.dtype == np.int32
    assert train.texts == sorted(REVIEWS["train/pos"] + REVIEWS["train/neg"])
    for text, label in zip(train.texts, train.labels, strict=True):
        assert text in REVIEWS["train/pos" if label else "train/neg"]
    assert list(zip(test.texts, test.labels, strict=True)) == [
        ("A small plunder.", 0),
        ("A small wonder.", 1),
        ("I left early.", 0),
    ]
    assert imdb.unlabelled() == sorted(REVIEWS["train/unsup"])
    with pytest.raises(ValueError, match="expected the split 'train' or 'test', got 'valid'"):
        reviews("valid")


def test_imdb_without_a_network_says_what_to_do_and_leaves_nothing_behind(tmp_path, monkeypatch, closed_url):
    root = tmp_path / "data"
    small_imdb(monkeypatch, root, closed_url)
    for _ in range(2):
        with pytest.raises(DataError, match="expected the IMDB reviews in") as error:
            reviews("train")
        message = one_sentence(error)
        for part in (str(root), closed_url, "no connection", "tfds.load('imdb_reviews')", "TFDS_DATA_DIR", "--data"):
            assert part in message
        assert not root.exists()


def test_imdb_finds_what_is_downloaded_without_a_network(prepared, tmp_path, monkeypatch, archive_url):
    """A conversion that was interrupted goes on from the download: the server is asked for nothing."""
    shutil.copytree(prepared / "downloads", tmp_path / "downloads")
    half_made = tmp_path / "imdb_reviews" / "plain_text" / "incomplete.ABC_1.0.0"
    half_made.mkdir(parents=True)
    (half_made / "imdb_reviews-train.tfrecord-00000-of-00001").write_bytes(b"half")
    small_imdb(monkeypatch, tmp_path, archive_url)
    monkeypatch.setattr("requests.sessions.Session.request", lambda *_, **__: pytest.fail("asked the network"))
    assert len(reviews("train")) == SIZES["train"]


def test_imdb_downloads_again_after_an_interrupted_download(prepared, tmp_path, monkeypatch, archive_url, closed_url):
    name = next((prepared / "downloads" / "imdb_reviews").glob("*.tar.gz")).name
    left_over = tmp_path / "downloads" / "imdb_reviews" / f"{name}.tmp.0123456789abcdef"
    left_over.mkdir(parents=True)
    (left_over / "aclImdb_v1.tar.gz").write_bytes(b"half")
    small_imdb(monkeypatch, tmp_path, closed_url)
    with pytest.raises(DataError, match="no connection"):
        reviews("train")
    small_imdb(monkeypatch, tmp_path, archive_url)
    assert len(reviews("train")) == SIZES["train"]


def test_imdb_refuses_a_download_with_another_hash(tmp_path, monkeypatch, archive_url):
    import tensorflow_datasets as tfds

    small_imdb(monkeypatch, tmp_path, archive_url)
    builder = type(tfds.builder("imdb_reviews", data_dir=tmp_path))
    expected = tfds.core.download.checksums.UrlInfo(size=10, checksum="0" * 64, filename="aclImdb_v1.tar.gz")
    monkeypatch.setattr(builder, "url_infos", {archive_url: expected})
    for _ in range(2):
        with pytest.raises(DataError, match="NonMatchingChecksumError") as error:
            reviews("train")
        one_sentence(error)


def test_imdb_reports_what_the_server_refuses(tmp_path, monkeypatch, archive_url):
    small_imdb(monkeypatch, tmp_path, archive_url.replace("v1", "v2"))
    with pytest.raises(DataError, match="HTTP code: 404"):
        reviews("train")


def truncate(file):
    os.truncate(file, file.stat().st_size - 10)


def flip(file):
    content = bytearray(file.read_bytes())
    content[50] ^= 1
    file.write_bytes(content)


@pytest.mark.parametrize(
    ("damage", "got"),
    [
        (lambda folder: truncate(folder / "imdb_reviews-train.tfrecord-00000-of-00001"), "DataLossError"),
        (lambda folder: flip(folder / "imdb_reviews-train.tfrecord-00000-of-00001"), "DataLossError"),
        (lambda folder: (folder / "imdb_reviews-train.tfrecord-00000-of-00001").unlink(), "NotFoundError"),
        (lambda folder: os.truncate(folder / "dataset_info.json", 40), "ParseError"),
        (lambda folder: (folder / "dataset_info.json").unlink(), "dataset_info.json"),
        (lambda folder: [file.unlink() for file in folder.iterdir()], "splits"),
        (lambda folder: (shutil.rmtree(folder), folder.write_text("a file")), "."),
    ],
    ids=[
        "truncated",
        "flipped bit",
        "no records",
        "half the information",
        "no information",
        "empty folder",
        "no folder",
    ],
)
def test_imdb_damaged_on_disk(copy, damage, got):
    damage(copy)
    with pytest.raises(DataError, match=got) as error:
        reviews("train")
    message = one_sentence(error)
    assert message.startswith(f"expected the 4 IMDB reviews of the split 'train' in {copy}, got ")
    assert message.endswith("delete that folder, then run this again to download them or copy them there again")
    assert "{{" not in message


def test_imdb_with_too_few_reviews(copy, monkeypatch):
    sizes = {"train": 25_000, "test": 25_000, "unsupervised": 50_000}
    monkeypatch.setattr(imdb, "_CORPUS", dataclasses.replace(imdb._CORPUS, sizes=sizes))
    with pytest.raises(DataError, match=r"expected the 25,000 IMDB reviews of the split 'train' in .*, got 4: delete"):
        reviews("train")
    with pytest.raises(DataError, match=r"expected the 50,000 IMDB reviews of the split 'unsupervised' in .*, got 3:"):
        imdb.unlabelled()


def test_imdb_without_tensorflow_datasets(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", None)
    with pytest.raises(DataError, match=r"expected the package tensorflow-datasets.*pip install '\.\[train\]'"):
        reviews("test")


def test_importing_the_module_does_not_import_tensorflow():
    code = "import sys, apps.sentiment.data; sys.exit(any(name.startswith('tensorflow') for name in sys.modules))"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    assert subprocess.run([sys.executable, "-c", code], env=environment).returncode == 0


ROWS = [
    ("Warm, funny, and kind.", "thumbs up"),
    ('She said "no", and so do I.\nTwice.', "thumbs down"),
    ("好看😀", "thumbs up"),
]
CSV = """text,label
"Warm, funny, and kind.",thumbs up
"She said ""no"", and so do I.
Twice.",thumbs down
好看😀,thumbs up
"""


def quoted(text):
    return '"' + text.replace('"', '""') + '"'


FILES = {
    "reviews.csv": CSV,
    "reviews.CSV": "\ufeff" + CSV,
    "windows.csv": CSV.replace(",thumbs up\n", ", thumbs up\r\n").replace("label\n", "label\r\n\r\n"),
    "more columns.csv": "id,label,text\n"
    + "".join(f"{i},{label},{quoted(text)}\n" for i, (text, label) in enumerate(ROWS)),
    "reviews.tsv": "label\ttext\n" + "".join(f"{label}\t{quoted(text)}\n" for text, label in ROWS),
    "reviews.jsonl": "\n".join(json.dumps({"text": text, "label": label, "stars": 3}) for text, label in ROWS),
    "reviews.ndjson": "\ufeff\n"
    + "".join(json.dumps({"label": label, "text": text}, ensure_ascii=False) + "\r\n" for text, label in ROWS),
}


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("name", FILES)
def test_labelled_file_reads_every_format(tmp_path, name, compressed):
    content = FILES[name].encode()
    path = tmp_path / (name + ".gz" if compressed else name)
    path.write_bytes(gzip.compress(content) if compressed else content)
    data = labelled_file(path)
    assert data.texts == [text for text, _ in ROWS]
    assert data.names == ("thumbs down", "thumbs up")
    assert data.labels.dtype == np.int32 and data.labels.tolist() == [1, 0, 1]
    assert data.fingerprint() == labelled_file(str(path)).fingerprint()


@pytest.mark.parametrize(("first", "second"), [("neg", "pos"), ("0", "1"), ("false", "true"), ("Negative", "Positive")])
def test_labelled_file_puts_the_negative_label_first(tmp_path, first, second):
    path = tmp_path / "a.csv"
    path.write_text(f"text,label\nyes,{second}\nno,{first}\n")
    data = labelled_file(path)
    assert data.names == (first, second) and data.labels.tolist() == [1, 0]


def test_labelled_file_with_json_numbers_and_booleans(tmp_path):
    path = tmp_path / "a.jsonl"
    for labels, names in (((1, 0), ("0", "1")), ((True, False), ("false", "true")), ((1.5, -1), ("-1", "1.5"))):
        path.write_text("".join(json.dumps({"text": "so so", "label": label}) + "\n" for label in labels))
        assert labelled_file(path).names == names


def test_labelled_file_with_a_huge_text_and_half_a_character(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("text,label\n" + "very " * 200_000 + "long,0\nshort,1\n")
    assert len(labelled_file(path).texts[0]) == 1_000_004
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "cut \\ud83d", "label": 0}\n{"text": "whole \\ud83d\\ude00", "label": 1}\n')
    data = labelled_file(path)
    assert data.texts == ["cut ?", "whole 😀"]
    assert len(data.fingerprint()) == 64


OBJECT = '{"text": "fine", "label": 1}\n'
BROKEN = {
    "empty file": ("a.csv", "", "expected a header with the columns 'text' and 'label', got an empty file"),
    "empty JSONL": ("a.jsonl", "\n \n", "expected texts and labels, got none"),
    "header only": ("a.tsv", "text\tlabel\n", "expected texts and labels, got none"),
    "no header": (
        "a.csv",
        "\nso good,1\nso bad,0\n",
        ", line 2: expected one column 'text', got 0; the columns are 'so good', '1'",
    ),
    "no label": (
        "a.csv",
        "text,stars\n",
        ", line 1: expected one column 'label', got 0; the columns are 'text', 'stars'",
    ),
    "two labels": (
        "a.tsv",
        "text\tlabel\tlabel\n",
        "expected one column 'label', got 2; the columns are 'text', 'label'",
    ),
    "wrong separator": (
        "a.csv",
        "text;label\n",
        ", line 1: expected one column 'text', got 0; the columns are 'text;label'",
    ),
    "long header": ("a.csv", "long " * 100 + ",label\n", r"the columns are 'long long .*\.\.\., 'label'"),
    "key missing": (
        "a.jsonl",
        OBJECT + '{"text": "x"}',
        ", line 2: expected one column 'label', got 0; the columns are 'text'",
    ),
    "no keys": ("a.jsonl", "{}", ", line 1: expected one column 'text', got 0; the columns are none"),
    "too few fields": ("a.csv", 'text,label\n"a\nb",1\nx\n', ", line 4: expected 2 fields as in the header, got 1"),
    "too many": ("a.csv", 'text,label\n"a\nb",1,2\n', ", line 2: expected 2 fields as in the header, got 3"),
    "open quote": (
        "a.csv",
        'text,label\nx,1\n"y,0\nz,1\n',
        ", line 3: expected fields that contain quotes .* end of data",
    ),
    "stray quote": ("a.tsv", 'text\tlabel\n"So" they said\t1\n', ", line 2: expected fields that contain quotes"),
    "empty text": ("a.csv", "text,label\n x,1\n \t,0\n", r", line 3: expected a text, got ' \\t'"),
    "empty label": ("a.csv", "text,label\nx,\n", ", line 2: expected a label, got ''"),
    "text a number": ("a.jsonl", '{"text": 5, "label": 1}', ", line 1: expected a text, got 5"),
    "label null": ("a.jsonl", '\n{"text": "x", "label": null}', ", line 2: expected a label, got None"),
    "label a list": ("a.jsonl", '{"text": "x", "label": ["a"]}', r", line 1: expected a label, got \['a'\]"),
    "broken JSON": (
        "a.jsonl",
        OBJECT + '{"text": ',
        r", line 2: expected one JSON object, got JSONDecodeError \(Expecting",
    ),
    "whole JSON": ("a.jsonl", "[\n" + OBJECT + "]", ", line 1: expected one JSON object, got JSONDecodeError"),
    "deep JSON": ("a.jsonl", "[" * 200_000, ", line 1: expected one JSON object, got RecursionError"),
    "huge number": ("a.jsonl", "1" * 5000, ", line 1: expected one JSON object, got ValueError"),
    "no object": ("a.jsonl", '"text"', ", line 1: expected one JSON object, got 'text'"),
    "one label": ("a.csv", "text,label\nx,1\ny,1\n", "expected two different labels, got 1: '1'$"),
    "three labels": (
        "a.csv",
        'text,label\n"x\n",c\ny,a\nz, b \nz,a\n',
        "expected two different labels, got 3: 'c', 'a', 'b'; the third is first in line 5$",
    ),
    "many labels": (
        "a.csv",
        "text,label\n" + "".join(f"x,{i}\n" for i in range(9)),
        "got 9: '0', '1', '2', '3', '4', ...; the third is first in line 4$",
    ),
    "not UTF-8": (
        "a.csv",
        b"text,label\nx,1\ncaf\xe9,0\n",
        ", line 3: expected text in UTF-8, got the byte 0xe9 in place 4",
    ),
    "UTF-16": (
        "a.csv",
        codecs.BOM_UTF16_LE + "text".encode("utf-16-le"),
        ", line 1: expected text in UTF-8, got a NUL byte",
    ),
    "NUL": ("a.jsonl", OBJECT.encode() + b"\0", ", line 2: expected text in UTF-8, got a NUL byte"),
    "not gzip": ("a.csv.gz", CSV, "expected a file that can be read, got BadGzipFile"),
    "half a gzip": (
        "a.csv.gz",
        gzip.compress(CSV.encode(), mtime=0)[:-20],
        "expected a file that can be read, got EOFError",
    ),
    "extension": (
        "a.txt",
        CSV,
        r"expected a file ending in .csv, .tsv, .jsonl, .ndjson \(or one of these and .gz\), got .*a.txt",
    ),
    "only gzip": ("a.gz", CSV, "expected a file ending in .csv"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_labelled_file_says_what_is_wrong_and_where(tmp_path, case):
    name, content, sentence = BROKEN[case]
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(DataError, match=sentence) as error:
        labelled_file(path)
    assert str(path) in one_sentence(error)


def test_labelled_file_that_is_not_there(tmp_path):
    with pytest.raises(
        DataError, match=r"expected a file with texts and labels, got .*none[.]csv, which doesn't exist"
    ):
        labelled_file(tmp_path / "none.csv")
    (tmp_path / "folder.jsonl").mkdir()
    with pytest.raises(
        DataError, match=r"expected a file with texts and labels, got .*folder[.]jsonl, which is a folder"
    ):
        labelled_file(tmp_path / "folder.jsonl")


def numbered(count, names=("no", "yes")):
    """Texts of which every fourth is twice there, the labels in turn."""
    texts = [f"text number {i - (i % 4 == 3)}" for i in range(count)]
    return LabelledTexts(texts, np.arange(count, dtype=np.int32) // 2 % len(names), names)


def test_split_keeps_every_text_once_and_equal_texts_together():
    data = numbered(4000)
    rest, held_out = split(data, 0.2)
    assert sorted(rest.texts + held_out.texts) == sorted(data.texts)
    assert not set(rest.texts) & set(held_out.texts)
    assert 700 < len(held_out) < 900
    label_of = dict(zip(data.texts, data.labels.tolist(), strict=True))
    for side in (rest, held_out):
        assert side.labels.dtype == np.int32 and side.names == data.names
        assert side.labels.tolist() == [label_of[text] for text in side.texts]
        assert side.texts == sorted(side.texts, key=data.texts.index)


def test_split_depends_on_the_seed_and_not_on_the_order():
    data = numbered(400)
    order = random.Random(1).sample(range(400), 300)
    some = LabelledTexts([data.texts[i] for i in order], data.labels[order], data.names)
    held_out = set(split(data, 0.3, seed=5)[1].texts)
    assert set(split(some, 0.3, seed=5)[1].texts) == held_out & set(some.texts)
    assert set(split(data, 0.3, seed=6)[1].texts) != held_out
    assert held_out < set(split(data, 0.5, seed=5)[1].texts)  # a larger part contains the smaller one


def test_split_refuses_a_part_without_a_label():
    one_sided = LabelledTexts(
        ["good", *(f"bad {i}" for i in range(99))], np.array([1] + [0] * 99, np.int32), ("n", "p")
    )
    with pytest.raises(DataError, match=r"when 0.1 of 100 texts are held out, got \d+ 'n' and 0 'p' in one: add texts"):
        split(one_sided, 0.1)
    with pytest.raises(DataError, match="of 2 texts are held out, got 1 'no' and 0 'yes' in one"):
        split(numbered(2), 0.5)
    for fraction in (0, 1, -0.5, float("nan")):
        with pytest.raises(ValueError, match=f"expected a fraction between 0 and 1, got {fraction}"):
            split(one_sided, fraction)


def test_fingerprint_sees_texts_labels_names_and_order():
    def fingerprint(texts, labels, names=("n", "p")):
        return LabelledTexts(texts, np.array(labels, np.int32), names).fingerprint()

    reference = fingerprint(["a", "b"], [0, 1])
    assert reference == hashlib.sha256(b'["a", "n"]\n["b", "p"]\n').hexdigest()
    others = [
        fingerprint(["b", "a"], [1, 0]),
        fingerprint(["a", "b"], [1, 0]),
        fingerprint(["a", "c"], [0, 1]),
        fingerprint(["a", "b"], [0, 1], ("n", "q")),
        fingerprint(["a"], [0]),
    ]
    assert len({reference, *others}) == 6
