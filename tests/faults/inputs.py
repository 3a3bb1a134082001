"""Hostile texts, pictures, names and data."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np

from .damage import data_of
from .trial import ROOT, VERBS, Trial, expect_clean, expect_json, expect_sentence

PIECES = [
    *(
        "",
        " ",
        "\t",
        "\0",
        "\x1b[2J",
        "\x1b]0;title\x07",
        "\x9b31m",
        "\x7f",
        "\u2028",
        "\u2029",
        "\u0085",
        "\u202e",
        "\x1f",
    ),
    *(
        "\r",
        "\x0b",
        "\x0c",
        "\ufeff",
        "\ufffd",
        "e\u0301",
        "é",
        "ｆｕｌｌ",
        "İ",
        "ß",
        "ﬁ",
        "👩‍👩‍👧",
        "🇩🇪",
        "我",
        "爱",
        "１２",
        "𠮷",
        "٣",
    ),
    *(
        "a",
        "good",
        "BAD",
        "it's",
        "rock-'n'-roll",
        "<br />",
        "&amp;",
        "{",
        '"',
        "\\",
        "%s",
        "null",
        "NaN",
        "-1e999",
        "/",
        "_",
    ),
]


def text_of(trial: Trial) -> str:
    """A text without a line break."""
    generator, kind = trial.generator, trial.generator.random()
    if kind < 0.1:
        return trial.pick(PIECES) * int(generator.integers(1, 20_000))
    if kind < 0.3:  # any characters at all, halves of pairs too
        codes = generator.integers(0, 0x110000, int(generator.integers(1, 60)))
        return "".join(chr(code) for code in codes if chr(code) not in "\n\r")
    pieces = [trial.pick(PIECES) for _ in range(int(generator.integers(1, 40)))]
    return trial.pick(["", " "]).join(pieces).replace("\n", "")


def hostile_text(trial: Trial) -> None:
    """Some lines in a file: an answer for each, in words and in JSON, or one sentence."""
    lines = [text_of(trial) for _ in range(int(trial.generator.integers(1, 4)))]
    content = "\n".join(lines).encode("utf-8", "surrogatepass")
    if trial.generator.random() < 0.2:
        content = trial.generator.bytes(int(trial.generator.integers(1, 300))).replace(b"\n", b"")
        lines = [""]
    file = trial.folder / "lines.txt"
    file.write_bytes(content + b"\n" * int(trial.generator.integers(2)))
    if not content.strip(b"\n") and len(lines) == 1:
        file.write_bytes(b"\n")
    if trial.app == "shakespeare":
        flags = ("generate", "--length", 3, "--file", file, *(["--seed", 1] if trial.generator.random() < 0.5 else []))
        lines = [""]
    else:
        flags = (VERBS[trial.app], "--file", file)
    if trial.generator.random() < 0.5:
        expect_json(
            trial.run(*flags, "--json"),
            len(file.read_bytes().removesuffix(b"\n").split(b"\n")) if len(lines) > 1 else 1,
        )
    else:
        expect_clean(trial.run(*flags))


def picture_of(trial: Trial, path: Path) -> None:
    """Something that may be a picture."""
    from PIL import Image

    generator = trial.generator
    mode = trial.pick(["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "I", "F", "YCbCr", "HSV"])
    sizes = [(1, 1), (1, 300), (300, 1), (28, 28), (3, 3), (50, 60), (200, 150)]
    size = trial.pick(sizes)
    if mode in ("RGB", "L"):
        shape = (size[1], size[0], 3) if mode == "RGB" else size[::-1]
        image = Image.fromarray(generator.integers(0, 256, shape).astype(np.uint8))
    else:
        image = Image.new(mode, size, 0)
    form = trial.pick(["PNG", "JPEG", "GIF", "WEBP", "TIFF", "BMP", "PPM", "ICO"])
    try:
        image.save(path, form)
    except (OSError, KeyError, ValueError):  # not every format has every mode
        image.convert("RGB").save(path, "PNG")
    content = bytearray(path.read_bytes())
    how = generator.random()
    if how < 0.3:
        for place in generator.integers(0, len(content), int(generator.integers(1, 6))):
            content[place] ^= int(generator.integers(1, 256))
    elif how < 0.5:
        del content[int(generator.integers(len(content))) :]
    elif how < 0.6:
        content = bytearray(content[:40] + generator.bytes(200))
    elif how < 0.7 and content[:8] == b"\x89PNG\r\n\x1a\n":  # a picture that says it is huge
        import zlib

        content[16:24] = int(generator.integers(1, 2**31)).to_bytes(4) + int(generator.integers(1, 2**31)).to_bytes(4)
        content[29:33] = zlib.crc32(content[12:29]).to_bytes(4)
    path.write_bytes(content)


def hostile_picture(trial: Trial) -> None:
    """With a hostile name as often as not."""
    name = trial.pick(
        ["a.png", "\x1b[31m.png", "a\nb.png", "b\u202ec.png", "\x07.jpg", "é 我.gif", "-.png", "c\u2028d", "x" * 200]
    )
    path = trial.folder / name
    picture_of(trial, path)
    if trial.generator.random() < 0.1:
        path = trial.folder / trial.pick(["none\x1b[2J.png", "", "..", "\udcff.png"])
    digits = ["--digits"] if trial.generator.random() < 0.3 else []
    if trial.generator.random() < 0.5:
        expect_json(trial.run("recognise", "--json", *digits, path), 1)
    else:
        done = trial.run("recognise", *digits, path)
        expect_clean(done)
        assert len(done.out.splitlines()) == 1


def special_file(trial: Trial) -> None:
    """A FIFO without a writer, a device, a folder, a socket: refused, and not waited for."""
    kind = trial.pick(["fifo", "folder", "device"])
    path = trial.folder / "special"
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        path = Path("/dev/full")
    flags = [path] if trial.app == "mnist_rows" else ["--file", path]
    if kind == "fifo" and trial.app != "mnist_rows":  # what is written to it is the text: a shell's <(...)
        writer = threading.Thread(target=path.write_text, args=("a text\n",))
        writer.start()
        expect_clean(trial.run(VERBS[trial.app], *flags))
        writer.join()
    elif kind != "device" or trial.app == "mnist_rows":  # as a text a device is an endless line
        expect_sentence(trial.run(VERBS[trial.app], *flags))


def hostile_data(trial: Trial) -> None:
    """A file that people take for their data: measured, or refused in a sentence that can't drive a terminal."""
    path = data_of(trial)
    if path.is_dir():
        path = next(path.rglob("*.png"))
    good, generator = path.read_bytes(), trial.generator
    text = good.decode("utf-8", "replace")
    ways = [
        lambda: text.encode("utf-16-le"),
        lambda: text.encode("utf-16"),
        lambda: bytes(5000),
        lambda: b"%PDF-1.7\n" + generator.bytes(300),
        lambda: b"\x1f\x8b" + good,
        lambda: generator.bytes(2000),
        lambda: b"",
        lambda: good[: int(generator.integers(len(good)))],
        lambda: (
            good.replace(b"positive", b"pos\x1b[31m\x07")
            .replace(b"label", b"lab\x1b[2Jel")
            .replace(b"desserts", b"\x9b31m")
        ),
        lambda: good.replace(b"\t", b"\t\x1b[2J"),
        lambda: (text * 3).replace("a", trial.pick(PIECES)).encode("utf-8", "replace"),
        lambda: b'"' * 70_000 + good,
        lambda: good.replace(b",", b";").replace(b"\t", b" "),
    ]
    path.write_bytes(trial.pick(ways)())
    data = trial.folder / "own" if trial.app == "mnist_rows" else path
    more = ["--json"] if generator.random() < 0.3 else []
    done = trial.run("evaluate", "--artifact", "litert", "--data", data, *more)
    expect_clean(done)


def threads(trial: Trial) -> None:
    """Share the object of load() and get the answers that one thread gets."""
    import apps

    __import__(f"apps.{trial.app}")
    loaded = getattr(apps, trial.app).load()
    generator = trial.generator
    given = ["".join(chr(97 + n) for n in generator.integers(0, 26, generator.integers(1, 20))) for _ in range(16)]
    answer = {
        "sentiment": lambda text: loaded.classify(text),
        "mnist_rows": lambda text: loaded.probabilities(np.full((28, 28), len(text) / 20, np.float32)).tolist(),
        "shakespeare": lambda text: loaded.write(text, 3),
        "word_reversal": lambda text: loaded.reverse(text).reversed,
        "chinese_pos": lambda text: loaded.tag(text),
    }[trial.app]
    expected, found = [answer(text) for text in given], {}

    def work(first: int) -> None:
        for number in range(first, len(given), 8):
            found[number] = answer(given[number])

    workers = [threading.Thread(target=work, args=(first,)) for first in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [found.get(number) for number in range(len(given))] == expected


def memory(trial: Trial) -> None:
    """A large line, file or picture: less than 500 MB in all, in a process of its own."""
    path = trial.folder / "large"
    if trial.app == "mnist_rows":
        from PIL import Image

        side = int(trial.generator.integers(2_000, 9_000))
        Image.new(trial.pick(["L", "RGB"]), (side, side), 255).save(path.with_suffix(".png"), compress_level=1)
        words = ["recognise", path.with_suffix(".png")]
    else:
        line = trial.pick(["good ", "word", "我爱北京。", "\x1b", "a"])
        size = int(trial.generator.integers(1, 3)) * 2**20 if trial.app == "sentiment" else 2**18
        path.write_text(line * (size // len(line.encode())), encoding="utf-8")
        words = [VERBS[trial.app], "--file", path, *(["--length", 3] if trial.app == "shakespeare" else [])]
    most = (  # what the system says of a process's most may be that of the one that began it
        "import sys; from apps.{0}.__main__ import main; status = main(sys.argv[1:]); sys.stdout.flush(); "
        "lines = open('/proc/self/status').read().splitlines(); "
        "print(*(int(line.split()[1]) // 1024 for line in lines if line.startswith('VmHWM')), file=sys.stderr); "
        "sys.exit(status)"
    )
    command = [sys.executable, "-c", most.format(trial.app), *map(str, words)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, timeout=300)
    error = done.stderr.decode("utf-8", "replace")
    assert done.returncode in (0, 2) and "Traceback" not in error, error[-500:]
    megabytes = int(error.split()[-1])
    assert megabytes < 500, f"{megabytes} MB for {words}"


INPUTS = {
    "hostile texts and pictures": lambda trial: (
        hostile_picture(trial) if trial.app == "mnist_rows" else hostile_text(trial)
    ),
    "special files": special_file,
    "hostile data": hostile_data,
    "8 threads on one model": threads,
    "large inputs": memory,
}
