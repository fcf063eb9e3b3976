"""The gateway to SQLite: transactions and queries with clear errors, and the care of the file as a whole."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

from capa_sync.errors import RegisterUnavailable
from capa_sync.store.connections import Connections
from capa_sync.store.many_rows import in_blocks, run_many
from capa_sync.store.open_files import RegisterFiles, content_of
from capa_sync.store.sqlite_errors import DAMAGED, in_words

_PLACES = 500
_SHORT_WAIT = 500
"""Milliseconds to wait for readers before the log is emptied; it is tried again later."""
_ID = "SELECT MAX(value) FROM meta WHERE name = 'register_id'"
_STEP = 2_000
"""Pages that a copy takes in one step, between two reports of its progress."""

Copied = Callable[[int, int], None]
Row = tuple[Any, ...]
Params = Sequence[Any]


class Database:
    """A SQLite file in WAL mode, safe for many threads: one thread writes at a time, the others read committed rows.

    A thread inside `transaction()` reads its own uncommitted rows; every other thread reads the last commit.

    Attributes:
        before_commit: called inside each outermost transaction before it is committed; what it changes belongs to it.
    """

    def __init__(self, path: Path, *, read_only: bool = False, durable: bool = True) -> None:
        self.path = path
        self.read_only = read_only
        self._lock = threading.RLock()
        self._depth = 0
        self._owner = (
            0  # id of the thread inside transaction(), else 0; needs no lock: a thread looks only for its own id
        )
        self.before_commit: Callable[[], None] | None = None
        with in_words(path):
            self._connections = Connections(path, read_only=read_only, durable=durable)
        self.writer = self._connections.writer
        self._owned = nullcontext(self.writer.conn)  # the lock of a transaction keeps other threads from closing it
        self._files = RegisterFiles(path, self._connections.content, self._is_whole, self._lock)
        self._in_words = in_words(path, self.check_place)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Run a block as one transaction; nested blocks are savepoints of it.

        Raises RegisterUnavailable when the file cannot be written; then nothing of the outermost block is stored.
        """
        with self._lock, self._in_words:
            nested = self._depth > 0
            if not nested:
                self._files.check()
            self._run(f"SAVEPOINT nested_{self._depth}" if nested else "BEGIN IMMEDIATE")
            self._depth += 1
            self._owner = threading.get_ident()
            try:
                yield
                if not nested and self.before_commit is not None:
                    self.before_commit()
                self._run(f"RELEASE nested_{self._depth - 1}" if nested else "COMMIT")
                if not nested:
                    self._files.committed()
            except BaseException:
                self._undo(nested)
                raise
            finally:
                self._depth -= 1
                self._owner = threading.get_ident() if nested else 0

    def _undo(self, nested: bool) -> None:
        if not self.writer.conn.in_transaction:
            return  # SQLite has already rolled back, for example on a full disk
        if nested:
            self._run(f"ROLLBACK TO nested_{self._depth - 1}")
            self._run(f"RELEASE nested_{self._depth - 1}")
        else:
            self._run("ROLLBACK")

    def _run(self, statement: str) -> None:
        self.writer.conn.execute(statement)

    def execute(self, sql: str, params: Params = ()) -> int:
        """Run one changing statement (outside `transaction()` as its own transaction); return the rows changed."""
        if self._owner == threading.get_ident():  # one statement is atomic
            with self._in_words:
                return self.writer.conn.execute(sql, params).rowcount
        with self.transaction():
            return self.writer.conn.execute(sql, params).rowcount

    def execute_many(self, sql: str, rows: Iterable[Params]) -> None:
        """Run one changing statement for any number of rows, also none."""
        found = rows if isinstance(rows, list) else list(rows)
        if len(found) < 2:
            for row in found:
                self.execute(sql, row)
            return
        with self.transaction():
            run_many(self.writer.conn, sql, found)

    def execute_returning(self, sql: str, rows: list[Params]) -> list[Row]:
        """Run one changing statement that ends in RETURNING for many rows; return what it returned."""
        blocks, rest = in_blocks(sql, rows)
        with self.transaction():
            return [
                row
                for statement, values in (*blocks, *((sql, single) for single in rest))
                for row in self.writer.conn.execute(statement, values).fetchall()
            ]

    def stream(self, sql: str) -> Iterator[Row]:
        """Yield the rows of a query one by one, from inside a transaction that may write other tables meanwhile."""
        with self._in_words:
            yield from self.writer.conn.execute(sql)

    def rows(self, sql: str, params: Params = ()) -> list[Row]:
        """Return all rows of a query."""
        with self._in_words, self._reader() as connection:
            return connection.execute(sql, params).fetchall()

    def row(self, sql: str, params: Params = ()) -> Row | None:
        """Return the first row of a query, None when there is none."""
        with self._in_words, self._reader() as connection:
            found: Row | None = connection.execute(sql, params).fetchone()
            return found

    def value(self, sql: str, params: Params = ()) -> Any:
        """Return the first column of the first row, None when there is none."""
        found = self.row(sql, params)
        return None if found is None else found[0]

    def column(self, sql: str, params: Params = ()) -> list[Any]:
        """Return the first column of all rows of a query; row by row, because a large source has many."""
        with self._in_words, self._reader() as connection:
            return [row[0] for row in connection.execute(sql, params)]

    def rows_in(self, sql: str, lead: Params, wanted: Sequence[Any]) -> list[Row]:
        """Return the rows of a query that ends in `IN (?)`, for any number of wanted values."""
        found: list[Row] = []
        for start in range(0, len(wanted), _PLACES):
            part = wanted[start : start + _PLACES]
            places = ",".join("?" * len(part))
            found += self.rows(sql.replace("IN (?)", f"IN ({places})"), (*lead, *part))
        return found

    def _reader(self) -> AbstractContextManager[sqlite3.Connection]:
        return self._owned if self._owner == threading.get_ident() else self._connections.reader()

    def moment(self) -> AbstractContextManager[sqlite3.Connection]:
        """Open a connection whose queries all see the last commit of now, whatever is written meanwhile."""
        return self._connections.moment()

    @contextmanager
    def scratch(self) -> Iterator[sqlite3.Connection]:
        """Open an empty database in memory, for an index that lives as long as one question."""
        connection = sqlite3.connect(":memory:", isolation_level=None)
        try:
            yield connection
        finally:
            connection.close()

    @contextmanager
    def overwriting(self) -> Iterator[None]:
        """Have what a block deletes overwritten with zeros, where SQLite can do that in place; see `rewrite`."""
        before = self.writer.conn.execute("PRAGMA secure_delete").fetchone()[0]
        self.writer.conn.execute("PRAGMA secure_delete = ON")
        try:
            yield
        finally:
            self.writer.conn.execute(f"PRAGMA secure_delete = {int(before)}")

    def rewrite(self) -> None:
        """Write the whole file anew from what is in it: no free space keeps what was deleted or overwritten before.

        The log is emptied by `empty_log`. Raises RegisterUnavailable.
        """
        with self._lock, self._in_words:
            connection = self._connections.open(read_only=False)
            try:
                connection.execute("PRAGMA temp_store = FILE")  # as large as the register: not in memory
                connection.execute("VACUUM")
            finally:
                connection.close()
                self._files.shortened()

    def empty_log(self) -> bool:
        """Move the write-ahead log into the file and cut it to nothing; False where a reader keeps it.

        Raises RegisterUnavailable.
        """
        with self._lock, self._in_words:
            connection = self._connections.open(read_only=False)
            try:
                connection.execute(f"PRAGMA busy_timeout = {_SHORT_WAIT}")
                blocked, _pages, _moved = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            finally:
                connection.close()
                self._files.shortened()
        return not blocked

    def words(self) -> AbstractContextManager[None]:
        """Return a context in which SQLite's errors about this file become RegisterUnavailable."""
        return self._in_words

    @property
    def changed_rows(self) -> int:
        """Return how many rows this process has inserted, updated or deleted since it opened the file."""
        return self.writer.conn.total_changes

    def belongs_to(self, register: str) -> None:
        """Note the id of the register that was opened: another or an older one in its place is noticed."""
        with self._lock:
            self._files.belongs_to(register, content_of(self.writer.conn))

    def check_place(self) -> None:
        """Raise RegisterUnavailable when a file was deleted, replaced, cut or overwritten while it is open."""
        self._files.check()
        self._files.check_log_head()

    def check_damage(self, table: str = "") -> None:
        """Check for damage: the structure of the whole file, or one table thoroughly with its indexes.

        A separate connection without cached pages reads the file. Raises RegisterUnavailable.
        """
        sql = f'PRAGMA integrity_check("{table}")' if table else "PRAGMA quick_check(1)"
        found = self._connections.check(sql)
        if found not in ("ok", ""):
            raise RegisterUnavailable(f"{self.path}: {DAMAGED} ({' '.join(found.split())[:120]})")

    def _is_whole(self, register: str) -> bool:
        """Return whether SQLite finds no damage, and this register; only it may open the file, or its locks end."""
        try:
            self.check_damage()
            return not register or self._connections.check(_ID) in (register, "")
        except (RegisterUnavailable, sqlite3.Error):
            return False

    def copy_to(self, target: Path, *, shown: Path | None = None, copied: Copied | None = None) -> None:
        """Write a consistent copy, mode 0600, with SQLite's own backup. Raises RegisterUnavailable.

        `shown` is the target's name in messages; `copied` is called with the pages copied so far, and all of them.
        """
        try:
            os.close(os.open(target, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600))
        except OSError as error:
            raise RegisterUnavailable(f"{shown or target}: cannot be written: {error.strerror}") from error
        with in_words(shown or target):
            copy = sqlite3.connect(target)
            try:
                self._connect_and_back_up(copy, copied)
            finally:
                copy.close()

    def _connect_and_back_up(self, copy: sqlite3.Connection, copied: Copied | None) -> None:
        """Copy in steps inside one read transaction: without it, SQLite begins again at each commit of a daemon."""
        with self.moment() as origin:
            origin.backup(
                copy,
                pages=_STEP,
                progress=lambda _state, left, total: copied(total - left, total) if copied else None,
            )

    def close(self) -> None:
        """Close every connection; a check for damage that runs ends without a result."""
        self._connections.interrupt_checks()
        with self._lock:
            self._connections.close(keeps_log=self._files.is_lost)
