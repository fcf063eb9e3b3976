"""The steps of a capa-sync process, observed below its own code: each COMMIT of the register, each HTTP request.

Runs inside the process (`fork_server`). Between two steps a process changes nothing that outlives it: a kill right
before a step is also one after the step before it. `record:FILE` records them, `kill:N WORDS` is `kill -9` before the
Nth step of these words, whichever of several threads comes first. `compute:N WORDS` computes something
there that lets no other thread run for minutes. `kill-sql:N` is `kill -9` before the Nth statement that ends a
transaction in SQLite or writes its file anew; `record-sql:FILE` records these.
"""

from __future__ import annotations

import os
import re
import signal
import sqlite3
import sys
import threading
from collections.abc import Callable, Container
from pathlib import Path
from typing import Any

from requests import PreparedRequest, Response
from requests.adapters import HTTPAdapter

from capa_sync.store.database import Database

VARIABLE = "TEST_STEPS"
COMMIT = "COMMIT"
_ENDS = (COMMIT, "END", "INSERT", "UPDATE", "DELETE", "REPLACE", "CREATE", "DROP", "ALTER")

_REWRITES_BY = {"VACUUM": "VACUUM", "PRAGMA wal_checkpoint(TRUNCATE)": "CHECKPOINT"}
_REWRITES = tuple(_REWRITES_BY.values())


def install(order: str) -> None:
    """Watch this process from now on, as `record:FILE` or `kill:N WORDS` says."""
    mode, _, argument = order.partition(":")
    if mode == "record":
        file = Path(argument)
        watch(_Note(file))
        _trace_sqlite(_Note(traced(file)), _ENDS)
    elif mode == "kill-sql":
        _trace_sqlite(_ActAtStep("", int(argument), _kill_process), (*_ENDS, *_REWRITES))
    elif mode == "record-sql":
        _trace_sqlite(_Note(Path(argument)), (*_ENDS, *_REWRITES))
    else:
        number, _, words = argument.partition(" ")
        watch(_ActAtStep(words, int(number), _compute if mode == "compute" else _kill_process))


def traced(file: Path) -> Path:
    """Return the file in which a recording writes every statement that ended a transaction in SQLite."""
    return file.with_suffix(".sql")


def watch(step: Callable[[str], None]) -> None:
    """Call `step` before each step with its words."""
    run, send = Database._run, HTTPAdapter.send

    def counted_run(self: Database, statement: str) -> None:
        if statement == COMMIT:
            step(COMMIT)
        run(self, statement)

    def counted_send(self: HTTPAdapter, request: PreparedRequest, *args: Any, **options: Any) -> Response:
        step(f"{request.method} {request.path_url}")
        return send(self, request, *args, **options)

    Database._run = counted_run  # type: ignore[method-assign]
    HTTPAdapter.send = counted_send  # type: ignore[method-assign]


def _trace_sqlite(note: Callable[[str], None], words: Container[str]) -> None:
    """Call `note` before each statement that stores anything: a COMMIT, or a change outside of every transaction."""
    connect = sqlite3.connect

    def traced_connect(*args: Any, **options: Any) -> sqlite3.Connection:
        connection = connect(*args, **options)

        def look(statement: str) -> None:
            word = _REWRITES_BY.get(statement) or statement.lstrip().partition(" ")[0].upper()
            if word in words and (word in _ENDS[:2] or not connection.in_transaction):
                note(word)

        connection.set_trace_callback(look)
        return connection

    sqlite3.connect = traced_connect  # type: ignore[assignment]


class _Note:
    """Appends a line to a file."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._lock = threading.Lock()

    def __call__(self, words: str) -> None:
        with self._lock, self._file.open("a", encoding="utf-8") as lines:
            lines.write(words + "\n")


class _ActAtStep:
    """Counts the steps with some words, and acts before the Nth: it kills the process, or computes."""

    def __init__(self, words: str, number: int, act: Callable[[], object]) -> None:
        self._act = act
        self._words = words
        self._left = number
        self._lock = threading.Lock()

    def __call__(self, words: str) -> None:
        with self._lock:
            is_meant = self._words in ("", words)
            self._left -= is_meant
            is_reached = is_meant and self._left == 0
        if is_reached:
            self._act()


def _kill_process() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _compute() -> None:
    """Match a pattern that takes minutes and holds the interpreter's lock all the while."""
    sys.stderr.write("computing\n")
    sys.stderr.flush()
    re.match(r"(a|a)*$", "a" * 40 + "b")
