"""The files of an open register: noticed when they are deleted, replaced, cut or overwritten under this process."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, suppress
from pathlib import Path

from capa_sync.errors import RegisterUnavailable
from capa_sync.model.light import light
from capa_sync.store.lock import check_lock
from capa_sync.store.place import COMPANIONS, WAY_BACK

_STILL = 0.5
"""Seconds for which a file that looks wrong must not have changed: another process may be writing it just now."""
_LOG_HEAD = 32
_LOG_MAGIC = b"\x37\x7f\x06"
"""First bytes of a write-ahead log that is not empty; the fourth one tells the order of bytes in its checksums."""
_OVERWRITTEN = "overwritten by another file"
_CUT = "cut short"


@light
class FileContent:
    """What the register's file says by itself, without its log.

    Attributes:
        register: the register's id. counters: name -> a number that is never counted down, the last id of a table or,
            under "", the version of the schema: an older file has a lower one. SQLite raises them in the file when it
            copies the log into it.
    """

    register: str
    counters: Mapping[str, int]

    def is_before(self, other: FileContent) -> bool:
        """Return whether this is of a former time."""
        return any(number < other.counters.get(name, 0) for name, number in self.counters.items())


def content_of(connection: sqlite3.Connection) -> FileContent | None:
    """Return what a connection sees; None where it cannot read it."""
    try:
        counters = dict(connection.execute("SELECT name, seq FROM sqlite_sequence").fetchall())
        counters[""] = connection.execute("PRAGMA schema_version").fetchone()[0]
        found = connection.execute("SELECT value FROM meta WHERE name = 'register_id'").fetchone()
    except sqlite3.Error:
        return None
    return FileContent(str(found[0]), counters) if found else None


class RegisterFiles:
    """The files of an open register, known by device, inode and size, and the register by what it says.

    Its content is looked at when the file has changed: SQLite has copied the log into it, or somebody wrote.

    Args:
        content: return what the file says by itself, None where that cannot be read.
        is_whole: return whether SQLite finds the register undamaged, and of that id if it is not "". Asked where a
            file is shorter than before: an erasure, of this process or another one, writes the register anew
            without free space, and empties its log.
        alone: a lock; while a thread holds it, this process neither writes nor copies the log into the register.

    What was found wrong stays wrong: as soon as SQLite has written, a look may find nothing any more.
    """

    def __init__(
        self,
        path: Path,
        content: Callable[[], FileContent | None],
        is_whole: Callable[[str], bool],
        alone: AbstractContextManager[object],
    ) -> None:
        self._path = path
        self._names = {ending: str(path.with_name(f"{path.name}{ending}")) for ending in COMPANIONS}
        self._look = content
        self._is_whole = is_whole
        self._alone = alone
        self._known: dict[str, tuple[int, int]] = {}
        self._sizes = dict.fromkeys(COMPANIONS, 0)
        self._changed_at = 0
        self._id = ""
        self._content: FileContent | None = None
        self._found_wrong = ""
        self.check()

    @property
    def is_lost(self) -> bool:
        """Return whether a file was found wrong: SQLite's log is then not to be copied into the register."""
        return bool(self._found_wrong)

    def belongs_to(self, register: str, content: FileContent | None) -> None:
        """Watch the content from now on: the register's id, and what the file says, or may say, at present.

        `content` is what SQLite sees. Where there is a log, the file alone is looked at, as it may lag behind.
        """
        found, log = self._found(""), self._found("-wal")
        self._id = register
        self._content = content if log is None or not log.st_size else self._look()
        if found is not None:
            self._sizes[""], self._changed_at = found.st_size, found.st_ctime_ns

    def shortened(self) -> None:
        """Note that this process may have written the register anew, and shorter, and emptied its log."""
        self._sizes[""] = self._sizes["-wal"] = 0

    def committed(self) -> None:
        """Note the length of the log after a commit of this process."""
        with suppress(OSError):
            self._sizes["-wal"] = os.lstat(self._names["-wal"]).st_size

    def check(self) -> None:
        """Raise RegisterUnavailable when a file was deleted, replaced, cut or overwritten while it is open.

        Where this process holds the register's lock, that counts, too.
        """
        if self._found_wrong:
            raise RegisterUnavailable(self._found_wrong)
        check_lock(self._path)
        sizes = dict(self._sizes)  # before the look: another thread may look meanwhile, at files that grow
        found = {ending: self._found(ending) for ending in COMPANIONS}
        register, log, index = (found[ending] for ending in COMPANIONS)
        if index is not None:
            self._check_index(index.st_size, sizes["-shm"])
        if log is not None:
            self._check_log(log.st_size, sizes["-wal"])
        if register is not None and (register.st_size, register.st_ctime_ns) != (self._sizes[""], self._changed_at):
            with self._alone:
                self._check_register()

    def check_log_head(self) -> None:
        """Raise RegisterUnavailable when the log begins with nothing: it was emptied, and then written on.

        The log may be opened and closed here, unlike the other two: SQLite locks no part of it.
        """
        try:
            with Path(self._names["-wal"]).open("rb") as file:
                head = file.read(_LOG_HEAD)
        except OSError:
            return
        if len(head) == _LOG_HEAD and not head.startswith(_LOG_MAGIC):
            raise self._lost("-wal", _OVERWRITTEN)

    def _found(self, ending: str) -> os.stat_result | None:
        """Return what is known of a file, None where there never was one. Raises RegisterUnavailable."""
        name = self._names[ending]
        try:
            found = os.lstat(name)  # of a text, not of a Path: this is asked before each transaction
        except FileNotFoundError:
            if ending not in self._known:
                return None
            raise self._lost(ending, "deleted") from None
        except OSError as error:
            raise RegisterUnavailable(f"{name}: cannot be looked at: {error.strerror}") from error
        here = (found.st_dev, found.st_ino)
        if self._known.setdefault(ending, here) != here:
            raise self._lost(ending, "replaced by another file")
        return found

    def _check_index(self, size: int, known: int) -> None:
        """Check the log's index, which SQLite only lengthens.

        A process that reads what was cut off is ended by a signal (SIGBUS), so the length is given back first: what
        reads zeros there makes the index anew from the log.
        """
        if size < known:
            with suppress(OSError):
                os.truncate(self._names["-shm"], known)
            raise self._lost("-shm", _CUT)
        self._sizes["-shm"] = size

    def _check_log(self, size: int, known: int) -> None:
        """Check the log, which SQLite shortens only when all of it is in the register."""
        if size < known and not self._is_whole(self._id):
            raise self._lost("-wal", _CUT)
        self._sizes["-wal"] = size

    def _check_register(self) -> None:
        found = self._found("")
        while found is not None and (fault := self._fault(found.st_size)):
            threading.Event().wait(_STILL)
            before, found = found, self._found("")
            if found is not None and (found.st_size, found.st_ctime_ns) == (before.st_size, before.st_ctime_ns):
                raise self._lost("", fault)
        if found is not None:
            self._sizes[""], self._changed_at = found.st_size, found.st_ctime_ns

    def _fault(self, size: int) -> str:
        """Return what is wrong with the register, "" for nothing; then what it says is known from now on.

        What cannot be read is no fault where SQLite can: a new register is in its log alone.
        """
        if not self._id:
            return ""  # it is being opened
        if not size:
            return _CUT  # and SQLite is not asked: it would delete the log of an empty file
        content, is_shorter = self._look(), size < self._sizes[""]
        if content is not None and self._is_other(content):
            return _OVERWRITTEN
        if (content is None or is_shorter) and not self._is_whole(self._id):
            return _CUT if is_shorter else _OVERWRITTEN
        self._content = content or self._content
        return ""

    def _is_other(self, content: FileContent) -> bool:
        return content.register != self._id or (self._content is not None and content.is_before(self._content))

    def _lost(self, ending: str, what: str) -> RegisterUnavailable:
        """Note that the files are not those that were opened, and return the error that says so."""
        if ending == "-shm":
            way = "The register itself is as it was: end every process that has it open, and start again"
        elif what == _OVERWRITTEN:
            way = (
                "The log beside it is of the former one: end every process that has it open, put the last backup in "
                "its place with `capa-sync register restore` (docs/operating.md, Restore), and start again"
            )
        else:
            way = f"Bring the file back, or {WAY_BACK}"
        begin = f"{self._names[ending]}: {what} while capa-sync had it open; nothing more is read or written."
        self._found_wrong = f"{begin} {way}"
        return RegisterUnavailable(self._found_wrong)
