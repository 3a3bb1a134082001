"""The corpora: IMDB through tensorflow-datasets from a small archive on a local server, and the user's own files."""

import dataclasses
import functools
import hashlib
import http.server
import importlib
import io
import os
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
from apps.sentiment.data import Files, LabelledTexts, labelled_texts, load_data, load_test_data, reviews

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


def written(tmp_path, *rows, name="a.csv"):
    """A CSV file with these rows of text and label."""
    path = tmp_path / name
    path.write_text("".join(f"{text},{label}\n" for text, label in [("text", "label"), *rows]), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("first", "second"), [("neg", "pos"), ("0", "1"), ("false", "true"), ("Negative", "Positive"), ("9", "10")]
)
def test_the_negative_label_comes_first(tmp_path, first, second):
    data = labelled_texts(Files([written(tmp_path, ("yes", second), ("no", first))]))
    assert data.names == (first, second) and data.labels.tolist() == [1, 0] and data.labels.dtype == np.int32


def test_several_files_are_read_one_after_the_other(tmp_path):
    (tmp_path / "b.jsonl").write_text('{"Review": "so so", "Stars": "POS "}\n', encoding="utf-8")
    data = labelled_texts(Files([written(tmp_path, ("good", "pos"), ("bad", "neg")), tmp_path / "b.jsonl"]))
    assert data.texts == ["good", "bad", "so so"] and data.names == ("neg", "pos") and data.labels.tolist() == [1, 0, 1]


def test_one_label_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"a.csv: expected two different labels or more, got 1: 'pos'") as error:
        labelled_texts(Files([written(tmp_path, ("good", "pos"), ("better", "Pos"), ("fine", "pos"))]))
    one_sentence(error)


def test_labels_are_exact_if_that_is_asked(tmp_path):
    path = written(tmp_path, ("good", "pos"), ("better", "Pos"), ("fine", "pos"))
    assert labelled_texts(Files([path], exact_labels=True)).names == ("Pos", "pos")


def test_every_label_has_its_part_in_all_three(tmp_path):
    rows = [(f"text {number}", "common" if number > 4 else "rare") for number in range(100)]
    train, validation, test, unlabelled = load_data(Files([written(tmp_path, *rows)]), seed=1)
    assert [np.bincount(part.labels).tolist() for part in (train, validation, test)] == [[77, 3], [8, 1], [10, 1]]
    assert unlabelled == [] and train.names == ("common", "rare")
    few = written(tmp_path, *rows[2:], name="few.csv")
    with pytest.raises(DataError, match=r"expected 4 different texts or more of each label, .*, got 3 of 'rare'$"):
        load_data(Files([few]), seed=1)


def test_evaluation_takes_the_labels_of_the_model(tmp_path):
    names = ("Neg", "Neutral", "Pos")
    test = load_test_data(Files([written(tmp_path, ("good", "pos "), ("bad", "NEG"))]), names)
    assert test.names == names and test.labels.tolist() == [2, 0]
    one = load_test_data(Files([written(tmp_path, ("good", "pos"))]), names)
    assert one.labels.tolist() == [2]
    exact = Files([written(tmp_path, ("good", "pos"))], exact_labels=True)
    with pytest.raises(DataError, match="expected the model's labels Neg, Neutral, Pos, got pos"):
        load_test_data(exact, names)
    assert load_test_data(exact, ("Pos", "pos")).labels.tolist() == [1]


def test_evaluation_leaves_out_what_was_trained_on(tmp_path, capsys):
    files = Files([written(tmp_path, *((f"text {number}", number % 2) for number in range(40)))])
    train, _, test, _ = load_data(files, seed=3)
    trained = {"recipe": {"seed": 3}, "data_sha256": train.fingerprint()}
    assert load_test_data(files, ("0", "1"), trained).texts == test.texts
    assert "held out" in capsys.readouterr().err
    other = {"recipe": {"seed": 4}, "data_sha256": train.fingerprint()}
    assert len(load_test_data(files, ("0", "1"), other)) == 40


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
