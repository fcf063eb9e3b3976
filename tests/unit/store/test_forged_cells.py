"""Whatever is done to a cell, a table, a column or an index of the chain: `verify` names it and raises nothing."""

# ruff: noqa: S608 - tables and columns are those of this file
from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest

from capa_sync.store import open_register
from capa_sync.store.chained import CHAINED
from capa_sync.store.verifying import verify
from tests.unit.store.fake_parser import T0
from tests.unit.store.test_chain import COLUMNS, fill

VALUES = (
    "'x'", "''", "'[]'", "'{}'", "'[[1, 999999999999999]]'", "'null'", "NULL", "0", "-7", "9223372036854775807",
    "2.5", "9e999", "x'00ff'", "zeroblob(32)", "CAST(x'ff' AS TEXT)",
)  # fmt: skip
"""Every type of a cell, JSON of other forms, an infinite number, and a text that is no UTF-8."""
PLACES = ("MIN(rowid)", "MAX(rowid)", "(MIN(rowid) + MAX(rowid)) / 2")
"""The first row, the last one, and one in the middle."""
SAYS = {table.table: table.says for table in CHAINED} | {
    "event": "event",
    "part": "part",
    "register_number": "register number",
    "mirror": "presence of ticket|part",
    "set_part": "activation|draft|text",
    "set_text": "text",
    "meta": "register",
}
"""Table -> pattern of what its broken rows, or those that rest on them, are called."""
META = {"meta": ("name", "value")}


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the file of a register with every kind of chained row."""
    path = tmp_path_factory.mktemp("forged") / "register.db"
    with open_register(path, clock_now=T0) as register:
        fill(register)
    return path


@pytest.fixture
def forged(filled: Path) -> Iterator[sqlite3.Connection]:
    """Give a copy in memory whose tables take any value, also none, in any column."""
    memory = sqlite3.connect(":memory:", isolation_level=None)
    with sqlite3.connect(filled) as origin:
        origin.backup(memory)
    origin.close()
    memory.execute("PRAGMA writable_schema = ON")
    memory.execute("UPDATE sqlite_master SET sql = replace(sql, ' NOT NULL', '') WHERE type = 'table'")
    memory.execute("PRAGMA writable_schema = RESET")
    yield memory
    memory.close()


def broken(forged: sqlite3.Connection, *statements: str) -> list[str]:
    """Run statements, verify, and take them back; return the broken rows in words."""
    forged.execute("SAVEPOINT intact")
    try:
        for statement in statements:
            forged.execute(statement)
        return [str(row) for row in verify(forged).breaks]
    finally:
        forged.execute("ROLLBACK TO intact")
        forged.execute("RELEASE intact")


@pytest.mark.slow
@pytest.mark.parametrize("table", COLUMNS | META)
def test_a_cell_of_any_row_with_a_value_of_any_type_is_found(forged: sqlite3.Connection, table: str) -> None:
    """The first, a middle and the last row, each cell that is chained: one of the breaks names the row's kind."""
    assert broken(forged) == []
    tried = 0
    rows = {row for place in PLACES for row in forged.execute(_nearest(table, place))}
    for (rowid,), column, value in product(sorted(rows), (COLUMNS | META)[table], VALUES):
        same = f"SELECT {column} IS {value} AND typeof({column}) = typeof({value}) FROM {table} WHERE rowid = {rowid}"
        try:
            if forged.execute(same).fetchone()[0] or not _is_chained(forged, table, rowid):
                continue
        except sqlite3.OperationalError:
            pass
        try:
            found = broken(forged, f"UPDATE {table} SET {column} = {value} WHERE rowid = {rowid}")
        except sqlite3.IntegrityError:  # a key that another row has, or no number where SQLite demands one
            continue
        tried += 1
        assert found, (table, rowid, column, value)
        assert any(re.search(SAYS[table], row) for row in found), (table, rowid, column, value, found)
    assert tried >= len(VALUES)


def _nearest(table: str, place: str) -> str:
    return f"""SELECT rowid FROM {table} WHERE rowid >= (SELECT {place} FROM {table}) ORDER BY rowid LIMIT 1"""


def _is_chained(forged: sqlite3.Connection, table: str, rowid: int) -> bool:
    """The register's id and instant are chained, and of `meta` nothing else."""
    if table != "meta":
        return True
    name = forged.execute("SELECT name FROM meta WHERE rowid = ?", (rowid,)).fetchone()[0]
    return name in ("register_id", "created_at")


@pytest.mark.parametrize("table", COLUMNS | META)
def test_a_removed_table_is_named_in_one_line_and_an_emptied_one_is_found(
    forged: sqlite3.Connection, table: str
) -> None:
    """What rests on a table that is gone is not told as well."""
    assert broken(forged, f"DROP TABLE {table}") == [f"table {table}: it is gone, and no event says so"]
    emptied = broken(forged, f"DELETE FROM {table}")
    assert emptied
    assert any(re.search(SAYS[table], row) for row in emptied), emptied


@pytest.mark.slow
@pytest.mark.parametrize("table", COLUMNS | META)
def test_a_removed_column_or_index_is_named(forged: sqlite3.Connection, table: str) -> None:
    """Each chained column, and each index of the table, in the first line."""
    views = [
        f'DROP VIEW "{name}"' for (name,) in forged.execute("SELECT name FROM sqlite_master WHERE type = 'view'")
    ]
    indexes = [
        name
        for (name,) in forged.execute(
            "SELECT name FROM sqlite_master WHERE type = 'index' AND sql NOT NULL AND tbl_name = ?", (table,)
        )
    ]
    for index in indexes:
        found = broken(forged, f"DROP INDEX {index}")
        assert found == [f"index {index} of table {table}: it is gone, and no event says so"]
    tried = 0
    for column in (COLUMNS | META)[table]:
        taken = [*views, *(f"DROP INDEX {index}" for index in indexes), f"ALTER TABLE {table} DROP COLUMN {column}"]
        try:
            found = broken(forged, *taken)
        except sqlite3.OperationalError as error:  # a key: SQLite removes no such column
            assert "cannot drop" in str(error) or "error in" in str(error), error  # noqa: PT017
            continue
        tried += 1
        assert f"column {column} of table {table}: it is gone, and no event says so" in found, (table, column)
    assert tried or table in ("set_part", "set_text", "meta", "halt", "register_number"), table


def test_an_infinite_number_in_place_of_none_is_found(tmp_path: Path) -> None:
    """Both are `null` as JSON."""
    path = tmp_path / "register.db"
    with open_register(path, clock_now=T0) as register:
        register.outbox.release("paper", None, T0)
        assert register.verify().breaks == ()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE release SET allowed = 9e999 WHERE allowed IS NULL")
    with open_register(path, clock_now=T0, read_only=True) as register:
        assert [row.row for row in register.verify().breaks] == ["release 1 of paper"]
