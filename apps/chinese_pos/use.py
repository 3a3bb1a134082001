"""The shipped model answers: LiteRT, without TensorFlow; and how tagged words are written."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from apps.chinese_pos import sentences
from apps.chinese_pos.data import Word, jieba_words
from apps.chinese_pos.decoding import decode, words_of
from apps.chinese_pos.lexicon import PLACES, Lexicon
from apps.chinese_pos.model import NAME
from apps.chinese_pos.sentences import ENDS, GOES_ON
from apps.pipeline import running
from apps.pipeline.errors import DataError
from apps.pipeline.publishing import FILES

UNIVERSAL_TAGS = {  # of CoNLL-U's fourth column; others go into the fifth
    *("ADJ", "ADP", "ADV", "AUX", "CCONJ", "DET", "INTJ", "NOUN", "NUM"),
    *("PART", "PRON", "PROPN", "PUNCT", "SCONJ", "SYM", "VERB", "X", "_"),
}
COLOURS = {  # by the first letter of a tag
    **{"n": "bright_blue", "v": "bright_red", "a": "bright_green", "d": "green", "m": "yellow", "q": "yellow"},
    **{"r": "magenta", "t": "cyan", "s": "cyan", "f": "cyan", "w": "bright_black", "p": "bright_black", "P": "magenta"},
    **{"c": "bright_black", "u": "bright_black", "N": "bright_blue", "V": "bright_red", "A": "bright_green"},
}
Sentence = list[Word]


def load_lexicon(folder: Path) -> Lexicon:
    """The lexicon of a model's folder; DataError if there is none or it is damaged."""
    try:
        return Lexicon.load(folder / "vocabulary.json")
    except FileNotFoundError:
        raise DataError(f"expected a trained model in {folder}, got no vocabulary.json there") from None
    except ValueError as error:
        raise DataError(str(error)) from None


@dataclass(frozen=True)
class Tagged:
    """A text and the words of each of its sentences, with their places and tags."""

    text: str
    sentences: list[Sentence]


class Tagger:
    """A LiteRT file of a model's folder, run on one core without TensorFlow.

    DataError if the file or the lexicon is missing or damaged, or if they aren't of one model.
    """

    def __init__(self, folder: Path, artifact: str = "litert"):
        self.lexicon = load_lexicon(folder)
        self._run = running.load_litert(folder, artifact)
        self._problem = f"expected the vocabulary.json that {folder / FILES[artifact]} was made with, got another"

    def scores(self, features: np.ndarray) -> np.ndarray:
        """Of the labels of each character of a sentence, float32 (characters, places * tags)."""
        try:
            scores = self._run(features=features[None])["scores"][0]
        except (RuntimeError, ValueError) as error:  # an id that the model doesn't have
            raise DataError(self._problem) from error
        if scores.shape[1] != len(PLACES) * len(self.lexicon.tags):
            raise DataError(self._problem)
        return scores

    def sentences(self, text: str, boundaries: np.ndarray | None = None) -> Iterator[Sentence]:
        """The words of each sentence of `text`, with their places in it.

        Args:
            boundaries: if the network is to choose the tags alone, whether a word begins or ends before each character
                and at the end, bool (len(text) + 1,).
        """
        for offset, read in sentences.read_in_pieces(text):
            for part in read.sentences():
                sentence = read.part(part)
                borders = sentence.borders
                if boundaries is not None:
                    kept = np.where(boundaries[sentence.starts + offset], ENDS, GOES_ON)
                    borders = np.where(borders == ENDS, ENDS, kept)
                labels = decode(self.scores(self.lexicon.features(sentence)), borders)
                yield [
                    Word(
                        int(sentence.starts[first]) + offset,
                        int(sentence.ends[last - 1]) + offset,
                        self.lexicon.tags[tag],
                    )
                    for first, last, tag in words_of(labels, len(self.lexicon.tags))
                ]

    def tag(self, texts: str | Iterable[str], segmenter: str | None = None) -> Tagged | list[Tagged]:
        """The words of a text with their tags, or a list of those of several; segmenter: as for `tagged_sentences`."""
        return running.one_or_many(lambda text: Tagged(text, [*self.tagged_sentences(text, segmenter)]), texts)

    def tagged_sentences(self, text: str, segmenter: str | None = None) -> Iterator[Sentence]:
        """As `sentences`; with the segmenter "jieba" its words, tagged by the network."""
        if segmenter is None:
            return self.sentences(text)
        words = jieba_words(sentences.without_surrogates(text)).words
        boundaries = np.zeros(len(text) + 1, bool)
        boundaries[[place for word in words for place in (word.start, word.end)]] = True
        return self.sentences(text, boundaries)


def words_by(folder: Path, artifact: str, texts: Sequence[str]) -> list[Sentence]:
    """The words of each text, by one of a folder's artifacts."""
    from tqdm import tqdm

    if artifact == "saved_model":
        return _words_by_saved_model(folder / FILES[artifact], texts)
    tagger = Tagger(folder, artifact)
    return [
        [word for sentence in tagger.sentences(text) for word in sentence]
        for text in tqdm(texts, artifact, disable=None)
    ]


def _words_by_saved_model(path: Path, texts: Sequence[str], batch_size: int = 64) -> list[Sentence]:
    import tensorflow as tf
    from tqdm import tqdm

    serve, found = running.load_saved_model(path), []
    for start in tqdm(range(0, len(texts), batch_size), path.parent.name, disable=None):
        part = [sentences.without_surrogates(text) for text in texts[start : start + batch_size]]
        tagged = serve(text=tf.constant([text.encode() for text in part]))["tagged"].numpy()
        found += [parse(line.decode("utf-8"), text) for line, text in zip(tagged, part, strict=True)]
    return found


def parse(tagged: str, text: str) -> Sentence:
    """`word/tag word/tag ...`, as the SavedModel writes it of `text` -> the words."""
    words, place = [], 0
    for item in tagged.split(" ") if tagged else []:
        word, tag = item.rsplit("/", 1)
        start = text.index(word, place)
        place = start + len(word)
        words.append(Word(start, place, tag))
    return words


def as_plain(text: str, found: Iterable[Sentence]) -> str:
    """`word/tag word/tag ...`: no word has a space in it and no tag a slash, so the last slash of each divides it."""
    return " ".join(f"{text[word.start : word.end]}/{word.tag}" for sentence in found for word in sentence)


def as_json(text: str, found: Iterable[Sentence]) -> str:
    """One object: the text, and its words with their places, text[start:end], counted in code points."""
    words = [
        {"word": text[word.start : word.end], "tag": word.tag, "start": word.start, "end": word.end}
        for sentence in found
        for word in sentence
    ]
    return json.dumps({"text": text, "words": words}, ensure_ascii=False)


def as_conllu(text: str, found: Iterable[Sentence]) -> str:
    """The sentences in CoNLL-U; TokenRange tells the word's place in the whole text."""
    blocks = []
    for sentence in found:
        lines = [f"# text = {' '.join(text[sentence[0].start : sentence[-1].end].split())}"]
        for number, (word, after) in enumerate(pairwise([*sentence, None]), 1):
            tags = (word.tag, "_") if word.tag in UNIVERSAL_TAGS else ("_", word.tag)
            place = f"TokenRange={word.start}:{word.end}"
            joined = after is not None and after.start == word.end
            about = f"SpaceAfter=No|{place}" if joined else place
            form = text[word.start : word.end]
            lines.append("\t".join([str(number), form, "_", *tags, "_", "_", "_", "_", about]))
        blocks.append("\n".join([*lines, ""]))
    return "\n".join(blocks)


FORMATS = {"plain": as_plain, "conllu": as_conllu, "json": as_json}


def print_coloured(text: str, found: Iterable[Sentence]) -> None:
    """As `as_plain`, for a terminal: words in the colour of their tag, tags faint; controls don't reach it."""
    from rich.console import Console
    from rich.text import Text

    line = Text()
    for sentence in found:
        for word in sentence:
            shown = "".join(c if c.isprintable() or c in "\u200d\ufe0f" else "�" for c in text[word.start : word.end])
            line.append(shown, style=COLOURS.get(word.tag[0], "white")).append(f"/{word.tag} ", style="dim")
    Console(highlight=False, soft_wrap=True).print(line)


def load(folder: Path | str | None = None) -> Tagger:
    """The model in a folder, by default the shipped one, ready to `tag`."""
    return Tagger(running.folder_of(NAME, folder))
