"""The app that finds Chinese words: answers, formats, jieba, scores, refusals. What all promise: test_contract.py."""

import json
import random
import sys
from pathlib import Path

import keras
import pytest
import tensorflow as tf
from app_table import APPS, ARTIFACTS, Bytes, as_conllu, contents, tagged
from test_chinese_pos_sentences import random_text

from apps.chinese_pos import __main__ as chinese_pos
from apps.chinese_pos import data as chinese_pos_data
from apps.chinese_pos import output, sentences
from apps.chinese_pos import use as chinese_pos_use
from apps.chinese_pos.data import Word, slashed_line
from apps.chinese_pos.lexicon import Lexicon
from apps.pipeline import publishing
from apps.pipeline.errors import DataError

APP = APPS["chinese_pos"]
run, fails = APP.run, APP.fails
pytestmark = pytest.mark.usefixtures("app")  # its small recipe


def answers(capfd, *argv):
    assert run("tag", *argv) == 0
    return capfd.readouterr().out


def words_of(folder, artifact, text):
    (words,) = chinese_pos_use.words_by(folder, artifact, [text])
    return [(text[word.start : word.end], word.tag) for word in words]


def test_it_has_learnt_words_and_tags(trained):
    expected = [("你们", "r"), ("学习", "v"), ("自然", "n"), ("语言", "n"), ("。", "w")]
    for artifact in ARTIFACTS:
        assert words_of(trained, artifact, "你们学习自然语言。") == expected
        found = words_of(trained, artifact, "你們學習自然語言。")  # in traditional characters, given back as they are
        assert found == [("你們", "r"), ("學習", "v"), ("自然", "n"), ("語言", "n"), ("。", "w")]


def test_mixed_text_is_cut_alike_by_every_artifact(trained):
    text = "老师爱Python3.6、C++😀，😀a.b@c.cn……"
    for artifact in ARTIFACTS:
        words = words_of(trained, artifact, text)
        assert [word for word, _ in words][-8:] == ["Python3.6", "、", "C++", "😀", "，", "😀", "a.b@c.cn", "……"]
        assert [tag for word, tag in words if word in "、😀，……"] == ["w"] * 5


def test_many_texts_at_a_time_are_as_each_alone(trained, monkeypatch):
    generator = random.Random(3)
    some = ["", "1.", "我爱北京。你们", *(random_text(generator) for _ in range(40)), "学习\n自然", "", " ", "1.\n", ""]
    tagger = chinese_pos_use.Tagger(trained)
    alone = [tagger.tag(text) for text in some]
    assert tagger.tag(some) == alone
    monkeypatch.setattr(chinese_pos_use, "JOINED", 100)
    monkeypatch.setattr(chinese_pos_use, "AT_ONCE", 3)
    assert list(tagger.tag_all(iter(some))) == alone


def test_8_bits_answer_where_they_are_as_good(copy):
    path, results = copy / "results.json", json.loads((copy / "results.json").read_text(encoding="utf-8"))
    for value, expected in ((0.96, "litert_int8"), (0.9596, "litert_int8"), (0.959, "litert")):
        results["artifacts"]["litert"]["value"], results["artifacts"]["litert_int8"]["value"] = 0.96, value
        path.write_text(json.dumps(results), encoding="utf-8")
        assert publishing.quickest(copy) == expected
    path.unlink()
    assert publishing.quickest(copy) == "litert"


def test_every_runtime_gives_the_same_words(trained):
    generator = random.Random(0)
    some = [*(random_text(generator) for _ in range(60)), *(text.text for text in tagged(10)), "", "我\ud800" * 300]
    expected = chinese_pos_use.words_by(trained, "saved_model", some)
    assert chinese_pos_use.words_by(trained, "litert", some) == expected
    assert sum(map(len, expected)) > 500


def test_the_saved_model_takes_any_bytes(trained):
    serve = tf.saved_model.load(str(trained / "1")).signatures["serving_default"]
    found = serve(text=tf.constant(["我 爱WTO！/".encode(), b"", b"\xff"]))["tagged"].numpy()
    assert [item.rsplit("/", 1)[0] for item in found[0].decode().split(" ")][:1] == ["我"]
    assert "".join(item.rsplit("/", 1)[0] for item in found[0].decode().split(" ")) == "我爱WTO！/"
    assert found[1] == b"" and found[2].decode().startswith("\ufffd/")


def test_scores_of_litert_are_those_of_the_model(trained):
    tagger = chinese_pos_use.Tagger(trained)
    features = tagger.lexicon.features(sentences.read("我爱中国人民"))
    model = keras.saving.load_model(trained / "model.keras")
    assert tagger.scores(features) == pytest.approx(model(features[None])[0].numpy(), abs=1e-4)


def test_plain_json_and_conllu(trained, capfd):
    text = "我爱 中国。"
    assert answers(capfd, "--model", trained, text, "") == "我/r 爱/v 中国/ns 。/w\n\n"
    answer = json.loads(answers(capfd, "--model", trained, "--json", text))
    assert answer["input"] == text
    assert answer["answer"][2] == {"word": "中国", "tag": "ns", "start": 3, "end": 5}
    assert answers(capfd, "--model", trained, "--format", "conllu", text, "") == (
        "# text = 我爱 中国。\n"
        "1\t我\t_\t_\tr\t_\t_\t_\t_\tSpaceAfter=No|TokenRange=0:1\n"
        "2\t爱\t_\t_\tv\t_\t_\t_\t_\tTokenRange=1:2\n"
        "3\t中国\t_\t_\tns\t_\t_\t_\t_\tSpaceAfter=No|TokenRange=3:5\n"
        "4\t。\t_\t_\tw\t_\t_\t_\t_\tTokenRange=5:6\n\n"
    )


def test_universal_tags_stand_in_their_own_column():
    conllu = output.as_conllu("我", [[Word(0, 1, "PRON")]])
    assert "1\t我\t_\tPRON\t_\t_" in conllu


def test_what_is_written_is_read_again(trained, tmp_path, capfd):
    path = tmp_path / "a.conllu"
    path.write_text(answers(capfd, "--model", trained, "--format", "conllu", "我爱 中国。你们学习！"), encoding="utf-8")
    found = chinese_pos_data.conllu_file(path, "xpos")  # the tags of the language
    assert [text.text for text in found] == ["我爱 中国。", "你们学习！"]


def test_lines_of_a_file_and_of_standard_input(trained, tmp_path, capfd, monkeypatch):
    path = tmp_path / "lines.txt"
    path.write_bytes("\ufeff我爱\r\n\n".encode() + b"\xe4\xb8 \xff\n")
    assert len(answers(capfd, "--model", trained, "--file", path).splitlines()) == 3
    monkeypatch.setattr(sys, "stdin", Bytes("我爱".encode()))
    assert answers(capfd, "--model", trained) == "我/r 爱/v\n"
    monkeypatch.setattr(sys, "stdin", Bytes(b""))
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
    assert {word.tag for word in found} <= set(Lexicon.load(trained).tags)
    assert "自然语言/n" in answers(capfd, "--model", trained, "--segmenter", "jieba", text.replace("\ud800", ""))


def test_evaluate_scores_words_and_tags(trained, data, tmp_path, capfd):
    assert run("evaluate", "--model", trained, "--data", *data, "--artifact", "litert") == 0
    told = capfd.readouterr()
    assert "measured on the 12 of 120 texts that `train` held out, the last of them; --all" in told.err
    assert "over 12 examples" in told.out
    assert run("evaluate", "--model", trained, "--data", *data, "--artifact", "litert", "--json", "--all") == 0
    found = json.loads(capfd.readouterr().out)
    assert found["examples"] == 120 and list(found["scores"]) == ["litert"]
    assert found["more"]["segmentation F1"] >= found["value"] == found["scores"]["litert"]["joint"]["F1"]
    wrong = tmp_path / "wrong.conllu"
    changed = as_conllu(tagged(50)).replace("\t爱\t_\tv", "\t爱\t_\tn").replace("\t学习\t_\tv", "\t学习\t_\tn")
    wrong.write_text(changed, encoding="utf-8")
    assert run("evaluate", "--model", trained, "--data", wrong, "--artifact", "litert") == 0
    out = capfd.readouterr().out
    assert "most confused tags: n as v" in out and "characters per second: litert" in out


def test_a_file_of_other_tags_is_measured_by_its_words(trained, tmp_path, capfd):
    path = tmp_path / "other.conllu"
    path.write_text(as_conllu([slashed_line("我/PRON 爱/VERB")]), encoding="utf-8")
    arguments = ("evaluate", "--model", trained, "--data", path, "--artifact", "litert")
    assert run(*arguments) == 0
    out = capfd.readouterr().out
    assert "segmentation F1 100.00%" in out and "joint" not in out
    assert "measured by the words alone: the model doesn't know the tags PRON, VERB" in out
    assert run(*arguments, "--json") == 0
    found = json.loads(capfd.readouterr().out)
    assert found["metric"] == "segmentation F1" and found["value"] == 1.0 and "joint" not in found["scores"]["litert"]
    path.write_text(path.read_text(encoding="utf-8").replace("PRON\t_", "_\tr").replace("VERB\t_", "_\tv"), "utf-8")
    assert "in column 4, got _: take those of the other column by --tags xpos" in fails(capfd, *arguments)
    assert run(*arguments, "--tags", "xpos") == 0
    assert "joint F1 100.00%" in capfd.readouterr().out
    assert "expected --data with the CoNLL-U file" in fails(capfd, "evaluate", "--model", trained, "--tags", "xpos")


def test_jieba_is_measured_in_the_same_run(trained):
    pytest.importorskip("jieba", reason="it is in the extra `chinese`")
    found = chinese_pos.evaluate(trained, "litert", tagged(20), with_jieba=True).details
    assert list(found) == ["litert", "jieba"]
    assert 0 < found["jieba"]["joint F1 with its own tags"] < found["jieba"]["joint"]["F1"] < 1  # 。 is an x to it
    assert found["jieba"]["characters per second"] > 0


def test_text_labelled_by_jieba(tmp_path, capfd):
    pytest.importorskip("jieba", reason="it is in the extra `chinese`")
    path = tmp_path / "plain.txt"
    path.write_text("\n".join(text.text for text in tagged(60)), encoding="utf-8")
    train, validation, test = chinese_pos.load_data(path, "jieba")
    assert (len(train), len(validation), len(test)) == (52, 2, 6)
    assert {word.tag for text in train for word in text.words} >= {"x", "v"}
    assert "expected --data with the text that jieba is to label" in fails(capfd, "train", "--label-with", "jieba")


def test_a_lexicon_of_another_model_gets_a_sentence(copy):
    Lexicon.from_texts([slashed_line("我/r 爱/v")], 5, 1)[0].save(copy)
    with pytest.raises(DataError, match=r"vocabulary\.json as it was written"):
        chinese_pos_use.Tagger(copy)
    (copy / "results.json").unlink()
    with pytest.raises(DataError, match=r"expected the vocabulary.json that .*model.tflite was made with"):
        chinese_pos_use.Tagger(copy).tag("我")


def test_files_that_are_not_there(trained, tmp_path, capfd):
    assert "no such file or directory" in fails(capfd, "tag", "--model", trained, "--file", tmp_path / "none")
    (tmp_path / "empty").touch()
    assert "expected tagged words in" in fails(capfd, "train", "--data", tmp_path / "empty", "--output", tmp_path)
    assert contents(tmp_path).keys() == {Path("empty")}


def test_too_little_data_gets_a_sentence(tmp_path, capfd):
    path = tmp_path / "few.conllu"
    path.write_text(as_conllu(tagged(9)), encoding="utf-8")
    assert "expected at least 40 tagged texts" in fails(capfd, "train", "--data", path, "--output", tmp_path / "out")


def test_word_vectors_can_be_left_out(monkeypatch):
    recipes = []
    monkeypatch.setattr(chinese_pos, "train", lambda recipe, *_: recipes.append(recipe))
    assert run("train", "--quick", "--no-word-vectors") == 0 and run("train", "--quick", "--epochs", 3) == 0
    assert [(recipe.word_vector_epochs, recipe.epochs) for recipe in recipes] == [(0, 2), (1, 3)]
