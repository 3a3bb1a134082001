"""Labelled pictures: MNIST through tensorflow-datasets from a small local server, and the user's own folders."""

import dataclasses
import functools
import gzip
import http.server
import importlib
import threading

import numpy as np
import pytest
from PIL import Image, ImageDraw

from apps.corpora import mnist
from apps.mnist_rows import data as mnist_rows_data
from apps.mnist_rows.data import LabelledPictures, own_pictures
from apps.pipeline.errors import DataError
from apps.pipeline.splits import split

SIZES = {"train": 30, "test": 12}


def idx(array):
    """The content of an IDX file."""
    array = np.asarray(array, np.uint8)
    return bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes() + array.tobytes()


def some(count, seed=0, classes=10):
    """Pictures in which a bright row tells the class; two are equal."""
    generator = np.random.default_rng(seed)
    labels = np.arange(count) % classes
    pictures = generator.integers(0, 50, (count, 28, 28)).astype(np.uint8)
    pictures[np.arange(count), labels] = 255
    pictures[count - 1] = pictures[count - 1 - classes]
    return pictures, labels


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A data folder that tensorflow-datasets filled by downloading and converting a small MNIST."""
    folder, root = tmp_path_factory.mktemp("server"), tmp_path_factory.mktemp("data")
    for part, name in (("train", "train"), ("test", "t10k")):
        pictures, labels = some(SIZES[part], seed=len(part))
        (folder / f"{name}-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(pictures)))
        (folder / f"{name}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(labels)))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(QuietHandler, directory=folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with pytest.MonkeyPatch.context() as monkeypatch:
        small_mnist(monkeypatch, root, f"http://127.0.0.1:{server.server_port}/")
        assert len(mnist_rows_data.digits("train")) == SIZES["train"]
    server.shutdown()
    server.server_close()
    return root


def small_mnist(monkeypatch, root, url="http://127.0.0.1:9/"):
    """Lets `mnist` look for a small one in `root` and at `url`; by default nobody answers there."""
    builder = importlib.import_module("tensorflow_datasets.image_classification.mnist")
    monkeypatch.setattr(builder.MNIST, "URL", url)
    monkeypatch.setattr(builder, "_TRAIN_EXAMPLES", SIZES["train"])
    monkeypatch.setattr(builder, "_TEST_EXAMPLES", SIZES["test"])
    archives = tuple(url + archive.rsplit("/", 1)[1] for archive in mnist._CORPUS.archives)
    monkeypatch.setattr(mnist, "_CORPUS", dataclasses.replace(mnist._CORPUS, archives=archives, sizes=SIZES))
    monkeypatch.setenv("TFDS_DATA_DIR", str(root))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")


def test_mnist_is_complete_and_sorted(prepared, monkeypatch):
    small_mnist(monkeypatch, prepared)
    for part in ("train", "test"):
        data = mnist_rows_data.digits(part)
        pictures, labels = some(SIZES[part], seed=len(part))
        order = sorted(range(len(labels)), key=lambda i: (pictures[i].tobytes(), labels[i]))
        np.testing.assert_array_equal(data.pictures, pictures[order])
        np.testing.assert_array_equal(data.labels, labels[order])
        assert data.pictures.dtype == np.uint8 and data.labels.dtype == np.int32
        assert data.names == tuple("0123456789")


def test_mnist_that_isn_t_whole_or_isn_t_there(prepared, tmp_path, monkeypatch):
    small_mnist(monkeypatch, prepared)
    sizes = {"train": 60_000, "test": 10_000}
    monkeypatch.setattr(mnist, "_CORPUS", dataclasses.replace(mnist._CORPUS, sizes=sizes))
    with pytest.raises(
        DataError, match=r"expected the 60,000 MNIST digits of the split 'train' in .*3\.0\.1, got 30: "
    ):
        mnist_rows_data.digits("train")
    small_mnist(monkeypatch, tmp_path / "none")
    with pytest.raises(DataError, match="expected the MNIST digits in") as error:
        mnist_rows_data.digits("train")
    for part in (str(tmp_path), "train-images-idx3-ubyte.gz", "no connection", "tfds.load('mnist')", "--data"):
        assert part in str(error.value)
    assert not (tmp_path / "none").exists()


FASHION = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")


def write_idx(folder, names=FASHION, ending="", labels_from=0):
    """Four files of 40 and 20 pictures."""
    contents = []
    for count in (40, 20):
        pictures, labels = some(count, seed=count)
        contents += [idx(pictures), idx(labels + labels_from)]
    folder.mkdir(exist_ok=True)
    for name, content in zip(names, contents, strict=True):
        (folder / (name + ending)).write_bytes(gzip.compress(content) if ending else content)
    return folder


@pytest.mark.parametrize("ending", ["", ".gz"])
@pytest.mark.parametrize("names", [FASHION, tuple(f"letters-{name.replace('-idx', '.idx')}" for name in FASHION)])
def test_idx_files(tmp_path, names, ending):
    train, test = own_pictures(write_idx(tmp_path, names, ending))
    for data, count in ((train, 40), (test, 20)):
        pictures, labels = some(count, seed=count)
        np.testing.assert_array_equal(data.pictures, pictures)
        np.testing.assert_array_equal(data.labels, labels)
        assert data.names == tuple("0123456789") and data.labels.dtype == np.int32


def test_labels_that_don_t_begin_with_0(tmp_path):
    train, test = own_pictures(write_idx(tmp_path, labels_from=1))
    assert train.names == test.names == tuple(map(str, range(1, 11)))
    assert set(train.labels) == set(range(10))


def test_training_or_test_files_alone(tmp_path):
    folder = write_idx(tmp_path)
    (folder / "README").touch()
    for name in FASHION[2:]:
        (folder / name).unlink()
    train, test = own_pictures(folder)
    assert len(train) == 40 and test is None
    folder = write_idx(tmp_path / "other")
    for name in FASHION[:2]:
        (folder / name).unlink()
    first, test = own_pictures(folder)
    assert len(first) == 20 and test is None


BROKEN_IDX = {
    "cut": (0, lambda content: content[:-5], r"train-images.*: expected 31,360 bytes after the sizes, got 31,355"),
    "empty": (1, lambda content: b"", r"train-labels.*: expected an IDX file of bytes in 1 dimensions, got b''"),
    "swapped": (0, lambda content: idx([1, 2]), "expected an IDX file of bytes in 3 dimensions, got "),
    "of words": (1, lambda content: b"\0\0\x0b\1" + content[4:], "expected an IDX file of bytes in 1 dimensions, got "),
    "fewer labels": (3, lambda content: idx(range(9)), "expected a label for each picture in .*, got 20 and 9 labels"),
    "none": (0, lambda content: idx(np.zeros((0, 28, 28))), "expected a label for each picture in .*, got 0 and 40"),
    "small": (2, lambda content: idx(np.zeros((20, 8, 9))), "expected pictures of 28 x 28 pixels in .*, got 8 x 9"),
    "a new label": (3, lambda content: idx([77] * 20), "expected labels in .* that training pictures have, got others"),
    "missing": (1, None, r"expected one file \*train\*labels\*idx1\* in .*, got 0"),
}


@pytest.mark.parametrize("kind", BROKEN_IDX)
def test_broken_idx_files(tmp_path, kind):
    number, change, sentence = BROKEN_IDX[kind]
    path = write_idx(tmp_path) / FASHION[number]
    content = path.read_bytes()
    path.unlink()
    if change is not None:
        path.write_bytes(change(content))
    with pytest.raises(DataError, match=sentence):
        own_pictures(tmp_path)


def test_a_damaged_gz_file_and_two_data_sets_in_a_folder(tmp_path):
    folder = write_idx(tmp_path / "a", ending=".gz")
    path = folder / "train-images-idx3-ubyte.gz"
    content = path.read_bytes()
    for damaged in (content[:-20], b"no gzip", content[:40] + bytes(40) + content[80:]):
        path.write_bytes(damaged)
        with pytest.raises(
            DataError, match=r"train-images-idx3-ubyte\.gz: expected a file that can be read, got \w+ \("
        ):
            own_pictures(folder)
    folder = write_idx(tmp_path / "b", [f"letters-{name}" for name in FASHION])
    write_idx(folder)
    with pytest.raises(DataError, match=r"expected one file \*train\*images\*idx3\* in .*, got 2"):
        own_pictures(folder)
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "pictures-idx3-ubyte").touch()
    with pytest.raises(DataError, match="expected train-images-idx3-ubyte or t10k-images-idx3-ubyte"):
        own_pictures(tmp_path / "c")


def draw(path, points, kind=None):
    image = Image.new("RGB", (60, 80), "ivory")
    ImageDraw.Draw(image).line(points, "navy", 6)
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, kind)


@pytest.fixture
def classes(tmp_path):
    """A folder with the folders of two classes."""
    draw(tmp_path / "one" / "b.png", [(30, 10), (30, 70)])
    draw(tmp_path / "one" / "a.JPG", [(20, 15), (20, 75)], "JPEG")
    draw(tmp_path / "minus" / "x.bmp", [(5, 40), (55, 40)])
    draw(tmp_path / "minus" / "y.webp", [(5, 30), (45, 30)])
    (tmp_path / "one" / "notes.txt").write_text("not a picture")
    (tmp_path / "minus" / ".hidden.png").write_text("not a picture")
    (tmp_path / ".git").mkdir()
    (tmp_path / "notes.txt").touch()
    return tmp_path


def test_a_folder_of_pictures_per_class(classes):
    data, test = own_pictures(classes)
    assert test is None and data.names == ("minus", "one") and data.labels.tolist() == [0, 0, 1, 1]
    assert data.pictures.dtype == np.uint8 and data.pictures.max() == 255
    wide, tall = data.pictures[:2] > 100, data.pictures[2:] > 100
    assert (wide.any(axis=1).sum(axis=1) == 20).all() and (tall.any(axis=2).sum(axis=1) == 20).all()
    assert (wide.any(axis=2).sum(axis=1) < 5).all() and (tall.any(axis=1).sum(axis=1) < 5).all()
    assert data.box() == 20


def test_folders_that_won_t_do(classes, tmp_path):
    (classes / "nothing").mkdir()
    with pytest.raises(DataError, match=r"expected pictures \(\.png, .*\) in .*nothing, got none"):
        own_pictures(classes)
    Image.new("L", (9, 9)).save(classes / "nothing" / "blank.png")
    with pytest.raises(DataError, match=r"nothing.blank\.png: no digit found, nothing stands out"):
        own_pictures(classes)
    (classes / "nothing" / "blank.png").write_text("text")
    with pytest.raises(DataError, match=r"blank\.png: expected a PNG, .*PPM picture, got another kind"):
        own_pictures(classes)
    with pytest.raises(DataError, match=r"expected two folders of pictures or more, one per class, in .*one, got 0"):
        own_pictures(classes / "one")
    for path, got in ((classes / "notes.txt", "a file"), (classes / "none", "nothing")):
        with pytest.raises(DataError, match=f"expected a folder with a folder of pictures per class.*got {got}: "):
            own_pictures(path)


def test_equal_pictures_stay_together_and_every_label_is_on_both_sides():
    pictures, labels = some(300, classes=3)
    pictures = np.concatenate([pictures, pictures[::-1]])
    data = LabelledPictures(pictures, np.concatenate([labels, labels[::-1]]).astype(np.int32), ("a", "b", "c"))
    rest, held_out = split(data, 0.25, seed=3)
    assert len(rest) + len(held_out) == 600 and 90 < len(held_out) < 210
    assert not set(rest.identities()) & set(held_out.identities())
    for side in (rest, held_out):
        assert (side.pictures[np.arange(len(side)), side.labels] == 255).all()  # labels go with their pictures
    assert split(data, 0.25, seed=4)[1].fingerprint() != held_out.fingerprint()
    one = LabelledPictures(pictures[:9], np.array([0] * 8 + [1], np.int32), ("a", "b"))
    with pytest.raises(DataError, match=r"expected 2 different pictures or more of each label, .*, got 1 of 'b'$"):
        split(one, 0.1)


def test_the_fingerprint_knows_pictures_labels_and_names():
    pictures, labels = some(20)
    first = LabelledPictures(pictures, labels.astype(np.int32), tuple("0123456789"))
    assert first.fingerprint() == LabelledPictures(pictures.copy(), labels.astype(np.int32), first.names).fingerprint()
    others = (
        LabelledPictures(pictures[::-1], first.labels, first.names),
        LabelledPictures(pictures, first.labels[::-1], first.names),
        LabelledPictures(pictures, first.labels, tuple("abcdefghij")),
        first.part(np.arange(20) > 0),
    )
    assert len({first.fingerprint(), *(other.fingerprint() for other in others)}) == 5


def test_the_box():
    pictures = np.zeros((5, 28, 28), np.uint8)
    pictures[0, 3:15, 3:5] = pictures[1, 9, 8:20] = pictures[2, 1:13, 2:14] = pictures[3] = 9
    data = LabelledPictures(pictures, np.zeros(5, np.int32), ("a",))
    assert data.box() == 12  # the last picture is empty
    assert data.part(np.arange(5) == 4).box() == 20
