"""`python -m keras_rnn export MODEL`: a .keras or .h5 file -> SavedModel, LiteRT and ONNX files, each proven."""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

import native_logs
from keras_rnn import model_files, usage
from keras_rnn.exporting import Exported, ExportError, export
from keras_rnn.formats import FORMATS

DEFAULT = ("saved_model", "litert")


class Parser(argparse.ArgumentParser):
    """Tells what is wrong with the arguments in one sentence, without the usage before it."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: error: {message}; --help tells what there is\n")


def parser() -> argparse.ArgumentParser:
    """The command line."""
    program = Parser("python -m keras_rnn", description=__doc__, allow_abbrev=False)
    verbs = program.add_subparsers(dest="verb", metavar="VERB", title="verbs", required=True)
    summary = "write a Keras model for other programs; recurrent layers of keras.layers are replaced by ours"
    verb = verbs.add_parser("export", help=summary, description=summary, allow_abbrev=False)
    verb.add_argument("model", metavar="MODEL", type=Path, help="a .keras or .h5 file, of Keras 3 or (.h5) Keras 2")
    verb.add_argument("--output", type=Path, help="folder to write (the model's name without its ending)")
    verb.add_argument(
        "--formats",
        nargs="+",
        choices=[*FORMATS, "all"],
        default=DEFAULT,
        help=f"which files to write ({' '.join(DEFAULT)}); litert_full_int8 needs --inputs, onnx needs keras-rnn[onnx]",
    )
    verb.add_argument("--step", action="store_true", help="add the signature `step`: one time step, states in and out")
    verb.add_argument(
        "--length", type=int, metavar="N", help="add the signature `padded` of N time steps, for Android and browsers"
    )
    verb.add_argument(
        "--fused-lstm", action="store_true", help="LSTMs as LiteRT's one operator, for microcontrollers (no)"
    )
    verb.add_argument(
        "--inputs", type=Path, metavar="FILE.npz", help="arrays by the inputs' names to prove the files with (random)"
    )
    verb.add_argument(
        "--import", dest="modules", action="append", default=[], metavar="MODULE", help="defines custom layers; again"
    )
    verb.add_argument("--trusted", action="store_true", help="load Lambda layers: Python code in the file (no)")
    verb.add_argument("--json", action="store_true", help="for machines: one JSON object")
    return program


def read_inputs(path: Path | None, input_names: Sequence[str]) -> list[dict[str, np.ndarray]] | None:
    """The arrays of a .npz file, by the model's input names; the only array is the only input's, whatever its name."""
    if path is None:
        return None
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = dict(file) if isinstance(file, np.lib.npyio.NpzFile) else {"": file}
    except FileNotFoundError:
        raise ExportError(f"expected arrays in {path}, got no such file.") from None
    except Exception as error:  # of NumPy and zipfile, on a file that isn't one
        raise ExportError(f"expected a file written by numpy.savez in {path}, got another.") from error
    if len(arrays) == len(input_names) == 1:
        arrays = dict(zip(input_names, arrays.values(), strict=True))
    return [arrays]


def described(exported: Exported, format_name: str) -> dict[str, Any]:
    """An exported file for --json."""
    signatures = usage.contents(exported.path, format_name)
    return {
        "format": format_name,
        "file": str(exported.path),
        "bytes": exported.size,
        "difference": exported.difference,
        "signatures": signatures,
        "load": usage.lines(exported.path, format_name, signatures),
    }


def shown(each: dict[str, Any]) -> str:
    """A tensor as `ids int32 (1, any)`."""
    sizes = ["any" if size is None else str(size) for size in each["shape"]]
    return f"{each['name']} {each['dtype']} ({', '.join(sizes)}{',' if len(sizes) == 1 else ''})"


def print_report(report: dict[str, Any]) -> None:
    """What was replaced and written, for people."""
    for layer, how in report["replaced"].items():
        print(f"{layer}: {how}, with the same weights")
    for file in report["files"]:
        print(f"\n{file['file']}: {file['format']}, {file['bytes']:,} bytes")
        print(f"  proven: its answers are within {file['difference']:.1g} of the model's")
        for name, sides in file["signatures"].items():
            given, found = (", ".join(map(shown, sides[side])) for side in ("inputs", "outputs"))
            print(f"  {name}: {given} -> {found}")
        for language, line in file["load"].items():
            print(f"  {language}: {line}")


def run_export(flags: argparse.Namespace) -> None:
    """The verb `export`."""
    sys.path.insert(0, "")  # modules beside the user
    for module in flags.modules:
        try:
            importlib.import_module(module)
        except ImportError as error:
            raise ExportError(f"--import expected a module that Python finds, got {module}: {error}") from error
    model, replaced = model_files.with_our_layers(model_files.load(flags.model, flags.trusted))
    formats = list(dict.fromkeys(flags.formats))
    if "all" in formats:
        formats = [name for name in FORMATS if name != "litert_full_int8" or flags.inputs]
    if "litert_full_int8" in formats and not flags.inputs:
        raise ExportError("litert_full_int8 expected --inputs, by which to find the ranges of activations, got none.")
    for layer in model_files.unreplaced(model):
        if flags.step or set(formats) - {"saved_model"}:
            raise ExportError(
                f"expected recurrent layers that keras_rnn has, {', '.join(model_files.OURS)}, got {layer.name} "
                f"({type(layer).__name__}): it can only become a SavedModel, by --formats saved_model."
            )
    folder = flags.output or Path(flags.model.stem)
    names = [tensor.name for tensor in getattr(model, "inputs", None) or []]
    options = {"step": flags.step, "length": flags.length, "fused_lstm": flags.fused_lstm}
    files = export(model, folder, formats=formats, inputs=read_inputs(flags.inputs, names), **options)
    described_files = [described(exported, name) for name, exported in files.items()]
    report = {"model": str(flags.model), "replaced": replaced, "files": described_files}
    if flags.json:
        print(json.dumps(report))
    else:
        print_report(report)


def main(argv: Sequence[str] | None = None) -> int:
    """The command line -> its exit status: 0, or 2 and one sentence."""
    flags = parser().parse_args(argv)
    if argv is None:  # a process of its own
        native_logs.filter_until_the_end()
    try:
        run_export(flags)
    except (ExportError, OSError) as error:
        print(f"python -m keras_rnn: error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\npython -m keras_rnn: stopped; nothing was written", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
