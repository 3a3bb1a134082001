"""Training that begins with another model's characters and layers: `train --start-from FOLDER`."""

from __future__ import annotations

from pathlib import Path

from apps.pipeline.trained_weights import carry_over, numbers_of, weights_of
from apps.word_reversal.alphabet import FIRST_CHARACTER, Alphabet
from apps.word_reversal.model import NAME, Recipe, build_model


def alphabet_from(folder: Path, own: Alphabet) -> Alphabet:
    """The characters of the model in `folder`, with the same ids, and behind them those that only `own` has; for words
    and answers as long as either's."""
    known = Alphabet.load(folder)
    new = "".join(character for character in own.characters if character not in known.characters)
    longest = max(own.longest_word, known.longest_word), max(own.longest_answer, known.longest_answer)
    return Alphabet(known.characters + new, own.description, *longest)


def model_from(folder: Path, alphabet: Alphabet, recipe: Recipe):
    """A model of the characters of `alphabet` that begins with all that the one in `folder` has learned; characters
    that it doesn't know begin anew. DataError if the folder has no such model."""
    model = build_model(len(alphabet), recipe.units, recipe.dropout)
    marks = [*range(FIRST_CHARACTER)]
    ids = marks + numbers_of(alphabet.characters, Alphabet.load(folder).characters, FIRST_CHARACTER)
    of_characters = {"letters/embeddings": (0, ids), "previous_letters/embeddings": (0, ids)}
    of_characters |= {"logits/kernel": (1, ids), "logits/bias": (0, ids)}
    carry_over(model, weights_of(folder, NAME), folder, of_characters)
    return model
