"""Lets a process of the tests migrate an empty register once: thousands of tests create one.

The steps leave tables with a few rows. A later empty register is given the same tables with the same rows, in less
than half of the time; any other one is migrated as always.
"""

from __future__ import annotations

import os
from typing import Any

from capa_sync.store.migrations import STEPS

_MADE = "FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'"  # those SQLite makes by itself
Known = list[tuple[str, tuple[Any, ...]]]
"""Statements that make what the steps leave, each with its values."""


def migrate_an_empty_register_once() -> None:
    """Put a memory before the steps; not in mutation tests, where it would hold what the original program did."""
    original = STEPS.apply
    known: dict[tuple[str, ...], Known] = {}

    def apply(db: Any, *, stop_before: Any = None) -> None:
        steps = tuple(step.name for step in STEPS._migrations)
        if stop_before is not None or db.conn.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone():
            original(db, stop_before=stop_before)
            return
        if steps in known:
            for statement, values in known[steps]:
                db.conn.execute(statement, values)
            return
        original(db)
        known[steps] = _made(db.conn)

    if "MUTANT_UNDER_TEST" not in os.environ:
        STEPS.apply = apply  # type: ignore[method-assign]


def _made(connection: Any) -> Known:
    made: Known = [(sql, ()) for (sql,) in connection.execute(f"SELECT sql {_MADE} AND sql > '' ORDER BY rowid")]
    for (name,) in connection.execute(f"SELECT name {_MADE} AND type = 'table'").fetchall():
        for row in connection.execute(f'SELECT * FROM "{name}"').fetchall():  # noqa: S608 - a name of our own
            made.append((f'INSERT INTO "{name}" VALUES ({", ".join("?" * len(row))})', tuple(row)))  # noqa: S608
    return made
