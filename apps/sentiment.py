"""Is a film review positive? A bidirectional LSTM over the words, on IMDB (Maas et al. 2011) or your own labelled texts."""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path

import numpy as np

from apps.pipeline import datasets
from apps.pipeline.text import PADDING, UNKNOWN, Vocabulary

NAME = "sentiment"


@dataclasses.dataclass(frozen=True)
class Recipe:
    """What decides a training run; the defaults are those of the shipped model."""

    seed: int = 1
    words: int = 30_000
    units: int = 128  # of each direction, and the width of the embedding
    word_vector_epochs: int = 5
    language_model_epochs: int = 2
    keep_last: int = 400  # tokens of a text that are read: the end of a review says most
    epochs: int = 4
    batch_size: int = 64
    unknown_rate: float = 0.1  # of the words, replaced in training

    def of_pretraining(self) -> dict[str, int]:
        fields = ("seed", "words", "units", "word_vector_epochs", "language_model_epochs")
        return {name: getattr(self, name) for name in fields}


def load_data(path: Path | None, seed: int):
    """-> train, validation, test (LabelledTexts) and unlabelled texts: IMDB, or the file at `path` split 8 : 1 : 1."""
    if path is None:
        train, validation = datasets.split(datasets.imdb("train"), 0.1, seed)
        return train, validation, datasets.imdb("test"), datasets.imdb_unlabelled()
    train, test = datasets.split(datasets.labelled_file(path), 0.1, seed)
    train, validation = datasets.split(train, 0.1, seed + 1)
    return train, validation, test, []


def build_model(vocabulary_size: int, units: int):
    """Ids (batch, time), 0 = padding -> the logit of the second label, (batch, 1)."""
    import keras

    from keras_rnn import LSTM

    ids = keras.Input((None,), dtype="int32", name="ids")
    embedding = keras.layers.Embedding(vocabulary_size, units, mask_zero=True, name="embedding")
    hidden = keras.layers.SpatialDropout1D(0.3)(embedding(ids))
    hidden = keras.layers.Bidirectional(LSTM(units, return_sequences=True), name="bidirectional")(hidden)
    is_word = keras.ops.expand_dims(keras.ops.cast(keras.ops.not_equal(ids, 0), "float32"), -1)
    mean = keras.ops.sum(hidden * is_word, axis=1) / keras.ops.sum(is_word, axis=1)
    maximum = keras.ops.max(hidden - 2.0 * (1.0 - is_word), axis=1)  # LSTM outputs lie between -1 and 1
    features = keras.layers.Dropout(0.5)(keras.layers.Concatenate()([mean, maximum]))
    features = keras.layers.Dropout(0.5)(keras.layers.Dense(64, activation="relu")(features))
    return keras.Model(ids, keras.layers.Dense(1, name="logit")(features), name=NAME)


def pretrain(model, sequences, vocabulary: Vocabulary, recipe: Recipe, folder: Path, resume: bool) -> None:
    """Gives `model` an embedding from word vectors and LSTMs from two language models, trained on `sequences`."""
    from apps.pipeline import pretraining, training

    embedding = model.get_layer("embedding")
    vectors = folder / "word_vectors.npy"
    if not (resume and vectors.exists()):
        print(f"Word vectors: {recipe.word_vector_epochs} epochs over {len(sequences):,} texts", flush=True)
        np.save(vectors, pretraining.word_vectors(sequences, vocabulary, recipe.units, recipe.word_vector_epochs, recipe.seed))
    embedding.set_weights([np.load(vectors)])
    if not recipe.language_model_epochs:
        return
    rows = pretraining.chunks(sequences, 128)
    print(f"Language models: {recipe.language_model_epochs} epochs over {rows.size:,} tokens", flush=True)
    language_model = pretraining.LanguageModel(embedding, model.get_layer("bidirectional"))
    held_out = len(rows) // 100
    batches, validation = (
        pretraining.chunk_batches(part, len(vocabulary), 512, 64, recipe.seed) for part in (rows[held_out:], rows[:held_out])
    )
    steps = len(batches) * recipe.language_model_epochs
    optimizer = training.AdamW(training.cosine_with_warm_up(3e-3, steps, 0.05), weight_decay=0.0, global_clipnorm=1.0)
    language_model.compile(optimizer, jit_compile=False)
    _, _, interrupted = training.fit(
        language_model, batches, validation, folder / "language_model.npz",
        epochs=recipe.language_model_epochs, settings=recipe.of_pretraining(), resume=resume,
    )
    if interrupted:
        raise KeyboardInterrupt


def fine_tune(model, sequences, targets, validation, recipe: Recipe, epochs: int, checkpoint: Path, **run):
    """Trains the whole of `model` on ids and the probabilities of the second label; -> what `training.fit` gives.

    validation: (ids of each text, labels).
    """
    import keras

    from apps.pipeline import training

    def batches(sequences, targets, unknown_rate, shuffle):
        rows = [row[-recipe.keep_last :] for row in sequences]

        def assemble(indices, generator):
            ids = training.padded([rows[index] for index in indices])
            unknown = (generator.random(ids.shape) < unknown_rate) & (ids != PADDING)
            return np.where(unknown, UNKNOWN, ids), targets[indices, None]

        draw = training.grouped_by_length(np.array([len(row) for row in rows]), recipe.batch_size, shuffle)
        return training.Batches(draw, assemble, training.IDS_AND_TARGETS, recipe.seed)

    training_batches = batches(sequences, targets.astype(np.float32), recipe.unknown_rate, shuffle=True)
    validation_batches = batches(validation[0], validation[1].astype(np.float32), 0.0, shuffle=False)
    optimizer = training.AdamW(
        training.cosine_with_warm_up(1e-3, len(training_batches) * epochs),
        weight_decay=0.01,
        global_clipnorm=1.0,
        use_ema=True,
        ema_momentum=0.998,
        factors={"embedding": 0.5, "bidirectional": 0.7},  # they have learned already
    )
    optimizer.exclude_from_weight_decay(var_names=["embedding"])
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    model.compile(optimizer, loss, metrics=[training.accuracy], jit_compile=False)
    settings = {**dataclasses.asdict(recipe), "texts": len(sequences)}
    return training.fit(
        model, training_batches, validation_batches, checkpoint,
        epochs=epochs, monitor="val_accuracy", settings=settings, **run,
    )


def second_opinions(model, labelled, targets, unlabelled, recipe: Recipe) -> np.ndarray:
    """Probabilities of the second label for unlabelled texts: the mean log-odds of `model` and of a linear classifier."""
    from apps.pipeline import training
    from apps.pipeline.distillation import WordPairClassifier

    rows = [row[-recipe.keep_last :] for row in unlabelled]
    logits = training.predicted(model, rows)[:, 0] + WordPairClassifier(labelled, targets).logits(unlabelled)
    return 1.0 / (1.0 + np.exp(-logits / 2.0))


def train(recipe: Recipe, data: Path | None, output: Path, resume: bool) -> None:
    """Trains in stages that `resume` takes up again; the last one leaves its model, plots and logs in `output`."""
    from apps.pipeline import training

    training.set_up(recipe.seed)
    folder = output / "training"
    folder.mkdir(parents=True, exist_ok=True)
    labelled, validation, test, unlabelled = load_data(data, recipe.seed)
    texts = labelled.texts + validation.texts + unlabelled
    vocabulary = Vocabulary.from_texts(texts, recipe.words, recipe.keep_last, labelled.names)
    sequences = [np.array(vocabulary.all_ids(text), np.int32) for text in texts]
    of_labelled, of_validation, of_unlabelled = np.split(
        np.array(sequences, object), np.cumsum([len(labelled), len(validation)])
    )
    model = build_model(len(vocabulary), recipe.units)
    pretrain(model, sequences, vocabulary, recipe, folder, resume)
    pretrained = model.get_weights()
    held_out = of_validation, validation.labels
    history, _, interrupted = fine_tune(
        model, of_labelled, labelled.labels, held_out, recipe, recipe.epochs, folder / "classifier.npz",
        resume=resume, log_folder=folder / "logs",
    )
    print(history)


if __name__ == "__main__":
    train(Recipe(), None, Path("saved_models/sentiment"), "--resume" in sys.argv)
