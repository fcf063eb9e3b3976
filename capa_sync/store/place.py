"""The location of the register file: a regular file that stays in place and is never silently created again.

A marker beside the file records that a register was created there. Without it, a register that was deleted, or whose
disk is not mounted, would silently start empty: without its history, and with every finding opened again.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from capa_sync.errors import RegisterUnavailable
from capa_sync.store.columns import instant_text

COMPANIONS = ("", "-wal", "-shm")
"""Name suffixes of an open register's files; commits since the last checkpoint are only in `-wal`."""
_WAY_BACK = (
    "put the last backup in its place, without -wal and -shm files (docs/operating.md, Restore), and start again"
)


_MARKER = 1_024
"""Bytes of a marker that are read."""


def marker_of(path: Path) -> Path:
    """Return the path of the marker that records that a register was created at `path`."""
    return path.with_name(f"{path.name}.origin")


def ensure_file(path: Path, *, create: bool) -> None:
    """Create an empty file that only its owner may read; SQLite gives `-wal` and `-shm` the same mode.

    Raises RegisterUnavailable when the file is missing and may not be created, or is no regular file.
    """
    try:
        kind = _kind(path)
        if kind is None:
            if not create:
                refuse_new(path)
                raise RegisterUnavailable(f"{path}: there is no register yet; run `capa-sync sync` first")
            refuse_new(path)
            os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_EXCL | os.O_NOFOLLOW, 0o600))
        else:
            _refuse_what_is_no_file(path)
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
    if content != b"":
        raise RegisterUnavailable(f"{path}: no register, and no file that keeps what is written into it")


def register_exists(path: Path) -> bool:
    """Return whether a register exists. Raises RegisterUnavailable for an irregular or a vanished file."""
    try:
        kind = _kind(path)
    except OSError as error:
        raise RegisterUnavailable(f"{path}: cannot be opened: {error.strerror}") from error
    if kind is None:
        refuse_new(path)
    return kind is not None


def refuse_new(path: Path) -> None:
    """Raise RegisterUnavailable when a register was created at this path before."""
    was_here = _was_here(path)
    if was_here:
        raise RegisterUnavailable(f"{path}: the register is gone{was_here}")


def _was_here(path: Path) -> str:
    """Return a text that a register was here before and how to restore it; "" when there was none."""
    marker = marker_of(path)
    try:
        made = _marker_lines(marker)[0][:80]
    except FileNotFoundError:
        return ""
    except (OSError, IndexError):
        made = ""
    when = f" (made {made})" if made else ""
    return f", and one was here{when}: {_WAY_BACK}; or remove {marker} to begin a new one on purpose"


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
    try:
        fresh = marker.with_name(f"{marker.name}.{os.getpid()}")
        fresh.unlink(missing_ok=True)
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(f"{at[:19]}Z\nregister {register_id}\n")
        fresh.replace(marker)
    except OSError as error:
        raise RegisterUnavailable(f"{marker}: cannot be written: {error.strerror}") from error


def marked_id(path: Path) -> str:
    """Return the id of the register that was created at `path`, "" where nothing says so."""
    try:
        lines = _marker_lines(marker_of(path))
    except OSError:
        return ""
    return lines[1].removeprefix("register ")[:80] if len(lines) > 1 else ""


class RegisterFiles:
    """The files of an open register, known by device and inode.

    Args:
        is_whole: return whether SQLite finds the register undamaged. It is asked where the file is shorter than
            before: an erasure, of this process or another one, writes it anew without free space.
    """

    def __init__(self, path: Path, is_whole: Callable[[], bool]) -> None:
        self._path = path
        self._is_whole = is_whole
        self._known: dict[str, tuple[int, int]] = {}
        self._size = 0
        self.check()

    def check(self) -> None:
        """Raise RegisterUnavailable when a file of the register was deleted or replaced while it is open."""
        for ending in COMPANIONS:
            self._check(ending)

    def shortened(self) -> None:
        """Note that this process may have written the register anew, and shorter."""
        self._size = 0

    def _is_complete(self, size: int) -> bool:
        """Return whether the register is at least as long as before, or whole all the same."""
        was, self._size = self._size, size
        return size >= was or self._is_whole()

    def _check(self, ending: str) -> None:
        name = self._path.with_name(f"{self._path.name}{ending}")
        known = self._known.get(ending)
        try:
            found = name.lstat()
        except FileNotFoundError:
            if known is None:
                return
            what = "deleted"
        except OSError as error:
            raise RegisterUnavailable(f"{name}: cannot be looked at: {error.strerror}") from error
        else:
            here = (found.st_dev, found.st_ino)
            if self._known.setdefault(ending, here) == here and (ending or self._is_complete(found.st_size)):
                return
            what = "replaced by another file" if self._known[ending] != here else "cut short"
        raise RegisterUnavailable(
            f"{name}: {what} while capa-sync had it open; nothing more is read or written. Bring the file back, or "
            f"{_WAY_BACK}"
        )
