"""The command line: python -m apps.word_reversal."""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from apps.pipeline import command_line, publishing
from apps.pipeline.errors import DataError
from apps.pipeline.publishing import FILES
from apps.sentiment import data as datasets
from apps.word_reversal import data as user_pairs
from apps.word_reversal.alphabet import Alphabet
from apps.word_reversal.data import Pairs
from apps.word_reversal.plots import MOST_PLOTTED, Look, plot_attention
from apps.word_reversal.random_strings import CHARACTERS, DESCRIPTION, LONGEST, random_strings, side_of, uniform
from apps.word_reversal.search import Answer
from apps.word_reversal.use import Translator, signatures, texts_by_saved_model

NAME = "word_reversal"


@dataclasses.dataclass(frozen=True)
class Recipe:
    """What decides a training run; the defaults are those of the shipped model."""

    seed: int = 1
    units: int = 128  # of each direction, of the decoder and of each letter
    dropout: float = 0.0
    epochs: int = 20
    batches: int = 250  # of random strings, an epoch
    batch_size: int = 64
    learning_rate: float = 3e-3  # at its highest
    weight_decay: float = 0.01
    averaging: float = 0.03  # of all steps: how far back the moving average of weights reaches


ARTIFACTS = ("saved_model", "litert", "litert_float16", "litert_int8")
LEARNING = ("epochs", "learning_rate", "weight_decay", "averaging")  # for `learn_pairs`
FOR_PAIRS = {"epochs": 20, "batch_size": 32, "dropout": 0.2}
QUICK = {"epochs": 8}
VALIDATION = 32  # batches of random strings
TESTED = 10_000  # words, and as many strings
WIDEST_BEAM = 100  # each letter takes a step of the network for each of its answers
PACKAGES = ("tensorflow", "keras", "ai-edge-litert", "numpy")  # what the figures may depend on


@dataclasses.dataclass(frozen=True)
class Data:
    """What is learned: the user's pairs, or random strings, for which `train` and `validation` are None."""

    alphabet: Alphabet
    train: Pairs | None
    validation: Pairs | None
    tests: dict[str, Pairs]  # by the names of their metrics

    def fingerprint(self) -> str:
        return "random strings" if self.train is None else user_pairs.fingerprint(self.train)


def load_data(path: Path | None) -> Data:
    """Random strings and the tests of reversal, or the pairs in the file `path`.

    Without the film reviews, which the English words come from, the random strings are the only test.
    """
    if path is not None:
        pairs = user_pairs.read_pairs(path)
        train, validation, test = user_pairs.split_pairs(pairs)
        return Data(user_pairs.alphabet_of(pairs), train, validation, {"exact match": test})
    try:
        tests = load_tests()
    except DataError as error:
        print(f"English words won't be measured: {error}", flush=True)
        tests = random_tests()
    return Data(Alphabet(CHARACTERS, DESCRIPTION, LONGEST, LONGEST), None, None, tests)


def english_words(count: int) -> list[str]:
    """The most frequent words of IMDB's test reviews, lower-cased, of 3 to 24 letters a to z, that lie on the side
    "test"; equally frequent ones in alphabetical order. What touches another letter, digit, apostrophe or hyphen isn't
    a word."""
    pattern = re.compile(rf"(?<![\w'-])[a-z]{{3,{LONGEST}}}(?![\w'-])")
    counts = Counter(word for text in datasets.imdb("test").texts for word in pattern.findall(text.lower()))
    ranked = sorted(counts, key=lambda word: (-counts[word], word))
    return [word for word in ranked if side_of(word) == "test"][:count]


def random_tests() -> dict[str, Pairs]:
    """Strings of the greatest length, of any characters."""
    strings = random_strings("test", np.full(TESTED, LONGEST), np.random.default_rng(0), kinds=(uniform,))
    return {f"exact match, random strings of {LONGEST} characters": backwards(strings)}


def load_tests(path: Path | None = None) -> dict[str, Pairs]:
    """What `evaluate` counts, by the names of the metrics: English words and random strings, or the user's pairs."""
    if path is not None:
        return {"exact match": user_pairs.read_pairs(path)}
    return {"exact match, English words": backwards(english_words(TESTED)), **random_tests()}


def backwards(words: Iterable[str]) -> Pairs:
    """Each word and what it is from behind."""
    return [(word, word[::-1]) for word in words]


def build_model(symbols: int, units: int, dropout: float):
    """A Keras model: {"ids", "previous"}, int32 (batch, time) -> logits of the letters that follow `previous`."""
    from apps.word_reversal.model import build_translator

    return build_translator(symbols, units, dropout, NAME)


def train(recipe: Recipe, data_path: Path | None, output: Path, resume: bool) -> None:
    """Trains, writes the model's folder to `output` and measures its artifacts."""
    from apps.pipeline import training
    from apps.word_reversal.learning import learn_pairs, pair_batches, string_batches

    training.set_up(recipe.seed)
    data = load_data(data_path)
    if data.train is None:
        batches = string_batches(data.alphabet, recipe.batches, recipe.batch_size, recipe.seed, "training")
        validation = string_batches(data.alphabet, VALIDATION, recipe.batch_size, recipe.seed, "validation")
    else:
        print(f"{len(data.train):,} pairs, {len(data.validation):,} to validate", flush=True)
        batches = pair_batches(data.train, data.alphabet, recipe.batch_size, recipe.seed, shuffle=True)
        validation = pair_batches(data.validation, data.alphabet, recipe.batch_size, 0, shuffle=False)
    model = build_model(len(data.alphabet), recipe.units, recipe.dropout)
    options = {name: getattr(recipe, name) for name in LEARNING}
    settings = {"data": data.fingerprint(), **dataclasses.asdict(recipe)}
    checkpoint = output / "training" / "letters.npz"
    fitted = learn_pairs(model, batches, validation, checkpoint, **options, settings=settings, resume=resume)
    if fitted.interrupted:
        print("\nStopped: writing the best model so far. Ctrl-C again leaves without.", flush=True)
    training.plot_history(fitted.history, "exact_accuracy", checkpoint.with_name("history.png"), "Word reversal")
    training.save_model(model, output / "model.keras")
    kept = min(fitted.history, key=lambda logs: logs["val_loss"])
    result = f"validation exact match {kept['val_exact_accuracy']:.2%}"
    stage = {"stage": "letters", "seconds": round(fitted.seconds, 1), "epochs": len(fitted.history), "result": result}
    how = {"command": publishing.command(), "recipe": dataclasses.asdict(recipe), "stages": [stage]}
    write_artifacts(model, data.alphabet, output, how | publishing.environment(PACKAGES))
    for artifact in ARTIFACTS:
        again = command_line.evaluation_command(NAME, output, artifact)
        command = again if data_path is None else publishing.command()  # which pairs are the test, only that knows
        print(publishing.in_words(record(output, artifact, data.tests, command)), flush=True)


def write_artifacts(model, alphabet: Alphabet, output: Path, how: dict[str, Any]) -> None:
    """A trained model -> SavedModel, LiteRT files, alphabet, results without figures yet, and model card."""
    from keras_rnn import artifacts
    from keras_rnn.exporting import WEIGHTS

    with artifacts.placed_in(output) as folder:
        alphabet.save(folder)
        resources = [model, *alphabet.tables]
        artifacts.saved_model(signatures(model, alphabet, None), resources, folder / FILES["saved_model"])
        for name in ARTIFACTS[1:]:
            one = signatures(model, alphabet, 1)
            artifacts.litert(one, [model], folder / FILES[name], weights=WEIGHTS[name])
        results = {"app": NAME, "artifacts": publishing.list_artifacts(folder), "training": how}
        publishing.write_results(folder, results)


def load_trained(path: Path):
    """(model, alphabet) of a model.keras that `train` wrote; DataError if it isn't one."""
    from apps.pipeline import training
    from apps.word_reversal import learning as pair_training  # noqa: F401  (the optimizer and the metric are in the file)

    model, alphabet = training.load_model(path), Alphabet.load(path.parent)
    if model.name != NAME or model.output_shape[-1] != len(alphabet):
        raise DataError(f"expected a trained {NAME} model and its alphabet in {path.parent}, got {model.name}")
    return model, alphabet


def answers(folder: Path, artifact: str, words: Sequence[str]) -> list[str | None]:
    """What one of a folder's artifacts answers to each word; None, or nothing from the SavedModel, if it can't."""
    if artifact == "saved_model":
        return list(texts_by_saved_model(folder, words))
    from tqdm import tqdm

    translator = Translator(folder, artifact)
    alphabet = translator.alphabet
    return [
        None if alphabet.problem(word) else alphabet.text(translator.answers(word)[0].ids)
        for word in tqdm(words, artifact, disable=None)
    ]


def evaluate(folder: Path, artifact: str, tests: dict[str, Pairs]) -> dict[str, Any]:
    """How many of each test's answers one of a folder's artifacts gets right as a whole."""
    right = {}
    for name, pairs in tests.items():
        found = answers(folder, artifact, [word for word, _ in pairs])
        right[name] = float(np.mean([text == answer for text, (_, answer) in zip(found, pairs, strict=True)]))
    (metric, value), *more = right.items()
    everything = [pair for pairs in tests.values() for pair in pairs]
    figures = {"artifact": artifact, "metric": metric, "value": value, **({"more": dict(more)} if more else {})}
    return figures | {"examples": len(everything), "data_sha256": user_pairs.fingerprint(everything)}


def record(folder: Path, artifact: str, tests: dict[str, Pairs], command: str) -> dict[str, Any]:
    """`evaluate`, written into results.json and the model card with the command that repeats it."""
    return publishing.record(folder, artifact, lambda: evaluate(folder, artifact, tests), command)


def reverse(words: Iterable[str], folder: Path, width: int) -> Iterator[tuple[dict[str, Any], Answer | None]]:
    """For each word an answer, {"word", "reversed", "probability"}, and how it was found.

    With a beam wider than 1 there are "candidates" too, the likeliest first. A word that can't be spelled has the
    answer None and the sentence about it as "problem".
    """
    translator = Translator(folder)
    for word in words:
        answer: dict[str, Any] = {"word": word, "reversed": None, "probability": None}
        problem = translator.alphabet.problem(word)
        if problem:
            yield answer | {"problem": problem}, None
            continue
        found = translator.answers(word, width)
        candidates = [
            {"reversed": translator.alphabet.text(one.ids), "probability": math.exp(one.log_probability)}
            for one in found
        ]
        yield answer | candidates[0] | ({"candidates": candidates} if width > 1 else {}), found[0]


def print_answer(answer: dict[str, Any]) -> None:
    """A line for a word, empty if there is no answer; with a beam, a line for each candidate."""
    for candidate in answer.get("candidates", []):
        print(f"{candidate['probability']:8.2%}  {candidate['reversed']}", flush=True)
    if "candidates" not in answer:
        print(answer["reversed"] or "", flush=True)


def demonstrate() -> None:
    """What the shipped model makes of a few words."""
    words = ("stressed", "Hello", "rock-'n'-roll", "bookkeepers", "aaaaaaaaab", "X7kQ2pZ0vN4mB8wR1tY6uC3e")
    for answer, _ in reverse(words, command_line.SHIPPED / NAME, width=1):
        print(f"{answer['word']:>{LONGEST}}  {answer['reversed']}")


def main(argv: Sequence[str] | None = None) -> int:
    """The command line -> its exit status; see `python -m apps.word_reversal --help`."""
    summary = "A word, spelled backwards. Without a verb: a demonstration."
    commands = command_line.CommandLine(NAME, summary, ARTIFACTS)
    commands.train.add_argument("--quick", action="store_true", help="fewer epochs, less accurate")
    verb = commands.verb("reverse", "spell words backwards, or answer as the pairs of --model do")
    verb.add_argument("words", nargs="*", metavar="WORD", help="without one: the lines of --file or standard input")
    verb.add_argument("--file", type=Path, help="a word a line")
    verb.add_argument("--beam", type=command_line.positive, default=1, metavar="N", help="search with a beam N wide")
    verb.add_argument("--plot", type=Path, metavar="FILE.png", help="draw where the network looked for each letter")

    def run_train(flags: argparse.Namespace) -> None:
        command_line.need("matplotlib", "tensorboard")
        chosen = {name: getattr(flags, name) for name in ("epochs", "batch_size", "seed")}
        changes = (FOR_PAIRS if flags.data else {}) | (QUICK if flags.quick else {})
        changes |= {name: value for name, value in chosen.items() if value is not None}
        train(dataclasses.replace(Recipe(), **changes), flags.data, flags.output, flags.resume)

    def run_evaluate(flags: argparse.Namespace) -> None:
        tests = load_tests(flags.data)
        if flags.record:
            data = [flags.data] if flags.data else []
            command = command_line.evaluation_command(NAME, flags.model, flags.artifact, *data)
            figures = record(flags.model, flags.artifact, tests, command)
        else:
            figures = evaluate(flags.model, flags.artifact, tests)
        print(json.dumps(figures) if flags.json else publishing.in_words(figures))

    def run_export(flags: argparse.Namespace) -> None:
        model, alphabet = load_trained(flags.trained)
        how = publishing.read_results(flags.trained.parent).get("training", {})
        write_artifacts(model, alphabet, flags.output, how)
        written = ", ".join(FILES[name] for name in ARTIFACTS)
        print(f"{flags.output}: {written} are written; `evaluate --record` measures them")

    def run_reverse(flags: argparse.Namespace) -> None:
        if flags.plot:
            command_line.need("matplotlib")
        if flags.beam > WIDEST_BEAM:
            raise DataError(f"expected a beam of at most {WIDEST_BEAM}, got {flags.beam}")
        problems, looks, count = [], [], 0
        for answer, found in reverse(command_line.texts_to_answer(flags.words, flags.file), flags.model, flags.beam):
            if flags.json:
                print(json.dumps(answer, ensure_ascii=False), flush=True)
            else:
                print_answer(answer)
            if found is None:
                count += 1
                problems += [answer["problem"]] if count <= 3 else []
            elif flags.plot and len(looks) <= MOST_PLOTTED:
                looks.append(Look(answer["word"], answer["reversed"], np.stack(found.attention)))
        if len(looks) > MOST_PLOTTED:
            raise DataError(f"expected at most {MOST_PLOTTED} words to plot, got more")
        if looks:
            plot_attention(looks, flags.plot)
        if problems:
            raise DataError("; ".join(problems) + (f"; and {count - 3:,} more" if count > 3 else ""))

    def run_nothing(_: argparse.Namespace) -> None:
        demonstrate()
        print()
        commands.parser.print_help()

    verbs = {"train": run_train, "evaluate": run_evaluate, "export": run_export, "reverse": run_reverse}
    return commands.run({**verbs, None: run_nothing}, argv)


if __name__ == "__main__":
    sys.exit(main())
