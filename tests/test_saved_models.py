"""The models that are in the repository: complete, the same on every runtime, as good as results.json says."""

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter
from PIL import Image, ImageDraw

from apps.chinese_pos import output
from apps.chinese_pos import use as chinese_pos_use
from apps.pipeline import model_card, publishing
from apps.sentiment.evaluation import probabilities
from apps.sentiment.use import load
from apps.shakespeare.stepping import Stepper
from apps.shakespeare.symbols import Symbols
from apps.shakespeare.use import Choice, Writer

pytestmark = pytest.mark.usefixtures("loaded_once")
MODELS = Path(__file__).parents[1] / "saved_models"
FOLDER = MODELS / "sentiment"
APPS = {  # what is beside the artifacts
    "sentiment": "vocabulary.json",
    "mnist_rows": "labels.json",
    "shakespeare": "vocabulary.json",
    "word_reversal": "vocabulary.json",
    "chinese_pos": "vocabulary.json",
}
CLASSIFIERS = ("sentiment", "mnist_rows")  # ship a file with 8-bit activations too
ARTIFACTS = {app: [*publishing.FILES][: None if app in CLASSIFIERS else -1] for app in APPS}
TEXTS = [
    "A warm, funny film. I laughed, I cried, and I left with a smile: wonderful!",
    "Dull, clumsy and far too long; the worst two hours I have spent in a cinema.",
    "I expected to hate it<br /><br />and I was wrong... 9/10",
    "",
    "😀 我很喜欢 \x00 é",
    "It isn't bad, it isn't good, it's just there. " * 100,
]


def results(app):
    return json.loads((MODELS / app / "results.json").read_text(encoding="utf-8"))


def test_every_model_is_tested():
    assert {path.parent.name for path in MODELS.glob("*/results.json")} == set(APPS)


@pytest.mark.parametrize("app", APPS)
def test_the_folder_is_complete(app):
    names = {path.name for path in (MODELS / app).iterdir()} - {"training", "model.keras"}
    files = {publishing.FILES[artifact] for artifact in ARTIFACTS[app]}
    beside = {APPS[app], "refusal.json"} if app == "mnist_rows" else {APPS[app]}
    assert names == files | beside | {"results.json", "README.md"}
    assert set(results(app)["artifacts"]) == set(ARTIFACTS[app])


@pytest.mark.parametrize(("app", "artifact"), [(app, artifact) for app in APPS for artifact in ARTIFACTS[app]])
def test_the_figures_are_of_these_very_files(app, artifact):
    entry = results(app)["artifacts"][artifact]
    assert publishing.fingerprint(MODELS / app / entry["file"]) == {"bytes": entry["bytes"], "sha256": entry["sha256"]}
    assert entry["command"] == f"python -m apps.{app} evaluate --artifact {artifact}"
    assert model_card.metrics_in_words(entry) in (MODELS / app / "README.md").read_text(encoding="utf-8")


def test_the_bars_of_sentiment():
    artifacts = results("sentiment")["artifacts"]
    figures = {name: entry["value"] for name, entry in artifacts.items()}
    assert all(entry["examples"] == 25_000 for entry in artifacts.values())
    assert figures["saved_model"] >= 0.91
    assert abs(figures["litert"] - figures["saved_model"]) <= 0.001
    assert abs(figures["litert_int8"] - figures["saved_model"]) <= 0.005
    for entry in artifacts.values():
        assert entry["more"]["its calibration error"] <= 0.04 and entry["more"]["99% sure of its wrong ones"] <= 0.02
    assert artifacts["litert"]["bytes"] <= 20e6
    assert artifacts["litert_int8"]["bytes"] <= 6e6


def test_the_bars_of_mnist_rows():
    artifacts = results("mnist_rows")["artifacts"]
    figures = {name: entry["value"] for name, entry in artifacts.items()}
    assert all(entry["examples"] == 10_000 for entry in artifacts.values())
    assert figures["saved_model"] == figures["litert"] >= 0.996
    assert figures["litert_int8"] >= 0.995
    assert artifacts["litert_int8"]["bytes"] <= 1e6


def test_the_bars_of_shakespeare():
    artifacts = results("shakespeare")["artifacts"]
    assert all(entry["examples"] == 111_539 and entry["unit"] == "nats" for entry in artifacts.values())
    for entry in artifacts.values():
        assert entry["value"] <= 1.475 and entry["more"]["one pass"] <= 1.460
    assert artifacts["litert"]["value"] == pytest.approx(artifacts["saved_model"]["value"], abs=1e-5)


def test_the_bars_of_word_reversal():
    artifacts = results("word_reversal")["artifacts"]
    assert all(entry["examples"] == 20_000 for entry in artifacts.values())
    for entry in artifacts.values():
        assert entry["value"] == 1.0 and all(value >= 0.995 for value in entry["more"].values())


def test_the_bars_of_chinese_pos():
    artifacts = results("chinese_pos")["artifacts"]
    assert all(entry["examples"] == 1949 for entry in artifacts.values())
    whole = artifacts["saved_model"]
    assert whole["value"] >= 0.9427 and whole["more"]["segmentation F1"] >= 0.9704
    assert artifacts["litert"]["value"] == whole["value"] and artifacts["litert"]["more"] == whole["more"]
    for name in ("litert_float16", "litert_int8"):
        assert artifacts[name]["value"] >= whole["value"] - 0.003
    assert artifacts["saved_model"]["bytes"] <= 24e6 and artifacts["litert"]["bytes"] <= 24e6
    assert artifacts["litert_int8"]["bytes"] <= 7e6


def test_chinese_is_tagged_alike_everywhere():
    texts = [
        "昨天下午，我们在学校图书馆学习了三个小时。",
        "ChatGPT 在2022年11月发布，价格为20美元。👍 １９９８年\t繁體字也可以。",
        "",
        "  ",
        "他研究生命的起源，她是一名研究生。" * 20,
        "我用Python3.6和C++，見https://a.example/x?y=1；9:30漲了12.5%……他說——😱Python中🙏\x01。",
    ]
    expected = chinese_pos_use.words_by(MODELS / "chinese_pos", "saved_model", texts)
    assert chinese_pos_use.words_by(MODELS / "chinese_pos", "litert", texts) == expected
    assert [texts[0][word.start : word.end] for word in expected[0]][:4] == ["昨天", "下午", "，", "我们"]


def test_mixed_chinese_is_cut_as_a_person_would():
    tagger = chinese_pos_use.load()
    expected = {
        "Linux、macOS": "Linux/nx 、/w macOS/nx",
        "Python3.6": "Python3.6/nx",
        "😱Python中🙏": "😱/w Python/nx 中/f 🙏/w",
        "结果见https://www.example.org/x?y=1，或写信到info@example.org": (
            "结果/d 见/v https://www.example.org/x?y=1/nx ，/w 或/c 写信/v 到/v info@example.org/nx"
        ),
        "明天上午9:30开会，预算涨了12.5%……": "明天/t 上午/t 9:30/m 开会/v ，/w 预算/n 涨/v 了/u 12.5%/m ……/w",
        "我用C++和C#写程序": "我/r 用/v C++/nx 和/c C#/nx 写/v 程序/n",
    }
    for text, words in expected.items():
        assert output.as_plain(text, tagger.tag(text).sentences) == words


def test_traditional_chinese_is_cut_as_its_simplified_twin():
    tagger = chinese_pos_use.load()
    pairs = (
        (
            "昨天下午我們在圖書館討論機器學習的作業，晚上去吃了牛肉麵。",
            "昨天下午我们在图书馆讨论机器学习的作业，晚上去吃了牛肉面。",
        ),
        ("臺灣的夏天很熱，學生們喜歡到海邊游泳。", "台湾的夏天很热，学生们喜欢到海边游泳。"),
    )
    for traditional, simplified in pairs:
        assert tagger.tag(traditional).sentences == tagger.tag(simplified).sentences


def test_shakespeare_writes_the_same_text_everywhere():
    folder = MODELS / "shakespeare"
    step, symbols = Stepper(folder, "litert"), Symbols.load(folder)
    served = tf.saved_model.load(str(folder / "1")).signatures["serving_default"]
    prompts = ["ROMEO:\n", "", "To be, or not to be €"]
    options = {"length": tf.constant(200), "temperature": tf.constant(0.8), "seed": tf.constant(11)}
    for row, text in enumerate(served(prompt=tf.constant(prompts), **options)["text"].numpy()):
        assert text.decode() == prompts[row] + "".join(
            Writer(step, symbols, prompts[row]).write(200, Choice(0.8, seed=11), row)
        )


def test_every_runtime_gives_the_same_answers():
    saved_model = probabilities(FOLDER, "saved_model", TEXTS)
    litert = probabilities(FOLDER, "litert", TEXTS)
    np.testing.assert_allclose(litert, saved_model, atol=1e-5)
    np.testing.assert_allclose(probabilities(FOLDER, "litert_int8", TEXTS), saved_model, atol=0.05)
    assert saved_model[0, 1] > 0.9
    assert saved_model[1, 1] < 0.1


def test_the_saved_model_needs_no_python_of_ours():
    signature = tf.saved_model.load(str(FOLDER / "1")).signatures["serving_default"]
    assert signature.structured_input_signature[1]["text"].shape.as_list() == [None]
    probability = signature(text=tf.constant([b"good \xff\xfe", b""]))["probability"]
    assert probability.shape == (2,)
    assert np.isfinite(probability).all()


@pytest.mark.parametrize("file", ["model.tflite", "model_int8.tflite"])
def test_litert_has_builtin_operators_only_and_forgets_between_calls(file):
    interpreter = Interpreter(str(FOLDER / file))
    run = interpreter.get_signature_runner("serving_default")
    assert not [details["op_name"] for details in interpreter._get_ops_details() if "Flex" in details["op_name"]]
    for length in (1, 2, 7, 40):
        ids = np.arange(2, 2 + length, dtype=np.int32)[None]
        first, again = run(ids=ids), run(ids=ids)
        assert first["logit"] == again["logit"]


WITHOUT_TENSORFLOW = """
import importlib, json, sys
for name, *argv in json.loads(sys.argv[1]):
    assert importlib.import_module(f"apps.{name}.__main__").main(argv) == 0
    heavy = {"tensorflow", "keras", "keras_rnn", "tensorflow_datasets", "gensim", "sklearn", "matplotlib", "snownlp"}
    assert not heavy & set(sys.modules), (name, heavy & set(sys.modules))
"""


def test_every_app_answers_without_tensorflow(tmp_path):
    """One process for all, and not where the project is."""
    drawing = Image.new("L", (90, 120), 255)
    ImageDraw.Draw(drawing).line([(20, 20), (70, 20), (40, 100)], 0, 8)
    drawing.save(tmp_path / "seven.png")
    asked = {
        ("sentiment", "classify", "--explain", "A fine film."): "positive",
        ("mnist_rows", "recognise", "seven.png"): "7 ",
        ("shakespeare", "generate", "--prompt", "ROMEO:", "--length", "3"): "ROMEO:",
        ("word_reversal", "reverse", "--beam", "2", "stressed"): "desserts",
        ("chinese_pos", "tag", "我爱北京。"): "我/r 爱/v",
    }
    command = [sys.executable, "-c", WITHOUT_TENSORFLOW, json.dumps(list(asked))]
    environment = os.environ | {"PYTHONPATH": str(MODELS.parent)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert {name for name, *_ in asked} == set(APPS)
    assert all(answer in done.stdout for answer in asked.values())


def test_a_text_without_a_word_has_no_label():
    assert [answer.label for answer in load().classify(["", "good", " \t"])] == [
        None,
        "positive",
        None,
    ]


def test_eight_threads_share_the_shipped_saved_model(load_once):
    serve = load_once(str(FOLDER / "1")).signatures["serving_default"]
    given = [tf.constant([text]) for text in TEXTS[:5]] + [tf.constant(TEXTS[:3])]
    expected = [serve(text=each)["probability"].numpy() for each in given]

    def work(_):
        return [serve(text=each)["probability"].numpy() for each in given]

    with ThreadPoolExecutor(8) as threads:
        for found in threads.map(work, range(8)):
            for one, other in zip(found, expected, strict=True):
                np.testing.assert_allclose(one, other, rtol=1e-6)
