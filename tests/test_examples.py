"""Other programs with our models: each example is built as its instructions say, and answers as Python does."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter
from PIL import Image, ImageDraw
from tensorflow.core.protobuf import saved_model_pb2

ROOT = Path(__file__).parents[1]
EXAMPLES, MODELS = ROOT / "examples", ROOT / "saved_models"
TEXTS = [
    "Dull, clumsy and far too long; the worst two hours I have spent in a cinema.",
    "A warm, funny film. I laughed, I cried, and I left with a smile: wonderful!",
    "",
    "I expected to hate it<br /><br />and I was wrong... 9/10",
    "😀 我很喜欢 \u0130stanbul ΣΑΣ é $1",
    "It isn't bad, it isn't good, it's just there. " * 100,
]
SEVEN = [[[80, 70], [200, 70], [120, 230]]]  # strokes on the page's canvas of 280 x 280
GAMMA = [[[20, 20], [20, 68]], [[20, 20], [44, 20], [44, 44]]]  # 22 thick: in a corner, 70 high and 46 wide


def needs(*programs):
    """A slow test, which is skipped where a program isn't there."""
    missing = [program for program in programs if not shutil.which(program)]
    skip = pytest.mark.skipif(bool(missing), reason=f"needs {', '.join(missing)}, which .ci/run installs")
    return lambda test: pytest.mark.slow(skip(test))


def run(*command, **options):
    return subprocess.run([*map(str, command)], capture_output=True, encoding="utf-8", **options)


# C


@pytest.fixture(scope="module")
def c_program(tmp_path_factory):
    """The program that the Makefile makes, from a copy of the folder."""
    folder = shutil.copytree(EXAMPLES / "c", tmp_path_factory.mktemp("c") / "c")
    quick = "LDFLAGS=-fuse-ld=gold" if shutil.which("ld.gold") else "LDFLAGS="
    flags = [f"PYTHON={sys.executable}", "CFLAGS=-O1 -Wall -Wextra -Werror", quick]
    done = run("make", "clean", "sentiment", *flags, cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder / "sentiment"


def run_c(program, *arguments, **options):
    environment = {key: value for key, value in os.environ.items() if key != "TF_CPP_MIN_LOG_LEVEL"}  # Keras sets it
    return run(program, *arguments, env=environment, **options)


def c_probabilities(output, texts):
    lines = [line.split("\t", 1) for line in output.removesuffix("\n").split("\n")]
    assert [text for _, text in lines] == list(texts)
    return [float(probability) for probability, _ in lines]


@needs("gcc", "make")
def test_c_answers_as_the_saved_model_does_in_python(c_program):
    folder = MODELS / "sentiment" / "1"
    serve = tf.saved_model.load(str(folder)).signatures["serving_default"]
    expected = serve(text=tf.constant(TEXTS))["probability"].numpy()
    done = run_c(c_program, "--model", folder, *TEXTS)
    assert (done.returncode, done.stderr) == (0, "")
    np.testing.assert_allclose(c_probabilities(done.stdout, TEXTS), expected, atol=2e-6)  # six decimals are printed
    done = run_c(c_program, "--model", folder, input="\n".join(TEXTS))
    assert (done.returncode, done.stderr) == (0, "")
    np.testing.assert_allclose(c_probabilities(done.stdout, TEXTS), expected, atol=2e-6)


@needs("gcc", "make")
def test_c_prints_the_likeliest_of_several_labels(c_program, tmp_path):
    module = tf.Module()

    def serve(text):
        long = tf.cast(tf.strings.length(text), tf.float32) / 8.0
        found = tf.stack([0.75 - long, 0.25 * tf.ones_like(long), long], axis=1)
        return {
            "probabilities": found,
            "labels": tf.broadcast_to(["short", "a much longer name of a label", "long"], tf.shape(found)),
        }

    module.serve = tf.function(serve, input_signature=[tf.TensorSpec((None,), tf.string, name="text")])
    tf.saved_model.save(module, str(tmp_path / "1"), signatures={"serving_default": module.serve})
    done = run_c(c_program, "--model", tmp_path / "1", "five.", "a", "three", "")
    said = "0.625000\tlong\tfive.\n0.625000\tshort\ta\n0.625000\tlong\tthree\n0.750000\tshort\t\n"
    assert (done.returncode, done.stdout, done.stderr) == (0, said, "")


def save_lengths(folder, output):
    """A SavedModel: `text` -> its number of bytes as `output`, among other outputs and signatures of such names."""
    module = tf.Module()

    def serve(text):
        length = tf.cast(tf.strings.length(text), tf.float32)
        return {"a": -length, "improbables": 9 * length, output: length, "z": 100 * length}

    text = [tf.TensorSpec((None,), tf.string, name="text")]
    module.serve = tf.function(serve, input_signature=text)
    module.other = tf.function(lambda text: {output: 7.0 + serve(text)["z"]}, input_signature=text)
    signatures = {"serving_another": module.other, "serving_default": module.serve, "serving_further": module.other}
    tf.saved_model.save(module, str(folder), signatures=signatures)


@needs("gcc", "make")
def test_c_finds_tensors_by_the_names_in_the_signature(c_program, tmp_path):
    save_lengths(tmp_path / "1", "probability")
    done = run_c(c_program, "--model", tmp_path / "1", "seven..", "three")
    assert (done.returncode, done.stdout) == (0, "7.000000\tseven..\n5.000000\tthree\n")
    save_lengths(tmp_path / "2", "likelihood")
    done = run_c(c_program, "--model", tmp_path / "2", "seven..")
    assert (done.returncode, done.stdout) == (2, "")
    assert re.fullmatch("expected a SavedModel of apps.sentiment, got one .* no tensor probability\n", done.stderr)


@needs("gcc", "make")
def test_c_says_what_is_wrong_in_one_sentence(c_program, tmp_path):
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / "saved_model.pb").write_bytes(b"not a SavedModel")
    cases = {
        (): "expected .*sentiment --model FOLDER .*, got nothing",
        ("A film",): "expected .*sentiment --model FOLDER .*, got A film",
        ("--model", tmp_path, "A film"): f"expected a SavedModel in {tmp_path}, got none",
        ("--model", tmp_path / "damaged", "A film"): "expected a SavedModel in .*damaged, got a damaged one .*",
    }
    for arguments, sentence in cases.items():
        done = run_c(c_program, *arguments, input="")
        assert (done.returncode, done.stdout) == (2, "")
        assert re.fullmatch(f"{sentence}\n", done.stderr)


# Microcontroller

MICRO = EXAMPLES / "microcontroller" / "recognise.py"
FULL_INT8 = MODELS / "mnist_rows" / "model_full_int8.tflite"
needs_micro = pytest.mark.skipif(
    importlib.util.find_spec("tflite_micro") is None, reason="needs the package tflite-micro, which .ci/run installs"
)


@pytest.fixture(scope="module")
def micro():
    specification = importlib.util.spec_from_file_location("micro", MICRO)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def drawings(tmp_path_factory):
    """Picture files of a 7 and a 1, by these names."""
    folder = tmp_path_factory.mktemp("drawings")
    for name, stroke in {"7": [(60, 50), (200, 50), (120, 230)], "1": [(130, 40), (120, 240)]}.items():
        image = Image.new("L", (280, 280), 255)
        ImageDraw.Draw(image).line(stroke, fill=0, width=22, joint="curve")
        image.save(folder / f"{name}.png")
    return folder


@needs_micro
def test_the_microcontroller_answers_as_the_interpreter_does(micro, drawings, capsys):
    arguments = [str(drawings / "7.png"), str(drawings / "1.png"), str(drawings / "7.png")]
    assert micro.main(arguments) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[:3]] == ["7", "1", "7"] and lines[0] == lines[2]
    assert lines[3] == f"flash: {FULL_INT8.stat().st_size:,} bytes of model"

    model, recognise = micro.Micro(FULL_INT8.read_bytes()), Interpreter(str(FULL_INT8)).get_signature_runner()
    pictures = [micro.prepare(micro.read_picture(Path(path), path), path) for path in arguments]
    generator = np.random.default_rng(1)
    pictures += [np.clip(picture + generator.normal(0, 0.2, (28, 28)), 0, 1) for picture in pictures]
    for picture in np.array(pictures, np.float32):
        expected = recognise(image=picture[None])["probabilities"]
        np.testing.assert_allclose(model(picture[None]), expected, atol=0.05)  # their kernels round differently


@needs_micro
def test_the_microcontroller_needs_nothing_of_ours_but_the_model(drawings):
    done = run(sys.executable, "-I", MICRO, drawings / "1.png")
    assert (done.returncode, done.stdout[:1]) == (0, "1"), done.stderr
    assert not re.search(r"^(from|import) (apps|keras_rnn)", MICRO.read_text(encoding="utf-8"), re.M)


@needs_micro
def test_numbers_as_a_file_of_integers_has_them(micro):
    """Those of our file are float32 outside: other converters leave that to the caller."""
    details = {"dtype": np.int8, "quantization_parameters": {"scales": [0.5], "zero_points": [-10]}}
    values = np.array([0.0, 0.5, 0.74, 0.76, -4.0, 100.0, -100.0], np.float32)
    integers = micro.quantised(values, details)
    assert integers.dtype == np.int8 and integers.tolist() == [-10, -9, -9, -8, -18, 127, -128]
    restored = micro.restored(integers, details)
    assert restored.dtype == np.float32 and restored.tolist() == [0.0, 0.5, 0.5, 1.0, -4.0, 68.5, -59.0]


@needs_micro
def test_the_arena_that_is_reported_is_what_a_firmware_must_have(micro):
    content, picture = FULL_INT8.read_bytes(), np.zeros((1, 28, 28), np.float32)
    roomy = micro.Micro(content)
    expected, arena = roomy(picture), roomy.smallest_arena()
    assert roomy.used() <= arena < len(content)
    np.testing.assert_array_equal(micro.Micro(content, arena)(picture), expected)
    with pytest.raises(micro.DataError, match=r"TensorFlow Lite Micro, got one it can't run: .*(memory|buffers)"):
        micro.Micro(content, int(0.98 * arena))
    details = Interpreter(str(FULL_INT8))._get_ops_details()
    assert set(roomy.operators()) == {detail["op_name"] for detail in details} - {"DELEGATE"}


@needs_micro
def test_the_microcontroller_says_what_is_wrong_in_one_sentence(micro, drawings, tmp_path, capsys):
    picture = str(drawings / "7.png")
    shutil.copy(MODELS / "mnist_rows" / "labels.json", tmp_path)
    (tmp_path / "damaged.tflite").write_bytes(b"not a model")
    blank = tmp_path / "blank.png"
    Image.new("L", (80, 80), 255).save(blank)
    cases = {
        (picture, "--model", str(tmp_path / "none.tflite")): "expected a model in .*none.tflite, got none",
        (picture, "--model", str(tmp_path / "damaged.tflite")): "expected a model .*, got one it can't run: .*",
        (
            picture,
            "--model",
            str(MODELS / "mnist_rows" / "model_int8.tflite"),
        ): "expected a model .* FLOAT32 .* INT8 .*",
        (str(tmp_path / "none.png"),): "expected a picture in .*none.png, got no such file",
        (str(blank),): ".*blank.png: expected a picture of a character, got nothing .*",
    }
    for arguments, sentence in cases.items():
        assert micro.main(arguments) == 2
        printed = capsys.readouterr()
        assert printed.out == "" and re.fullmatch(f"{sentence}\n", printed.err)


# TensorFlow Serving


@pytest.mark.parametrize("name", sorted(path.parent.name for path in MODELS.glob("*/1")))
def test_saved_models_lie_as_tensorflow_serving_expects_them(name):
    versions = [path.name for path in (MODELS / name).iterdir() if path.is_dir() and path.name.isdigit()]
    assert versions == ["1"]
    saved = saved_model_pb2.SavedModel.FromString((MODELS / name / "1" / "saved_model.pb").read_bytes())
    (graph,) = saved.meta_graphs
    assert list(graph.meta_info_def.tags) == ["serve"]
    inputs = {
        "sentiment": ("text", tf.string, [None]),
        "mnist_rows": ("image", tf.float32, [None, 28, 28]),
        "shakespeare": ("prompt", tf.string, [None]),
        "word_reversal": ("word", tf.string, [None]),
        "chinese_pos": ("text", tf.string, [None]),
    }
    key, dtype, shape = inputs[name]
    signature = graph.signature_def["serving_default"]
    assert signature.method_name == "tensorflow/serving/predict"
    assert signature.inputs[key].dtype == dtype.as_datatype_enum
    assert tf.TensorShape(signature.inputs[key].tensor_shape).as_list() == shape
