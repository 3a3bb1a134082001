"""`python -m benchmarks [VERB...]`: ours beside others; tables, JSON and charts in a folder."""

from __future__ import annotations

import argparse
import importlib
import subprocess
import sys
from pathlib import Path

VERBS = {
    "layers": "training steps and inference of the layers, over a grid of shapes",
    "exported": "our SavedModel and ONNX file beside Keras's SavedModel and PyTorch",
    "paths": "each path of a layer at the same shapes: whether the one taken is the fastest here",
    "litert": "LiteRT's latency against the length",
    "apps": "training, inference, start and memory of the apps",
    "generation": "characters a second that the Shakespeare model writes",
    "devices": "SavedModels written without a GPU, run on one if there is one",
    "workers": "what a second process gains in training; not among the default",
    "few_reviews": "what few reviews of one's own teach, alone or from the shipped model; not among the default",
    "imdb": "minutes until a network knows 88% of IMDB's test reviews; not among what runs by default",
}
DEFAULT = ("layers", "litert", "apps", "generation")


def main(argv: list[str] | None = None) -> int:
    verbs = "; ".join(f"{verb}: {what}" for verb, what in VERBS.items())
    parser = argparse.ArgumentParser("python -m benchmarks", description=__doc__, epilog=verbs, allow_abbrev=False)
    parser.add_argument("verb", nargs="*", help=f"{', '.join(VERBS)}; by default {', '.join(DEFAULT)}")
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results"), help="folder to write (%(default)s)")
    parser.add_argument("--repeats", type=int, default=20, help="calls of each kind (%(default)s)")
    parser.add_argument(
        "--budget", type=float, default=15, help="seconds for a case after its first 5 rounds (%(default)s)"
    )
    parser.add_argument("--only", default="", metavar="TEXT", help="the cases of layers and apps with this in the name")
    flags = parser.parse_args(argv)
    for verb in flags.verb:
        if verb not in VERBS:
            parser.error(f"expected {', '.join(VERBS)}, got {verb!r}")
    verbs = flags.verb or DEFAULT
    if len(verbs) == 1:
        module = importlib.import_module(f"benchmarks.{verbs[0]}")
        module.run(flags.output, flags.repeats, flags.budget, flags.only)
        return 0
    options = [f"--{name}={getattr(flags, name)}" for name in ("output", "repeats", "budget", "only")]
    for verb in verbs:  # each in a process of its own: threads are set once in a process
        subprocess.run([sys.executable, "-m", "benchmarks", verb, *options], check=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
