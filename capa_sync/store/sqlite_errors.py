"""What SQLite's errors about the register's file mean, in words that say what is wrong with it."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from capa_sync.errors import RegisterUnavailable
from capa_sync.store.unreadable import unreadable

DAMAGED = "damaged; put the file aside and restore the last backup (docs/operating.md, Restore)"
_ROOM = "make room, and start again; what was stored is kept"
_MEANINGS: tuple[tuple[str, str], ...] = (
    ("SQLITE_FULL", f"the disk is full; {_ROOM}"),
    ("SQLITE_BUSY", "busy: another process is writing to it"),
    ("SQLITE_LOCKED", "busy: another process is writing to it"),
    ("SQLITE_READONLY", "cannot be written (read-only); let this account write the file, and start again"),
    ("SQLITE_PERM", "access is denied"),
    ("SQLITE_AUTH", "access is denied"),
    ("SQLITE_CANTOPEN", "cannot be opened"),
    ("SQLITE_IOERR", f"the disk does not take it (full, or an input/output error); {_ROOM}"),
    ("SQLITE_CORRUPT", DAMAGED),
    ("SQLITE_NOTADB", "not a register (no SQLite file)"),
    ("SQLITE_NOLFS", "too large for this file system"),
)
_MAY_BE_HARMED = ("SQLITE_IOERR", "SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_CANTOPEN")
"""What SQLite says, too, when a file was deleted, cut or overwritten while it had it open."""


class in_words:  # noqa: N801 - read as a word: `with in_words(path)`
    """Turn SQLite's errors about the file and its content into RegisterUnavailable; other errors pass unchanged.

    No generator: it is around each query, and a poll makes fifty.

    Args:
        look: raise RegisterUnavailable when the files are not those that were opened: a truer cause than SQLite's.
    """

    __slots__ = ("_look", "_path")

    def __init__(self, path: Path, look: Callable[[], None] | None = None) -> None:
        self._path = path
        self._look = look

    def __enter__(self) -> None:
        """Begin what may raise."""

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        """Raise RegisterUnavailable in place of an error that SQLite has about the file."""
        if isinstance(error, sqlite3.Error):
            name = getattr(error, "sqlite_errorname", "") or ""
            if self._look is not None and name.startswith(_MAY_BE_HARMED):
                self._look()
            _raise_in_words(error, name, self._path)


def _raise_in_words(error: sqlite3.Error, name: str, path: Path) -> None:
    for start, meaning in _MEANINGS:
        if name.startswith(start):
            raise RegisterUnavailable(f"{path}: {meaning}{_why(path, name)}") from error
    if what := _other_content(path, error, name):
        raise unreadable(what, error, path) from error


def _other_content(path: Path, error: sqlite3.Error, name: str) -> str:
    """Return what a file holds that capa-sync does not write, "" where the statement is to blame: a fault of ours."""
    if not name:  # of Python's module, not of SQLite
        return "a text that is no UTF-8" if str(error).startswith("Could not decode to UTF-8") else ""
    if name != "SQLITE_ERROR":
        return ""
    if str(error) == "malformed JSON":
        return "JSON that cannot be read"
    from capa_sync.store.shape import other_table

    table = other_table(path)
    return f"another table {table}, or none" if table else ""


def _why(path: Path, name: str) -> str:
    """Return why a file cannot be opened, where its folder shows it; "" for other errors."""
    if not name.startswith("SQLITE_CANTOPEN"):
        return ""
    if not path.parent.is_dir():
        return ": its folder is not there"
    is_writable = os.access(path.parent, os.W_OK)
    return "" if is_writable else ": its folder cannot be written, and reading needs that, too; mount it writable"
