"""Temporary files and folders: a name for each writer, and a lock that ends with its process, however it ends."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from glob import escape
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows: no locks, and what a killed process left stays
    fcntl = None  # type: ignore[assignment]


@contextlib.contextmanager
def locked(path: Path, *, wait: bool) -> Iterator[bool]:
    """Holds the lock of a file or folder inside; False if another process has it and `wait` is False.

    True where the file system has no locks. The lock is the system's: it ends with the process that holds it.
    """
    if fcntl is None:
        yield True
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            got = True
        except BlockingIOError:
            got = False
        except OSError:  # some network file systems
            got = True
        yield got
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def in_turn(folder: Path) -> Iterator[None]:
    """Inside is one process or thread at a time of those that ask for it: what reads a file of the folder and writes it
    again loses nothing that another has written meanwhile."""
    with contextlib.ExitStack() as lock:
        with contextlib.suppress(OSError):  # a folder that may not be read: as without locks
            lock.enter_context(locked(Path(folder).resolve().parent, wait=True))
        yield


@contextlib.contextmanager
def claimed(target: Path, folder: Path, *, is_folder: bool = False) -> Iterator[Path]:
    """A new empty file or folder in `folder`, named after `target` as nothing else is; the caller removes it.

    `model.keras` gives `model.0123abcd.partial.keras`, for those who go by the end of a name.
    """
    while True:
        path = folder / f"{target.stem}.{os.urandom(4).hex()}.partial{target.suffix}"
        path.mkdir() if is_folder else path.touch(exist_ok=False)
        with contextlib.ExitStack() as lock:
            with contextlib.suppress(FileNotFoundError):  # another process took it for one that was left behind
                lock.enter_context(locked(path, wait=True))
            if path.exists():
                yield path
                return


def sweep(target: Path, folder: Path) -> None:
    """Removes what killed processes left in `folder` of those that were to become `target`."""
    if fcntl is None:
        return  # nobody knows who is still at work
    for path in folder.glob(f"{escape(target.stem)}.{'[0-9a-f]' * 8}.partial{escape(target.suffix)}"):
        with contextlib.suppress(OSError), locked(path, wait=False) as got:
            if got:
                remove(path)


@contextlib.contextmanager
def naming(path: Path, way_out: str = "choose a folder on another disk", passing: Path | None = None) -> Iterator[None]:
    """An OSError inside says which file it is about, and what to do where the disk is full.

    Args:
        path: named in place of what is inside it, or inside `passing`, which has its content for the time being.
    """
    try:
        yield
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        if error.errno is None or (error.filename and not full):
            raise
        name, said = Path(error.filename or path), str(error.strerror)
        if {path, passing} & {name, *name.parents}:
            name, said = path, said.partition(": make room")[0] + f": make room, or {way_out}" * full
        raise OSError(error.errno, said, str(name)) from error


def remove(path: Path) -> None:
    """Removes a file or folder as far as that is possible: what is left over does no harm."""
    if path.is_dir() and not path.is_symlink():
        import shutil  # takes as long to import as all the rest, and a reader doesn't need it

        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            path.unlink()


def flush(path: Path) -> None:
    """Has the system write a file, or the names in a folder, to the disk."""
    if fcntl is None and path.is_dir():
        return  # Windows opens no folder
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:  # some file systems have no fsync of a folder
            raise
    finally:
        os.close(descriptor)


def flush_tree(folder: Path) -> None:
    """`flush` of everything in a folder, and of itself."""
    for inside, _, names in os.walk(folder):
        for name in names:
            flush(Path(inside) / name)
        flush(Path(inside))
