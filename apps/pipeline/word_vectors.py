"""Word vectors (word2vec): what a network can know of words before it sees a label."""

from __future__ import annotations

import time
from collections.abc import Sequence

import keras
import numpy as np

from apps.pipeline.checkpoints import read_arrays, write_arrays
from apps.pipeline.runs import Stage
from apps.pipeline.vocabulary import FIRST_WORD, PADDING, UNKNOWN, Vocabulary

STANDARD_DEVIATION = 0.1  # of the embedding's start, whatever word2vec's own scale is


def pretrain_embedding(
    embedding: keras.layers.Embedding, sequences: Sequence[np.ndarray], vocabulary: Vocabulary, stage: Stage
) -> float:
    """Gives `embedding` the word vectors of `sequences`, or those that the stage has left -> the seconds they took.

    Of several workers the first one learns them; the others get them when the next stage begins.

    DataError if its file is damaged or of other settings.
    """
    if not stage.workers.first:
        return 0.0
    if stage.resume and stage.file.exists():
        arrays, about = read_arrays(stage.file, stage.settings)
    else:
        started = time.perf_counter()
        size, epochs = embedding.output_dim, stage.recipe.epochs
        arrays = {"vectors": word_vectors(sequences, vocabulary, size, epochs, stage.recipe.seed)}
        about = {"seconds": time.perf_counter() - started}
        write_arrays(stage.file, {**about, "settings": stage.settings}, arrays)
    embedding.set_weights([arrays["vectors"]])
    return about["seconds"]


def word_vectors(
    sequences: Sequence[np.ndarray], vocabulary: Vocabulary, size: int, epochs: int, seed: int
) -> np.ndarray:
    """Skip-gram vectors of every id, float32 (ids, size), by gensim's Word2Vec (Mikolov et al. 2013).

    One worker, because with several gensim's result depends on how the threads are scheduled.

    Args:
        sequences: the ids of each text. Unknown words are left out.
    """
    from gensim.models import Word2Vec

    names = ["", "", *vocabulary.words]  # padding and unknown are no words
    sentences = [[names[i] for i in sequence if i >= FIRST_WORD] for sequence in sequences]
    model = Word2Vec(
        sentences,
        vector_size=size,
        sg=1,
        window=5,
        negative=5,
        sample=1e-4,
        min_count=1,
        epochs=epochs,
        workers=1,
        seed=seed,
    )
    vectors = np.random.default_rng(seed).normal(size=(len(vocabulary), size)).astype(np.float32)
    known = [index for index, name in enumerate(names) if name in model.wv]
    vectors[known] = model.wv[[names[index] for index in known]]
    vectors[UNKNOWN] = vectors[known].mean(axis=0)
    vectors *= STANDARD_DEVIATION / vectors[known].std()
    vectors[PADDING] = 0.0
    return vectors
