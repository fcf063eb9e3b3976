"""Connections to a SQLite file: one that writes, one per thread that reads, and some for one task."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from types import TracebackType

from capa_sync.store.open_files import FileContent, content_of
from capa_sync.store.sqlite_errors import in_words
from capa_sync.store.sqlite_library import Library

BUSY_SECONDS = 10.0
_SWITCH_PAUSE = 0.05  # seconds between two tries to switch a new file to WAL
_CACHE_KIB = 16_384  # doubling it made neither a backfill nor a first cycle of 20,000 tickets faster
_PAGE = 16_384
"""Page size of a new register in bytes: a raw part of some kilobytes fits in one page."""
_CHECKPOINT = 32 * 1024 * 1024
"""Size of the write-ahead log, in bytes, at which SQLite copies it into the file.

A page of a sweep of Jira Cloud takes 16 MiB: at that size each commit was followed by a copy, and a backfill took a
twentieth longer than at this one.
"""


class Reader:
    """The reading connection of one thread. Entering it, while a query runs, keeps other threads from closing it."""

    __slots__ = ("connection", "lock")

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self.lock = threading.RLock()

    def __enter__(self) -> sqlite3.Connection:
        """Begin a query."""
        self.lock.acquire()
        return self.connection

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _: TracebackType | None
    ) -> None:
        """End it."""
        self.lock.release()


class Connections:
    """The open connections to one file in WAL mode.

    Attributes:
        writer: the only one that changes rows; where the file is opened to be read alone, it reads.
    """

    def __init__(self, path: Path, *, read_only: bool, durable: bool = True) -> None:
        self._path = path
        self._synchronous = "FULL" if durable else "OFF"
        self._local = threading.local()
        self._readers: list[Reader] = []
        self._checks: list[sqlite3.Connection] = []
        self._is_closed = False
        self.writer = Library(self.open(read_only=read_only), execute_plugins=False)
        if not read_only:
            self._set_up_writing()
        self.writer.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        self.writer.execute("PRAGMA temp_store = MEMORY")

    def _set_up_writing(self) -> None:
        self.writer.execute(f"PRAGMA page_size = {_PAGE}")  # an existing file keeps its page size
        self._switch_to_wal()
        self.writer.execute(f"PRAGMA synchronous = {self._synchronous}")
        pages = _CHECKPOINT // self.writer.execute("PRAGMA page_size").fetchone()[0]
        self.writer.execute(f"PRAGMA wal_autocheckpoint = {pages}")
        self.writer.execute("PRAGMA foreign_keys = ON")

    def _switch_to_wal(self) -> None:
        """Switch to WAL; retry, because SQLite does not wait while another process switches too."""
        pause = threading.Event()
        for _attempt in range(int(BUSY_SECONDS / _SWITCH_PAUSE)):
            try:
                self.writer.execute("PRAGMA journal_mode = WAL")
            except sqlite3.OperationalError as error:
                if not (getattr(error, "sqlite_errorname", "") or "").startswith("SQLITE_BUSY"):
                    raise
                pause.wait(_SWITCH_PAUSE)
            else:
                return
        self.writer.execute("PRAGMA journal_mode = WAL")

    def open(self, *, read_only: bool) -> sqlite3.Connection:
        """Return another connection, which the caller closes."""
        mode = "ro" if read_only else "rw"
        return sqlite3.connect(
            f"{self._path.absolute().as_uri()}?mode={mode}",
            uri=True,
            timeout=BUSY_SECONDS,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=256,
        )

    def reader(self) -> Reader:
        """Return the reading connection of this thread."""
        reader: Reader | None = getattr(self._local, "reader", None)
        if reader is None:
            reader = Reader(self.open(read_only=True))
            reader.connection.execute("PRAGMA query_only = ON")
            self._local.reader = reader
            self._readers.append(reader)
        return reader

    def content(self) -> FileContent | None:
        """Return what the file says by itself, without its log; None where that cannot be read.

        SQLite opens it, without a lock ("immutable"), and not this process: to close a file that SQLite has open
        elsewhere would end its locks.
        """
        try:
            connection = sqlite3.connect(f"{self._path.absolute().as_uri()}?mode=ro&immutable=1", uri=True)
        except sqlite3.Error:
            return None
        with closing(connection):
            return content_of(connection)

    @contextmanager
    def moment(self) -> Iterator[sqlite3.Connection]:
        """Open a connection whose queries all see the last commit of now, whatever is written meanwhile."""
        with in_words(self._path):
            connection = self.open(read_only=True)
        try:
            with in_words(self._path):
                connection.execute("BEGIN")
                connection.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()
            yield connection
        finally:
            connection.close()

    def check(self, sql: str) -> str:
        """Return what a check for damage finds, "" when it was interrupted; its connection has no cached pages."""
        check = self.open(read_only=True)
        self._checks.append(check)
        try:
            with in_words(self._path):
                return str(check.execute(sql).fetchone()[0])
        except sqlite3.OperationalError:
            if self._is_closed:
                return ""
            raise
        finally:
            self._checks.remove(check)
            check.close()

    def interrupt_checks(self) -> None:
        """End the checks that run."""
        self._is_closed = True
        for check in list(self._checks):
            with suppress(sqlite3.ProgrammingError):  # its thread has just closed it
                check.interrupt()

    def close(self, *, keeps_log: bool = False) -> None:
        """Close the connections that write and read, but not one with which another thread reads at this instant.

        To close that one would end the process by a signal; it ends with the process, as a daemon thread does. The
        last one that closes copies the log into the file, and deletes it. With `keeps_log` that is one that may
        only read, and can do neither: the file is no longer the one that was opened.
        """
        if keeps_log:
            self.writer.close()  # while the thread that opened the register still reads
        for reader in self._readers:
            if reader.lock.acquire(blocking=False):
                reader.connection.close()
                reader.lock.release()
        self._readers.clear()
        self._local = threading.local()
        self.writer.close()
