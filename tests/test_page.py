"""The page of the apps: what is written, and in a Chromium without a window the same answers as Python's."""

import functools
import http.server
import json
import os
import random
import re
import shutil
import subprocess
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from apps import sentiment
from apps.chinese_pos import sentences
from apps.chinese_pos.lexicon import Lexicon
from apps.chinese_pos.use import Tagger
from apps.mnist_rows.refusal import Refusal
from apps.mnist_rows.use import Recogniser
from apps.page.__main__ import SITE, Handler, main, write_page
from apps.pipeline.vocabulary import Vocabulary
from apps.sentiment.use import Classifier
from apps.shakespeare.sampling import choose, random_number
from apps.shakespeare.use import Author
from apps.word_reversal.alphabet import Alphabet
from apps.word_reversal.use import Translator

MODELS = Path(__file__).parents[1] / "saved_models"
DRIVER = Path(__file__).with_name("page_driver.mjs")
SEVEN = [[[80, 70], [200, 70], [120, 230]]]  # strokes on the page's canvas of 280 x 280
HATCHED = [[(60 + 40 * n, 40), (60 + 40 * n, 240)] for n in range(5)] + [
    [(40, 80 + 60 * n), (240, 80 + 60 * n)] for n in range(3)
]
GAMMA = [[[20, 20], [20, 68]], [[20, 20], [44, 20], [44, 44]]]  # 22 thick: in a corner, 70 high and 46 wide
TYPED = "A warm, funny film. The plot makes no sense."


def needs(*programs):
    missing = [program for program in programs if not shutil.which(program)]
    skip = pytest.mark.skipif(bool(missing), reason=f"needs {', '.join(missing)}, which .ci/run installs")
    return lambda test: pytest.mark.slow(skip(test))


def run(*command, **options):
    return subprocess.run([*map(str, command)], capture_output=True, encoding="utf-8", timeout=300, **options)


# What the command writes


@pytest.fixture
def packages(tmp_path):
    """A folder node_modules as npm leaves it, with small files."""
    for name in ("core/dist/index.js", "wasm-utils/dist/index.js", "core/wasm/litert.wasm", "core/wasm/threaded.wasm"):
        path = tmp_path / "node_modules" / "@litertjs" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return tmp_path / "node_modules"


def test_the_page_is_written_with_its_models_and_its_runtime(packages, tmp_path, capsys):
    assert main([str(tmp_path / "page"), "--packages", str(packages)]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'page'}: the page is written\n"
    written = {path.relative_to(tmp_path / "page").as_posix() for path in (tmp_path / "page").rglob("*.*")}
    assert {path.name for path in SITE.iterdir()} <= written
    assert {"runtime/core/index.js", "runtime/wasm-utils/index.js", "runtime/wasm/litert.wasm"} <= written
    assert "runtime/wasm/threaded.wasm" not in written
    for path in (tmp_path / "page" / "models").rglob("*.*"):
        assert path.read_bytes() == (MODELS / path.parent.name / path.name).read_bytes()


def test_what_the_page_names_is_there(packages, tmp_path):
    write_page(tmp_path, packages)
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    for name in re.findall(r'(?:href|src|content|": )="?([\w./-]+\.(?:js|css))', page):
        assert (tmp_path / name).is_file(), name
    for script in tmp_path.glob("*.js"):
        for name in re.findall(r'from "\./([\w.]+)"', script.read_text(encoding="utf-8")):
            assert (tmp_path / name).is_file(), (script.name, name)
    found = re.findall(r"https?://", page + "".join(path.read_text(encoding="utf-8") for path in tmp_path.glob("*.js")))
    assert not found  # nothing comes from elsewhere


def test_both_languages_say_everything():
    page = (SITE / "index.html").read_text(encoding="utf-8")
    assert page.count('class="en" lang="en"') == page.count('class="zh" lang="zh-Hans"') > 15


def test_the_runtime_may_come_from_elsewhere(tmp_path):
    write_page(tmp_path, address="https://packages.example/npm/")
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    for package in ("core", "wasm-utils"):
        assert f"https://packages.example/npm/@litertjs/{package}@2.5.3/dist/index.js" in page
    assert "https://packages.example/npm/@litertjs/core@2.5.3/wasm/" in page and not (tmp_path / "runtime").exists()


def test_without_packages_or_npm_it_is_one_sentence(tmp_path, capsys, monkeypatch):
    assert main([str(tmp_path / "page"), "--packages", str(tmp_path)]) == 2
    assert "expected the package @litertjs/core in" in capsys.readouterr().err
    monkeypatch.setenv("PATH", "")
    assert main([str(tmp_path / "page")]) == 2
    assert "expected npm to fetch the runtime with, got none" in capsys.readouterr().err


# JavaScript beside Python, without a browser


def by_node(script, given):
    done = run("node", "--input-type=module", "--eval", script, input=json.dumps(given))
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def imports(module, names):
    return f"""
        import {{ readFileSync }} from "node:fs";
        import {{ {names} }} from {json.dumps((SITE / module).as_uri())};
        const given = JSON.parse(readFileSync(0, "utf8"));
        const read = (path) => JSON.parse(readFileSync(path, "utf8"));
    """


def strange_texts(count, pool, seed=1):
    generator = random.Random(seed)
    texts = ["".join(generator.choice(pool) for _ in range(generator.randint(0, 40))) for _ in range(count)]
    return [re.sub("[\ud800-\udfff]+", "\ud83d", text) for text in texts]  # two halves would be one character


@needs("node")
def test_javascript_makes_the_ids_of_a_review_that_python_makes():
    scripts = [(1, 0x250), (0x370, 0x600), (0x1E00, 0x3100), (0xA640, 0xAC00), (0xE000, 0x10000), (0x10000, 0x20000)]
    pool = [chr(code) for script in scripts for code in range(*script, 7)]
    pool += 300 * [*"<>/br .…'’\"$1\\ΣσςİIıßẞ", "the movie ", "was great ", "\ud83d"]
    texts = [TYPED, *strange_texts(500, pool)]
    path = MODELS / "sentiment" / "vocabulary.json"
    script = f"const vocabulary = new Vocabulary(read({json.dumps(str(path))}));"
    script += "console.log(JSON.stringify(given.map((text) => vocabulary.ids(text))));"
    vocabulary = Vocabulary.load(MODELS / "sentiment")
    assert by_node(imports("review_text.js", "Vocabulary") + script, texts) == [vocabulary.ids(text) for text in texts]


def chinese_texts(count):
    lexicon = Lexicon.load(MODELS / "chinese_pos")
    pool = [*lexicon.words] + 100 * [
        *"，。！？；、 \n\t「」…—ABCabc019.%-:/@+#（）()😀👍體學國龍\u0308\u200d\ud83d",
        *("👍🏽", "……", "ＢＰ", "https://a.example/c?d", "3.14%", "C++", "2022年", "12:30"),
    ]
    return [*strange_texts(count, pool), "字" * 600, "他研究生命的起源，她是一名研究生。"]


@needs("node")
def test_javascript_reads_chinese_as_python_does():
    lexicon, texts = Lexicon.load(MODELS / "chinese_pos"), chinese_texts(400)
    script = f"const reader = new ChineseText(read({json.dumps(str(MODELS / 'chinese_pos' / 'vocabulary.json'))}));"
    one = "[one.start, one.end, one.border, one.knownTag, ...one.features]"
    script += f"const found = (text) => reader.sentences(text).map((sentence) => sentence.map((one) => {one}));"
    script += "console.log(JSON.stringify(given.map(found)));"
    expected = []
    for text in texts:
        read = sentences.read(text)
        features = lexicon.features(read)
        known = [read.starts, read.ends, lexicon.borders(read, features), lexicon.known_tags(read), *features.T]
        rows = np.stack(known, axis=1).tolist() if len(read) else []
        expected.append([rows[part] for part in read.sentences()] if rows else [])
    assert by_node(imports("chinese_text.js", "ChineseText") + script, texts) == expected


@needs("node")
def test_javascript_draws_what_python_draws():
    generator = np.random.default_rng(1)
    asked = [
        {"logits": generator.normal(0, 3, 66).round(3).tolist(), "seed": int(generator.integers(2**32)), "place": place}
        | {"temperature": temperature, "k": k, "p": p}
        for place in range(60)
        for temperature, k, p in ((0.8, 0, 1.0), (0.0, 0, 1.0), (1.3, 5, 1.0), (1.0, 0, 0.9), (0.5, 20, 0.5))
    ]
    number = "const number = randomNumber(one.seed, 3, one.place);"
    drawn = "choose(Float32Array.from(one.logits), number, one.temperature, one.k, one.p)"
    script = f"console.log(JSON.stringify(given.map((one) => {{ {number} return [number, {drawn}]; }})));"
    expected = []
    for one in asked:
        draw = random_number(one["seed"], 3, one["place"])
        logits = np.array(one["logits"], np.float32)
        expected.append([draw, choose(logits, draw, one["temperature"], one["k"], one["p"])])
    assert by_node(imports("sampling.js", "choose, randomNumber") + script, asked) == expected


# In the browser


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """The page's address, and a folder with the packages that drive it."""
    tools, site = tmp_path_factory.mktemp("tools"), tmp_path_factory.mktemp("site")
    wanted = ("@litertjs/core@~2.5.3", "playwright-core@^1.55")
    done = run("npm", "install", "--no-audit", "--no-fund", "--fetch-retries=1", *wanted, cwd=tools)
    if unreachable := re.search("code (ENOTFOUND|EAI_AGAIN|ECONN[A-Z]+|ETIMEDOUT|E[A-Z]+UNREACH)", done.stderr):
        pytest.skip(f"needs the network, from which npm installs the page's packages; npm says {unreachable[1]}")
    assert done.returncode == 0, done.stderr
    write_page(site, tools / "node_modules")
    handler = functools.partial(Handler, directory=site)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield tools, f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


def reviews():
    generator = random.Random(2)
    vocabulary = Vocabulary.load(MODELS / "sentiment")
    words = vocabulary.words[:3000]
    made = [" ".join(generator.choices(words, k=generator.randint(1, 60))) for _ in range(196)]
    return [TYPED, "", "😀 我很喜欢 é", "It isn't bad, it isn't good. " * 100, *made]


def pictures():
    """Strokes, thick and thin, as float32 (28, 28)."""
    generator, made = np.random.default_rng(3), []
    for _ in range(100):
        image = Image.new("L", (28, 28))
        points = [tuple(point) for point in generator.integers(4, 24, (4, 2)).tolist()]
        ImageDraw.Draw(image).line(points, 255, int(generator.integers(1, 4)))
        made.append((np.asarray(image) / 255).astype(np.float32))
    return made


PROBABLE = [[0.05] * 5 + [0.75] + [0.0] * 4, [1.0] + [0.0] * 9] * 6 + [
    [0.0] * 7 + [1.0, 0.0, 0.0]
]  # what a network might have said of them


def strange():
    """Strokes, noise, and a seven, as float32 (28, 28)."""
    noise = np.random.default_rng(5).random((2, 28, 28)).astype(np.float32)
    seven = Image.new("L", (112, 112))
    ImageDraw.Draw(seven).line([(34, 22), (78, 22), (46, 90)], 255, 10, joint="curve")
    return [
        *pictures()[:10],
        *noise,
        (np.asarray(seven.resize((28, 28), Image.Resampling.BOX)) / 255).astype(np.float32),
    ]


def random_words():
    generator = random.Random(4)
    characters = Alphabet.load(MODELS / "word_reversal").characters
    return ["".join(generator.choices(characters, k=generator.randint(1, 24))) for _ in range(57)]


WORDS = ["stressed", "aaaaaaaaab", "rock-'n'-roll", *random_words()]
WRITTEN = [
    {"prompt": "ROMEO:", "length": 400, "temperature": 0},
    {"prompt": "", "length": 100, "temperature": 0},
    {"prompt": "To be, or not to be €", "length": 150, "temperature": 0.8, "seed": 11},
    {"prompt": "KING\r\n", "length": 150, "temperature": 1.0, "seed": 2**31, "topK": 5, "topP": 0.9},
]


@pytest.fixture(scope="module")
def answers(served):
    """What page_driver.mjs finds on the page."""
    tools, address = served
    task = {"texts": reviews(), "explained": [TYPED], "pictures": [picture.ravel().tolist() for picture in pictures()]}
    task |= {"reversed": {"words": WORDS, "beam": 3}}
    task |= {
        "drawings": [SEVEN, GAMMA, HATCHED],
        "scored": [
            {"picture": picture.ravel().tolist(), "probabilities": probabilities}
            for picture, probabilities in zip(strange(), PROBABLE, strict=True)
        ],
        "chinese": chinese_texts(148),
        "written": WRITTEN,
        "typed": TYPED,
        "broken": "runtime/core/index.js",
    }
    environment = os.environ | {"CHROMIUM": shutil.which("chromium")}
    done = run("node", DRIVER, address, cwd=tools, input=json.dumps(task), env=environment)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


in_browser = needs("node", "npm", "chromium")


@in_browser
def test_nothing_goes_wrong_and_nothing_comes_from_elsewhere(answers):
    assert answers["problems"] == [] and answers["outside"] == []


@in_browser
def test_the_browser_scores_reviews_as_python_does(answers):
    classifier = Classifier(MODELS / "sentiment", "litert_int8")
    found = classifier.classify(reviews())
    expected = [each.probabilities and each.probabilities["positive"] for each in found]
    assert [each is None for each in answers["texts"]] == [each is None for each in expected]
    for one, other in zip(answers["texts"], expected, strict=True):
        assert one is None or (one == pytest.approx(other, abs=1e-4) and (one > 0.5) == (other > 0.5))
    weights = classifier.classify(TYPED, explain=True).words
    np.testing.assert_allclose(answers["weights"][0], [weight for _, weight in weights], atol=1e-3)


@in_browser
def test_the_browser_recognises_pictures_as_python_does(answers):
    recogniser = Recogniser(MODELS / "mnist_rows", "litert_int8")
    expected = [recogniser.probabilities(picture) for picture in pictures()]
    np.testing.assert_array_equal(np.argmax(answers["pictures"], axis=1), np.argmax(expected, axis=1))
    differences = np.abs(np.array(answers["pictures"]) - expected).max(axis=1)
    # In 8 bits a last digit of a float can round an activation the other way, in a picture of a hundred.
    assert np.quantile(differences, 0.95) < 1e-4 and differences.max() < 5e-3
    assert answers["drawings"][0]["answer"] == "This is a 7."
    drawn = np.array(answers["drawings"][0]["picture"], np.float32).reshape(28, 28)
    assert np.argmax(recogniser.probabilities(drawn)) == 7


@in_browser
def test_the_browser_refuses_what_python_refuses(answers):
    refusal = Refusal.load(MODELS / "mnist_rows")
    expected = [refusal.scores(one[None], np.array([row]))[0] for one, row in zip(strange(), PROBABLE, strict=True)]
    assert min(expected) < refusal.threshold < max(expected)
    np.testing.assert_allclose(answers["scores"], expected, rtol=1e-4, atol=1e-3)
    assert answers["drawings"][2]["answer"] == "No digit found."
    drawn = np.array(answers["drawings"][2]["picture"], np.float32).reshape(28, 28)
    assert refusal.refuses(drawn, Recogniser(MODELS / "mnist_rows", "litert_int8").probabilities(drawn))


@in_browser
def test_a_drawing_becomes_a_picture_as_mnist_has_them(answers):
    """20 pixels high, as wide as the proportions say, grey at the edges, its centre of mass in the middle."""
    picture = np.array(answers["drawings"][1]["picture"]).reshape(28, 28)
    rows, columns = (np.flatnonzero(picture.any(axis=axis)) for axis in (1, 0))
    assert (len(rows), len(columns)) == (20, 13)
    places = np.arange(28)
    centre = [picture.sum(axis=axis) @ places / picture.sum() for axis in (1, 0)]
    np.testing.assert_allclose(centre, 14, atol=0.51)
    assert picture.min() == 0 and picture.max() == 1 and 0.02 < np.mean((picture > 0) & (picture < 1)) < 0.2
    foot = picture[rows[-4] :]  # of the left stroke, where the short right one has ended: neither mirrored nor turned
    assert foot[:, columns[0] : columns[6]].sum() > 10 and foot[:, columns[7] :].sum() == 0


@in_browser
def test_the_browser_tags_chinese_as_python_does(answers):
    texts = chinese_texts(148)
    assert len(texts) == 150
    expected = [
        [
            [
                {"word": sentences.without_surrogates(one.text[w.start : w.end]), "tag": w.tag}
                | {"start": w.start, "end": w.end}
                for w in sentence
            ]
            for sentence in one.sentences
        ]
        for one in Tagger(MODELS / "chinese_pos", "litert_int8").tag(texts)
    ]
    assert answers["chinese"] == expected


@in_browser
def test_the_browser_writes_what_python_writes(answers):
    author = Author(MODELS / "shakespeare", "litert")
    for asked, found in zip(WRITTEN, answers["written"], strict=True):
        names = {"topK": "top_k", "topP": "top_p"}
        choice = {names.get(name, name): value for name, value in asked.items() if name not in ("prompt", "length")}
        assert found == author.write(asked["prompt"], asked["length"], **choice).text


@in_browser
def test_the_browser_reverses_words_as_python_does(answers):
    translator = Translator(MODELS / "word_reversal", "litert_int8")
    for word, found in zip(WORDS, answers["reversed"], strict=True):
        expected = translator.reverse(word)
        assert found["greedy"] == expected.reversed
        np.testing.assert_allclose(found["attention"], expected.attention, atol=0.02)  # 8 bits round
        candidates = translator.reverse(word, 3).candidates
        assert found["beam"][0][0] == candidates[0]["answer"]
        assert found["beam"][0][1] == pytest.approx(candidates[0]["probability"], abs=0.02)


@in_browser
def test_a_page_without_its_runtime_says_so(answers):
    assert answers["whole"] and "this page needs a server" in answers["broken"]


@in_browser
def test_what_is_typed_is_answered_in_both_languages(answers):
    (found,) = sentiment.load().classify([TYPED])
    percent = float(answers["typed"]["opinion"].split("%")[0])
    assert answers["typed"]["opinion"].endswith("% positive")
    assert percent / 100 == pytest.approx(found.probabilities["positive"], abs=0.1)  # Python's has 32 bits
    assert "warm" in answers["typed"]["words"] and "−" in answers["typed"]["words"]
    assert answers["chineseOpinion"].endswith("% 正面")
