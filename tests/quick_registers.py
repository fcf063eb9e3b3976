"""Makes the registers of tests quick: thousands of tests create one, and no test cuts the power.

SQLite does not wait for the disk, and a process of the tests migrates an empty register once. The steps leave tables
with a few rows; a later empty register is given the same tables with the same rows, in less than half of the time.
Any other register is migrated as always.
"""

from __future__ import annotations

import os
from typing import Any

from capa_sync.store.connections import Connections
from capa_sync.store.migrations import STEPS

_MADE = "FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'"  # those SQLite makes by itself
Known = list[tuple[str, tuple[Any, ...]]]
"""Statements that make what the steps leave, each with its values."""


def make_registers_quick() -> None:
    """Do both in this process; mutation tests do neither: the memory would hold what the original program did."""
    if "MUTANT_UNDER_TEST" not in os.environ:
        _wait_for_no_disk()
        _migrate_once()


def _wait_for_no_disk() -> None:
    original = Connections._set_up_writing

    def set_up_writing(connections: Connections) -> None:
        original(connections)
        connections.writer.execute("PRAGMA synchronous = OFF")

    Connections._set_up_writing = set_up_writing  # type: ignore[method-assign]


def _migrate_once() -> None:
    original = STEPS.apply
    known: dict[tuple[str, ...], Known] = {}

    def apply(db: Any, *, stop_before: Any = None) -> None:
        steps = tuple(step.name for step in STEPS._migrations)
        if stop_before is not None or db.conn.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone():
            original(db, stop_before=stop_before)
        elif steps in known:
            for statement, values in known[steps]:
                db.conn.execute(statement, values)
        else:
            original(db)
            known[steps] = _made(db.conn)

    STEPS.apply = apply  # type: ignore[method-assign]


def _made(connection: Any) -> Known:
    made: Known = [(sql, ()) for (sql,) in connection.execute(f"SELECT sql {_MADE} AND sql > '' ORDER BY rowid")]
    for (name,) in connection.execute(f"SELECT name {_MADE} AND type = 'table'").fetchall():
        for row in connection.execute(f'SELECT * FROM "{name}"').fetchall():  # noqa: S608 - a name of our own
            made.append((f'INSERT INTO "{name}" VALUES ({", ".join("?" * len(row))})', tuple(row)))  # noqa: S608
    return made
