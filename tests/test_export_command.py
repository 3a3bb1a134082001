"""`python -m keras_rnn export`: from a file of keras.layers to proven files, and what it says about them."""

import json

import keras
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from keras_rnn.__main__ import main

L = keras.layers


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A .keras file of a model of keras.layers, and the model."""
    ids = keras.Input((None,), dtype="int32", name="ids")
    hidden = L.Bidirectional(L.LSTM(4, return_sequences=True, name="lstm"))(L.Embedding(9, 3, mask_zero=True)(ids))
    model = keras.Model(ids, L.Dense(2, name="label")(L.GRU(3, name="gru")(hidden)))
    path = tmp_path_factory.mktemp("saved") / "tagger.keras"
    model.save(path)
    return path, model


def run(capsys, *words):
    status = main(["export", *map(str, words)])
    return status, capsys.readouterr()


def test_a_model_of_keras_layers_becomes_files_that_the_stock_runtime_runs(saved, tmp_path, capsys):
    path, model = saved
    formats = ["--formats", "litert", "saved_model"]
    status, printed = run(capsys, path, "--output", tmp_path / "out", *formats, "--length", 12, "--json")
    report = json.loads(printed.out)
    assert status == 0 and set(report["replaced"]) == {"forward_lstm", "backward_lstm", "gru"}
    files = {file["format"]: file for file in report["files"]}
    assert files["litert"]["signatures"]["padded"]["inputs"] == [
        {"name": "ids", "dtype": "int32", "shape": [1, 12]},
        {"name": "length", "dtype": "int32", "shape": []},
    ]
    served = files["saved_model"]["signatures"]["serving_default"]
    assert served["inputs"] == [{"name": "ids", "dtype": "int32", "shape": [None, None]}]
    ids = np.array([[3, 1, 8, 2]], np.int32)
    found = Interpreter(files["litert"]["file"]).get_signature_runner("serving_default")(ids=ids)["label"]
    np.testing.assert_allclose(found, model(ids), rtol=1e-5, atol=1e-6)
    line = files["litert"]["load"]["Python"].split("  #")[0]  # the line that is printed runs as it is
    again = eval(line, {"Interpreter": Interpreter, "ids": ids})
    np.testing.assert_array_equal(again["label"], found)


def test_people_read_what_was_replaced_how_it_is_called_and_how_near_it_is(saved, tmp_path, capsys):
    status, printed = run(capsys, saved[0], "--output", tmp_path / "out", "--formats", "litert")
    assert status == 0
    for part in (
        "gru: keras.layers.GRU -> keras_rnn.GRU, with the same weights",
        "serving_default: ids int32 (1, any) -> label float32 (1, 2)",
        "proven: its answers are within",
        "export with --length N",
    ):
        assert part in printed.out


def test_the_only_array_of_a_file_is_the_only_input(saved, tmp_path, capsys):
    np.savez(tmp_path / "texts.npz", np.array([[1, 2, 0], [4, 5, 6]]))
    options = ["--output", tmp_path / "out", "--formats", "litert_full_int8", "--inputs", tmp_path / "texts.npz"]
    status, printed = run(capsys, saved[0], *options, "--json")
    assert status == 0, printed.err
    assert json.loads(printed.out)["files"][0]["format"] == "litert_full_int8"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["nothing.keras"], "got no such file"),
        (["{model}", "--formats", "litert_full_int8"], "expected --inputs"),
        (["{model}", "--inputs", "none.npz"], "expected arrays in none.npz"),
        (["{model}", "--length", "0"], "length expected a number of time steps of 1 or more, got 0"),
        (["{model}", "--import", "no_such_module"], "--import expected a module that Python finds"),
        (["{model}", "--step"], "goes backwards"),
    ],
)
def test_what_is_wrong_is_one_sentence_and_nothing_is_written(words, sentence, saved, tmp_path, capsys):
    words = [word.format(model=saved[0]) for word in words]
    status, printed = run(capsys, *words, "--output", tmp_path / "out")
    lines = printed.err.strip().splitlines()
    assert status == 2 and len(lines) == 1 and sentence in lines[0]
    assert not (tmp_path / "out").exists()


def test_a_layer_that_can_t_be_replaced_is_named(tmp_path, capsys):
    x = keras.Input((None, 3))
    keras.Model(x, L.RNN([L.LSTMCell(4), L.LSTMCell(3)], name="two_cells")(x)).save(tmp_path / "model.keras")
    status, printed = run(capsys, tmp_path / "model.keras", "--output", tmp_path / "out")
    assert status == 2 and "got two_cells (RNN)" in printed.err and "--formats saved_model" in printed.err


@pytest.mark.parametrize("words", [["fly"], ["export"], ["export", "model.keras", "--colour"]], ids=" ".join)
def test_wrong_arguments_are_one_sentence(words, capsys):
    with pytest.raises(SystemExit) as stop:
        main(words)
    (line,) = capsys.readouterr().err.splitlines()
    assert stop.value.code == 2 and line.startswith("python -m keras_rnn") and "error: " in line
