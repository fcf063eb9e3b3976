"""The lock that reserves a register for one daemon: an operating-system lock that ends with its process."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from capa_sync.errors import RegisterUnavailable

_held_here: set[Path] = set()


class RegisterLock:
    """An exclusive lock on `<register>.lock`; taken without waiting, released by `release` or the end of the process.

    It is a `flock` lock: a killed process releases it at once, and the remaining file alone locks nothing. The file
    contains the process id of the holder, for the error message of a second process.
    """

    def __init__(self, register: Path) -> None:
        self._register = register.absolute()
        self.path = self._register.with_name(self._register.name + ".lock")
        self._file: int | None = None

    def acquire(self) -> None:
        """Take the lock. Raises RegisterUnavailable with the holder's process id when it is held."""
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
            os.ftruncate(file, 0)
            os.pwrite(file, f"{os.getpid()}\n".encode(), 0)
        except BlockingIOError as error:
            holder = os.pread(file, 32, 0).decode(errors="replace").strip() or "unknown"
            os.close(file)
            raise RegisterUnavailable(f"{self._register}: held by another capa-sync (process {holder})") from error
        except OSError as error:
            os.close(file)
            raise RegisterUnavailable(f"{self.path}: cannot be written: {error.strerror}") from error
        self._file = file
        _held_here.add(self._register)

    def release(self) -> None:
        """Release the lock; does nothing when it is not held."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
            _held_here.discard(self._register)

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def is_held_here(register: Path) -> bool:
    """Return whether this process holds the register's lock."""
    return register.absolute() in _held_here
