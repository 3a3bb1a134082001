"""The app that finds Chinese words, from the command line to the files it leaves, on sentences of its own."""

import io
import json
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from test_chinese_pos_sentences import random_text

from apps.chinese_pos import __main__ as chinese_pos
from apps.chinese_pos import artifacts, sentences
from apps.chinese_pos import data as chinese_pos_data
from apps.chinese_pos import learning as chinese_pos_learning
from apps.chinese_pos import use as chinese_pos_use
from apps.chinese_pos.data import Word, slashed_line
from apps.chinese_pos.lexicon import Lexicon
from apps.pipeline import publishing
from apps.pipeline.errors import DataError

SMALL = {"units": 12, "character_size": 12, "pair_size": 4, "pairs": 100, "word_vector_epochs": 1, "epochs": 2}
SMALL |= {
    "batch_size": 10,
    "learning_rate": 0.03,
    "averaging_steps": 5,
    "rarest": 1,
    "dropout": 0.2,
    "unknown_rate": 0.03,
}
SUBJECTS = ("我/r", "你们/r", "老师/n", "图书馆/n", "ＷＴＯ/nx")
VERBS = ("爱/v", "学习/v", "研究/v")
OBJECTS = ("中国/ns", "人民/n", "自然/n 语言/n", "北京/ns")


def sentence(number):
    """Another one for each number; one in three has two parts."""
    generator = random.Random(number)
    one = f"{generator.choice(SUBJECTS)} {generator.choice(VERBS)} {generator.choice(OBJECTS)} 。/w"
    return one if number % 3 else f"{one} {generator.choice(OBJECTS)} ！/w"


def as_conllu(texts):
    rows = (
        "".join(
            f"{number}\t{text.text[word.start : word.end]}\t_\t{word.tag}" + "\t_" * 5 + "\tSpaceAfter=No\n"
            for number, word in enumerate(text.words, 1)
        )
        for text in texts
    )
    return "\n".join(rows)


def run(*argv):
    return chinese_pos.main([str(argument) for argument in argv])


def fails(capfd, *argv):
    """The one sentence with which a command fails."""
    assert run(*argv) == 2
    err = capfd.readouterr().err
    lines = [line for line in err.splitlines() if "error: " in line]
    assert len(lines) == 1 and lines[0].startswith("python -m apps.chinese_pos: error: ") and "Traceback" not in err
    return lines[0].removeprefix("python -m apps.chinese_pos: error: ")


def answers(capfd, *argv):
    assert run("tag", *argv) == 0
    return capfd.readouterr().out


@pytest.fixture(scope="module", autouse=True)
def small():
    """`train --quick` learns in 60 batches."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(chinese_pos, "QUICK", SMALL)
        monkeypatch.setattr(artifacts, "TYPICAL", 2)
        monkeypatch.setattr(chinese_pos_learning, "SMALLEST_EPOCH", 30)
        yield


@pytest.fixture(scope="module")
def texts():
    return [slashed_line(sentence(number)) for number in range(120)]


@pytest.fixture(scope="module")
def data(texts, tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "own.conllu"
    path.write_text(as_conllu(texts), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def trained(data, tmp_path_factory):
    """The folder of a model that has learnt, by the app's own command."""
    folder = tmp_path_factory.mktemp("trained") / "new" / "model"
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(sys, "argv", ["apps/chinese_pos/__main__.py", "train", "--quick"])
        assert run("train", "--quick", "--data", data, "--output", folder) == 0
    return folder


@pytest.fixture
def copy(trained, tmp_path):
    """A copy of that folder, to be changed."""
    return Path(shutil.copytree(trained, tmp_path / "copy"))


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in Path(folder).rglob("*") if path.is_file()}


def words_of(folder, artifact, text):
    (words,) = chinese_pos_use.words_by(folder, artifact, [text])
    return [(text[word.start : word.end], word.tag) for word in words]


def test_the_folder_is_as_the_contract_says(trained):
    files = {publishing.FILES[name] for name in artifacts.ARTIFACTS}
    others = {"model.keras", "vocabulary.json", "results.json", "README.md", "training"}
    assert {path.name for path in trained.iterdir()} == files | others
    results = json.loads((trained / "results.json").read_text(encoding="utf-8"))
    assert list(results["artifacts"]) == list(artifacts.ARTIFACTS)
    for artifact in results["artifacts"].values():
        assert artifact["metric"] == "joint F1" and artifact["examples"] == 12
        assert artifact["value"] >= 0.9 and artifact["more"]["segmentation F1"] >= artifact["value"]
        found = publishing.fingerprint(trained / artifact["file"])
        assert found == {"bytes": artifact["bytes"], "sha256": artifact["sha256"]}
        assert artifact["command"] == "python -m apps.chinese_pos train --quick"
    about = results["training"]
    assert [stage["stage"] for stage in about["stages"]] == ["vectors", "labels"]
    assert about["recipe"]["units"] == 12 and {"tensorflow", "snownlp"} & about["versions"].keys()
    card = (trained / "README.md").read_text(encoding="utf-8")
    assert f"joint F1 {results['artifacts']['litert']['value']:.2%}" in card


def test_it_has_learnt_words_and_tags(trained):
    expected = [("你们", "r"), ("学习", "v"), ("自然", "n"), ("语言", "n"), ("。", "w")]
    for artifact in artifacts.ARTIFACTS:
        assert words_of(trained, artifact, "你们学习自然语言。") == expected


def test_every_runtime_gives_the_same_words(trained, texts):
    generator = random.Random(0)
    some = [*(random_text(generator) for _ in range(60)), *(text.text for text in texts[:10]), "", "我\ud800" * 300]
    expected = chinese_pos_use.words_by(trained, "saved_model", some)
    assert chinese_pos_use.words_by(trained, "litert", some) == expected
    assert sum(map(len, expected)) > 500


def test_the_saved_model_needs_no_python_of_ours(trained):
    serve = tf.saved_model.load(str(trained / "1")).signatures["serving_default"]
    (spec,) = serve.structured_input_signature[1].values()
    assert (spec.name, spec.shape.as_list(), spec.dtype) == ("text", [None], tf.string)
    tagged = serve(text=tf.constant(["我 爱WTO！/".encode(), b"", b"\xff"]))["tagged"].numpy()
    assert [item.rsplit("/", 1)[0] for item in tagged[0].decode().split(" ")][:1] == ["我"]
    assert "".join(item.rsplit("/", 1)[0] for item in tagged[0].decode().split(" ")) == "我爱WTO！/"
    assert tagged[1] == b"" and tagged[2].decode().startswith("\ufffd/")


def test_scores_of_litert_are_those_of_the_model(trained):
    tagger = chinese_pos_use.Tagger(trained)
    features = tagger.lexicon.features(sentences.read("我爱中国人民"))
    model = keras.saving.load_model(trained / "model.keras")
    assert tagger.scores(features) == pytest.approx(model(features[None])[0].numpy(), abs=1e-4)


def test_plain_json_and_conllu(trained, capfd):
    text = "我爱 中国。"
    assert answers(capfd, "--model", trained, text, "") == "我/r 爱/v 中国/ns 。/w\n\n"
    answer = json.loads(answers(capfd, "--model", trained, "--json", text))
    assert answer["text"] == text
    assert answer["words"][2] == {"word": "中国", "tag": "ns", "start": 3, "end": 5}
    assert answers(capfd, "--model", trained, "--format", "conllu", text, "") == (
        "# text = 我爱 中国。\n"
        "1\t我\t_\t_\tr\t_\t_\t_\t_\tSpaceAfter=No|TokenRange=0:1\n"
        "2\t爱\t_\t_\tv\t_\t_\t_\t_\tTokenRange=1:2\n"
        "3\t中国\t_\t_\tns\t_\t_\t_\t_\tSpaceAfter=No|TokenRange=3:5\n"
        "4\t。\t_\t_\tw\t_\t_\t_\t_\tTokenRange=5:6\n\n"
    )


def test_universal_tags_stand_in_their_own_column():
    conllu = chinese_pos_use.as_conllu("我", [[Word(0, 1, "PRON")]])
    assert "1\t我\t_\tPRON\t_\t_" in conllu


def test_what_is_written_is_read_again(trained, tmp_path, capfd):
    path = tmp_path / "a.conllu"
    path.write_text(answers(capfd, "--model", trained, "--format", "conllu", "我爱 中国。你们学习！"), encoding="utf-8")
    found = chinese_pos_data.conllu_file(path)
    assert [text.text for text in found] == ["我爱 中国。", "你们学习！"]


def test_lines_of_a_file_and_of_standard_input(trained, tmp_path, capfd, monkeypatch):
    path = tmp_path / "lines.txt"
    path.write_bytes("\ufeff我爱\r\n\n".encode() + b"\xe4\xb8 \xff\n")
    assert len(answers(capfd, "--model", trained, "--file", path).splitlines()) == 3
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO("我爱".encode())))
    assert answers(capfd, "--model", trained) == "我/r 爱/v\n"
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"")))
    assert fails(capfd, "tag", "--model", trained) == "expected a text in standard input, got nothing"


def test_a_terminal_gets_colours(trained, capfd, monkeypatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    out = answers(capfd, "--model", trained, "我爱\x1b]0;x\x07")
    assert "\x1b[" in out and "爱" in out and "\x07" not in out and "\x1b]" not in out


def test_a_long_text_is_tagged_in_pieces(trained, monkeypatch):
    """Sentences of a piece are those of the whole, and no array is as long as the text."""
    text = "我爱中国。你们学习 " * 300
    tagger = chinese_pos_use.Tagger(trained)
    expected = list(tagger.tagged_sentences(text))
    monkeypatch.setattr(sentences, "AT_ONCE", 600)
    longest = []
    read = sentences.read
    monkeypatch.setattr(sentences, "read", lambda part: longest.append(len(part)) or read(part))
    assert list(tagger.tagged_sentences(text)) == expected
    assert max(longest) <= 600
    assert next(tagger.tagged_sentences(text * 1000))[0] == Word(0, 1, "r")  # without waiting for the rest


def test_words_of_jieba_stay_and_get_our_tags(trained, capfd):
    pytest.importorskip("jieba", reason="it is in the extra `chinese`")
    text = "你们研究自然语言。ABC 我\ud800"
    expected = [word[:2] for word in chinese_pos_data.jieba_words(sentences.without_surrogates(text)).words]
    found = [word for part in chinese_pos_use.Tagger(trained).tag(text, "jieba").sentences for word in part]
    assert [word[:2] for word in found] == expected
    assert {word.tag for word in found} <= set(Lexicon.load(trained / "vocabulary.json").tags)
    assert "自然语言/n" in answers(capfd, "--model", trained, "--segmenter", "jieba", text.replace("\ud800", ""))


def test_evaluate_prints_and_records(trained, copy, data, texts, tmp_path, capfd):
    assert run("evaluate", "--model", copy, "--data", data, "--artifact", "litert", "--record", "--json") == 0
    found = json.loads(capfd.readouterr().out)
    assert found["examples"] == 120 and found["metric"] == "joint F1" and list(found["scores"]) == ["litert"]
    recorded = json.loads((copy / "results.json").read_text(encoding="utf-8"))["artifacts"]["litert"]
    assert recorded["value"] == found["value"] == found["scores"]["litert"]["joint"]["F1"]
    assert "evaluate --artifact litert --model" in recorded["command"] and "--data" in recorded["command"]
    wrong = tmp_path / "wrong.conllu"
    changed = as_conllu(texts[:50]).replace("\t爱\t_\tv", "\t爱\t_\tn").replace("\t学习\t_\tv", "\t学习\t_\tn")
    wrong.write_text(changed, encoding="utf-8")
    assert run("evaluate", "--model", trained, "--data", wrong, "--artifact", "litert") == 0
    out = capfd.readouterr().out
    assert "most confused tags: n as v" in out and "characters per second: litert" in out
    wrong.write_text(as_conllu([slashed_line("我/PRON 爱/VERB")]), encoding="utf-8")
    assert "expected the model's tags n, ns" in fails(capfd, "evaluate", "--model", trained, "--data", wrong)


def test_jieba_is_measured_in_the_same_run(trained, texts):
    pytest.importorskip("jieba", reason="it is in the extra `chinese`")
    found = chinese_pos.evaluate(trained, "litert", texts[:20], with_jieba=True).details
    assert list(found) == ["litert", "jieba"]
    assert 0 < found["jieba"]["joint F1 with its own tags"] < found["jieba"]["joint"]["F1"] < 1  # 。 is an x to it
    assert found["jieba"]["characters per second"] > 0


def test_text_labelled_by_jieba(tmp_path, capfd):
    pytest.importorskip("jieba", reason="it is in the extra `chinese`")
    path = tmp_path / "plain.txt"
    path.write_text("\n".join(slashed_line(sentence(number)).text for number in range(60)), encoding="utf-8")
    train, validation, test = chinese_pos.load_data(path, "jieba")
    assert (len(train), len(validation), len(test)) == (52, 2, 6)
    assert {word.tag for text in train for word in text.words} >= {"x", "v"}
    assert "expected --data with the text that jieba is to label" in fails(capfd, "train", "--label-with", "jieba")


def test_export_writes_what_train_wrote(trained, data, tmp_path):
    folder = tmp_path / "exported"
    assert run("export", trained / "model.keras", "--data", data, "--output", folder) == 0
    for name in ("vocabulary.json", "model.tflite", "model_int8.tflite"):
        assert (folder / name).read_bytes() == (trained / name).read_bytes()
    results = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    assert "value" not in results["artifacts"]["litert"] and results["training"]["recipe"]["units"] == 12
    text = "老师爱北京。"
    assert words_of(folder, "saved_model", text) == words_of(trained, "saved_model", text)


def test_a_run_goes_on_where_it_was_cut_off(data, trained, tmp_path, monkeypatch, capfd):
    arguments = ["train", "--quick", "--data", data, "--output", tmp_path / "cut"]

    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(artifacts, "write", stop)
    assert run(*arguments) == 130  # after training, as it would be by Ctrl-C there
    monkeypatch.undo()
    monkeypatch.setattr(chinese_pos, "QUICK", SMALL)
    monkeypatch.setattr(artifacts, "TYPICAL", 2)
    monkeypatch.setattr(chinese_pos_learning, "SMALLEST_EPOCH", 30)
    monkeypatch.setattr(keras.Model, "fit", stop)  # nothing is left to learn
    monkeypatch.setattr(artifacts, "ARTIFACTS", ("litert",))
    assert run(*arguments, "--resume") == 0
    tagger, uncut = chinese_pos_use.Tagger(tmp_path / "cut"), chinese_pos_use.Tagger(trained)
    features = tagger.lexicon.features(sentences.read("我爱北京。"))
    np.testing.assert_array_equal(tagger.scores(features), uncut.scores(features))
    capfd.readouterr()
    assert "expected the settings of the run to resume" in fails(capfd, *arguments, "--resume", "--seed", 5)


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (lambda folder: (folder / "vocabulary.json").unlink(), "got no vocabulary.json there"),
        (lambda folder: (folder / "vocabulary.json").write_text("{"), "got a damaged file"),
        (lambda folder: (folder / "model.tflite").unlink(), "got no model.tflite there"),
        (lambda folder: (folder / "model.tflite").write_bytes(b"no model"), "expected a LiteRT model in"),
    ],
)
def test_a_damaged_model_gets_a_sentence(copy, capfd, damage, problem):
    damage(copy)
    assert problem in fails(capfd, "tag", "--model", copy, "我")


def test_a_lexicon_of_another_model_gets_a_sentence(copy):
    Lexicon.from_texts([slashed_line("我/r 爱/v")], 5, 1)[0].save(copy / "vocabulary.json")
    with pytest.raises(DataError, match=r"expected the vocabulary.json that .*model.tflite was made with"):
        chinese_pos_use.Tagger(copy).tag("我")


def test_files_that_are_not_there(trained, tmp_path, capfd):
    assert "no such file or directory" in fails(capfd, "tag", "--model", trained, "--file", tmp_path / "none")
    assert "which doesn't exist" in fails(capfd, "evaluate", "--data", tmp_path / "none", "--model", trained)
    assert "got no file" in fails(capfd, "export", tmp_path / "none.keras")
    (tmp_path / "empty").touch()
    assert "expected tagged words in" in fails(capfd, "train", "--data", tmp_path / "empty", "--output", tmp_path)
    assert contents(tmp_path).keys() == {Path("empty")}


def test_too_little_data_gets_a_sentence(tmp_path, capfd):
    path = tmp_path / "few.conllu"
    path.write_text(as_conllu([slashed_line(sentence(number)) for number in range(9)]), encoding="utf-8")
    assert "expected at least 40 tagged texts" in fails(capfd, "train", "--data", path, "--output", tmp_path / "out")


def test_tag_starts_without_tensorflow_and_snownlp(trained):
    code = (
        "import sys; from apps.chinese_pos.__main__ import main; status = main(sys.argv[1:]);"
        "sys.exit(status or any(name in sys.modules for name in ('tensorflow', 'keras', 'snownlp', 'jieba')))"
    )
    command = [sys.executable, "-c", code, "tag", "--model", str(trained), "我爱北京。"]
    root = Path(__file__).parents[1]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, env=os.environ)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "我/r 爱/v 北京/ns 。/w\n"


def test_without_a_verb_it_shows_what_it_can_do(trained, monkeypatch, capfd, tmp_path):
    shutil.copytree(trained, tmp_path / chinese_pos.NAME)
    monkeypatch.setattr(publishing, "SHIPPED", tmp_path)
    assert run() == 0
    out = capfd.readouterr().out
    assert len(out.split("usage:")[0].strip().splitlines()) == 3 and "tag" in out.split("usage:")[1]


def test_word_vectors_can_be_left_out(monkeypatch):
    recipes = []
    monkeypatch.setattr(chinese_pos, "train", lambda recipe, *_: recipes.append(recipe))
    assert run("train", "--quick", "--no-word-vectors") == 0 and run("train", "--quick", "--epochs", 3) == 0
    assert [(recipe.word_vector_epochs, recipe.epochs) for recipe in recipes] == [(0, 2), (1, 3)]
