"""Many inputs for one model, answered in their order: by this process, or by several side by side."""

from __future__ import annotations

import contextlib
import os
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from apps.pipeline.errors import DataError
from whole_files.reading import identity, is_as, newest

AT_ONCE, CHARACTERS = 64, 2**14  # inputs, and characters of texts, that a process is given at once
AHEAD = 3  # of these for each process are waiting or answered and not yet told: memory is bounded


@dataclass(frozen=True)
class Work:
    """What each process does. It is sent there, so that `load` is a function of a module.

    Attributes:
        load: a model's folder -> what answers.
        method: of that: several inputs -> an iterator over their answers.
        options: of the method, by name.
        worth: from what size of the inputs on a second process pays for its beginning, which takes 0.4 s of a core:
            bytes of texts, or how many pictures.
    """

    load: Callable[[Path], Any]
    folder: Path
    method: str
    options: dict[str, Any]
    worth: int

    def begin(self) -> Callable[[Iterable[Any]], Iterator[Any]]:
        """Loads the model -> inputs to answers."""
        answer = getattr(self.load(self.folder), self.method)
        return lambda inputs: answer(inputs, **self.options)

    def jobs(self, wanted: int | None, size: int | None) -> int:
        """How many processes: those that are wanted, else as many as there are cores if the inputs are large.

        size: of the inputs, as `worth`; None if that isn't known before they are read.
        """
        if wanted is not None:
            return wanted
        return 1 if size is None or size < self.worth else cores()


def cores() -> int:
    """How many of the machine's this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def answers(work: Work, inputs: Iterable[Any], jobs: int, total: int | None = None) -> Iterator[Any]:
    """The answers to the inputs, in order; an error comes where it would without other processes.

    total: how many inputs there are, for a progress bar on standard error; None: there is none.
    """
    found = work.begin()(inputs) if jobs == 1 else side_by_side(work, inputs, jobs)
    if total is None:
        return found
    from tqdm import tqdm

    return iter(tqdm(found, "answers", total))


def bar_is_seen() -> bool:
    """Whether a person sees standard error, and not the answers, which would tear the bar."""
    return sys.stderr.isatty() and not sys.stdout.isatty()


def side_by_side(work: Work, inputs: Iterable[Any], jobs: int) -> Iterator[Any]:
    """`answers` by so many processes."""
    # They begin anew: in a copy of this process, the threads of NumPy and LiteRT would be missing.
    from concurrent.futures import ProcessPoolExecutor
    from concurrent.futures.process import BrokenProcessPool
    from multiprocessing import get_context

    processes = ProcessPoolExecutor(jobs, get_context("spawn"), _begin, (work, _model_in(work.folder)))
    waiting: deque = deque()
    parts, trouble = in_parts(inputs), None
    try:
        while True:
            while len(waiting) < AHEAD * jobs and parts is not None:
                try:
                    part = next(parts)
                    with _ctrl_c_later():
                        waiting.append(processes.submit(_answer, part))
                except StopIteration:
                    parts = None
                except (DataError, OSError) as error:  # of reading: it is told after the answers before it
                    parts, trouble = None, error
            if not waiting:
                break
            found, error = waiting.popleft().result()
            yield from found
            if error is not None:
                raise error
        if trouble is not None:
            raise trouble
    except BrokenProcessPool:
        raise DataError(
            f"expected {jobs} processes to answer, got one that was ended from outside, for want of memory perhaps: "
            "choose fewer --jobs"
        ) from None
    finally:
        processes.shutdown(cancel_futures=True)


@contextlib.contextmanager
def _ctrl_c_later() -> Iterator[None]:
    """Ctrl-C comes through at the end: a process that is started inside begins without it, and would tell its own end
    by a traceback until `_begin` has it ignore that."""
    import signal

    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def in_parts(inputs: Iterable[Any]) -> Iterator[list[Any]]:
    """The inputs in lists of which a process gets one at a time."""
    part: list[Any] = []
    size = 0
    for each in inputs:
        part.append(each)
        size += len(each) if isinstance(each, str) else 0
        if len(part) >= AT_ONCE or size >= CHARACTERS:
            yield part
            part, size = [], 0
    if part:
        yield part


def _model_in(folder: Path) -> tuple | None:
    """Which model is there; None: loading it will tell what is wrong."""
    try:
        return identity(newest(folder))
    except OSError:
        return None


_work: Work | None = None  # in a process that answers: what it does, and, once it has loaded the model, how
_model: tuple | None = None  # which all processes are to load
_answers: Callable[[Iterable[Any]], Iterator[Any]] | None = None


def _begin(work: Work, model: tuple | None) -> None:
    import signal

    global _work, _model
    _work, _model = work, model
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to all of them; the first process ends the others


def _answer(part: list[Any]) -> tuple[list[Any], Exception | None]:
    """The answers before the first error, and that."""
    global _answers
    found: list[Any] = []
    try:
        if _answers is None:
            _answers = _work.begin()
            if _model is not None and not is_as(_model, _work.folder):
                raise DataError(
                    f"expected the model in {_work.folder} to stay the same while processes open it, got another "
                    "one meanwhile: ask again"
                )
        for answer in _answers(part):
            found.append(answer)
    except Exception as error:  # to be raised by the process that asked
        import traceback

        error.add_note("in another process:\n" + traceback.format_exc())  # for --debug
        return found, error
    return found, None
