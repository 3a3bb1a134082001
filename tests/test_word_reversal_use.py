"""An encoder-decoder in use: the graph, the SavedModel and LiteRT write what the search in NumPy writes."""

import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

from apps.pipeline.errors import DataError
from apps.word_reversal.alphabet import END, PADDING, START, Alphabet
from apps.word_reversal.evaluation import answers
from apps.word_reversal.in_graph import greedy_in_graph, signatures
from apps.word_reversal.model import build_model
from apps.word_reversal.search import beam_search
from apps.word_reversal.use import Translator
from keras_rnn import artifacts

ALPHABET = Alphabet("abcdé", "a to e", 6, 9)
WORDS = ["a", "abc", "éééééé", "dcba", "b", "cabéd", "aaaaa", "ddd", "éa", "bcd"]
BAD = ["", "x", "abcdabc", "a b", "ab\t"]


@pytest.fixture(scope="module")
def model():
    """One with random weights, of which some answers end soon, some late and some never."""
    model = build_model(len(ALPHABET), 6, 0.0)
    generator = np.random.default_rng(0)
    for weight in model.weights:
        weight.assign(generator.normal(0, 1.2, weight.shape))
    return model


pytestmark = pytest.mark.usefixtures("loaded_once")


@pytest.fixture(scope="module")
def folder(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    ALPHABET.save(folder)
    artifacts.saved_model(signatures(model, ALPHABET, None), [model, *ALPHABET.tables], folder / "1")
    artifacts.litert(signatures(model, ALPHABET, 1), [model], folder / "model.tflite")
    return folder


def expected_answers(model, word, width=1):
    """By the Keras model, one step at a time."""
    ids = tf.constant([ALPHABET.ids(word)])
    states = model.get_layer("encoder")(ids)
    encoded = states.pop("encoded")

    def step(previous, states):
        inputs = {"ids": ids, "encoded": encoded, "previous": tf.constant([[previous]]), **states}
        outputs = model.get_layer("decoder")(inputs)
        logits = outputs["logits"].numpy()[0, 0].astype(np.float64)
        attention = outputs["attention"].numpy()[0, 0]
        log_probabilities = logits - np.log(np.exp(logits).sum())
        return log_probabilities, attention, {name: outputs[name] for name in states}

    return beam_search(step, states, width, ALPHABET.longest_answer)


def test_the_answers_of_the_test_are_of_all_kinds(model):
    found = [expected_answers(model, word)[0] for word in WORDS]
    lengths = {len(answer.ids) for answer in found}
    assert len({answer.ids for answer in found}) >= 5 and len(lengths) >= 3
    assert {answer.finished() for answer in found} == {True, False}


def test_every_runtime_writes_the_same(model, folder):
    expected = [ALPHABET.text(expected_answers(model, word)[0].ids) for word in WORDS]
    translator = Translator(folder)
    assert [ALPHABET.text(translator.answers(word)[0].ids) for word in WORDS] == expected
    assert answers(folder, "saved_model", WORDS) == expected
    assert answers(folder, "saved_model", WORDS[:1]) == expected[:1]


def test_the_beam_of_litert_is_that_of_the_model(model, folder):
    translator = Translator(folder)
    for word in WORDS[:4]:
        found, expected = translator.answers(word, 3), expected_answers(model, word, 3)
        assert [answer.ids for answer in found] == [answer.ids for answer in expected]
        for ours, theirs in zip(found, expected, strict=True):
            assert ours.log_probability == pytest.approx(theirs.log_probability, abs=1e-4)
            np.testing.assert_allclose(ours.attention, theirs.attention, atol=1e-5)
            assert np.shape(ours.attention) == (len(ours.ids), len(word) + 1)


def test_a_bad_word_gets_the_empty_string_and_leaves_the_others_alone(folder):
    mixed = [word for pair in zip(WORDS, BAD * 2, strict=True) for word in pair]
    found = answers(folder, "saved_model", mixed)
    assert found[::2] == answers(folder, "saved_model", WORDS) and found[1::2] == [""] * len(WORDS)
    assert answers(folder, "saved_model", BAD) == [""] * len(BAD)
    serve = tf.saved_model.load(str(folder / "1")).signatures["serving_default"]
    (spec,) = serve.structured_input_signature[1].values()
    assert (spec.name, spec.shape.as_list(), spec.dtype) == ("word", [None], tf.string)
    assert serve(word=tf.constant([], tf.string))["reversed"].shape == (0,)
    assert serve(word=tf.constant([b"a\xff"]))["reversed"].numpy().tolist() == [b""]
    for word in BAD:
        with pytest.raises(DataError, match="expected "):
            Translator(folder).answers(word)


def test_the_saved_models_other_signatures_are_those_of_litert(folder):
    """In a batch with padding, too."""
    loaded = tf.saved_model.load(str(folder / "1")).signatures
    lite = Interpreter(str(folder / "model.tflite"))
    assert set(loaded) == {"encode", "step", "serving_default"}
    assert set(lite.get_signature_list()) == {"encode", "step", "padded_encode", "padded_step"}
    ids = ALPHABET.ids_in_graph(tf.constant(["ab", "dcéa"]))[0]
    first = loaded["encode"](ids=ids)
    encoded = first.pop("encoded")
    whole = loaded["step"](ids=ids, encoded=encoded, previous=tf.constant([3, 4]), **first)
    for row, length in ((0, 3), (1, 5)):
        alone = ids[row : row + 1, :length].numpy()
        states = lite.get_signature_runner("encode")(ids=alone)
        run = lite.get_signature_runner("step")
        found = run(ids=alone, previous=np.array([3 + row], np.int32), **states)
        again = run(ids=alone, previous=np.array([3 + row], np.int32), **states)
        assert set(found) == set(whole) == {"log_probabilities", "attention", "hidden", "memory"}
        for name, value in found.items():
            row_of_whole = whole[name].numpy()[row : row + 1]
            if name == "attention":
                assert (row_of_whole[:, length:] == 0).all()
                row_of_whole = row_of_whole[:, :length]
            np.testing.assert_allclose(value, row_of_whole, atol=1e-5)
            np.testing.assert_array_equal(value, again[name])
        assert np.exp(found["log_probabilities"]).sum() == pytest.approx(1.0, abs=1e-5)


def test_the_padded_signatures_are_static_and_answer_the_same(folder):
    lite = Interpreter(str(folder / "model.tflite"))
    encode, step = (lite.get_signature_runner(f"padded_{name}") for name in ("encode", "step"))
    size = 1 + ALPHABET.longest_word
    assert encode.get_input_details()["ids"]["shape_signature"].tolist() == [1, size]
    assert step.get_input_details()["encoded"]["shape_signature"].tolist()[:2] == [1, size]
    for word in ("a", "dcéa", "abcdé"[: ALPHABET.longest_word]):
        ids = np.array([ALPHABET.ids(word)], np.int32)
        padded = np.concatenate([ids, np.zeros((1, size - ids.shape[1]), np.int32)], axis=1)
        previous = np.array([START], np.int32)
        whole = lite.get_signature_runner("step")(
            ids=ids, previous=previous, **lite.get_signature_runner("encode")(ids=ids)
        )
        found = step(ids=padded, previous=previous, **encode(ids=padded))
        for name, value in whole.items():
            same = found[name][:, : ids.shape[1]] if name == "attention" else found[name]
            np.testing.assert_allclose(same, value, atol=1e-5)


def test_litert_has_builtin_operators_only(folder):
    interpreter = Interpreter(str(folder / "model.tflite"))
    names = [details["op_name"] for details in interpreter._get_ops_details()]
    assert names and not [name for name in names if "Flex" in name or "Custom" in name]


def test_the_search_in_the_graph_stops_when_all_have_ended():
    steps = []

    def step(previous, state):
        steps.append(int(previous[0]))
        best = tf.where(state > 1, END, 4)
        return {"log_probabilities": tf.one_hot(best, 6), "state": state + 1}

    def run(start, finished, longest):
        steps.clear()
        states = {"encoded": None, "state": tf.constant(start)}
        ids = tf.zeros((len(start), 2), tf.int32)
        step_of = lambda previous, state, ids, encoded: step(previous, state)  # noqa: E731
        found = greedy_in_graph(step_of, ids, states, tf.constant(finished), longest)
        return found.numpy().tolist()

    assert run([0, 1], [False, False], 9) == [[4, 4, END], [4, END, END]] and steps == [1, 4, 4]
    assert run([0, 0], [False, True], 2) == [[4, 4], [END, END]]
    assert run([0], [True], 9) == [[]] and steps == []


def test_the_search_in_the_graph_never_writes_padding_nor_start_mark():
    def step(previous, state, ids, encoded):
        return {"log_probabilities": tf.constant([[0.0, 0.0, -5.0, -4.0, -6.0]]), "state": state}

    states = {"encoded": None, "state": tf.zeros(1)}
    found = greedy_in_graph(step, tf.fill((1, 2), PADDING), states, tf.constant([False]), 2)
    assert found.numpy().tolist() == [[3, 3]]


def test_another_alphabet_beside_the_model_is_noticed(folder, tmp_path):
    for name in ("model.tflite",):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    with pytest.raises(DataError, match=r"got no vocabulary.json there"):
        Translator(tmp_path)
    Alphabet("abcdé" + "fghijklmnop", "more letters", 6, 9).save(tmp_path)
    with pytest.raises(DataError, match=r"expected the alphabet that .*model.tflite was made with beside it"):
        Translator(tmp_path).answers("ppppp")
    Alphabet("ab", "fewer letters", 6, 9).save(tmp_path)
    with pytest.raises(DataError, match=r"expected the alphabet that .*model.tflite was made with beside it"):
        Translator(tmp_path).answers("ab")
