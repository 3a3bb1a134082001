"""The apps: training beside the same network with Keras's layers, the shipped model in use, the start of a command.

The examples are made up, of the shapes and lengths of the real ones, so that no data set is needed. Training goes
through the app's own input pipeline and threads. Keras's `predict` gets the batches that the SavedModel gets, as ids
where that one takes text: the SavedModel's time includes tokenisation; Keras's doesn't. The two apps that generate
symbol by symbol have no single `predict` to compare with: `generation` measures that.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from unittest import mock

import keras
import numpy as np
import tensorflow as tf

import keras_rnn
from apps.chinese_pos import learning as chinese_pos_learning
from apps.chinese_pos import model as chinese_pos
from apps.chinese_pos import sentences
from apps.chinese_pos.lexicon import Lexicon
from apps.mnist_rows import learning as mnist_rows_learning
from apps.mnist_rows import model as mnist_rows
from apps.mnist_rows.data import LabelledPictures
from apps.mnist_rows.pictures import SIZE
from apps.pipeline import running, training
from apps.pipeline.batches import Batches, padded
from apps.pipeline.publishing import SHIPPED
from apps.pipeline.vocabulary import Vocabulary
from apps.sentiment import learning as sentiment_learning
from apps.sentiment import model as sentiment
from apps.shakespeare import model as shakespeare
from apps.shakespeare.symbols import Symbols
from apps.word_reversal import learning as word_reversal_learning
from apps.word_reversal import model as word_reversal
from apps.word_reversal.alphabet import PADDING, Alphabet
from benchmarks import tables, timing

TRAINED_BATCHES, SERVED_BATCHES = 6, 4
LAYERS = ("SimpleRNN", "LSTM", "GRU")


@dataclass(frozen=True)
class App:
    """What is measured of an app.

    build: the network of its recipe.
    loss: what it is trained with.
    batches: of how many examples, generator -> made-up examples to train with, as the app assembles them.
    batch_size: of training.
    command: what a user types, after python -m apps.NAME.
    requests: how many batches, generator -> pairs of what its SavedModel and what its Keras model takes.
    litert: a request of its SavedModel -> what its LiteRT file takes, example by example.
    """

    unit: str
    build: Callable[[], keras.Model]
    loss: keras.losses.Loss
    batches: Callable[[int, np.random.Generator], Batches]
    batch_size: int
    command: Sequence[str] = ()
    requests: Callable[[int, np.random.Generator], list[tuple[dict, np.ndarray]]] | None = None
    litert: Callable[[dict], list[dict]] | None = None


@dataclass(frozen=True)
class Row:
    """Examples a second, in training and in use; None where the app has no such file. Seconds and megabytes of its
    command, from start to end."""

    app: str
    unit: str
    training: dict[str, float]
    inference: dict[str, float]
    seconds: float
    megabytes: float


def review_lengths(count: int, generator: np.random.Generator) -> np.ndarray:
    """Of made-up reviews, in words: half of IMDB's are below 174, and their mean is 234."""
    lengths = np.exp(generator.normal(np.log(174), 0.77, count)).astype(int)
    return np.clip(lengths, 10, sentiment.Recipe.keep_last)


def review_batches(count: int, generator: np.random.Generator) -> Batches:
    recipe = sentiment.Recipe()
    rows = [generator.integers(2, recipe.words, n).astype(np.int32) for n in review_lengths(count, generator)]
    labels = generator.integers(0, 2, count)
    return sentiment_learning.text_batches((rows, labels), recipe.batch_size, recipe.unknown_rate, 0, shuffle=True)


def review_requests(count: int, generator: np.random.Generator) -> list[tuple[dict, np.ndarray]]:
    """In batches of similar length, as `evaluate` makes them."""
    vocabulary = vocabulary_of_reviews()
    words = [word for word in vocabulary.words if word.isalpha()]
    size = sentiment.Recipe.batch_size
    lengths = np.sort(review_lengths(count * size, generator))
    texts = [" ".join(generator.choice(words, n)) for n in lengths]
    batches = [texts[start : start + size] for start in range(0, len(texts), size)]
    ids = [padded([np.array(vocabulary.ids(text), np.int32) for text in batch]) for batch in batches]
    return [({"text": tf.constant(batch)}, row) for batch, row in zip(batches, ids, strict=True)]


def vocabulary_of_reviews() -> Vocabulary:
    return Vocabulary.load(SHIPPED / sentiment.NAME)


def ids_of_reviews(request: dict) -> list[dict]:
    vocabulary = vocabulary_of_reviews()
    return [{"ids": np.array([vocabulary.ids(text.decode())], np.int32)} for text in request["text"].numpy()]


def picture_batches(count: int, generator: np.random.Generator) -> Batches:
    recipe = mnist_rows.Recipe()
    pictures = generator.integers(0, 256, (count, SIZE, SIZE)).astype(np.uint8)
    data = LabelledPictures(pictures, generator.integers(0, 10, count).astype(np.int32), tuple("0123456789"))
    with mock.patch.object(mnist_rows_learning, "SMALLEST_EPOCH", 1):
        return mnist_rows_learning.picture_batches(data, recipe.batch_size, 0, recipe.distortion)


def picture_requests(count: int, generator: np.random.Generator) -> list[tuple[dict, np.ndarray]]:
    batches = generator.random((count, mnist_rows.Recipe.batch_size, SIZE, SIZE), np.float32)
    return [({"image": tf.constant(batch)}, batch) for batch in batches]


def play_batches(count: int, generator: np.random.Generator) -> Batches:
    """Windows that each begin anew, which a network of keras.layers can learn too; the app carries states on."""
    recipe = shakespeare.Recipe()
    rows = generator.integers(symbols(), size=(count, recipe.window + 1)).astype(np.int32)
    shape = tf.TensorSpec((recipe.batch_size, recipe.window), tf.int32)
    return Batches(
        lambda _: np.split(np.arange(count), count // recipe.batch_size),
        lambda indices, _: (rows[indices, :-1], rows[indices, 1:]),
        (shape, shape),
    )


def play_reader() -> keras.Model:
    recipe = shakespeare.Recipe()
    network = shakespeare.build_model(symbols(), recipe.units, recipe.layers, recipe.dropout)
    return keras.Model(network.input, network.output["logits"])


def symbols() -> int:
    return len(Symbols.load(SHIPPED / shakespeare.NAME))


def spelling_batches(count: int, generator: np.random.Generator) -> Batches:
    size = word_reversal.Recipe.batch_size
    return word_reversal_learning.string_batches(alphabet(), count // size, size, 0, "training")


def alphabet() -> Alphabet:
    return Alphabet.load(SHIPPED / word_reversal.NAME)


def lexicon() -> Lexicon:
    return Lexicon.load(SHIPPED / chinese_pos.NAME)


def sentence_lengths(count: int, generator: np.random.Generator) -> np.ndarray:
    """Of made-up sentences, in characters: the People's Daily's have 39 on average."""
    return np.clip(generator.gamma(2.0, 19.5, count).astype(int), 2, 256)


def sentence_features(text: str, known: Lexicon) -> np.ndarray:
    return known.features(sentences.read(text))


def made_up_sentences(count: int, generator: np.random.Generator, known: Lexicon) -> list[str]:
    characters = list(known.characters[:2000])
    lengths = np.sort(sentence_lengths(count, generator))
    return ["".join(generator.choice(characters, length)) for length in lengths]


def sentence_batches(count: int, generator: np.random.Generator) -> Batches:
    recipe, known = chinese_pos.Recipe(), lexicon()
    features = [sentence_features(text, known) for text in made_up_sentences(count, generator, known)]
    labels = [generator.integers(0, 4 * len(known.tags), len(row)).astype(np.int32) for row in features]
    data = chinese_pos_learning.LabelledSentences(features, labels)
    with mock.patch.object(chinese_pos_learning, "SMALLEST_EPOCH", 1):
        return chinese_pos_learning.tagging_batches(data, recipe.batch_size, recipe.unknown_rate, 0, shuffle=True)


def sentence_requests(count: int, generator: np.random.Generator) -> list[tuple[dict, np.ndarray]]:
    known, size = lexicon(), chinese_pos.Recipe.batch_size
    texts = made_up_sentences(count * size, generator, known)
    requests = []
    for start in range(0, len(texts), size):
        batch = texts[start : start + size]
        rows = [sentence_features(text, known) for text in batch]
        features = np.zeros((len(rows), max(map(len, rows)), rows[0].shape[1]), np.int32)
        for target, row in zip(features, rows, strict=True):
            target[: len(row)] = row
        requests.append(({"text": tf.constant(batch)}, features))
    return requests


def features_of_sentences(request: dict) -> list[dict]:
    known = lexicon()
    return [{"features": sentence_features(text.decode(), known)[None]} for text in request["text"].numpy()]


APPS = {
    sentiment.NAME: App(
        "reviews",
        lambda: sentiment.build_model(len(vocabulary_of_reviews()), sentiment.Recipe.units),
        keras.losses.BinaryCrossentropy(from_logits=True),
        review_batches,
        sentiment.Recipe.batch_size,
        ("classify", "A warm, funny film."),
        review_requests,
        ids_of_reviews,
    ),
    mnist_rows.NAME: App(
        "pictures",
        lambda: mnist_rows.build_model(10, mnist_rows.Recipe.units, mnist_rows.Recipe.dropout),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        picture_batches,
        mnist_rows.Recipe.batch_size,
        (),
        picture_requests,
        lambda request: [{"image": picture[None]} for picture in request["image"].numpy()],
    ),
    shakespeare.NAME: App(
        f"windows of {shakespeare.Recipe.window} characters",
        play_reader,
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        play_batches,
        shakespeare.Recipe.batch_size,
        ("generate", "--length", "100"),
    ),
    word_reversal.NAME: App(
        "words",
        lambda: word_reversal.build_model(len(alphabet()), word_reversal.Recipe.units, word_reversal.Recipe.dropout),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=PADDING),
        spelling_batches,
        word_reversal.Recipe.batch_size,
        ("reverse", "stressed"),
    ),
    chinese_pos.NAME: App(
        "sentences",
        lambda: chinese_pos.build_model(lexicon(), chinese_pos.Recipe()),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        sentence_batches,
        chinese_pos.Recipe.batch_size,
        ("tag", "我爱自然语言处理。"),
        sentence_requests,
        features_of_sentences,
    ),
}


def with_layers_of(maker: str, build: Callable[[], keras.Model]) -> keras.Model:
    """The network that `build` makes with the layers of keras_rnn, or the same with those of keras.layers."""
    module = keras_rnn if maker == "ours" else keras.layers
    keras.utils.set_random_seed(0)
    with mock.patch.multiple(keras_rnn, **{name: getattr(module, name) for name in LAYERS}):
        return build()


def trainings(app: App) -> dict[str, Callable[[], object]]:
    """A fit over TRAINED_BATCHES batches, by whose layers."""
    batches = app.batches(TRAINED_BATCHES * app.batch_size, np.random.default_rng(0))
    calls = {}
    for maker in ("ours", "keras"):
        model = with_layers_of(maker, app.build)
        model.compile(training.AdamW(1e-3, global_clipnorm=1.0), app.loss, jit_compile=False)
        calls[maker] = lambda model=model: model.fit(batches.dataset(), shuffle=False, verbose=0)
    return calls


def inferences(name: str, app: App) -> dict[str, tuple[Callable[[], object], int]]:
    """What answers SERVED_BATCHES batches, and the LiteRT file a few examples, with how many they are."""
    if app.requests is None:
        return {}
    requests = app.requests(SERVED_BATCHES, np.random.default_rng(1))
    examples = sum(len(inputs) for _, inputs in requests)
    serve = running.load_saved_model(SHIPPED / name / "1")
    litert = running.LiteRT(SHIPPED / name, "litert")
    few = [one for request, _ in requests for one in app.litert(request)[:8]]
    model = with_layers_of("keras", app.build)
    spec = tf.TensorSpec(model.inputs[0].shape, model.inputs[0].dtype)
    batches = tf.data.Dataset.from_generator(lambda: (inputs for _, inputs in requests), output_signature=spec)
    batches = batches.apply(tf.data.experimental.assert_cardinality(len(requests)))
    return {
        "saved_model": (lambda: [serve(**request) for request, _ in requests], examples),
        "keras predict": (lambda: model.predict(batches, verbose=0), examples),
        "litert, one thread": (lambda: [litert(**one) for one in few], len(few)),
    }


def measured(name: str, repeats: int, budget: float) -> Row:
    app = APPS[name]
    medians, _ = timing.interleaved(trainings(app), repeats, budget=budget)
    examples = TRAINED_BATCHES * app.batch_size
    trained = {maker: 1000 * examples / milliseconds for maker, milliseconds in medians.items()}
    answered = {}
    if calls := inferences(name, app):
        medians, _ = timing.interleaved({way: call for way, (call, _) in calls.items()}, repeats, budget=budget)
        answered = {way: 1000 * calls[way][1] / milliseconds for way, milliseconds in medians.items()}
    starts = [timing.process(["-m", f"apps.{name}", *app.command]) for _ in range(5)]
    seconds, megabytes = (statistics.median(column) for column in zip(*starts, strict=True))
    return Row(name, app.unit, trained, answered, seconds, megabytes)


def run(output: Path, repeats: int, budget: float, only: str) -> None:
    """Measures the apps with `only` in their names and writes apps.md, apps.json, apps.png."""
    training.set_up(0)
    rows = [measured(name, repeats, budget) for name in APPS if only in name]
    tables.write(output, "apps", markdown(rows), {"rows": [asdict(row) for row in rows]})
    ratios = {row.app: ratios_of(row) for row in rows}
    tables.bars(
        output / "apps.png",
        "the same network with keras.layers: its time / ours",
        {what: {a: ratios[a][what] for a in ratios if what in ratios[a]} for what in ("training", "SavedModel")},
    )


def ratios_of(row: Row) -> dict[str, float]:
    ratios = {"training": row.training["ours"] / row.training["keras"]}
    if row.inference:
        ratios["SavedModel"] = row.inference["saved_model"] / row.inference["keras predict"]
    return ratios


def markdown(rows: Sequence[Row]) -> str:
    """A row for each app; in the columns with a ratio, ours against Keras's."""
    header = ["examples a second", "training", "keras", "ours / keras", "SavedModel", "Keras predict"]
    header += ["SavedModel / predict", "LiteRT, one thread", "command, s", "command, MB"]
    lines = []
    for row in rows:
        ratios = ratios_of(row)
        line = [f"{row.app}: {row.unit}", *(f"{row.training[maker]:.0f}" for maker in ("ours", "keras"))]
        line += [f"{ratios['training']:.2f}", *["-"] * 4]
        if row.inference:
            line[4:6] = [f"{row.inference[way]:.0f}" for way in ("saved_model", "keras predict")]
            line[6:] = [f"{ratios['SavedModel']:.2f}", f"{row.inference['litert, one thread']:.0f}"]
        lines.append([*line, f"{row.seconds:.2f}", f"{row.megabytes:.0f}"])
    return tables.table(header, lines)
