"""The shipped model answers: LiteRT, without TensorFlow."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import overload

import numpy as np

from apps.chinese_pos import sentences
from apps.chinese_pos.data import Word, jieba_words
from apps.chinese_pos.decoding import decode
from apps.chinese_pos.lexicon import PLACES, Lexicon
from apps.chinese_pos.model import NAME
from apps.chinese_pos.sentences import ENDS, GOES_ON
from apps.pipeline import publishing, running
from apps.pipeline.errors import DataError
from apps.pipeline.publishing import FILES

AT_ONCE = 64  # sentences that are decoded together
JOINED = 2**13  # characters of several texts that are read together
Sentence = list[Word]


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
        self.lexicon = Lexicon.load(folder)
        self._run = running.LiteRT(folder, artifact, inputs={"features": ("int32", 3)}, outputs=("scores",))
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
            features = self.lexicon.features(read)
            if boundaries is None:
                borders, known_tags = self.lexicon.borders(read, features), self.lexicon.known_tags(read)
            else:
                borders = np.where(read.apart | boundaries[read.starts + offset], ENDS, GOES_ON)
                known_tags = np.zeros(len(read), np.int32)
            starts, ends = (read.starts + offset).tolist(), (read.ends + offset).tolist()
            parts = read.sentences()
            for number in range(0, len(parts), AT_ONCE):
                some = parts[number : number + AT_ONCE]
                whole = slice(some[0].start, some[-1].stop)
                scores = np.concatenate([self.scores(features[part]) for part in some])
                lengths = [part.stop - part.start for part in some]
                found = decode(scores, borders[whole], known_tags[whole], lengths)
                for part, words in zip(some, found, strict=True):
                    yield [
                        Word(starts[part.start + first], ends[part.start + last - 1], self.lexicon.tags[tag])
                        for first, last, tag in words
                    ]

    @overload
    def tag(self, texts: str, segmenter: str | None = None) -> Tagged: ...  # type: ignore[overload-overlap]

    @overload
    def tag(self, texts: Iterable[str], segmenter: str | None = None) -> list[Tagged]: ...

    def tag(self, texts: str | Iterable[str], segmenter: str | None = None) -> Tagged | list[Tagged]:
        """The words of a text with their tags, or a list of those of several; segmenter: as for `tagged_sentences`."""
        if isinstance(texts, str):
            return Tagged(texts, [*self.tagged_sentences(texts, segmenter)])
        return [*self.tag_all(texts, segmenter)]

    def tagged_sentences(self, text: str, segmenter: str | None = None) -> Iterator[Sentence]:
        """As `sentences`; with the segmenter "jieba" its words, tagged by the network."""
        if segmenter is None:
            return self.sentences(text)
        words = jieba_words(sentences.without_surrogates(text)).words
        boundaries = np.zeros(len(text) + 1, bool)
        boundaries[[place for word in words for place in (word.start, word.end)]] = True
        return self.sentences(text, boundaries)

    def tag_all(self, texts: Iterable[str], segmenter: str | None = None, together: bool = True) -> Iterator[Tagged]:
        """As `tag` of several, one after the other; many are read together, as the lines of one text.

        A sentence ends where a line does, so that what is found of a text doesn't depend on the others.

        together: False: each is read when the answer to the one before has been taken.
        """
        if segmenter is not None or not together:
            yield from (self.tag(text, segmenter) for text in texts)
            return
        for some in _joinable(texts):
            found = self.sentences("\n".join(some))
            sentence, offset = next(found, None), 0
            for text in some:
                own = []
                while sentence is not None and sentence[0].start < offset + len(text):
                    own.append([Word(word.start - offset, word.end - offset, word.tag) for word in sentence])
                    sentence = next(found, None)
                yield Tagged(text, own)
                offset += len(text) + 1


def _joinable(texts: Iterable[str]) -> Iterator[list[str]]:
    """The texts in lists that aren't long, but for texts that are."""
    some: list[str] = []
    size = 0
    for text in texts:
        some.append(text)
        size += len(text)
        if size >= JOINED:
            yield some
            some, size = [], 0
    if some:
        yield some


def words_by(folder: Path, artifact: str, texts: Sequence[str]) -> list[Sentence]:
    """The words of each text, by one of a folder's artifacts."""
    from tqdm import tqdm

    if artifact == "saved_model":
        return _words_by_saved_model(folder / FILES[artifact], texts)
    found = Tagger(folder, artifact).tag_all(tqdm(texts, artifact, disable=None))
    return [[word for sentence in tagged.sentences for word in sentence] for tagged in found]


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


def load(folder: Path | str | None = None) -> Tagger:
    """The model in a folder, by default the shipped one, ready to `tag`.

    Threads may share it, and take turns: together they are as fast as one. Those that have a `load()` each run side by
    side as far as Python lets them; processes do (`--jobs`).
    """
    return running.opened(NAME, folder, lambda folder: Tagger(folder, publishing.quickest(folder)))
