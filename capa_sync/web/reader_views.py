"""Statements over the public views as a reader sees them, for programs: bounded in time, rows, text and memory."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from capa_sync.errors import Problem, RegisterUnavailable, UserError
from capa_sync.model.answered import AnsweredRows
from capa_sync.model.visitor import AccessRole
from capa_sync.web.database import CLOSED, PageDatabase
from capa_sync.web.masking import HARMLESS

SECONDS = 5.0
"""How long one statement may run; a single call of a function may outlast it, see bounded_views."""
CELL = 4_000
"""Characters of one value; the rest is left out, and counted."""
_TEXT = 200_000
"""Characters of all values of an answer; rows beyond are left out."""
_LENGTH = 20_000_000
"""Bytes of one value or row inside a statement; the largest part of a ticket has 4 MB."""
_HEAP = 512 * 1024 * 1024
"""Bytes that SQLite may use in this process: a sort of many joined rows ends with an error instead of more."""
_STEPS = 20_000
"""Steps of SQLite's machine between two looks at the clock: some milliseconds."""
_HINT = f"ask with one SELECT over {', '.join(HARMLESS)}"


class ReaderViews:
    """The public views of a register file, masked as on the page; each statement has a connection of its own.

    A register that was replaced or brought up to date in the meantime is therefore read as it is now.
    """

    def __init__(self, file: Path) -> None:
        self._file = file

    def check(self) -> None:
        """Raise RegisterUnavailable when the file is missing, or no register of this version."""
        if not self._file.is_file():
            raise RegisterUnavailable(f"{self._file}: there is no register yet; `capa-sync sync` makes it")
        self._connected().close()

    def rows(self, sql: str, values: Sequence[str] = (), *, most: int) -> AnsweredRows:
        """Return what one statement answers, at most so many rows.

        Raises UserError: it is no single SELECT over the views, has a mistake, or takes too long; and
        RegisterUnavailable.
        """
        with closing(self._connected()) as connection:
            connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LENGTH)
            deadline = time.monotonic() + SECONDS
            connection.set_progress_handler(lambda: time.monotonic() > deadline, _STEPS)
            try:
                return _fetched(connection.execute(sql, values), most)
            except (sqlite3.Error, sqlite3.Warning, ValueError, MemoryError) as error:
                raise _refused(error, is_late=time.monotonic() > deadline) from None

    def _connected(self) -> sqlite3.Connection:
        return PageDatabase(None, self._file, AccessRole.READER).connect()


def limit_memory() -> None:
    """Let all statements of this process together take no more than half a gibibyte."""
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute(f"PRAGMA hard_heap_limit = {_HEAP}")


def took_too_long() -> Problem:
    """Return the mistake of a statement whose time is over."""
    hint = "narrow it with WHERE source = … AND ticket_id = …, or ask for fewer joins"
    return Problem("", 0, f"the statement took longer than {SECONDS:.0f} seconds", hint)


def _fetched(cursor: sqlite3.Cursor, most: int) -> AnsweredRows:
    if cursor.description is None:
        raise UserError([Problem("", 0, "this statement answers no rows", _HINT)])
    columns = [column[0] for column in cursor.description]
    rows, length = list[list[Any]](), 0
    for row in cursor:
        shown = [_cell(value) for value in row]
        length += sum(len(value) for value in shown if isinstance(value, str))
        if len(rows) == most or (rows and length > _TEXT):
            return AnsweredRows(columns, rows, is_cut=True)
        rows.append(shown)
    return AnsweredRows(columns, rows, is_cut=False)


def _cell(value: object) -> object:
    if isinstance(value, bytes):
        return f"({len(value)} bytes)"
    if not isinstance(value, str) or len(value) <= CELL:
        return value
    return f"{value[:CELL]}… [{len(value) - CELL} more characters]"


def _refused(error: Exception, *, is_late: bool) -> UserError:
    """Return the mistake in words; SQLite's messages quote the statement alone, never a row."""
    if is_late:
        return UserError([took_too_long()])
    if getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_AUTH or CLOSED in str(error):
        return UserError([Problem("", 0, "the statement reads or changes something else than the views", _HINT)])
    return UserError([Problem("", 0, f"the statement cannot be answered: {error}", _HINT)])
