"""The location of the register file: a regular file that stays in place and is never silently created again.

A marker beside the file records that a register was created there. Without it, a register that was deleted, or whose
disk is not mounted, would silently start empty: without its history, and with every finding opened again.
"""

from __future__ import annotations

import os
import stat
from datetime import datetime
from pathlib import Path

from capa_sync.errors import RegisterUnavailable
from capa_sync.store.columns import instant_text

COMPANIONS = ("", "-wal", "-shm")
"""Name suffixes of an open register's files; commits since the last checkpoint are only in `-wal`."""
WAY_BACK = (
    "put the last backup in its place, without -wal and -shm files (docs/operating.md, Restore), and start again"
)


_MARKER = 1_024
"""Bytes of a marker that are read."""


def marker_of(path: Path) -> Path:
    """Return the path of the marker that records that a register was created at `path`."""
    return path.with_name(f"{path.name}.origin")


def ensure_file(path: Path, *, create: bool) -> None:
    """Create an empty file that only its owner may read; SQLite gives `-wal` and `-shm` the same mode.

    Raises RegisterUnavailable when the file is missing or empty and none may be made there, or is no regular file.
    """
    try:
        kind = _kind(path)
        if kind is None:
            refuse_new(path)
            if not create:
                raise RegisterUnavailable(f"{path}: there is no register yet; run `capa-sync sync` first")
            os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_EXCL | os.O_NOFOLLOW, 0o600))
        else:
            _refuse_what_is_no_file(path)
            _refuse_second_name(path)
            _refuse_emptied(path, create=create)
            if create and stat.S_IMODE(kind) & 0o077:
                path.chmod(0o600)
    except FileExistsError:
        ensure_file(path, create=create)  # another process has just created it
    except OSError as error:
        raise RegisterUnavailable(f"{path}: cannot be opened: {error.strerror}") from error


def _kind(path: Path) -> int | None:
    """Return the mode of a regular file, None for a missing one. Raises RegisterUnavailable for any other kind."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return None
    if stat.S_ISLNK(mode):
        raise RegisterUnavailable(
            f"{path}: a symbolic link, which could be turned to another file while it is open; name the file itself "
            "as `register` in the settings"
        )
    if not stat.S_ISREG(mode):
        raise RegisterUnavailable(f"{path}: not a regular file; name a file as `register` in the settings")
    return mode


def _refuse_what_is_no_file(path: Path) -> None:
    """Raise RegisterUnavailable for what says that it is a regular file, and is made as it is read.

    SQLite would wait for `/proc/kmsg` without end. Only a file without size is read: closing a file that SQLite has
    open would end its locks, and a register has a size.
    """
    if path.lstat().st_size:
        return
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC), "rb") as file:
        content: bytes | None = file.read(1)
    if content != b"" and not path.lstat().st_size:  # it has a size where another process has just made a register
        raise RegisterUnavailable(f"{path}: no register, and no file that keeps what is written into it")


def _refuse_second_name(path: Path) -> None:
    """Raise RegisterUnavailable for a file that has another name, too: lock and log belong to a name.

    Two processes would each take a lock, and the commits of one would be lost without a word. It is asked where a
    file is opened, and not while it is open: whoever comes by another name is refused then, and a program that makes
    hard links for its copies must not end a daemon.
    """
    names = path.lstat().st_nlink
    if names > 1:
        raise RegisterUnavailable(
            f"{path}: a file with {names} names (hard links), and a capa-sync under another one would not see what "
            "is written under this one; while nothing uses it, delete the other names, or copy the file and rename "
            "the copy to this name"
        )


def _refuse_emptied(path: Path, *, create: bool) -> None:
    """Raise RegisterUnavailable for a file of no bytes that is no place for a new register, before SQLite opens it.

    SQLite would delete the log beside it, with the newest commits. Without marker and log it is what a person made,
    or a process that was killed before its first commit: there a register may be made.
    """
    gone = was_here(path)  # first: another process may make the register meanwhile
    log = path.with_name(f"{path.name}-wal")
    has_log = log.exists() and log.stat().st_size > 0
    if path.lstat().st_size:
        return
    if has_log and not gone:
        raise RegisterUnavailable(f"{path}: emptied, with the log of a register beside it: {WAY_BACK}")
    refuse_empty(path, gone, create=create)


def refuse_empty(path: Path, gone: str, *, create: bool) -> None:
    """Raise RegisterUnavailable for a file without content, unless a register may be made in it.

    `gone` are the words of `was_here`, from before the file was looked at.
    """
    if gone:
        raise RegisterUnavailable(f"{path}: the register is gone{gone}")
    if not create:
        raise RegisterUnavailable(f"{path}: an empty file, there is no register yet; run `capa-sync sync` first")


def register_exists(path: Path) -> bool:
    """Return whether a register exists: an empty file is none. Raises RegisterUnavailable for what is refused."""
    try:
        kind = _kind(path)
        if kind is None:
            refuse_new(path)
            return False
        _refuse_what_is_no_file(path)
        _refuse_emptied(path, create=True)
        return path.lstat().st_size > 0
    except OSError as error:
        raise RegisterUnavailable(f"{path}: cannot be opened: {error.strerror}") from error


def refuse_new(path: Path) -> None:
    """Raise RegisterUnavailable when a register was created at this path before."""
    gone = was_here(path)
    if gone:
        raise RegisterUnavailable(f"{path}: the register is gone{gone}")


def refuse_foreign(path: Path) -> None:
    """Raise RegisterUnavailable for the SQLite file of another program, with the way to go on."""
    way = was_here(path) or "; name another file as `register` in the settings"
    raise RegisterUnavailable(f"{path}: no register, but the SQLite file of another program{way}")


def was_here(path: Path) -> str:
    """Return a text that a register was here before and how to restore it; "" when there was none."""
    marker = marker_of(path)
    try:
        made = _marker_lines(marker)[0][:80]
    except FileNotFoundError:
        return ""
    except (OSError, IndexError):
        made = ""
    when = f" (made {made})" if made else ""
    return f", and one was here{when}: {WAY_BACK}; or remove {marker} to begin a new one on purpose"


def _marker_lines(marker: Path) -> list[str]:
    """Return the lines of a marker, none of what is no regular file: a read from a pipe may never end."""
    descriptor = os.open(marker, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        content = file.read(_MARKER) if stat.S_ISREG(os.fstat(descriptor).st_mode) else b""
    return content.decode("utf-8", "replace").splitlines()


def mark(path: Path, register_id: str, made_at: datetime | str) -> None:
    """Write the marker beside a register, once. Raises RegisterUnavailable when it cannot be written."""
    marker = marker_of(path)
    if marker.exists():
        return
    at = made_at if isinstance(made_at, str) else instant_text(made_at)
    fresh = marker.with_name(f"{marker.name}.{os.getpid()}")
    try:
        fresh.unlink(missing_ok=True)
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(f"{at[:19]}Z\nregister {register_id}\n")
        _give_name(fresh, marker)
    except OSError as error:
        raise RegisterUnavailable(f"{marker}: cannot be written: {error.strerror}") from error


def _give_name(fresh: Path, marker: Path) -> None:
    """Rename a marker, but never over one that another process has just made and may have locked."""
    try:
        os.link(fresh, marker)
    except FileExistsError:
        pass
    except OSError:
        fresh.replace(marker)  # a file system without hard links
        return
    fresh.unlink()


def marked_id(path: Path) -> str:
    """Return the id of the register that was created at `path`, "" where nothing says so."""
    try:
        lines = _marker_lines(marker_of(path))
    except OSError:
        return ""
    return lines[1].removeprefix("register ")[:80] if len(lines) > 1 else ""
