"""The tables that the hash chain rests on, and what of them is gone from a file."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from capa_sync.model.chain import Uncovered
from capa_sync.store.chained import CHAINED
from capa_sync.store.migrations import CHAIN, DERIVED, LEDGER, PRIMARY, STEPS
from capa_sync.store.sqlite_library import Library

_TABLES = (CHAIN, *(table.table for table in CHAINED), "part", "register_number", "set_part", "set_text", "meta")
_COLUMNS = """SELECT m.name, c.name FROM sqlite_master m JOIN pragma_table_info(m.name) c
    WHERE m.type = 'table' ORDER BY m.name, c.cid"""
_INDEXES = "SELECT tbl_name, name FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL ORDER BY 1, 2"


class _Shape(NamedTuple):
    """Table -> its columns, and table -> its indexes."""

    columns: dict[str, list[str]]
    indexes: dict[str, list[str]]


class Loss(NamedTuple):
    """A table, column or index that is gone.

    Attributes:
        table: of which. what: it is, in words. is_readable: the table can be compared all the same.
    """

    table: str
    what: str
    is_readable: bool


def uncovered() -> Uncovered:
    """Return the tables and columns of the register that the chain does not cover."""
    columns = [
        f"{table.table}.{column}"
        for table in CHAINED
        for column in _made().columns[table.table]
        if column not in (*table.columns, "id", "nr", "seq", "source", "ticket_id", "last_part")
    ]
    tables = [table for table in (*PRIMARY, LEDGER) if table not in (*_TABLES, "mirror")]
    return Uncovered(DERIVED, tuple(sorted(tables)), tuple(columns))


def losses(connection: sqlite3.Connection) -> Iterator[Loss]:
    """Yield what is gone of the tables that the chain rests on, beside what this version makes."""
    wanted, found = _made(), _shape_of(connection)
    for table in dict.fromkeys(_TABLES):
        if table not in found.columns:
            yield Loss(table, f"table {table}", is_readable=False)
            continue
        for column in wanted.columns[table]:
            if column not in found.columns[table]:
                yield Loss(table, f"column {column} of table {table}", is_readable=False)
        for index in wanted.indexes.get(table, ()):
            if index not in found.indexes.get(table, ()):
                yield Loss(table, f"index {index} of table {table}", is_readable=True)


@cache
def _made() -> _Shape:
    """Return the shape that this version makes."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    try:
        STEPS.apply(Library(connection, execute_plugins=False))
        return _shape_of(connection)
    finally:
        connection.close()


def _shape_of(connection: sqlite3.Connection) -> _Shape:
    shape = _Shape({}, {})
    for rows, by_table in ((_COLUMNS, shape.columns), (_INDEXES, shape.indexes)):
        for table, name in connection.execute(rows):
            by_table.setdefault(table, []).append(name)
    return shape
