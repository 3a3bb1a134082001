"""The command line: python -m apps.mnist_rows."""

from __future__ import annotations

import argparse
import dataclasses
import io
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from apps.mnist_rows import data as picture_datasets
from apps.mnist_rows import pictures
from apps.mnist_rows.data import LabelledPictures
from apps.mnist_rows.distortion import Distortion
from apps.mnist_rows.pictures import SIZE, Labels
from apps.mnist_rows.plots import MOST_PLOTTED, Belief, Mistake, plot_beliefs, plot_confusion
from apps.pipeline import command_line, publishing, running
from apps.pipeline.errors import DataError
from apps.pipeline.publishing import FILES
from apps.sentiment import data as datasets

NAME = "mnist_rows"


@dataclasses.dataclass(frozen=True)
class Recipe:
    """What decides a training run; the defaults are those of the shipped model."""

    seed: int = 1
    units: int = 128  # of each direction
    dropout: float = 0.2
    epochs: int = 36
    batch_size: int = 128
    learning_rate: float = 3e-3  # at its highest
    weight_decay: float = 0.02
    averaging: float = 0.06  # of all steps: how far back the moving average of weights reaches
    distortion: Distortion = dataclasses.field(default_factory=Distortion)


LEARNING = ("epochs", "batch_size", "learning_rate", "weight_decay", "averaging", "distortion")  # for `learn_pictures`
QUICK = {"units": 64, "epochs": 3, "distortion": Distortion(shift=2.0, turn=8.0, scaling=0.08, shear=0.1, waves=0.6)}
TYPICAL = 100  # training pictures for `typical_of`
PACKAGES = ("tensorflow", "keras", "ai-edge-litert", "numpy", "pillow")  # what the figures may depend on


def load_data(path: Path | None, seed: int) -> tuple[LabelledPictures, LabelledPictures, LabelledPictures]:
    """-> train, validation and test: MNIST, or what is in the folder `path`.

    A twelfth of the training pictures is validation, as 5,000 are of MNIST's 60,000. Where test pictures aren't apart,
    a tenth of all is.
    """
    if path is None:
        train, test = picture_datasets.mnist("train"), picture_datasets.mnist("test")
    else:
        train, test = picture_datasets.own_pictures(path)
        if test is None:
            train, test = datasets.split(train, 0.1, seed + 1)
    return *datasets.split(train, 1 / 12, seed), test


def build_model(classes: int, units: int, dropout: float):
    """A Keras model: pictures float32 (batch, 28, 28), 0 to 1, white on black -> logits (batch, classes)."""
    import keras

    from keras_rnn import LSTM

    image = keras.Input((SIZE, SIZE), name="image")
    rows = image
    for layer in ("first", "second"):
        rows = keras.layers.Bidirectional(LSTM(units, return_sequences=True), name=layer)(rows)
    last = [rows[:, -1, :units], rows[:, 0, units:]]  # each direction's, after it has read all rows
    features = keras.layers.Concatenate()([*last, keras.ops.max(rows, axis=1)])
    logits = keras.layers.Dense(classes, name="logits")(keras.layers.Dropout(dropout)(features))
    return keras.Model(image, logits, name=NAME)


def train(recipe: Recipe, data: Path | None, output: Path, resume: bool) -> None:
    """Trains, writes the model's folder to `output` and measures its artifacts."""
    from apps.mnist_rows.learning import learn_pictures
    from apps.pipeline import training

    training.set_up(recipe.seed)
    labelled, validation, test = load_data(data, recipe.seed)
    print(f"{len(labelled):,} pictures, {len(validation):,} to validate, {len(test):,} to test", flush=True)
    model = build_model(len(labelled.names), recipe.units, recipe.dropout)
    options = {name: getattr(recipe, name) for name in LEARNING}
    settings = {"data": labelled.fingerprint(), **dataclasses.asdict(recipe)}
    checkpoint = output / "training" / "labels.npz"
    fitted = learn_pictures(model, labelled, validation, checkpoint, **options, settings=settings, resume=resume)
    if fitted.interrupted:
        print("\nStopped: writing the best model so far. Ctrl-C again leaves without.", flush=True)
    training.plot_history(fitted.history, "accuracy", checkpoint.with_name("history.png"), "MNIST rows")
    training.save_model(model, output / "model.keras")
    kept = min(fitted.history, key=lambda logs: logs["val_loss"])
    result = f"validation accuracy {kept['val_accuracy']:.2%}"
    stage = {"stage": "labels", "seconds": round(fitted.seconds, 1), "epochs": len(fitted.history), "result": result}
    how = {"command": publishing.command(), "recipe": dataclasses.asdict(recipe), "stages": [stage]}
    labels = Labels(labelled.names, labelled.box())
    write_artifacts(model, labels, output, how | publishing.environment(PACKAGES), typical_of(labelled))
    for artifact in FILES:
        command = command_line.evaluation_command(NAME, output, artifact) if data is None else publishing.command()
        print(publishing.in_words(record(output, artifact, test, command).figures), flush=True)


def typical_of(data: LabelledPictures) -> np.ndarray:
    """Some of the pictures, (pictures, 28, 28), by which an int8 file finds the ranges of its activations."""
    return data.pictures[:: max(1, len(data) // TYPICAL)][:TYPICAL]  # sorted as they are, the first are alike


def write_artifacts(model, labels: Labels, output: Path, how: dict[str, Any], typical: np.ndarray) -> None:
    """A trained model -> SavedModel, LiteRT files, labels, results without figures yet, and model card.

    typical: as `typical_of` gives them.
    """
    import keras

    import keras_rnn
    from keras_rnn import artifacts

    classifier = keras.Model(model.input, {"probabilities": keras.ops.softmax(model.output)})
    images = [{"image": picture[None].astype(np.float32) / 255} for picture in typical]
    with artifacts.placed_in(output) as folder:
        labels.save(folder)
        keras_rnn.export(classifier, folder, formats=FILES, inputs=images)
        results = {"app": NAME, "artifacts": publishing.list_artifacts(folder), "training": how}
        publishing.write_results(folder, results)


def load_trained(path: Path):
    """(model, labels) of a model.keras that `train` wrote; DataError if it isn't one."""
    if not path.is_file():
        raise DataError(f"expected a trained model, as `train` writes it to model.keras, got no file {path}")
    labels = Labels.load(path.parent)
    from apps.pipeline import training

    return training.load_model(path), labels


def probabilities(folder: Path, artifact: str, images: np.ndarray, batch_size: int = 250) -> np.ndarray:
    """Of each class for each picture, float32 (pictures, classes), by one of a folder's artifacts."""
    from tqdm import tqdm

    if artifact == "saved_model":
        import tensorflow as tf

        serve = running.load_saved_model(folder / FILES[artifact])
        run = lambda image: serve(image=tf.constant(image))["probabilities"].numpy()  # noqa: E731
    else:
        litert = running.load_litert(folder, artifact)
        run, batch_size = lambda image: litert(image=image)["probabilities"], 1
    starts = tqdm(range(0, len(images), batch_size), artifact, disable=None)
    return np.concatenate([run(images[start : start + batch_size]) for start in starts])


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """What `evaluate` found: the figures, how often each class (row) got each answer (column), and the mistakes."""

    figures: dict[str, Any]
    confusion: np.ndarray
    names: tuple[str, ...]
    mistakes: list[Mistake]


def evaluate(folder: Path, artifact: str, test: LabelledPictures) -> Evaluation:
    """The accuracy of one of a folder's artifacts over all of `test`."""
    names = Labels.load(folder).names
    if test.names != names:
        raise DataError(f"expected the model's classes {', '.join(names)}, got {', '.join(test.names)}")
    images = test.pictures.astype(np.float32) / 255
    found = probabilities(folder, artifact, images)
    answers = found.argmax(axis=1)
    confusion = np.zeros((len(names), len(names)), int)
    np.add.at(confusion, (test.labels, answers), 1)
    wrong = np.flatnonzero(answers != test.labels)
    mistakes = [Mistake(images[i], names[test.labels[i]], names[answers[i]], float(found[i].max())) for i in wrong]
    figures = {"metric": "accuracy", "value": float(np.mean(answers == test.labels)), "examples": len(test)}
    return Evaluation({"artifact": artifact, **figures, "data_sha256": test.fingerprint()}, confusion, names, mistakes)


def record(folder: Path, artifact: str, test: LabelledPictures, command: str) -> Evaluation:
    """`evaluate`, its figures written into results.json and the model card with the command that repeats them."""
    found = []

    def measure() -> dict[str, Any]:
        found.append(evaluate(folder, artifact, test))
        return found[0].figures

    publishing.record(folder, artifact, measure, command)
    return found[0]


def print_confusion(evaluation: Evaluation) -> None:
    """A row for each class, a column for each answer; a dot is none."""
    width = max(5, *(len(name) + 1 for name in evaluation.names))
    print(f"{'':>{width}}" + "".join(f"{name:>{width}}" for name in evaluation.names) + "   answer")
    for name, row in zip(evaluation.names, evaluation.confusion, strict=True):
        print(f"{name:>{width}}" + "".join(f"{count or '.':>{width}}" for count in row))


def recognise(
    sources: Iterable[tuple[str, Path | BinaryIO]], folder: Path
) -> Iterator[tuple[dict[str, Any], np.ndarray | None]]:
    """For each picture an answer, {"file", "label", "probabilities"}, and what the network saw, (28, 28).

    A picture that can't be read or shows nothing has the label None and the sentence about it as "problem".

    Args:
        sources: the name and the file of each.
    """
    labels, run = Labels.load(folder), running.load_litert(folder, "litert")
    for name, source in sources:
        answer: dict[str, Any] = {"file": name, "label": None, "probabilities": None}
        try:
            image = pictures.prepare(pictures.read_picture(source, name), name, labels.box)
        except (DataError, OSError) as error:
            yield answer | {"problem": command_line.sentence(error)}, None
            continue
        found = run(image=image[None])["probabilities"][0].tolist()
        answer["label"] = labels.names[int(np.argmax(found))]
        answer["probabilities"] = dict(zip(labels.names, found, strict=True))
        yield answer, image


def print_answer(answer: dict[str, Any]) -> None:
    """One line for a picture, with the next answer if that is likely too."""
    if answer["label"] is None:
        print(f"{'(no answer)':>19}  {answer['file']}", flush=True)
        return
    (label, first), (other, second), *_ = sorted(answer["probabilities"].items(), key=lambda item: -item[1])
    doubt = f"  ({other}: {second:.1%})" if second >= 0.01 else ""
    print(f"{label:>10} {first:8.1%}  {answer['file']}{doubt}", flush=True)


def belief(name: str, image: np.ndarray, folder: Path) -> Belief:
    """What the network believes after each row: its answers to the picture with the rows below left out."""
    read = np.tril(np.ones((SIZE + 1, SIZE), np.float32), -1)
    return Belief(name, image, probabilities(folder, "litert", read[:, :, None] * image))


def demonstrate() -> None:
    """What the shipped model says of three drawn digits, and what it sees of them."""
    from PIL import Image, ImageDraw

    drawings = (  # name, size, paper, pen, its width, a line through these points
        ("ink", (180, 200), "white", "midnightblue", 9, [(50, 52), (128, 48), (82, 160)]),
        (
            "chalk",
            (320, 200),
            "darkgreen",
            "ivory",
            13,
            [(190, 70), (205, 48), (232, 44), (250, 62), (244, 88), (190, 150), (262, 150)],
        ),
        ("crayon", (90, 90), "khaki", "firebrick", 4, [(38, 20), (24, 54), (66, 52), (56, 20), (54, 78)]),
    )
    files = []
    for name, size, paper, pen, width, points in drawings:
        drawing, file = Image.new("RGB", size, paper), io.BytesIO()
        ImageDraw.Draw(drawing).line(points, pen, width, joint="curve")
        drawing.save(file, "PNG")
        file.seek(0)
        files.append((name, file))
    seen = []
    for answer, image in recognise(files, command_line.SHIPPED / NAME):
        print_answer(answer)
        seen.append(image)
    print()
    for row in np.concatenate(seen, axis=1).reshape(SIZE // 2, 2, -1).mean(axis=1):
        print("".join(" .:*#"[int(4.99 * value)] for value in row).rstrip())


def load_test_data(path: Path | None) -> LabelledPictures:
    """What `evaluate` counts: MNIST's test pictures, or the user's own, all that aren't apart as training pictures."""
    if path is None:
        return picture_datasets.mnist("test")
    everything, test = picture_datasets.own_pictures(path)
    return everything if test is None else test


def sources_of(files: Sequence[str]) -> list[tuple[str, Path | BinaryIO]]:
    """Names and files of the arguments; standard input for "-", and if there are none."""
    if not files and sys.stdin.isatty():
        raise DataError("expected the names of picture files, or a picture on standard input, got a terminal")
    return [("standard input", sys.stdin.buffer) if file == "-" else (file, Path(file)) for file in files or ["-"]]


def main(argv: Sequence[str] | None = None) -> int:
    """The command line -> its exit status; see `python -m apps.mnist_rows --help`."""
    commands = command_line.CommandLine(NAME, "Which digit is in a picture? Without a verb: a demonstration.")
    commands.train.add_argument("--quick", action="store_true", help="minutes instead of an hour, less accurate")
    commands.evaluate.add_argument(
        "--plot", type=Path, metavar="FILE.png", help="draw the confusion matrix and the worst mistakes"
    )
    verb = commands.verb("recognise", "say which digit is in a picture")
    verb.add_argument("files", nargs="*", metavar="IMAGE", help="PNG, JPEG, BMP or WebP; without one: standard input")
    verb.add_argument("--plot", type=Path, metavar="FILE.png", help="draw how the belief changes from row to row")

    def run_train(flags: argparse.Namespace) -> None:
        command_line.need("matplotlib", "tensorboard")
        chosen = {name: getattr(flags, name) for name in ("epochs", "batch_size", "seed")}
        changes = (QUICK if flags.quick else {}) | {name: value for name, value in chosen.items() if value is not None}
        train(dataclasses.replace(Recipe(), **changes), flags.data, flags.output, flags.resume)

    def run_evaluate(flags: argparse.Namespace) -> None:
        if flags.plot:
            command_line.need("matplotlib")
        test = load_test_data(flags.data)
        if flags.record:
            data = [flags.data] if flags.data else []
            command = command_line.evaluation_command(NAME, flags.model, flags.artifact, *data)
            evaluation = record(flags.model, flags.artifact, test, command)
        else:
            evaluation = evaluate(flags.model, flags.artifact, test)
        if flags.plot:
            plot_confusion(evaluation.confusion, evaluation.names, evaluation.mistakes, flags.plot)
        if flags.json:
            more = {"classes": evaluation.names, "confusion": evaluation.confusion.tolist()}
            print(json.dumps(evaluation.figures | more, ensure_ascii=False))
        else:
            print(publishing.in_words(evaluation.figures))
            print_confusion(evaluation)

    def run_export(flags: argparse.Namespace) -> None:
        model, labels = load_trained(flags.trained)
        how = publishing.read_results(flags.trained.parent).get("training", {})
        typical = typical_of(load_data(flags.data, Recipe.seed)[0])
        write_artifacts(model, labels, flags.output, how, typical)
        print(f"{flags.output}: {', '.join(FILES.values())} are written; `evaluate --record` measures them")

    def run_recognise(flags: argparse.Namespace) -> None:
        sources, problems = sources_of(flags.files), []
        if flags.plot:
            command_line.need("matplotlib")
            if len(sources) > MOST_PLOTTED:
                raise DataError(f"expected at most {MOST_PLOTTED} pictures to plot, got {len(sources)}")
        drawn = []
        for answer, image in recognise(sources, flags.model):
            if flags.json:
                print(json.dumps(answer, ensure_ascii=False), flush=True)
            else:
                print_answer(answer)
            if image is None:
                problems.append(answer["problem"])
            elif flags.plot:
                drawn.append(belief(answer["file"], image, flags.model))
        if drawn:
            plot_beliefs(drawn, Labels.load(flags.model).names, flags.plot)
        if problems:
            raise DataError("; ".join(problems))

    def run_nothing(_: argparse.Namespace) -> None:
        demonstrate()
        print()
        commands.parser.print_help()

    verbs = {"train": run_train, "evaluate": run_evaluate, "export": run_export, "recognise": run_recognise}
    return commands.run({**verbs, None: run_nothing}, argv)


if __name__ == "__main__":
    sys.exit(main())
