"""The command line: python -m apps.shakespeare."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from apps.pipeline import command_line, publishing, text_files
from apps.pipeline.errors import DataError
from apps.pipeline.publishing import FILES
from apps.pipeline.text_files import EncodedText
from apps.shakespeare.generation import Choice, Writer, generate_in_graph, write_by_hand
from apps.shakespeare.stepping import Stepper, nats_in_one_pass, nats_in_windows
from apps.shakespeare.symbols import LEVELS, Symbols

NAME = "shakespeare"
ARTIFACTS = ("saved_model", "litert", "litert_float16", "litert_int8")
SAMPLINGS = ("sequential", "random")


@dataclasses.dataclass(frozen=True)
class Recipe:
    """What decides a training run; the defaults are those of the shipped model."""

    seed: int = 1
    level: str = "char"
    most: int | None = None  # symbols; the rarer ones are unknown
    units: int = 256
    layers: int = 2
    dropout: float = 0.25
    sampling: str = "sequential"
    epochs: int = 30
    batch_size: int = 32
    window: int = 128
    learning_rate: float = 4e-3  # at its highest
    weight_decay: float = 0.02
    clip: float = 1.0
    averaging: float = 0.998
    unknown_rate: float = 0.001


LEARNING = (
    "epochs",
    "batch_size",
    "window",
    "sampling",
    "learning_rate",
    "weight_decay",
    "clip",
    "averaging",
    "unknown_rate",
)  # for `learn_text`
QUICK = {"epochs": 8}
MOST_WORDS = 20_000  # of a model of words
MOST_EVALUATED = 1 << 20  # symbols of the user's own text: the pass from its first to its last takes a step for each
PACKAGES = ("tensorflow", "keras", "ai-edge-litert", "numpy", "jieba")  # what the figures may depend on


def load_data(paths: Sequence[Path], encoding: str | None, level: str, most: int | None, file: Path) -> EncodedText:
    """The ids of Tiny Shakespeare, or of text files one after the other, on disk in `file`."""
    if not paths:
        return text_files.encode(lambda: [text_files.tiny_shakespeare()], level, most, file)
    return text_files.encode(lambda: text_files.pieces_of(paths, encoding), level, most, file)


def build_model(symbols: int, units: int, layers: int, dropout: float):
    """A Keras model: ids int32 (batch, time) -> logits (batch, time, symbols) of the ids that follow."""
    import keras

    from keras_rnn import LSTM

    ids = keras.Input((None,), dtype="int32", name="ids")
    start = keras.initializers.RandomNormal(stddev=0.1)
    embedding = keras.layers.ReversibleEmbedding(symbols, units, embeddings_initializer=start, name="embedding")
    hidden = embedding(ids)
    for number in range(1, layers + 1):
        hidden = LSTM(units, return_sequences=True, name=f"layer_{number}")(hidden)
        hidden = keras.layers.Dropout(dropout)(hidden)
    return keras.Model(ids, {"logits": embedding(hidden, reverse=True)}, name=NAME)


def train(recipe: Recipe, paths: Sequence[Path], encoding: str | None, output: Path, resume: bool) -> None:
    """Trains, writes the model's folder to `output` and measures its artifacts."""
    from apps.pipeline import training
    from apps.shakespeare.learning import learn_text

    training.set_up(recipe.seed)
    (output / "training").mkdir(parents=True, exist_ok=True)
    text = load_data(paths, encoding, recipe.level, recipe.most, output / "training" / "ids.bin")
    parts = text.train, text.validation, text.test
    print(
        "{:,} symbols, {:,} to validate, {:,} to test; ".format(*map(len, parts)) + f"{len(text.symbols):,} ids",
        flush=True,
    )
    model = build_model(len(text.symbols), recipe.units, recipe.layers, recipe.dropout)
    options = {name: getattr(recipe, name) for name in LEARNING}
    settings = {"data": text.fingerprint, **dataclasses.asdict(recipe)}
    checkpoint = output / "training" / "text.npz"
    fitted = learn_text(model, *parts[:2], checkpoint, **options, settings=settings, resume=resume)
    if fitted.interrupted:
        print("\nStopped: writing the best model so far. Ctrl-C again leaves without.", flush=True)
    training.plot_history(fitted.history, "perplexity", checkpoint.with_name("history.png"), "Shakespeare")
    training.save_model(model, output / "model.keras")
    result = f"validation {fitted.best('val_loss'):.4f} nats a symbol in windows of 256"
    stage = {"stage": "text", "seconds": round(fitted.seconds, 1), "epochs": len(fitted.history), "result": result}
    how = {"command": publishing.command(), "recipe": dataclasses.asdict(recipe), "stages": [stage]}
    write_artifacts(model, text.symbols, output, how | publishing.environment(PACKAGES))
    for artifact in ARTIFACTS:
        command = publishing.command() if paths else command_line.evaluation_command(NAME, output, artifact)
        figures = publishing.record(output, artifact, lambda name=artifact: evaluate(output, name, *parts[1:]), command)
        print(publishing.in_words(figures), flush=True)


def write_artifacts(model, symbols: Symbols, output: Path, how: dict[str, Any]) -> None:
    """A trained model -> SavedModel, LiteRT files, vocabulary, results without figures yet, and model card."""
    import tensorflow as tf

    import keras_rnn
    from keras_rnn import artifacts
    from keras_rnn.interface import Interface

    interface = Interface(model)
    step = interface.step(None)

    def generate(**inputs):
        return {"text": generate_in_graph(step.function, interface.states, symbols, **inputs)}

    types = {"prompt": tf.string, "length": tf.int32, "temperature": tf.float32, "seed": tf.int32}
    types |= {"top_k": tf.int32, "top_p": tf.float32}
    specs = [tf.TensorSpec((None,) if name == "prompt" else (), dtype, name=name) for name, dtype in types.items()]
    signatures = {
        "serving_default": artifacts.Signature(generate, specs[:4]),
        "sample": artifacts.Signature(generate, specs),
        "step": step,
    }
    with artifacts.placed_in(output) as folder:
        symbols.save(folder / "vocabulary.json")
        keras_rnn.export(model, folder, formats=ARTIFACTS[1:], step=True)
        artifacts.saved_model(signatures, [model, symbols.table], folder / FILES["saved_model"])
        results = {"app": NAME, "artifacts": publishing.list_artifacts(folder), "training": how}
        publishing.write_results(folder, results)


def load_trained(path: Path):
    """(model, symbols) of a model.keras that `train` wrote; DataError if it isn't one."""
    if not path.is_file():
        raise DataError(f"expected a trained model, as `train` writes it to model.keras, got no file {path}")
    symbols = Symbols.load(path.parent)
    from apps.pipeline import training

    model = training.load_model(path)
    if model.name != NAME or model.output["logits"].shape[-1] != len(symbols):
        raise DataError(f"expected a model of {NAME} and its vocabulary in {path.parent}, got {model.name}")
    return model, symbols


def evaluate(folder: Path, artifact: str, *parts: np.ndarray) -> dict[str, Any]:
    """Nats a symbol of one of a folder's artifacts over the parts of a text, ids of its vocabulary, one after another:
    in windows of 256 that start from a zero state, and in one pass with the state carried on."""
    ids = np.concatenate(parts).astype(np.int32)
    if len(ids) < 2:
        raise DataError(f"expected a text of 2 symbols or more to measure, got {len(ids)}")
    step = Stepper(folder, artifact)
    windows, one_pass = nats_in_windows(step, ids), nats_in_one_pass(step, ids)
    figures = {"windows of 256": windows.mean(), "one pass": one_pass.mean()}
    if len(parts) > 1:
        middle = len(parts[0]) - 1  # predictions of the first part
        for name, part in (("first half", slice(0, middle)), ("second half", slice(middle, None))):
            figures |= {f"windows, {name}": windows[part].mean(), f"one pass, {name}": one_pass[part].mean()}
    figures = {name: round(float(value), 6) for name, value in figures.items()}
    value = figures.pop("windows of 256")
    return {
        "artifact": artifact,
        "metric": "windows of 256",
        "value": value,
        "more": figures,
        "unit": "nats",
        "perplexity": round(float(np.exp(value)), 4),
        "examples": len(windows),
        "data_sha256": publishing.digest(ids.tobytes()),
    }


def held_out(folder: Path, paths: Sequence[Path], encoding: str | None) -> list[np.ndarray]:
    """What `evaluate` reads, as ids of the folder's vocabulary: both halves of the last tenth of Tiny Shakespeare, or
    the beginning of the user's own text."""
    symbols = Symbols.load(folder)
    if not paths:
        return [np.array(symbols.ids(part), np.int32) for part in text_files.held_out_shakespeare()]
    ids: list[int] = []
    for piece in text_files.pieces_of(paths, encoding):
        ids += symbols.ids(piece)
        if len(ids) > MOST_EVALUATED:
            print(f"measured on the first {MOST_EVALUATED:,} symbols", file=sys.stderr)
            break
    return [np.array(ids[:MOST_EVALUATED], np.int32)]


def generate(prompt: str, folder: Path, length: int, choice: Choice, count: int, as_json: bool) -> None:
    """Prints texts that begin with the prompt, each symbol when it is chosen, or as JSON lines."""
    symbols, step = Symbols.load(folder), Stepper(folder, "litert")
    start = Writer(step, symbols, prompt)
    for row in range(count):
        if as_json:
            text = prompt + "".join(start.copy().write(length, choice, row))
            print(json.dumps({"prompt": prompt, "text": text, "row": row} | dataclasses.asdict(choice)), flush=True)
            continue
        print(prompt, end="", flush=True)
        for symbol in start.copy().write(length, choice, row):
            print(symbol, end="", flush=True)
        print("\n" if row < count - 1 else "", flush=True)


def demonstrate() -> None:
    """A few lines of the shipped model."""
    generate("ROMEO:\n", command_line.SHIPPED / NAME, 300, Choice(), 1, False)


def main(argv: Sequence[str] | None = None) -> int:
    """The command line -> its exit status; see `python -m apps.shakespeare --help`."""
    commands = command_line.CommandLine(
        NAME,
        "Write like Shakespeare, or like a text of yours. Without a verb: a demonstration.",
        ARTIFACTS,
        text_files=True,
    )
    add = commands.train.add_argument
    add("--quick", action="store_true", help="half an hour instead of more than one, a little worse")
    add("--level", choices=LEVELS, help="what the network reads and writes: characters (default) or words")
    add("--sampling", choices=SAMPLINGS, help="windows that carry the state on (default), or begin anywhere, at zero")
    for name in ("units", "layers", "window", "most"):
        add(f"--{name}", type=command_line.positive, help="symbols; rarer ones are unknown" if name == "most" else None)
    for name in ("learning_rate", "clip"):
        add(f"--{name.replace('_', '-')}", type=command_line.not_negative)
    verb = commands.verb("generate", "go on with a prompt")
    verb.add_argument("--prompt", default="", help='what to go on with; "-": standard input; without it: a line begins')
    verb.add_argument("--file", type=Path, help="a file with the prompt")
    verb.add_argument("--length", type=command_line.positive, default=500, help="symbols to write (%(default)s)")
    verb.add_argument(
        "--temperature", type=command_line.not_negative, default=0.8, help="0: the likeliest (%(default)s)"
    )
    verb.add_argument("--top-k", type=command_line.positive, default=0, help="only the likeliest so many")
    verb.add_argument("--top-p", type=command_line.part, default=1.0, help="only the likeliest that have this part")
    verb.add_argument(
        "--seed", type=command_line.seed, help="the same seed writes the same text; else another each time"
    )
    verb.add_argument("--count", type=command_line.positive, default=1, help="texts")
    verb.add_argument("--interactive", action="store_true", help="choose each symbol yourself")

    def run_train(flags: argparse.Namespace) -> None:
        command_line.need("matplotlib", "tensorboard", *(["tensorflow_datasets"] if not flags.data else []))
        names = ("epochs", "batch_size", "seed", "level", "sampling", "units", "layers", "window", "most")
        chosen = {name: getattr(flags, name) for name in (*names, "learning_rate", "clip")}
        changes = (QUICK if flags.quick else {}) | {name: value for name, value in chosen.items() if value is not None}
        if changes.get("level") == "word":
            changes = {"most": MOST_WORDS} | changes
        train(dataclasses.replace(Recipe(), **changes), flags.data, flags.encoding, flags.output, flags.resume)

    def run_evaluate(flags: argparse.Namespace) -> None:
        parts = held_out(flags.model, flags.data, flags.encoding)

        def measure():
            return evaluate(flags.model, flags.artifact, *parts)

        if flags.record:
            command = command_line.evaluation_command(
                NAME, flags.model, flags.artifact, *flags.data, encoding=flags.encoding
            )
            figures = publishing.record(flags.model, flags.artifact, measure, command)
        else:
            figures = measure()
        words = f"{publishing.in_words(figures)}; perplexity {figures['perplexity']:.4f} in windows"
        print(json.dumps(figures) if flags.json else words)

    def run_export(flags: argparse.Namespace) -> None:
        model, symbols = load_trained(flags.trained)
        how = publishing.read_results(flags.trained.parent).get("training", {})
        write_artifacts(model, symbols, flags.output, how)
        written = ", ".join(FILES[name] for name in ARTIFACTS)
        print(f"{flags.output}: {written} are written; `evaluate --record` measures them")

    def run_generate(flags: argparse.Namespace) -> None:
        prompt = flags.prompt
        if flags.file or prompt == "-":
            prompt = "\n".join(command_line.texts_to_answer([], flags.file))
        seed = np.random.default_rng().integers(2**31) if flags.seed is None else flags.seed
        choice = Choice(flags.temperature, flags.top_k, flags.top_p, int(seed))
        if flags.interactive:
            write_by_hand(Writer(Stepper(flags.model, "litert"), Symbols.load(flags.model), prompt), prompt)
        else:
            generate(prompt, flags.model, flags.length, choice, flags.count, flags.json)

    def run_nothing(_: argparse.Namespace) -> None:
        demonstrate()
        print()
        commands.parser.print_help()

    verbs = {"train": run_train, "evaluate": run_evaluate, "export": run_export, "generate": run_generate}
    return commands.run({**verbs, None: run_nothing}, argv)


if __name__ == "__main__":
    sys.exit(main())
