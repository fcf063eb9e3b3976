"""What SQLite's errors about the register's file mean, in words that say what is wrong with it."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from capa_sync.errors import RegisterUnavailable

DAMAGED = "damaged; put the file aside and restore the last backup (docs/operating.md, Restore)"
_MEANINGS: tuple[tuple[str, str], ...] = (
    ("SQLITE_FULL", "the disk is full"),
    ("SQLITE_BUSY", "busy: another process is writing to it"),
    ("SQLITE_LOCKED", "busy: another process is writing to it"),
    ("SQLITE_READONLY", "cannot be written (read-only)"),
    ("SQLITE_PERM", "access is denied"),
    ("SQLITE_AUTH", "access is denied"),
    ("SQLITE_CANTOPEN", "cannot be opened"),
    ("SQLITE_IOERR", "the disk does not take it (input/output error, or full)"),
    ("SQLITE_CORRUPT", DAMAGED),
    ("SQLITE_NOTADB", "not a register (no SQLite file)"),
    ("SQLITE_NOLFS", "too large for this file system"),
)


def not_ours(path: Path, why: str) -> str:
    """Return the message about a whole SQLite file whose content is not that of a register."""
    return (
        f"{path}: its content is not what capa-sync writes ({why}); put the file aside and restore the last backup "
        "(docs/operating.md, Restore)"
    )


@contextmanager
def in_words(path: Path) -> Iterator[None]:
    """Turn SQLite's errors about the file into RegisterUnavailable; other errors pass unchanged."""
    try:
        yield
    except sqlite3.Error as error:
        name = getattr(error, "sqlite_errorname", "") or ""
        for start, meaning in _MEANINGS:
            if name.startswith(start):
                raise RegisterUnavailable(f"{path}: {meaning}{_why(path, name)}") from error
        raise


def _why(path: Path, name: str) -> str:
    """Return why a file cannot be opened, where its folder shows it; "" for other errors."""
    if not name.startswith("SQLITE_CANTOPEN"):
        return ""
    if not path.parent.is_dir():
        return ": its folder is not there"
    is_writable = os.access(path.parent, os.W_OK)
    return "" if is_writable else ": its folder cannot be written, and reading needs that, too; mount it writable"
