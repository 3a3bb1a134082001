"""The app that writes, from the command line to the files it leaves, on a text of its own."""

import io
import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import tensorflow as tf

from apps.corpora import tiny_shakespeare
from apps.shakespeare import __main__ as shakespeare
from apps.shakespeare import artifacts
from apps.shakespeare import learning as shakespeare_learning
from apps.shakespeare.__main__ import OFFERED, write_by_hand
from apps.shakespeare.stepping import Stepper
from apps.shakespeare.symbols import Symbols
from apps.shakespeare.use import Choice, Writer

SMALL = ("--units", 12, "--window", 16, "--batch-size", 8, "--epochs", 2, "--seed", 3, "--learning-rate", 0.02)
TEXT = "the cat sat on the mat.\nthe dog ate the hat.\n" * 90


def run(*argv):
    return shakespeare.main([str(argument) for argument in argv])


def fails(capfd, *argv):
    """The one sentence with which a command fails."""
    assert run(*argv) == 2
    err = capfd.readouterr().err
    lines = [line for line in err.splitlines() if "error: " in line]
    assert len(lines) == 1 and "Traceback" not in err
    return lines[0].removeprefix("python -m apps.shakespeare: error: ")


@pytest.fixture(scope="module", autouse=True)
def small():
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(shakespeare_learning, "SHORTEST_EPOCH", 50)
        yield


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Two files, in different encodings."""
    folder = tmp_path_factory.mktemp("data")
    (folder / "first.txt").write_text(TEXT, encoding="utf-8")
    (folder / "second.txt").write_bytes(TEXT.encode("utf-16"))
    return [folder / "first.txt", folder / "second.txt"]


@pytest.fixture(scope="module")
def trained(data, tmp_path_factory):
    """The folder of a model that has learnt, by the app's own command."""
    folder = tmp_path_factory.mktemp("trained") / "model"
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(sys, "argv", ["apps/shakespeare/__main__.py", "train", "--output", "somewhere"])
        assert run("train", *SMALL, "--data", *data, "--output", folder) == 0
    return folder


def results(folder):
    return json.loads((folder / "results.json").read_text(encoding="utf-8"))


def test_train_leaves_the_folder_that_is_promised(trained):
    names = {path.name for path in trained.iterdir()}
    files = {"1", "model.tflite", "model_float16.tflite", "model_int8.tflite", "model.keras"}
    assert names == files | {"vocabulary.json", "results.json", "README.md", "training"}
    about = results(trained)
    assert about["training"]["recipe"]["units"] == 12 and len(about["training"]["versions"]) >= 4
    figures = {name: entry["value"] for name, entry in about["artifacts"].items()}
    assert figures.keys() == set(artifacts.ARTIFACTS)
    assert figures["saved_model"] < 2.0 < np.log(19)  # 19 symbols
    for name, tolerance in {"litert": 1e-5, "litert_float16": 0.01, "litert_int8": 0.1}.items():
        assert abs(figures[name] - figures["saved_model"]) <= tolerance
    assert f"windows of 256 {figures['litert']:.4f} nats" in (trained / "README.md").read_text(encoding="utf-8")


def test_the_parts_and_the_whole_agree(trained):
    entry = results(trained)["artifacts"]["litert"]
    more = entry["more"]
    assert entry["examples"] == len(TEXT) // 5 - 1
    for name, whole in (("windows", entry["value"]), ("one pass", more["one pass"])):
        halves = [more[f"{name}, first half"], more[f"{name}, second half"]]
        assert min(halves) <= whole <= max(halves)


def test_evaluate_on_a_text_of_ones_own(trained, data, capfd):
    assert run("evaluate", "--artifact", "litert", "--json", "--model", trained, "--data", data[1]) == 0
    figures = json.loads(capfd.readouterr().out)
    assert figures["examples"] == len(TEXT) - 1
    assert figures["perplexity"] == pytest.approx(np.exp(figures["value"]), abs=1e-3)
    assert run("evaluate", "--artifact", "litert", "--model", trained, "--data", data[1], "--encoding", "utf-16") == 0
    assert f"{figures['value']:.4f} nats" in capfd.readouterr().out


def test_evaluate_reads_the_held_out_shakespeare(trained, monkeypatch, capfd):
    monkeypatch.setattr(tiny_shakespeare, "held_out", lambda: ("the cat", " sat on€"))
    assert run("evaluate", "--artifact", "litert", "--json", "--model", trained) == 0
    figures = json.loads(capfd.readouterr().out)
    assert figures["examples"] == 14 and "one pass, second half" in figures["more"]


def written(trained, capfd, *argv):
    assert run("generate", "--model", trained, *argv) == 0
    return capfd.readouterr().out


def test_generate_goes_on_with_the_prompt(trained, capfd):
    text = written(trained, capfd, "--prompt", "the ", "--length", 40, "--seed", 1)
    assert text.startswith("the ") and len(text) == len("the ") + 40 + 1
    assert text == written(trained, capfd, "--prompt", "the ", "--length", 40, "--seed", 1)
    assert text != written(trained, capfd, "--prompt", "the ", "--length", 40, "--seed", 2)
    assert set(text) <= set(TEXT)


def test_generate_several_as_json(trained, capfd):
    lines = written(trained, capfd, "--prompt", "the €", "--length", 30, "--seed", 1, "--count", 3, "--json")
    answers = [json.loads(line) for line in lines.splitlines()]
    assert [answer["row"] for answer in answers] == [0, 1, 2]
    assert len({answer["text"] for answer in answers}) == 3
    assert all(answer["text"].startswith("the €") and len(answer["text"]) == 35 for answer in answers)


def test_longer_texts_begin_like_shorter_ones(trained, capfd):
    short, long = (written(trained, capfd, "--length", length, "--seed", 5) for length in (20, 60))
    assert long.startswith(short.rstrip("\n"))


def test_prompts_from_standard_input_and_a_file(trained, capfd, monkeypatch, tmp_path):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"the\ncat"), encoding="utf-8"))
    assert written(trained, capfd, "--prompt", "-", "--length", 5, "--seed", 1).startswith("the\ncat")
    (tmp_path / "prompt").write_text("the dog", encoding="utf-8")
    assert written(trained, capfd, "--file", tmp_path / "prompt", "--length", 5, "--seed", 1).startswith("the dog")


PROMPTS = ["the cat", "", "€uro", "\x1f", "dog\r\n"]


@pytest.mark.parametrize("choice", [Choice(0.8, 0, 1.0, 7), Choice(0.0), Choice(1.3, 3, 0.5, 2**31 - 1)], ids=str)
def test_the_saved_model_writes_the_same(trained, choice):
    served = tf.saved_model.load(str(trained / "1")).signatures["sample"]
    types = {"temperature": tf.float32, "top_k": tf.int32, "top_p": tf.float32, "seed": tf.int32}
    options = {name: tf.constant(getattr(choice, name), dtype) for name, dtype in types.items()}
    found = served(prompt=tf.constant(PROMPTS), length=tf.constant(25), **options)["text"].numpy()
    step, symbols = Stepper(trained, "litert"), Symbols.load(trained)
    for row, prompt in enumerate(PROMPTS):
        expected = prompt + "".join(Writer(step, symbols, prompt).write(25, choice, row))
        assert found[row].decode() == expected


def test_the_saved_model_takes_any_batch_and_length(trained):
    served = tf.saved_model.load(str(trained / "1")).signatures["serving_default"]
    assert set(served.structured_input_signature[1]) == {"prompt", "length", "temperature", "seed"}

    def text(prompts, length):
        given = {"length": tf.constant(length), "temperature": tf.constant(1.0), "seed": tf.constant(-1)}
        return served(prompt=tf.constant(prompts, tf.string), **given)["text"].numpy().tolist()

    assert text([], 3) == []
    assert text([b"a\xff", b""], 0) == [b"a\xef\xbf\xbd", b""]
    assert text([b"the", b"c"], -2) == [b"the", b"c"]
    assert len(text([b"the"], 1)[0]) == 4


def test_every_step_is_the_models(trained):
    keras_model, symbols = artifacts.load_trained(trained / "model.keras")
    ids = np.array(symbols.ids("the cat sat"), np.int32)
    whole = keras_model(ids[None])["logits"].numpy()[0]
    for artifact in ("saved_model", "litert"):
        step = Stepper(trained, artifact)
        states = step.zeros()
        for place, number in enumerate(ids):
            logits, states = step(np.array([number], np.int32), states)
            np.testing.assert_allclose(logits[0], whole[place], atol=1e-4)


def test_by_hand(trained, monkeypatch, capsys):
    answers = iter(["", "2", "99", "'7", "cat"])

    def answer(prompt):
        try:
            return next(answers)
        except StopIteration:
            raise EOFError from None

    monkeypatch.setattr("builtins.input", answer)
    writer = Writer(Stepper(trained, "litert"), Symbols.load(trained), "the")
    write_by_hand(writer, "the")
    out = capsys.readouterr().out
    text = out.split("\n\n")[-1].strip("\n")
    assert text.startswith("the") and text.endswith("7cat") and len(text) == 3 + 2 + 4
    assert f"expected a number from 1 to {OFFERED}, got 99" in out


def test_words_of_chinese(tmp_path, capfd):
    (tmp_path / "chinese.txt").write_bytes(("今天天气很好，我们去公园散步。\n" * 150).encode("gb18030"))
    folder = tmp_path / "model"
    assert (
        run(
            "train",
            *SMALL,
            "--level",
            "word",
            "--sampling",
            "random",
            "--most",
            9,
            "--data",
            tmp_path / "chinese.txt",
            "--output",
            folder,
        )
        == 0
    )
    capfd.readouterr()
    symbols = Symbols.load(folder)
    assert len(symbols) == 10 and {"今天天气", "今天"} & set(symbols.symbols)
    assert written(folder, capfd, "--prompt", "今天天气", "--length", 6, "--seed", 1).startswith("今天天气")


def test_export_writes_what_train_wrote(trained, tmp_path):
    assert run("export", trained / "model.keras", "--output", tmp_path / "again") == 0
    assert (tmp_path / "again" / "model.tflite").read_bytes() == (trained / "model.tflite").read_bytes()
    assert "value" not in results(tmp_path / "again")["artifacts"]["litert"]


def test_bad_input_is_one_sentence(trained, data, tmp_path, capfd):
    (tmp_path / "empty").touch()
    (tmp_path / "model.keras").write_bytes(b"no")
    (tmp_path / "bad").write_bytes(b"\xff\x00\xff")
    assert "40 symbols or more" in fails(capfd, "train", "--data", tmp_path / "empty", "--output", tmp_path / "o")
    assert "no such file" in fails(capfd, "train", "--data", tmp_path / "nothing", "--output", tmp_path / "o")
    sentence = fails(capfd, "train", "--data", data[1], "--encoding", "ascii", "--output", tmp_path / "o")
    assert "expected ascii in" in sentence
    assert "got no vocabulary.json there" in fails(capfd, "generate", "--model", tmp_path)
    assert "got no file" in fails(capfd, "export", tmp_path / "nothing.keras")
    assert "vocabulary.json" in fails(capfd, "export", tmp_path / "model.keras")
    assert "2 symbols or more" in fails(capfd, "evaluate", "--model", trained, "--data", tmp_path / "empty")
    for flag, value in (("--temperature", "-1"), ("--top-p", "1.5"), ("--top-k", "0"), ("--length", "x")):
        with pytest.raises(SystemExit) as stopped:
            run("generate", flag, value)
        assert stopped.value.code == 2


@pytest.mark.parametrize("symbols", ["a", "abcdefghijklmnopqrstuvwxyz \n.1234"])
def test_another_vocabulary_is_noticed(trained, tmp_path, capfd, symbols):
    (tmp_path / "model.tflite").write_bytes((trained / "model.tflite").read_bytes())
    Symbols("char", tuple(symbols)).save(tmp_path / "vocabulary.json")
    sentence = fails(capfd, "generate", "--model", tmp_path, "--prompt", symbols[-1])
    assert "was made with beside it, got another" in sentence


def test_resume_refuses_another_text(trained, data, capfd, tmp_path):
    sentence = fails(capfd, "train", *SMALL, "--data", data[0], "--output", trained, "--resume")
    assert "expected the settings of the run to resume" in sentence


def test_generate_starts_without_tensorflow_and_stops_with_ctrl_c(trained):
    code = (
        "import sys; from apps.shakespeare.__main__ import main;"
        f"status = main(['generate', '--model', {str(trained)!r}, '--length', '100000000', '--seed', '1']);"
        "sys.exit(status + 1000 * ('tensorflow' in sys.modules or 'keras' in sys.modules))"
    )
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    # A shell that runs tests in the background has them ignore Ctrl-C, and what they start.
    heard = {"preexec_fn": lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)}
    with subprocess.Popen([sys.executable, "-c", code], **pipes, **heard) as process:
        assert len(os.read(process.stdout.fileno(), 50)) > 0
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
        try:
            _, err = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == 130
    assert b"Traceback" not in err and b"stopped" in err
