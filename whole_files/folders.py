"""New files in a folder, all together: in the order below, every moment of which may be the last.

1. They are written to a folder of this process, `NAME.0123abcd.partial/new` in `folder`, and flushed to the disk.
2. `placing.json` appears in `folder`, by one rename, and names it: from here on the model is the new one. Readers
   take all files from there (reading.py).
3. Each file takes its place, as a second name (a hard link) or a copy: the folder that is named stays complete.
4. `placing.json` goes, then what it named.

After a kill, a full disk or a lost mount before 2 the model is the old one, and from 2 on the new one; the next
writer goes on with 3. Whatever else `folder` holds isn't touched, and it stays the same folder: it may be a mount, or
be mounted into a server's container, which is why it isn't exchanged for another as a whole.

Programs that don't know `placing.json` see the files change one after the other, in a few milliseconds; after a kill
within these, some of them are old until the next writer.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
from collections.abc import Iterator
from pathlib import Path

from whole_files import claims
from whole_files.exchange import exchange
from whole_files.files import write_whole
from whole_files.reading import JOURNAL, NEW, newest

ASIDE = "aside"  # beside NEW: what is about to be renamed


@contextlib.contextmanager
def placed_in(folder: Path) -> Iterator[Path]:
    """A new folder to write in; in the end its files take their places in `folder`, or none of them after an error.

    Two processes may do this at once: one set of files is in the folder in the end, the one that was finished last.
    """
    folder = Path(folder)
    if folder.exists() and not folder.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, "expected a folder, got a file", str(folder))
    heal(folder)
    # Renames need one file system, and `folder` may be a mounted one.
    inside = folder if folder.is_dir() else folder.parent
    inside.mkdir(parents=True, exist_ok=True)
    with claims.naming(folder), claims.claimed(name_of(folder), inside, is_folder=True) as mine:
        try:
            with claims.naming(folder, passing=mine):
                (mine / NEW).mkdir()
                yield mine / NEW
                claims.flush_tree(mine)
                if inside == folder or not became(mine / NEW, folder):
                    commit(mine, folder)
        finally:
            if not is_named(mine.name, folder):
                claims.remove(mine)


def name_of(folder: Path) -> Path:
    """What temporary folders for `folder` are named after: it may be `.`."""
    return Path(folder.name or "folder")


def commit(mine: Path, folder: Path) -> None:
    """Makes the files in `mine` those of `folder`."""
    with claims.locked(folder, wait=True):
        finish(folder)
        if mine.parent != folder:  # another process has made the folder meanwhile
            os.rename(mine, folder / mine.name)
            mine = folder / mine.name
        write_whole(folder / JOURNAL, journal_of(mine.name))
        finish(folder)


def is_named(name: str, folder: Path) -> bool:
    """Whether the journal in `folder` needs the folder of that name, or can't be read."""
    try:
        return json.loads((folder / JOURNAL).read_bytes())["from"] == name
    except (FileNotFoundError, NotADirectoryError):
        return False
    except (OSError, ValueError, LookupError, TypeError):
        return True


def heal(folder: Path) -> None:
    """Finishes what a killed process began in `folder`, and removes what it left."""
    folder = Path(folder)
    if folder.is_dir():
        with claims.locked(folder, wait=True):
            finish(folder)
            claims.sweep(name_of(folder), folder)
            claims.sweep(Path(JOURNAL), folder)
    if folder.parent.is_dir():
        claims.sweep(name_of(folder), folder.parent)


def journal_of(name: str) -> str:
    """What `placing.json` says, also to people who find it."""
    what = "The files in the folder `from` are taking their places here; the next export or train will finish that."
    return json.dumps({"from": name, "what": what}, indent=1) + "\n"


def became(new: Path, folder: Path) -> bool:
    """Makes `new` the folder itself; False if there is one that isn't empty."""
    try:
        os.rename(new, folder)
    except OSError as error:
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
            return False
        raise
    claims.flush(folder.parent)
    return True


def finish(folder: Path) -> None:
    """Lets the files that the journal names take their places. Without a journal there is nothing to do."""
    try:
        new = newest(folder)
    except OSError:  # what it names is gone: readers are told so until there is another model
        return
    if new == folder:
        return
    aside = new.parent / ASIDE
    claims.remove(aside)
    aside.mkdir()
    for source in sorted(new.iterdir()):
        place(source, folder / source.name, aside / source.name)
    claims.flush(folder)
    (folder / JOURNAL).unlink()
    claims.flush(folder)
    claims.remove(new.parent)


def place(source: Path, target: Path, aside: Path) -> None:
    """Gives a file or folder the name `target` too; what had it is gone afterwards, with all that was in it."""
    clone(source, aside)
    if not os.path.lexists(target) or not (source.is_dir() or target.is_dir()):
        os.replace(aside, target)
    else:
        exchange(aside, target)
        claims.remove(aside)


def clone(source: Path, target: Path) -> None:
    """The same content under a second name; links, where the file system has them."""
    if source.is_dir():
        target.mkdir()
        for path in source.iterdir():
            clone(path, target / path.name)
        return
    try:
        os.link(source, target)
    except OSError:
        target.write_bytes(source.read_bytes())
        claims.flush(target)


@contextlib.contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Nobody else is `alone_in` this folder meanwhile; OSError if somebody is."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with claims.locked(folder, wait=False) as got:
        if not got:
            raise OSError(
                f"{folder}: expected no other process at work here, got one: wait for it, or choose another folder"
            )
        yield
