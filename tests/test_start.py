"""`train --start-from` where symbols or labels are carried over: what is known stays, the rest begins anew.

Those of sentiment and mnist_rows have tests of their own.
"""

import dataclasses

import numpy as np
import pytest
from app_table import tagged

from apps.chinese_pos import start as chinese_start
from apps.chinese_pos.lexicon import PLACES, Lexicon
from apps.chinese_pos.lexicon import UNKNOWN as UNKNOWN_CHARACTER
from apps.chinese_pos.model import Recipe as ChineseRecipe
from apps.mnist_rows import start as mnist_rows_start
from apps.pipeline import model_folder, publishing
from apps.pipeline.errors import DataError
from apps.pipeline.trained_weights import NEW, numbers_of, weights_of
from apps.pipeline.vocabulary import Vocabulary
from apps.sentiment import start as sentiment_start
from apps.shakespeare import start as shakespeare_start
from apps.shakespeare.data import encode, symbols_from
from apps.shakespeare.model import Recipe as ShakespeareRecipe
from apps.shakespeare.symbols import UNKNOWN, Symbols
from apps.word_reversal import start as reversal_start
from apps.word_reversal.alphabet import Alphabet
from apps.word_reversal.model import Recipe as ReversalRecipe

SHIPPED = publishing.SHIPPED


def started(app, kind, *fields):
    """The recipe of a training that begins with the shipped model."""
    return dataclasses.replace(kind(), **model_folder.started(SHIPPED / app, app, fields))


def test_numbers_of():
    assert numbers_of("cab", "abx") == [NEW, 0, 1] and numbers_of("ab", "b", first=3, missing=1) == [1, 3]


def test_a_text_of_known_symbols_keeps_their_ids_and_new_ones_come_behind(tmp_path):
    known = symbols_from(SHIPPED / "shakespeare", "char")
    text = encode(lambda: ["Ärger und Öl, " * 40], "char", None, tmp_path / "ids.bin", known)
    assert text.symbols.symbols == (*known, "Ä", "Ö") and text.symbols.text(text.ids[:5]) == "Ärger"
    with pytest.raises(DataError, match=r"^expected --level char, as the model in .* has it, got word$"):
        symbols_from(SHIPPED / "shakespeare", "word")


def test_a_language_model_goes_on_where_the_other_ended():
    folder = SHIPPED / "shakespeare"
    symbols = Symbols.load(folder)
    wider = Symbols("char", (*symbols.symbols, "Ä"))
    recipe = started("shakespeare", ShakespeareRecipe, "units", "layers", "level")
    same, more = (shakespeare_start.model_from(folder, each, recipe) for each in (symbols, wider))
    ids = np.array([symbols.ids("ROMEO:\nBut soft")], np.int32)
    before, after = (model(ids, training=False)["logits"].numpy() for model in (same, more))
    np.testing.assert_allclose(after[..., : len(symbols)], before, atol=1e-5)
    np.testing.assert_allclose(after[..., -1], before[..., UNKNOWN], atol=1e-5)
    assert wider.text([int(before[0, -1].argmax())]) == ","  # as in the play: it has learned something
    with pytest.raises(DataError, match="expected a model of this version's network to start from"):
        shakespeare_start.model_from(folder, symbols, dataclasses.replace(recipe, units=8))


def test_an_alphabet_grows():
    folder = SHIPPED / "word_reversal"
    own = Alphabet("abcé", "characters of the pairs", 30, 4)
    known, alphabet = Alphabet.load(folder), reversal_start.alphabet_from(folder, own)
    assert alphabet.characters == f"{known.characters}é" and alphabet.description == own.description
    assert (alphabet.longest_word, alphabet.longest_answer) == (30, known.longest_answer)
    model = reversal_start.model_from(folder, alphabet, started("word_reversal", ReversalRecipe, "units"))
    ids = np.array([alphabet.ids("stressed")], np.int32)
    previous = np.array([alphabet.ids("dessert")], np.int32)  # with the mark before it
    logits = model({"ids": ids, "previous": previous}, training=False).numpy()[0]
    assert alphabet.text(logits.argmax(axis=-1)) == "desserts"


@pytest.mark.parametrize("same_scheme", [True, False])
def test_a_lexicon_grows(same_scheme):
    folder, texts = SHIPPED / "chinese_pos", tagged(30)
    if not same_scheme:
        texts = [
            dataclasses.replace(text, words=[word._replace(tag=f"T{word.tag}") for word in text.words])
            for text in texts
        ]
    known, recipe = Lexicon.load(folder), started("chinese_pos", ChineseRecipe, "units", "character_size", "pair_size")
    lexicon, counts = chinese_start.lexicon_from(folder, texts, recipe)
    assert lexicon.characters.startswith(known.characters) and lexicon.pairs[: len(known.pairs)] == known.pairs
    assert lexicon.tags == known.tags if same_scheme else not set(lexicon.tags) & set(known.tags)
    assert ("昨天" in lexicon.words) == same_scheme == ("昨天" in counts)
    weights, model = weights_of(folder, "chinese_pos"), chinese_start.model_from(folder, lexicon, recipe)
    new = len(lexicon.characters) - len(known.characters)
    vectors = model.get_layer("character").get_weights()[0]
    place = [variable.path for variable in model.variables].index("character/embeddings")
    np.testing.assert_array_equal(vectors[: len(vectors) - new], weights[place])
    assert all((vector == vectors[UNKNOWN_CHARACTER]).all() for vector in vectors[len(vectors) - new :])
    bias = model.get_layer("scores").get_weights()[1]
    if same_scheme:
        np.testing.assert_array_equal(bias, weights[-1])
    else:
        assert len(bias) == len(PLACES) * len(lexicon.tags) and not bias.any()


def test_a_folder_without_a_model_or_of_another_app(tmp_path):
    with pytest.raises(DataError, match="to start from, got no SavedModel there"):
        model_folder.started(tmp_path, "shakespeare")
    with pytest.raises(DataError, match=r"^expected a model of shakespeare in .*, got one of sentiment$"):
        model_folder.started(SHIPPED / "sentiment", "shakespeare")


@pytest.mark.parametrize(
    "weights",
    [[], [np.zeros(3)] * 2, [np.zeros(()), np.zeros((2, 8)), np.zeros((2, 2))]],
    ids=["none", "flat", "other"],
)
def test_weights_of_another_network_are_one_sentence(weights, monkeypatch):
    """Of a folder without results.json nothing tells beforehand that they are."""
    for module, model_from in (
        (
            sentiment_start,
            lambda folder: sentiment_start.model_from(folder, Vocabulary(("a",), 9, ("n", "p")), [], None),
        ),
        (mnist_rows_start, lambda folder: mnist_rows_start.model_from(folder, ("a", "b"), 0.2)),
    ):
        monkeypatch.setattr(module, "weights_of", lambda *_: weights)
        with pytest.raises(DataError, match=r"^expected a model of this version's network to start from in "):
            model_from(SHIPPED / "mnist_rows")
