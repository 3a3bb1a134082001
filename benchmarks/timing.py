"""Median times of calls run in rotation, so that other load affects them all equally."""

from __future__ import annotations

import json
import math
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from importlib import metadata

from apps.pipeline import publishing

PAUSE = 0.02  # seconds before each call: threads of the one before it may be spinning, as PyTorch's do
PACKAGES = ("tensorflow", "keras", "torch", "tf_keras", "ai-edge-litert", "numpy")
# A process that starts another counts as the memory of that one what it had itself, until the other one runs: so a
# small process in between starts what is measured.
MEASURED = """
import json, os, subprocess, sys, time
start = time.perf_counter()
with subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL) as process:
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
kilobytes = usage.ru_maxrss / 1024 if sys.platform == "darwin" else usage.ru_maxrss
print(json.dumps([process.returncode, time.perf_counter() - start, kilobytes / 1024]))
"""


def interleaved(
    calls: dict[str, Callable[[], object]], repeats: int = 20, least: int = 5, budget: float = math.inf
) -> tuple[dict[str, float], int]:
    """The median milliseconds of each call after two to warm up, and of how many.

    Args:
        repeats: of each call.
        least: what is measured even where that takes longer than `budget`.
        budget: seconds for all of it; `repeats` isn't reached if they are over.
    """
    for _ in range(2):
        for call in calls.values():
            call()
    times = {name: [] for name in calls}
    begin = time.perf_counter()
    for done in range(repeats):
        if done >= least and time.perf_counter() - begin > budget:
            break
        for name, call in calls.items():
            time.sleep(PAUSE)
            times[name].append(seconds(call))
    return {name: 1000 * statistics.median(values) for name, values in times.items()}, len(next(iter(times.values())))


def seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def geometric_mean(ratios: Iterable[float]) -> float:
    return math.exp(statistics.fmean(map(math.log, ratios)))


def process(arguments: Sequence[str]) -> tuple[float, float]:
    """The seconds that `python arguments` takes from start to end, and the most megabytes that it has at once."""
    words = [sys.executable, "-c", MEASURED, sys.executable, *arguments]
    found = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True)
    status, seconds, megabytes = json.loads(found.stdout)
    if status:
        raise RuntimeError(f"expected {' '.join(arguments)} to end with 0, got {status}.")
    return seconds, megabytes


def machine() -> str:
    """What the figures are of: processor, system, versions."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            processor = next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        processor = platform.processor() or platform.machine()
    versions = [f"{name} {version}" for name in PACKAGES if (version := version_of(name))]
    where = f"{cores()} cores of {processor}, {platform.system()}, Python {platform.python_version()}"
    return ", ".join([*filter(None, [gpu()]), where, *versions])


def gpu() -> str | None:
    """The name of the GPU that TensorFlow computes on; None without one."""
    import tensorflow  # noqa: F401  (or publishing.gpu doesn't ask it)

    return publishing.gpu()


def cores() -> int:
    """Those that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def version_of(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
