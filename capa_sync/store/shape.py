"""Whether a file has the tables of this version: what tells a file that somebody changed from a fault of ours."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from capa_sync.store.migrations import STEPS
from capa_sync.store.sqlite_library import Library

_COLUMNS = """SELECT m.name, c.name FROM sqlite_master m, pragma_table_info(m.name) c
    WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite!_%' ESCAPE '!'"""


def other_table(path: Path) -> str:
    """Return the name of a table that a register lacks or that has other columns; "" where all are as ours."""
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as file:
        found = _columns(file)
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as memory:
        STEPS.apply(Library(memory, execute_plugins=False))
        wanted = _columns(memory)
    return next((name for name in sorted(wanted) if found.get(name) != wanted[name]), "")


def _columns(file: sqlite3.Connection) -> dict[str, list[str]]:
    columns: dict[str, list[str]] = {}
    for table, column in file.execute(_COLUMNS):
        columns.setdefault(table, []).append(column)
    return columns
