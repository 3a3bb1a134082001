"""Picture files of every kind -> what the network reads: found, scaled, centred; or the one sentence why not."""

import io
import json
import os
import struct
import subprocess
import sys
import zlib

import numpy as np
import pytest
from PIL import Image, ImageChops, ImageDraw

from apps.mnist_rows import pictures
from apps.mnist_rows.pictures import Labels, prepare, read_picture
from apps.pipeline.errors import DataError

SEVEN = [(60, 40), (140, 40), (85, 165)]


def shape(size=(200, 200), points=SEVEN, width=14):
    """A mask, "L": 255 where the pen was."""
    mask = Image.new("L", size, 0)
    ImageDraw.Draw(mask).line(points, 255, width, joint="curve")
    return mask


def drawn(paper, pen, mode="RGB", **how):
    mask = shape(**how)
    return Image.composite(Image.new(mode, mask.size, pen), Image.new(mode, mask.size, paper), mask)


def encoded(image, kind="PNG", **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    file.seek(0)
    return file


def seen(image, kind="PNG", box=20, **options):
    return prepare(read_picture(encoded(image, kind, **options), "a"), "a", box)


def fails(image):
    with pytest.raises(DataError) as error:
        seen(image)
    return str(error.value)


@pytest.fixture(scope="module")
def seven():
    """What the network should see of SEVEN, whatever the file."""
    image = seen(drawn("white", "black"))
    assert image[8, 7] > 0.9 and image[26, 10] > 0.5 and image[26, 17] == 0.0  # a bar on top, the foot on the left
    return image


def lit_and_noisy():
    """A photograph: light from one corner, noise, blue ink."""
    generator = np.random.default_rng(0)
    y, x = np.indices((200, 200)) / 200
    light = (0.95 - 0.4 * x - 0.2 * y * y)[..., None]
    ink = np.asarray(shape(), float)[..., None] / 255
    colours = light * (1.0 - ink * [0.7, 0.7, 0.4]) + generator.normal(0, 0.02, (200, 200, 3))
    return Image.fromarray((colours.clip(0, 1) * 255).astype(np.uint8))


def spotted(image):
    """With dust: single white and black pixels."""
    colours = np.asarray(image).copy()
    dust = np.random.default_rng(0).random(colours.shape)
    colours[dust < 0.01], colours[dust > 0.99] = 0, 255
    return Image.fromarray(colours)


def deep(paper, pen):
    """16 bits a pixel."""
    return Image.fromarray(np.where(np.asarray(shape()) > 0, pen, paper).astype(np.uint16))


def on_nothing(pen, inverted=False, strength=1.0):
    """A transparent picture with an opaque line, or a transparent line in an opaque one."""
    image = Image.new("RGBA", (200, 200), pen)
    mask = ImageChops.invert(shape()) if inverted else shape()
    image.putalpha(mask.point(lambda value: round(value * strength)))
    return image


def with_transparent_corners():
    image = drawn("white", "black").convert("RGBA")
    image.paste((90, 0, 90, 0), (0, 0, 30, 30))
    return image


def one_transparent_colour():
    image = drawn(255, 0, "L").convert("P")
    image.info["transparency"] = image.getpixel((0, 0))
    return image


EVERY_KIND = {
    "black on white": (drawn("white", "black"), 0.001),
    "white on black": (drawn("black", "white"), 0.001),
    "grey on grey": (drawn((120,) * 3, (150,) * 3), 0.01),
    "of the same brightness": (drawn((255, 0, 0), (0, 130, 0)), 0.01),
    "one bit": (drawn(1, 0, "1"), 0.001),
    "grey": (drawn(0, 255, "L"), 0.001),
    "palette": (drawn("yellow", "purple").convert("P"), 0.01),
    "16 bits": (deep(65_535, 20_000), 0.001),
    "16 bits, faint and inverted": (deep(30_000, 40_000), 0.01),
    "black on nothing": (on_nothing("black"), 0.001),
    "white on nothing": (on_nothing("white"), 0.001),
    "cut out": (on_nothing("white", inverted=True), 0.001),
    "opaque with an alpha channel": (drawn((120,) * 3, (150,) * 3).convert("RGBA"), 0.01),
    "faintly drawn on nothing": (on_nothing((0, 0, 90, 0), strength=0.3), 0.001),
    "transparent corner": (with_transparent_corners(), 0.001),
    "transparent paper": (one_transparent_colour(), 0.001),
    "photograph": (lit_and_noisy(), 0.01),
    "dust": (spotted(drawn(255, 0, "L")), 0.01),
    "small": (drawn("white", "black").resize((50, 50)), 0.02),
    "large": (drawn("white", "black").resize((1700, 1700)), 0.01),
    "in a corner": (drawn("white", "black", size=(900, 500)), 0.01),
    "cut close": (drawn("white", "black").crop((54, 34, 147, 170)), 0.001),
    "cut off": (drawn("white", "black").crop((0, 33, 200, 200)), 0.01),  # the line touches the edge
    "thin": (drawn("white", "black", width=1), 0.06),
}


@pytest.mark.parametrize("kind", EVERY_KIND)
def test_whatever_the_picture_is_like_the_network_sees_the_same(seven, kind):
    image, tolerance = EVERY_KIND[kind]
    found = seen(image)
    assert found.shape == (28, 28) and found.dtype == np.float32
    assert np.abs(found - seven).mean() <= tolerance
    assert found.max() > 0.9 and found.min() == 0.0


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("PNG", {}),
        ("BMP", {}),
        ("JPEG", {"quality": 60}),
        ("WEBP", {"quality": 60}),
        ("WEBP", {"lossless": True}),
        ("GIF", {}),
        ("TIFF", {}),
        ("TIFF", {"compression": "tiff_lzw"}),
        ("PPM", {}),
    ],
)
def test_every_file_format(seven, kind, options):
    for image in (drawn("white", "black"), drawn("black", "white")):
        assert np.abs(seen(image, kind, **options) - seven).mean() < 0.015


def test_a_print_shop_s_jpeg_and_a_turned_one(seven):
    assert np.abs(seen(drawn("white", "black").convert("CMYK"), "JPEG") - seven).mean() < 0.01
    turned = Image.Exif()
    turned[0x0112] = 6  # the camera was held upright: to be turned right by 90 degrees
    image = drawn("white", "black").rotate(90, expand=True)
    assert np.abs(seen(image, "JPEG", exif=turned) - seven).mean() < 0.01
    assert np.abs(seen(image, "JPEG") - seven).mean() > 0.1


@pytest.mark.parametrize("points", [SEVEN, [(100, 20), (100, 180)], [(20, 90), (180, 110)], [(30, 30), (170, 170)]])
@pytest.mark.parametrize("box", [20, 12])
def test_the_box_and_the_centre_of_mass_are_those_of_mnist(points, box):
    image = seen(drawn("white", "black", points=points), box=box)
    rows, columns = np.flatnonzero(image.max(axis=1) > 0.05), np.flatnonzero(image.max(axis=0) > 0.05)
    height, width = np.ptp(rows) + 1, np.ptp(columns) + 1
    assert max(height, width) == box
    left, top, right, bottom = shape(points=points).getbbox()
    assert min(height, width) == pytest.approx(
        box * min(right - left, bottom - top) / max(right - left, bottom - top), abs=1
    )
    weight = image / image.sum()
    assert abs(np.arange(28) @ weight.sum(axis=1) - 14) <= 0.51
    assert abs(np.arange(28) @ weight.sum(axis=0) - 14) <= 0.51


def test_a_character_that_fills_the_frame_stays_in_it():
    image = seen(drawn("white", "black"), box=28)
    rows = np.flatnonzero(image.max(axis=1) > 0.05)
    assert (rows[0], rows[-1]) == (0, 27)


def test_what_is_as_mnist_made_it_stays_so(seven):
    again = seen(Image.fromarray(np.round(seven * 255).astype(np.uint8)))
    assert np.abs(again - seven).max() < 0.15 and np.abs(again - seven).mean() < 0.005


def test_thin_lines_become_as_wide_as_mnist_s_and_wide_ones_stay():
    def ink(width):
        return seen(drawn("white", "black", size=(800, 800), points=[(4 * x, 4 * y) for x, y in SEVEN], width=width))

    hair, thin, usual, bold = (ink(width).sum() for width in (1, 8, 50, 100))
    assert hair == pytest.approx(thin, rel=0.15) == pytest.approx(usual, rel=0.25)
    assert bold > 1.5 * usual


def test_all_strokes_of_a_character_count_and_dust_doesn_t():
    image = drawn("white", "black", points=[(60, 80), (140, 80), (85, 165)])
    ImageDraw.Draw(image).line([(70, 40), (130, 40)], "black", 10)  # a second stroke above
    both = seen(image)
    inked = both.max(axis=1) > 0.05
    assert np.count_nonzero(np.diff(inked.astype(int)) == 1) == 2  # rows with ink begin twice
    ImageDraw.Draw(image).ellipse((10, 185, 17, 192), "black")
    assert np.abs(seen(image) - both).max() == 0.0


NOTHING = {
    "white": Image.new("RGB", (200, 200), "white"),
    "one pixel": Image.new("L", (1, 1), 7),
    "a line of pixels": Image.new("L", (300, 1), 7),
    "transparent": Image.new("RGBA", (40, 40), (0, 0, 0, 0)),
    "noise": Image.fromarray(np.random.default_rng(0).integers(0, 256, (200, 200, 3)).astype(np.uint8)),
    "faint noise": Image.fromarray(np.random.default_rng(0).integers(120, 136, (100, 100)).astype(np.uint8)),
    "a gradient": Image.linear_gradient("L"),
    "dust alone": spotted(Image.new("L", (200, 200), 255)),
    "hardly a difference": drawn((200,) * 3, (206,) * 3),
}


@pytest.mark.parametrize("kind", NOTHING)
def test_nothing_in_the_picture(kind):
    expected = "a: no digit found, nothing stands out from the background"
    assert fails(NOTHING[kind]) == expected


def png(width, height, content=b""):
    """A PNG file that promises grey pixels."""

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(content)) + chunk(b"IEND", b"")


WHOLE = encoded(drawn("white", "black")).getvalue()
JPEG = encoded(drawn("white", "black"), "JPEG").getvalue()
HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(40)
NO_PICTURE = {
    "empty": (b"", "expected a picture, got an empty file"),
    "text": (b"hello", "expected a PNG, JPEG, BMP, WebP, GIF, TIFF or PPM picture, got another kind"),
    "another format": (encoded(drawn("white", "black"), "PCX").getvalue(), f"expected a {pictures.NAMES} picture, got"),
    "HEIC": (HEIC, f"expected a {pictures.NAMES} picture, got a HEIC picture: `pip install pillow-heif` makes"),
    "half": (WHOLE[: len(WHOLE) // 2], "expected a whole picture, got a damaged file: "),
    "half a JPEG": (JPEG[: len(JPEG) // 2], "expected a whole picture, got a damaged file: "),
    "a changed byte": (WHOLE[:60] + bytes([WHOLE[60] ^ 255]) + WHOLE[61:], "expected a whole picture, got a damaged"),
    "too few pixels": (png(100, 100), "expected a whole picture, got a damaged file: "),
    "a bomb": (png(50_000, 50_000), "expected at most 50,000,000 pixels, got more"),
    "a small bomb": (png(9_000, 9_000), "expected at most 50,000,000 pixels, got more"),
}


@pytest.mark.parametrize("kind", NO_PICTURE)
def test_what_is_no_picture_gets_a_sentence(kind, tmp_path):
    content, sentence = NO_PICTURE[kind]
    (tmp_path / "x.png").write_bytes(content)
    for source in (io.BytesIO(content), tmp_path / "x.png"):
        with pytest.raises(DataError) as error:
            read_picture(source, "the name")
        message = str(error.value)
        assert message.startswith(f"the name: {sentence}") and "\n" not in message and len(message) < 400


def test_a_file_without_an_end(monkeypatch):
    monkeypatch.setattr(pictures, "LARGEST_FILE", 2**20)
    with pytest.raises(DataError, match="a: expected a picture, got more than 1 MB"), open("/dev/zero", "rb") as zeros:
        read_picture(zeros, "a")


def test_a_pipe_that_nobody_writes_to(tmp_path):
    os.mkfifo(tmp_path / "x.png")
    with pytest.raises(DataError, match=r"a: expected a file, got a pipe or a device; `-` reads standard input"):
        read_picture(tmp_path / "x.png", "a")


@pytest.mark.parametrize("mode", ["RGB", "L", "I;16", "F"])
def test_a_large_picture_takes_little_memory(mode, tmp_path):
    """One of 48 million pixels: less than 500 MB above the program itself."""
    Image.new(mode, (8000, 6000)).save(tmp_path / "x.tif", compression="tiff_lzw")
    code = f"""
import resource, sys
from pathlib import Path
from apps.mnist_rows.pictures import read_picture
used = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
before = used()
image = read_picture(Path({str(tmp_path / "x.tif")!r}), "a")
print(*image.size, used() - before)
"""
    width, height, megabytes = map(
        int, subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    )
    assert width * height < 5e5 and megabytes < 500


def test_no_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_picture(tmp_path / "none.png", "none.png")


def test_labels_are_kept(tmp_path):
    labels = Labels(("zero", "eins", "二"), 20)
    labels.save(tmp_path)
    assert Labels.load(tmp_path) == labels
    content = json.loads((tmp_path / "labels.json").read_text(encoding="utf-8"))
    assert content["labels"] == ["zero", "eins", "二"]
    assert content["image"] == {"rows": 28, "columns": 28, "paper": 0.0, "ink": 1.0, "box": 20, "centre_of_mass": 14}


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"labels": [1], "image": {"box": 20}}', '{"labels": ["a"], "image": {"box": 40}}']
)
def test_damaged_labels(tmp_path, content):
    with pytest.raises(DataError, match=r"expected a trained model in .*, got no labels\.json there"):
        Labels.load(tmp_path)
    (tmp_path / "labels.json").write_text(content)
    with pytest.raises(DataError, match=r"expected labels as `train` writes it in .*labels\.json, got a damaged file"):
        Labels.load(tmp_path)


def test_the_module_does_not_import_tensorflow():
    code = "import sys, apps.mnist_rows.pictures; sys.exit('tensorflow' in sys.modules or 'matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
