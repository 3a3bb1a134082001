"""The campaign: python -m tests.faults; exit status 1 if anything doesn't hold."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import itertools
import json
import os
import shlex
import sys
import tempfile
import time
import traceback
import zlib
from collections import Counter
from pathlib import Path

import numpy as np

from . import KINDS, SLOW, kills
from .trial import APPS, Trial

BATCH = 25  # tries of one process, which may be ended by a fault


def attempt(kind: str, app: str, seed: int, number: int) -> str | None:
    """One try; what failed, in a line, or None."""
    generator = np.random.default_rng([seed, zlib.crc32(kind.encode()), APPS.index(app), number])
    with tempfile.TemporaryDirectory(prefix="fault-") as folder:
        try:
            KINDS[kind](Trial(app, Path(folder), generator))
        except Exception as error:
            where = traceback.extract_tb(error.__traceback__)[-1]
            told = f"{type(error).__name__}: {str(error)[:400]} ({Path(where.filename).name}:{where.lineno})"
            return " ".join(ascii(told)[1:-1].split())
    return None


def batch(kind: str, app: str, seed: int, numbers: range) -> list[str | None]:
    """The tries with these numbers, in a process of their own: one of them may be its end."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.close(reading)
        with os.fdopen(writing, "w") as results:
            for number in numbers:
                results.write(json.dumps(attempt(kind, app, seed, number)) + "\n")
                results.flush()
        sys.stdout.flush()
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as results:
        found = [json.loads(line) for line in results]
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if len(found) < len(numbers):
        found.append(f"the process ended with status {status}")
    return found


def campaign(kinds: list[str], apps: list[str], seed: int, tries: int, seconds: float) -> Counter:
    """Tries every kind on every app in turn, until there were so many of each, the time is over, or Ctrl-C."""
    for name in (*(f"apps.{app}.__main__" for app in apps), "ai_edge_litert.interpreter"):
        importlib.import_module(name)  # once, for all the processes that try
    counts: Counter = Counter()
    end = time.monotonic() + seconds
    with contextlib.suppress(KeyboardInterrupt):
        for first in range(0, tries, BATCH):
            for kind, app in itertools.product(kinds, apps):
                if kind in SLOW and time.monotonic() < end:
                    kills.trained(app)
                number, last = first, min(first + BATCH, tries)
                while number < last and time.monotonic() < end:
                    size = 1 if kind in SLOW else last - number
                    for found in batch(kind, app, seed, range(number, number + size)):
                        counts[kind, "tries"] += 1
                        if found is not None:
                            counts[kind, "failed"] += 1
                            print(
                                f"FAILED: --kind {kind!r} --app {app} --seed {seed} --only {number}: {found}",
                                flush=True,
                            )
                        number += 1
    return counts


def table(counts: Counter, kinds: list[str]) -> str:
    """A row for each kind."""
    rows = ["| fault | tries | held | failed |", "| --- | --- | --- | --- |"]
    for kind in kinds:
        tries, failed = counts[kind, "tries"], counts[kind, "failed"]
        rows.append(f"| {kind} | {tries:,} | {tries - failed:,} | {failed:,} |")
    return "\n".join(rows)


def main() -> int:
    parser = argparse.ArgumentParser("python -m tests.faults", description=__doc__)
    parser.add_argument("--seconds", type=float, default=600, help="at most so many (%(default)s)")
    parser.add_argument("--tries", type=int, default=100, help="of each kind and app, at most (%(default)s)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kind", action="append", choices=KINDS, help="not all but these")
    parser.add_argument("--without", action="append", default=[], choices=KINDS)
    parser.add_argument("--app", action="append", choices=APPS)
    parser.add_argument("--only", type=int, metavar="N", help="one try, the N-th, with its traceback")
    flags = parser.parse_args()
    kinds = [kind for kind in flags.kind or KINDS if kind not in flags.without]
    apps = flags.app or [*APPS]
    if flags.only is not None:
        for kind in kinds:
            for app in apps:
                print(kind, app, attempt(kind, app, flags.seed, flags.only) or "held")
        return 0
    counts = campaign(kinds, apps, flags.seed, flags.tries, flags.seconds)
    print(f"\n`{shlex.join(['python', '-m', 'tests.faults', *sys.argv[1:]])}`\n\n{table(counts, kinds)}")
    return 1 if sum(count for (_, what), count in counts.items() if what == "failed") else 0


if __name__ == "__main__":
    sys.exit(main())
