"""Folders for one process that vanish with it; what a killed process left is removed by the next one.

Such a folder holds copies of registers and half-written exports, so texts of tickets. SIGKILL, the kernel out of
memory, or a power cut leaves it where it is, and nobody knows that it is there.
"""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

MARK = ".capa-sync-private"
"""A file in each of these folders, locked as long as its process lives: nothing without it is ever removed."""
_NEW_MARK = f"{MARK}.new"
_log = logging.getLogger("capa_sync.private_folders")


@contextmanager
def private_folder(purpose: str) -> Iterator[Path]:
    """Yield a new folder for the user alone, in the system's folder for temporary files; it goes with the block."""
    with _folder(Path(tempfile.gettempdir()), "capa-sync-", f"{purpose}-") as folder:
        yield folder


@contextmanager
def private_folder_beside(path: Path) -> Iterator[Path]:
    """Yield a new hidden folder for the user alone, on the file system of `path`; it goes with the block."""
    with _folder(path.parent, f".{path.name[:40]}.") as folder:
        yield folder


@contextmanager
def _folder(parent: Path, ours: str, purpose: str = "") -> Iterator[Path]:
    for name in _left_behind(parent, ours):
        _remove(parent / name)
    with tempfile.TemporaryDirectory(prefix=f"{ours}{purpose}", dir=parent) as name:  # noqa: TID251 - this is the place
        lock = _marked(Path(name))
        try:
            yield Path(name)
        finally:
            if lock is not None:
                os.close(lock)


def _remove(left: Path) -> None:
    """Remove a folder that a killed process left. What cannot be removed is named, and stops nobody's work."""
    try:
        shutil.rmtree(left)
    except FileNotFoundError:
        return  # another process was faster
    except OSError as error:
        what = error.strerror or type(error).__name__
        _log.warning("%s was left by a process that was killed and cannot be removed: %s; remove it", left, what)
    else:
        _log.info("%s was removed: a process that was killed had left it", left)


def _marked(folder: Path) -> int | None:
    """Put the mark into a folder and return what holds its lock; None where the file system knows no locks.

    It gets its name after it is locked: no other process ever sees it free while this one lives.
    """
    lock = os.open(folder / _NEW_MARK, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        return None
    (folder / _NEW_MARK).rename(folder / MARK)
    return lock


def _left_behind(parent: Path, ours: str) -> list[str]:
    """Name the marked folders of this user whose process has ended."""
    with os.scandir(parent) as entries:
        return [entry.name for entry in entries if entry.name.startswith(ours) and _is_left(entry)]


def _is_left(entry: os.DirEntry[str]) -> bool:
    with suppress(OSError):
        if not entry.is_dir(follow_symlinks=False) or entry.stat(follow_symlinks=False).st_uid != os.geteuid():
            return False
        mark = os.open(Path(entry.path) / MARK, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            fcntl.flock(mark, fcntl.LOCK_EX | fcntl.LOCK_NB)  # refused while its process lives
            return stat.S_ISREG(os.fstat(mark).st_mode)
        finally:
            os.close(mark)
    return False
