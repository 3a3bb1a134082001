"""The command line: python -m apps.sentiment."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from apps.pipeline import command_line, publishing, running
from apps.pipeline.errors import DataError
from apps.pipeline.publishing import FILES
from apps.pipeline.vocabulary import PADDING, Vocabulary, tokenize
from apps.sentiment import data as datasets
from apps.sentiment.data import LabelledTexts

NAME = "sentiment"


@dataclasses.dataclass(frozen=True)
class Recipe:
    """What decides a training run; the defaults are those of the shipped model."""

    seed: int = 1
    words: int = 30_000
    units: int = 128  # of each direction, and the width of the embedding
    word_vector_epochs: int = 5
    language_model_epochs: int = 0  # pretraining of embedding and LSTM; with 2, labels were learned more slowly
    keep_last: int = 400  # tokens of a text that are read: the end of a review says most
    epochs: int = 2  # over the texts with a label
    student_epochs: int = 1  # over all texts; 0 leaves this stage out
    batch_size: int = 64
    unknown_rate: float = 0.1  # of the words, replaced in training


WORD_VECTORS = ("seed", "words", "units", "word_vector_epochs")  # what decides this stage
TYPICAL = 50  # training texts by which an int8 file finds the ranges of its activations
SMALLEST_EPOCH = 250  # batches: an epoch goes over fewer texts several times, or it would be too short to judge
QUICK = {"units": 64, "word_vector_epochs": 3, "epochs": 3, "student_epochs": 0}


def load_data(path: Path | None, seed: int) -> tuple[LabelledTexts, LabelledTexts, LabelledTexts, list[str]]:
    """-> train, validation, test and texts without a label: IMDB, or the file at `path`, of which a tenth each is
    validation and test."""
    if path is None:
        train, validation = datasets.split(datasets.imdb("train"), 0.1, seed)
        return train, validation, datasets.imdb("test"), datasets.imdb_unlabelled()
    train, test = datasets.split(datasets.labelled_file(path), 0.1, seed)
    train, validation = datasets.split(train, 0.1, seed + 1)
    return train, validation, test, []


def build_model(vocabulary_size: int, units: int):
    """A Keras model: ids int32 (batch, time), 0 = padding -> the logit of the second label, (batch, 1)."""
    import keras

    from keras_rnn import LSTM

    ids = keras.Input((None,), dtype="int32", name="ids")
    embedding = keras.layers.Embedding(vocabulary_size, units, mask_zero=True, name="embedding")
    words = embedding(ids)
    hidden = keras.layers.SpatialDropout1D(0.2)(words)
    hidden = keras.layers.Bidirectional(LSTM(units, return_sequences=True), name="bidirectional")(hidden)
    is_word = keras.ops.expand_dims(keras.ops.cast(keras.ops.not_equal(ids, PADDING), "float32"), -1)
    count = keras.ops.sum(is_word, axis=1)
    features = [
        keras.ops.sum(hidden * is_word, axis=1) / count,
        keras.ops.max(hidden - 2.0 * (1.0 - is_word), axis=1),  # an LSTM's outputs lie between -1 and 1
        keras.ops.sum(words * is_word, axis=1) / count,
    ]
    # Such means differ little from text to text: without normalisation the dropout buries the differences.
    features = keras.layers.BatchNormalization(momentum=0.9)(keras.layers.Concatenate()(features))
    features = keras.layers.Dense(64, activation="relu")(keras.layers.Dropout(0.5)(features))
    features = keras.layers.Dropout(0.3)(features)
    return keras.Model(ids, keras.layers.Dense(1, name="logit")(features), name=NAME)


class Run:
    """A training run: its recipe, its folder, and what its stages have reported.

    data: the fingerprint of what is trained on; a run on other data isn't resumed.
    """

    def __init__(self, recipe: Recipe, data: str, output: Path, resume: bool):
        self.recipe, self.data, self.resume = recipe, data, resume
        self.folder = output / "training"
        self.folder.mkdir(parents=True, exist_ok=True)
        self.stages: list[dict[str, Any]] = []

    def settings(self, *fields: str) -> dict[str, Any]:
        """What decides a stage and must be the same to resume it."""
        return {"data": self.data} | {name: getattr(self.recipe, name) for name in fields}

    def finished(self, stage: str, seconds: float, epochs: int, result: str = "") -> None:
        self.stages.append({"stage": stage, "seconds": round(seconds, 1), "epochs": epochs, "result": result})
        print(f"{stage}: {seconds / 60:.1f} minutes, {epochs} epochs {result}", flush=True)


def train(recipe: Recipe, data: Path | None, output: Path, resume: bool) -> None:
    """Trains, writes the model's folder to `output` and measures its artifacts."""
    from apps.pipeline import training

    training.set_up(recipe.seed)
    labelled, validation, test, unlabelled = load_data(data, recipe.seed)
    run = Run(recipe, labelled.fingerprint(), output, resume)
    texts = labelled.texts + validation.texts + unlabelled
    vocabulary = Vocabulary.from_texts(texts, recipe.words, recipe.keep_last, labelled.names)
    print(f"{len(texts):,} texts, {len(validation):,} of them to validate; {len(vocabulary):,} ids", flush=True)
    sequences = [np.array(vocabulary.all_ids(text), np.int32) for text in texts]
    model = build_model(len(vocabulary), recipe.units)
    pretrain(model, sequences, vocabulary, run)
    fitted = learn_labels(model, sequences, labelled.labels, validation.labels, run)
    if fitted.interrupted:
        print("\nStopped: writing the best model so far. Ctrl-C again leaves without.", flush=True)
    training.plot_history(fitted.history, "accuracy", run.folder / "history.png", "Sentiment")
    training.save_model(model, output / "model.keras")
    how = {"command": publishing.command(), "recipe": dataclasses.asdict(recipe), "stages": run.stages}
    write_artifacts(model, vocabulary, output, how | publishing.environment(), labelled.texts[:TYPICAL])
    for artifact in FILES:
        command = command_line.evaluation_command(NAME, output, artifact) if data is None else publishing.command()
        figures = publishing.record(output, artifact, lambda name=artifact: evaluate(output, name, test), command)
        print(publishing.in_words(figures), flush=True)


def pretrain(model, sequences: list[np.ndarray], vocabulary: Vocabulary, run: Run) -> None:
    """Gives `model` word vectors, then, if the recipe says so, trains it as two language models."""
    from apps.pipeline import word_vectors

    embedding, bidirectional = model.get_layer("embedding"), model.get_layer("bidirectional")
    epochs = run.recipe.word_vector_epochs
    file = run.folder / "word_vectors.npz"
    stage = {"settings": run.settings(*WORD_VECTORS), "resume": run.resume}
    seconds = word_vectors.pretrain_embedding(embedding, sequences, vocabulary, file, epochs=epochs, **stage)
    run.finished("word vectors", seconds, epochs)
    epochs = run.recipe.language_model_epochs
    if not epochs:
        return
    file = run.folder / "language_model.npz"
    stage = {"settings": run.settings(*WORD_VECTORS, "language_model_epochs"), "resume": run.resume}
    fitted = word_vectors.pretrain_bidirectional(embedding, bidirectional, sequences, file, epochs=epochs, **stage)
    if fitted.interrupted:
        raise KeyboardInterrupt
    result = f"validation loss {fitted.best('val_loss'):.3f} nats (sampled)"
    run.finished("language models", fitted.seconds, len(fitted.history), result)


def learn_labels(model, sequences: list[np.ndarray], labels: np.ndarray, validation_labels: np.ndarray, run: Run):
    """The labels, then the labels and opinions of the other texts -> training.Fitted, with the epochs of both.

    sequences: ids of the texts with `labels`, then of those to validate with, then of those without a label.
    """
    from apps.sentiment.learning import fine_tune, second_opinions

    recipe = run.recipe
    rows = [row[-recipe.keep_last :] for row in sequences]
    labelled, rest = rows[: len(labels)], rows[len(labels) :]
    validation, unlabelled = (rest[: len(validation_labels)], validation_labels), rest[len(validation_labels) :]

    def stage(name: str, texts, epochs: int, fields: Iterable[str]):
        fitted = fine_tune(
            model,
            texts,
            validation,
            run.folder / f"{name.replace(' ', '_')}.npz",
            epochs=epochs,
            batch_size=recipe.batch_size,
            unknown_rate=recipe.unknown_rate,
            settings=run.settings(*fields),
            resume=run.resume,
        )
        result = f"validation accuracy {fitted.best('val_accuracy'):.2%}"
        run.finished(name, fitted.seconds, len(fitted.history), result)
        return fitted

    fields = {field.name for field in dataclasses.fields(recipe)}
    times = -(-SMALLEST_EPOCH * recipe.batch_size // len(labelled))
    fitted = stage("labels", (labelled * times, np.tile(labels, times)), recipe.epochs, fields - {"student_epochs"})
    if unlabelled and recipe.student_epochs and not fitted.interrupted:
        teacher = model.get_weights()
        try:
            opinions = second_opinions(model, (labelled, labels), unlabelled)
            everything = labelled + unlabelled, np.concatenate([labels, opinions])
            last = stage("labels and opinions", everything, recipe.student_epochs, fields)
            fitted = dataclasses.replace(last, history=fitted.history + last.history)
        except KeyboardInterrupt:  # before the student has finished an epoch
            model.set_weights(teacher)
            fitted = dataclasses.replace(fitted, interrupted=True)
    return fitted


def write_artifacts(model, vocabulary: Vocabulary, output: Path, how: dict[str, Any], typical: Sequence[str]) -> None:
    """A trained model -> SavedModel, LiteRT files, vocabulary, results without figures yet, and model card.

    typical: texts by which the fully quantised file finds the ranges of its activations.
    """
    import keras
    import tensorflow as tf

    import keras_rnn
    from keras_rnn import artifacts

    def serve(text):
        logit = model(vocabulary.ids_in_graph(text), training=False)[:, 0]
        return {"probability": tf.sigmoid(logit)}

    texts = [tf.TensorSpec((None,), tf.string, name="text")]
    logit = model.output[:, 0]
    scorer = keras.Model(model.input, {"probability": keras.ops.sigmoid(logit), "logit": logit})
    ids = [{"ids": np.array([vocabulary.ids(text)], np.int32)} for text in typical]
    with artifacts.placed_in(output) as folder:
        vocabulary.save(folder / "vocabulary.json")
        formats = [name for name in FILES if name != "saved_model"]
        keras_rnn.export(scorer, folder, formats=formats, length=vocabulary.keep_last, inputs=ids)
        resources = [model, vocabulary.table]
        signatures = {"serving_default": artifacts.Signature(serve, texts)}
        artifacts.saved_model(signatures, resources, folder / FILES["saved_model"])
        results = {"app": NAME, "artifacts": publishing.list_artifacts(folder), "training": how}
        publishing.write_results(folder, results)


def load_trained(path: Path):
    """(model, vocabulary) of a model.keras that `train` wrote; DataError if it isn't one."""
    if not path.is_file():
        raise DataError(f"expected a trained model, as `train` writes it to model.keras, got no file {path}")
    vocabulary = running.load_vocabulary(path.parent)
    from apps.pipeline import training

    return training.load_model(path), vocabulary


def evaluate(folder: Path, artifact: str, test: LabelledTexts) -> dict[str, Any]:
    """The accuracy of one of a folder's artifacts over all of `test`."""
    names = running.load_vocabulary(folder).labels
    if test.names != names:
        raise DataError(f"expected the model's labels {' and '.join(names)}, got {' and '.join(test.names)}")
    correct = (running.probabilities(folder, artifact, test.texts) > 0.5) == test.labels
    figures = {"metric": "accuracy", "value": float(np.mean(correct)), "examples": len(test)}
    return {"artifact": artifact, **figures, "data_sha256": test.fingerprint()}


def classify(texts: Iterable[str], folder: Path, with_words: bool) -> Iterator[dict[str, Any]]:
    """An answer for each text: {"text", "label", "probabilities"}, and "words" with their weights if asked for.

    A text without a word has the label None.
    """
    vocabulary, score = running.load_vocabulary(folder), running.load_scorer(folder, "litert")
    for text in texts:
        answer: dict[str, Any] = {"text": text, "label": None, "probabilities": None}
        tokens = tokenize(text)[-vocabulary.keep_last :]
        if tokens:
            ids = vocabulary.ids(text)
            second = score(ids)["probability"]
            answer["label"] = vocabulary.labels[second > 0.5]
            answer["probabilities"] = dict(zip(vocabulary.labels, (1.0 - second, second), strict=True))
            if with_words:
                answer["words"] = list(zip(tokens, running.explain(ids, score), strict=True))
        yield answer


def print_answer(answer: dict[str, Any]) -> None:
    """One line for a text, and below it the explanation if the answer has one."""
    visible = "".join(character if character.isprintable() else " " for character in answer["text"][:200])
    start = " ".join(visible.split())
    start = start if len(start) <= 80 else f"{start[:79]}…"
    if answer["label"] is None:
        print(f"{'(no words)':>10}           {start}", flush=True)
        return
    print(f"{answer['label']:>10} {answer['probabilities'][answer['label']]:8.1%}  {start}", flush=True)
    if "words" in answer:
        running.print_explanation(answer["words"], tuple(answer["probabilities"]))


def demonstrate() -> None:
    """What the shipped model says of a few sentences."""
    samples = (
        "I laughed all the way through and cried at the end. A wonderful cast, and not a minute too long.",
        "The plot makes no sense and nobody in it can act. I want my two hours and my money back.",
        "It isn't the masterpiece they promised, but I had a good time, and so did the children.",
    )
    for answer in classify(samples, command_line.SHIPPED / NAME, with_words=False):
        print_answer(answer)


def main(argv: Sequence[str] | None = None) -> int:
    """The command line -> its exit status; see `python -m apps.sentiment --help`."""
    commands = command_line.CommandLine(NAME, "Is a text positive? Without a verb: a demonstration.")
    commands.train.add_argument(
        "--quick", action="store_true", help="minutes instead of an hour, a little less accurate"
    )
    commands.train.add_argument(
        "--language-model-epochs", type=command_line.positive, help="first pretrain embedding and LSTM to predict words"
    )
    verb = commands.verb("classify", "say which label a text has")
    verb.add_argument("texts", nargs="*", metavar="TEXT", help="without one: the lines of --file or standard input")
    verb.add_argument("--file", type=Path, help="a text a line")
    verb.add_argument("--explain", action="store_true", help="show which words pushed the answer")

    def run_train(flags: argparse.Namespace) -> None:
        command_line.need("gensim", "sklearn", "matplotlib", "tensorboard")
        chosen = {name: getattr(flags, name) for name in ("epochs", "batch_size", "seed", "language_model_epochs")}
        changes = (QUICK if flags.quick else {}) | {name: value for name, value in chosen.items() if value is not None}
        train(dataclasses.replace(Recipe(), **changes), flags.data, flags.output, flags.resume)

    def run_evaluate(flags: argparse.Namespace) -> None:
        test = datasets.imdb("test") if flags.data is None else datasets.labelled_file(flags.data)

        def measure():
            return evaluate(flags.model, flags.artifact, test)

        if flags.record:
            data = [flags.data] if flags.data else []
            command = command_line.evaluation_command(NAME, flags.model, flags.artifact, *data)
            figures = publishing.record(flags.model, flags.artifact, measure, command)
        else:
            figures = measure()
        print(json.dumps(figures) if flags.json else publishing.in_words(figures))

    def run_export(flags: argparse.Namespace) -> None:
        model, vocabulary = load_trained(flags.trained)
        how = publishing.read_results(flags.trained.parent).get("training", {})
        typical = load_data(flags.data, Recipe.seed)[0].texts[:TYPICAL]
        write_artifacts(model, vocabulary, flags.output, how, typical)
        print(f"{flags.output}: {', '.join(FILES.values())} are written; `evaluate --record` measures them")

    def run_classify(flags: argparse.Namespace) -> None:
        texts = command_line.texts_to_answer(flags.texts, flags.file)
        for answer in classify(texts, flags.model, flags.explain):
            if flags.json:
                print(json.dumps(answer, ensure_ascii=False), flush=True)
            else:
                print_answer(answer)

    def run_nothing(_: argparse.Namespace) -> None:
        demonstrate()
        print()
        commands.parser.print_help()

    verbs = {"train": run_train, "evaluate": run_evaluate, "export": run_export, "classify": run_classify}
    return commands.run({**verbs, None: run_nothing}, argv)


if __name__ == "__main__":
    sys.exit(main())
