"""The logs that C++ libraries write to the process's standard error, kept from the user.

TensorFlow, XLA, LiteRT and oneDNN tell there what they find and do. What environment variables can silence is silenced
by `ask_for_silence`, before the libraries are imported. The rest goes through a filter that takes away lines in the
forms of their loggers, whatever these say. Python's own standard error isn't filtered: warnings, errors and progress
bars go past it.
"""

from __future__ import annotations

import contextlib
import io
import logging
import os
import re
import sys
import threading
from collections.abc import Callable, Iterator

SILENCE = {"TF_CPP_MIN_LOG_LEVEL": "2", "GLOG_minloglevel": "2"}  # errors only
LOGGERS = ("tensorflow", "absl")  # Python's, which repeat the libraries' information
# How glog and absl (I0000 00:00:1700000000.1 12 file.cc:3], 2026-01-01 10:00:00.1: I file.cc:3]), LiteRT
# (INFO: [file.cc:3], INFO: Created ...) and MLIR (loc(...): warning: ...) begin a line. F, a fatal error, passes.
_FORMS = re.compile(
    rb"[IWE]\d{4} \d\d:\d\d:\d\d|\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+: [IWE] "
    rb"|(INFO|WARNING|ERROR|VERBOSE): (\[\w+\.\w+:\d+\]|[A-Z])|(loc\(|<unknown>:0: )"
    rb"|\w+: \d+(, \w+: \w+)+$"  # LiteRT's quantiser tells its settings without a form
)
_FURTHER = re.compile("[ \\t]|└|├|│".encode())  # how further lines of a message begin


def ask_for_silence() -> None:
    """Tells the libraries, if they aren't imported yet, to log errors only; what the user has set stays."""
    for name, value in SILENCE.items():
        os.environ.setdefault(name, value)


@contextlib.contextmanager
def filtered(debug: bool = False) -> Iterator[None]:
    """Within it, the libraries' lines don't reach the user; debug, or TF_CPP_MIN_LOG_LEVEL of 0 or 1: they do."""
    if debug or _wanted():
        yield
        return
    _begin()
    try:
        yield
    finally:
        _end()


def filter_until_the_end() -> None:
    """As `filtered`, until the process has ended: some lines come when the libraries are unloaded."""
    if not _wanted():
        _begin()


def _wanted() -> bool:
    return os.environ.get("TF_CPP_MIN_LOG_LEVEL") in ("0", "1")


_lock = threading.Lock()
_users = 0  # how many have begun and not ended; threads may have begun at once
_restore: Callable[[], None] = lambda: None  # noqa: E731


def _begin() -> None:
    global _users, _restore
    with _lock:
        _users += 1
        if _users > 1:
            return
        ask_for_silence()
        levels = {name: logging.getLogger(name).level for name in LOGGERS}
        for name in LOGGERS:
            logging.getLogger(name).setLevel(logging.ERROR)
        out_of_2 = _redirect()

        def restore() -> None:
            out_of_2()
            for name, level in levels.items():
                logging.getLogger(name).setLevel(level)

        _restore = restore


def _end() -> None:
    global _users
    with _lock:
        _users -= 1
        if not _users:
            _restore()


def _redirect() -> Callable[[], None]:
    """Puts the filter into file descriptor 2 -> what takes it out again."""
    try:
        sys.stderr.flush()
        kept = os.dup(2)
    except (OSError, ValueError, AttributeError):  # there is no standard error
        return lambda: None
    reading, writing = os.pipe()
    os.dup2(writing, 2)
    os.close(writing)
    python_own = sys.stderr
    if _is_descriptor_2(python_own):
        sys.stderr = open(os.dup(kept), "w", 1, python_own.encoding, python_own.errors)  # noqa: SIM115
    thread = threading.Thread(target=_pass_on, args=(reading, kept), daemon=True)
    thread.start()

    def restore() -> None:
        os.dup2(kept, 2)  # closes the pipe, unless a child process has it too
        if sys.stderr is not python_own:
            sys.stderr.close()
            sys.stderr = python_own
        thread.join(1.0)

    return restore


def _is_descriptor_2(stream) -> bool:
    try:
        return stream.fileno() == 2
    except (OSError, ValueError, AttributeError, io.UnsupportedOperation):
        return False


def _pass_on(reading: int, kept: int) -> None:
    """Copies what isn't a library's line; what is no whole line yet waits for its end.

    The further lines of a message go with it where they are indented or drawn as branches of it.
    """
    rest, dropping = b"", False
    with os.fdopen(reading, "rb", 0) as source, contextlib.suppress(OSError):
        while piece := source.read(1 << 16):
            *lines, rest = (rest + piece).split(b"\n")
            for line in lines:
                dropping = bool(_FORMS.match(line) or (dropping and _FURTHER.match(line)))
                if not dropping:
                    os.write(kept, line + b"\n")
        if rest and not _FORMS.match(rest):
            os.write(kept, rest)
    os.close(kept)
