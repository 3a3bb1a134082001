"""Files in 8 bits that aren't near enough are left out."""

import pytest

from apps.pipeline import eight_bits
from keras_rnn.failures import Disagreement, ExportError


def writer(*unlike):
    """A function like `keras_rnn.export` for a model that files of `unlike` don't give the answers of; its calls."""
    calls = []

    def write(formats):
        calls.append(list(formats))
        for name in formats:
            if name in unlike:
                raise Disagreement(f"expected {name} to give the model's answers", name)

    return write, calls


def test_all_are_written_where_all_are_near_enough(capsys):
    write, calls = writer()
    eight_bits.written(write, ("litert", "litert_int8"))
    assert calls == [["litert", "litert_int8"]] and capsys.readouterr().out == ""


def test_those_in_8_bits_that_are_not_are_left_out_and_told(capsys):
    write, calls = writer("litert_int8", "litert_full_int8")
    eight_bits.written(write, ("litert", "litert_int8", "litert_full_int8"))
    assert calls[-1] == ["litert"]
    assert capsys.readouterr().out.splitlines() == [
        "model_int8.tflite is left out: expected litert_int8 to give the model's answers",
        "model_full_int8.tflite is left out: expected litert_full_int8 to give the model's answers",
    ]


def test_no_other_file_is():
    write, _ = writer("litert_float16")
    with pytest.raises(Disagreement, match="litert_float16"):
        eight_bits.written(write, ("litert_float16", "litert_int8"))

    def broken(formats):
        raise ExportError("no such layer")

    with pytest.raises(ExportError, match="no such layer"):
        eight_bits.written(broken, ("litert_int8",))
