"""The app that writes: texts, figures, files, symbols, refusals. What all apps promise is in test_contract.py."""

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
from app_table import APPS, SENTENCES

from apps.corpora import tiny_shakespeare
from apps.pipeline import publishing
from apps.shakespeare import artifacts
from apps.shakespeare.stepping import Stepper
from apps.shakespeare.symbols import Symbols
from apps.shakespeare.terminal import OFFERED, write_by_hand
from apps.shakespeare.use import Choice, Writer

APP = APPS["shakespeare"]
run, fails = APP.run, APP.fails
pytestmark = pytest.mark.usefixtures("app")  # its small recipe


def test_the_parts_and_the_whole_agree(trained):
    figures = publishing.read_results(trained)["artifacts"]
    entry = figures["litert"]
    assert abs(entry["value"] - figures["saved_model"]["value"]) <= 1e-5
    assert abs(figures["litert_int8"]["value"] - entry["value"]) <= 0.1
    more = entry["more"]
    assert entry["examples"] == len(SENTENCES) // 5 - 1
    for name, whole in (("windows", entry["value"]), ("one pass", more["one pass"])):
        halves = [more[f"{name}, first half"], more[f"{name}, second half"]]
        assert min(halves) <= whole <= max(halves)


def test_evaluate_on_a_text_of_ones_own(trained, data, capfd):
    assert run("evaluate", "--artifact", "litert", "--json", "--model", trained, "--data", data[1]) == 0
    figures = json.loads(capfd.readouterr().out)
    assert figures["examples"] == len(SENTENCES) - 1
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
    assert set(text) <= set(SENTENCES)


def test_generate_several_as_json(trained, capfd):
    lines = written(trained, capfd, "--prompt", "the €", "--length", 30, "--seed", 1, "--count", 3, "--json")
    answers = [json.loads(line) for line in lines.splitlines()]
    assert [answer["row"] for answer in answers] == [0, 1, 2]
    assert len({answer["answer"] for answer in answers}) == 3
    assert all(answer["answer"].startswith("the €") and len(answer["answer"]) == 35 for answer in answers)


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
    keras_model, symbols, *_ = artifacts.load_trained(trained / "model.keras")
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


@pytest.mark.slow
def test_words_of_chinese(tmp_path, capfd):
    (tmp_path / "chinese.txt").write_bytes(("今天天气很好，我们去公园散步。\n" * 150).encode("gb18030"))
    folder = tmp_path / "model"
    flags = ("--level", "word", "--sampling", "random", "--most", 9, "--data", tmp_path / "chinese.txt")
    with APPS["shakespeare"].writing(("saved_model", "litert")):
        assert run("train", "--quick", *flags, "--output", folder) == 0
    capfd.readouterr()
    symbols = Symbols.load(folder)
    assert len(symbols) == 10 and {"今天天气", "今天"} & set(symbols.symbols)
    assert written(folder, capfd, "--prompt", "今天天气", "--length", 6, "--seed", 1).startswith("今天天气")


def test_bad_input_is_one_sentence(trained, data, tmp_path, capfd):
    (tmp_path / "empty").touch()
    assert "40 symbols or more" in fails(capfd, "train", "--data", tmp_path / "empty", "--output", tmp_path / "o")
    sentence = fails(capfd, "train", "--data", data[1], "--encoding", "ascii", "--output", tmp_path / "o")
    assert "expected ascii in" in sentence
    assert "2 symbols or more" in fails(capfd, "evaluate", "--model", trained, "--data", tmp_path / "empty")
    for flag, value in (("--temperature", "-1"), ("--top-p", "1.5"), ("--top-k", "0"), ("--length", "x")):
        with pytest.raises(SystemExit) as stopped:
            run("generate", flag, value)
        assert stopped.value.code == 2


@pytest.mark.parametrize("symbols", ["a", "abcdefghijklmnopqrstuvwxyz \n.1234"])
def test_another_vocabulary_is_noticed(trained, tmp_path, capfd, symbols):
    (tmp_path / "model.tflite").write_bytes((trained / "model.tflite").read_bytes())
    Symbols("char", tuple(symbols)).save(tmp_path)
    sentence = fails(capfd, "generate", "--model", tmp_path, "--prompt", symbols[-1])
    assert "was made with beside it, got " in sentence


def test_resume_refuses_another_text(copy, data, capfd):
    sentence = fails(capfd, "train", "--quick", "--data", data[0], "--output", copy, "--resume")
    assert "expected the settings of the run to resume (data " in sentence


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
