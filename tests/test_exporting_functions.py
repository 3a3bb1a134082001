"""keras_rnn.export_functions: files of any functions, each proven; and the table of formats."""

import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

from apps.pipeline import publishing
from keras_rnn import ExportError, Signature, artifacts, export_functions
from keras_rnn.formats import FORMATS

TEXT = [tf.TensorSpec((None,), tf.string, name="text")]
NUMBERS = [tf.TensorSpec((1, None), tf.float32, name="x")]


def length(text):
    return {"length": tf.strings.length(text), "upper": tf.strings.upper(text)}


def scaled(x):
    return {"y": tf.cumsum(x, 1) * 2}


def shifted(x):
    return {"y": x + 3}


def test_functions_of_strings(tmp_path):
    functions = {"serving_default": Signature(length, TEXT)}
    done = export_functions(functions, tmp_path / "files", cases={"serving_default": [{"text": ["abc", ""]}]})
    assert done["saved_model"].difference == 0 and done["saved_model"].path == tmp_path / "files" / "1"
    serve = tf.saved_model.load(str(tmp_path / "files" / "1")).signatures["serving_default"]
    found = serve(text=tf.constant(["to be", "or"]))
    assert found["length"].numpy().tolist() == [5, 2] and found["upper"].numpy().tolist() == [b"TO BE", b"OR"]


def test_several_functions_in_several_formats_are_traced_once(tmp_path, monkeypatch):
    traces, traced = [], artifacts.traced
    monkeypatch.setattr(artifacts, "traced", lambda *arguments: traces.append(1) or traced(*arguments))
    functions = {"serving_default": Signature(scaled, NUMBERS), "shifted": Signature(shifted, NUMBERS)}
    cases = {name: [{"x": np.ones((1, 3))}, {"x": [[0.5]]}] for name in functions}
    formats = ["saved_model", "litert", "litert_float16", "litert_int8"]
    done = export_functions(functions, tmp_path, cases=cases, formats=formats)
    assert len(traces) == 1 and all(file.signatures == ("serving_default", "shifted") for file in done.values())
    for name in formats[1:]:
        run = Interpreter(str(tmp_path / FORMATS[name].file)).get_signature_runner("serving_default")
        np.testing.assert_array_equal(run(x=np.array([[1, 2]], np.float32))["y"], [[2, 6]])


def test_a_file_with_other_answers(tmp_path, monkeypatch):
    save = artifacts.saved_model

    def broken(signatures, *arguments):
        def another(**inputs):
            return {name: value + 0.5 for name, value in signatures["serving_default"].function(**inputs).items()}

        save({"serving_default": Signature(another, NUMBERS)}, *arguments)

    monkeypatch.setattr(artifacts, "saved_model", broken)
    functions, cases = {"serving_default": Signature(shifted, NUMBERS)}, {"serving_default": [{"x": [[1.0]]}]}
    for name in ("saved_model", "litert"):
        with pytest.raises(ExportError) as caught:
            export_functions(functions, tmp_path, cases=cases, formats=name)
        assert str(caught.value) == (
            f"expected {name} to give the model's answers within 1e-05, got 0.12 from them by serving_default, first "
            "call; nothing was written."
        )
        assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"cases": {}}, "serving_default expected inputs in cases= to check its files with, got none."),
        ({"cases": {"serving_default": []}}, "serving_default expected inputs in cases= to check its files with"),
        ({"cases": {"serving_default": [{"z": [[1.0]]}]}}, "serving_default expected cases of x, got z."),
        (
            {"cases": {"serving_default": [{"x": 1.0}]}},
            "serving_default expected cases with x of shape (1, None), got ().",
        ),
        ({"formats": "onnx"}, "formats expected some of saved_model, litert, litert_float16, litert_int8, litert_full"),
    ],
)
def test_what_is_refused(options, sentence, tmp_path):
    options = {"cases": {"serving_default": [{"x": [[1.0]]}]}} | options
    with pytest.raises(ExportError) as caught:
        export_functions({"serving_default": Signature(shifted, NUMBERS)}, tmp_path / "files", **options)
    assert str(caught.value).startswith(sentence) and not list(tmp_path.iterdir())


def test_the_apps_know_the_same_files():
    """Their table is one that a program without TensorFlow can read."""
    assert {name: row.file for name, row in FORMATS.items() if name in publishing.FILES} == publishing.FILES
    assert set(FORMATS) - set(publishing.FILES) == {"onnx"}
