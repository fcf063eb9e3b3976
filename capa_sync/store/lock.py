"""The lock that reserves a register for one daemon: operating-system locks that end with their process."""

from __future__ import annotations

import fcntl
import os
import stat
from pathlib import Path
from types import TracebackType
from typing import Self

from capa_sync.errors import RegisterHeld, RegisterUnavailable
from capa_sync.store.place import marker_of

_held_here: dict[Path, RegisterLock] = {}


class RegisterLock:
    """An exclusive lock on `<register>.lock`; taken without waiting, released by `release` or the end of the process.

    It is a `flock` lock: a killed process releases it at once, and the remaining file alone locks nothing. The file
    contains the process id of the holder, for the error message of a second process.

    The register's marker is locked too, as soon as there is one: where somebody deletes the lock file under a daemon,
    a second daemon is still refused. The register itself is not: to close it would end the locks of SQLite.
    """

    def __init__(self, register: Path) -> None:
        self._register = register.absolute()
        self.path = self._register.with_name(self._register.name + ".lock")
        self._marker = marker_of(self._register)
        self._held: dict[Path, int] = {}

    def acquire(self) -> None:
        """Take the lock. Raises RegisterHeld with the holder's process id, RegisterUnavailable for another cause."""
        while (file := self._locked_file()) is None:
            continue  # the file was deleted or replaced before it was locked
        try:
            self._hold_marker()
            os.ftruncate(file, 0)
            os.pwrite(file, f"{os.getpid()}\n".encode(), 0)
        except RegisterUnavailable:
            os.close(file)
            raise
        except OSError as error:
            os.close(file)
            self.release()
            raise RegisterUnavailable(f"{self.path}: cannot be written: {error.strerror}") from error
        self._held[self.path] = file
        _held_here[self._register] = self

    def _locked_file(self) -> int | None:
        """Return the locked file, None where the path leads to another file by now."""
        try:
            file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except FileNotFoundError as error:
            what = f"{self._register}: there is no folder {self.path.parent}; make it, or correct `register`"
            raise RegisterUnavailable(what) from error
        except OSError as error:
            what = "a symbolic link; delete it" if self.path.is_symlink() else f"cannot be opened: {error.strerror}"
            raise RegisterUnavailable(f"{self.path}: {what}") from error
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(file, 32, 0).decode(errors="replace").strip() or "unknown"
            os.close(file)
            raise RegisterHeld(f"{self._register}: held by another capa-sync (process {holder})") from error
        except OSError as error:
            os.close(file)
            raise RegisterUnavailable(f"{self.path}: cannot be locked: {error.strerror}") from error
        if _is_at(self.path, file):
            return file
        os.close(file)
        return None

    def _hold_marker(self) -> None:
        """Lock the marker, where there is one that can be locked. Raises RegisterHeld when it is held."""
        while (file := _opened(self._marker)) is not None:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                os.close(file)
                what = f"held by another capa-sync, whose {self.path.name} was deleted; end that one first"
                raise RegisterHeld(f"{self._register}: {what}") from error
            except OSError:
                os.close(file)
                return
            if _is_at(self._marker, file):
                self._held[self._marker] = file
                return
            os.close(file)

    def check(self) -> None:
        """Raise RegisterUnavailable when a locked file was deleted or replaced: a second daemon may be at work.

        A marker that was made meanwhile is locked.
        """
        for path, file in list(self._held.items()):
            if not _is_at(path, file):
                what = "replaced by another file" if path.exists() else "deleted"
                raise RegisterUnavailable(
                    f"{path}: {what} while capa-sync held the register, so a second daemon may have begun; nothing "
                    "more is read or written. See that no other one runs on this register, and start again"
                )
        if self._marker not in self._held:
            self._hold_marker()

    def release(self) -> None:
        """Release the lock; does nothing when it is not held."""
        if self.path in self._held:
            del _held_here[self._register]
        while self._held:
            os.close(self._held.popitem()[1])

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def _opened(path: Path) -> int | None:
    """Return an open regular file, None where there is none that can be read."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    if stat.S_ISREG(os.fstat(file).st_mode):
        return file
    os.close(file)
    return None


def _is_at(path: Path, file: int) -> bool:
    """Return whether a path leads to an open file."""
    try:
        return os.path.samestat(path.stat(), os.fstat(file))
    except FileNotFoundError:
        return False
    except OSError as error:
        raise RegisterUnavailable(f"{path}: cannot be looked at: {error.strerror}") from error


def is_held_here(register: Path) -> bool:
    """Return whether this process holds the register's lock."""
    return register.absolute() in _held_here


def check_lock(register: Path) -> None:
    """Raise RegisterUnavailable when this process holds the register, and its lock was deleted or replaced."""
    if (lock := _held_here.get(register.absolute())) is not None:
        lock.check()
