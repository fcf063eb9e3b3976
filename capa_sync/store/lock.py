"""The lock that lets one daemon hold a register: an operating-system lock, which dies with its process."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from capa_sync.errors import RegisterUnavailable

_held_here: set[Path] = set()


class RegisterLock:
    """An exclusive lock on `<register>.lock`; taken without waiting, released by `release` or the process's end.

    The lock is `flock`'s: a killed process frees it at once, and the file left behind means nothing by itself.
    It holds the holder's process id as text, for the message to the second one.
    """

    def __init__(self, register: Path) -> None:
        self._register = register.absolute()
        self.path = self._register.with_name(self._register.name + ".lock")
        self._file: int | None = None

    def acquire(self) -> None:
        """Take the lock. Raises RegisterUnavailable naming the holder's process when it is held."""
        try:
            file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise RegisterUnavailable(f"{self.path}: cannot be opened: {error.strerror}") from error
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
        """Give the lock back; nothing happens when it is not held."""
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
    """Tell whether this process holds the register's lock."""
    return register.absolute() in _held_here
