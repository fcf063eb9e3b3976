"""Statements over the public views in processes of their own, which the kernel ends in time.

SQLite looks at the clock between loops of its own machine alone. One call of a function may take minutes there
(`replace`, `trim` or `instr` over long texts), and hundreds of calls can stand between two looks.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from contextlib import suppress
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from threading import Lock
from typing import Any, NoReturn

from capa_sync.errors import Problem, RegisterUnavailable, UserError
from capa_sync.model.answered import AnsweredRows
from capa_sync.web import reader_views
from capa_sync.web.reader_views import ReaderViews, took_too_long

GRACE = 1.0
"""Seconds beyond a statement's own time after which its process is killed."""
_Found = AnsweredRows | list[Problem] | str
"""Rows, mistakes of the statement, or why the register cannot be read."""


class BoundedViews:
    """Answers as ReaderViews does, one statement after the other, each in a process that the kernel ends.

    A keeper process is forked at once, from which those of the statements are forked: make it before any thread
    begins, as a fork beside threads may copy a lock that nobody releases.
    """

    def __init__(self, views: ReaderViews) -> None:
        self._lock = Lock()
        self._pipe, theirs = Pipe()
        self._keeper = os.fork()
        if not self._keeper:
            self._pipe.close()
            _keep(views, theirs)
        theirs.close()

    def rows(self, sql: str, values: Sequence[str] = (), *, most: int) -> AnsweredRows:
        """Return what one statement answers, at most so many rows. Raises UserError and RegisterUnavailable."""
        with self._lock:
            self._pipe.send((sql, tuple(values), most))
            found: _Found = self._pipe.recv()
        if isinstance(found, str):
            raise RegisterUnavailable(found)
        if isinstance(found, list):
            raise UserError(found)
        return found

    def close(self) -> None:
        """End the keeper and a statement under way; a thread that waits for its answer gets EOFError."""
        with suppress(ProcessLookupError):
            os.killpg(self._keeper, signal.SIGKILL)
        with suppress(ChildProcessError):
            os.waitpid(self._keeper, 0)


def _keep(views: ReaderViews, asked: Connection[Any, Any]) -> NoReturn:
    """Fork a process for each statement, until the other end of the pipe is closed."""
    try:
        os.setsid()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGALRM):
            signal.signal(number, signal.SIG_DFL)
        nothing = os.open(os.devnull, os.O_RDWR)
        for stream in range(3):  # who talks to the server sees its end as soon as the server itself has ended
            os.dup2(nothing, stream)
        while True:
            statement = asked.recv()
            child = os.fork()
            if not child:
                _answer(views, statement, asked)
            _pid, status = os.waitpid(child, 0)
            if status:
                asked.send([_why(status)])
    finally:
        os._exit(0)


def _answer(views: ReaderViews, statement: tuple[str, Sequence[str], int], asked: Connection[Any, Any]) -> NoReturn:
    """Send the answer to one statement and end; the exit status says whether it was sent."""
    status = 1
    try:
        signal.setitimer(signal.ITIMER_REAL, reader_views.SECONDS + GRACE)
        found = _found(views, *statement)
        signal.setitimer(signal.ITIMER_REAL, 0)  # half an answer would spoil the pipe
        asked.send(found)
        status = 0
    finally:
        os._exit(status)


def _found(views: ReaderViews, sql: str, values: Sequence[str], most: int) -> _Found:
    try:
        return views.rows(sql, values, most=most)
    except UserError as error:
        return error.problems
    except RegisterUnavailable as error:
        return str(error)


def _why(status: int) -> Problem:
    """Return why a statement's process ended without an answer."""
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGALRM:
        return took_too_long()
    return Problem("", 0, "the statement cannot be answered: its process ended", "ask for less at once")
