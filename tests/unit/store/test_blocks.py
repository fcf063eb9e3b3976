"""Rows are inserted in blocks, and every table is as if they had been inserted one by one."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from capa_sync.store import Register
from capa_sync.store.database import Database, Params

COUNTS = [0, 1, 2, 31, 32, 33, 255, 256, 257, 600]
TABLES = (
    "CREATE TABLE number (id INTEGER PRIMARY KEY, place INTEGER UNIQUE, word TEXT NOT NULL, times INTEGER DEFAULT 0)",
    "INSERT INTO number (place, word) VALUES (5, 'five'), (40, 'forty'), (300, 'three hundred')",
)
PLAIN = "INSERT INTO number (place, word) VALUES (?,?)"
UPSERT = """INSERT INTO number (place, word) VALUES (?,?) ON CONFLICT (place) DO UPDATE
    SET word = excluded.word, times = times + 1 WHERE word <> excluded.word"""
IGNORE = "INSERT INTO number (place, word) VALUES (?,?) ON CONFLICT DO NOTHING"
LITERAL = "INSERT INTO number (word, place, times) VALUES ('literal',?,?)"
UPDATE = "UPDATE number SET times = times + 1, word = word || ? WHERE place = ?"
DELETE = "DELETE FROM number WHERE place = ?"


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    """Open a database file with three rows."""
    (tmp_path / "blocks.db").touch()
    made = Database(tmp_path / "blocks.db")
    for statement in TABLES:
        made.execute(statement)
    yield made
    made.close()


def one_by_one(sql: str, rows: list[Params]) -> list[Params]:
    """Return the rows of the table after SQLite's own module ran the statement for each row."""
    connection = sqlite3.connect(":memory:")
    for statement in TABLES:
        connection.execute(statement)
    connection.executemany(sql, rows)
    return connection.execute("SELECT * FROM number ORDER BY id").fetchall()


def stored_rows(db: Database) -> list[Params]:
    """Return the rows of the table."""
    return list(db.rows("SELECT * FROM number ORDER BY id"))


def rows_for(sql: str, count: int) -> list[Params]:
    """Return this many rows for a statement; rows with a conflict occur repeatedly, within and across blocks."""
    if sql == PLAIN:
        return [(1000 + n, f"word {n}") for n in range(count)]
    if sql == LITERAL:
        return [(1000 + n, n) for n in range(count)]
    if sql == UPDATE:
        return [(f" {n}", (5, 40, 300, 404)[n % 4]) for n in range(count)]
    return [(n % 301,) for n in range(count)] if sql == DELETE else [(n * 7 % 301, f"word {n}") for n in range(count)]


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("sql", [PLAIN, UPSERT, IGNORE, LITERAL, UPDATE, DELETE])
def test_the_table_is_as_if_row_by_row(db: Database, sql: str, count: int) -> None:
    """Ids rise in the order of the rows, and of two rows with one key the later is stored."""
    rows = rows_for(sql, count)
    db.execute_many(sql, rows)
    assert stored_rows(db) == one_by_one(sql, rows)


@pytest.mark.parametrize("count", COUNTS)
def test_rows_may_come_from_anything_that_yields_them(db: Database, count: int) -> None:
    """A generator is read to its end, once."""
    rows = rows_for(UPSERT, count)
    db.execute_many(UPSERT, (row for row in rows))
    assert stored_rows(db) == one_by_one(UPSERT, rows)


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("sql", [UPSERT, DELETE])
def test_a_nested_transaction_that_is_rolled_back_takes_its_blocks_back(db: Database, sql: str, count: int) -> None:
    """What the outer transaction did before and after stays."""
    before, inner = rows_for(UPSERT, 300), rows_for(sql, count)
    with db.transaction():
        db.execute_many(UPSERT, before)
        with pytest.raises(ZeroDivisionError):
            _fail_after(db, sql, inner)
        db.execute_many(PLAIN, rows_for(PLAIN, 40))
    wanted = one_by_one(UPSERT, before)
    assert stored_rows(db)[: len(wanted)] == wanted
    assert [row[1:3] for row in stored_rows(db)[len(wanted) :]] == rows_for(PLAIN, 40)


def _fail_after(db: Database, sql: str, rows: list[Params]) -> None:
    with db.transaction():
        before = stored_rows(db)
        db.execute_many(sql, rows)
        assert bool(rows) == (stored_rows(db) != before)
        raise ZeroDivisionError


@pytest.mark.parametrize("wrong", [0, 100, 255, 256, 290, 599])
def test_a_row_that_is_refused_leaves_none_of_them(db: Database, wrong: int) -> None:
    """The refused row may stand in a block or after the last block."""
    before, rows = stored_rows(db), rows_for(PLAIN, 600)
    rows[wrong] = (rows[wrong][0], None)
    with pytest.raises(sqlite3.IntegrityError, match="NOT NULL"):
        db.execute_many(PLAIN, rows)
    assert stored_rows(db) == before


def test_a_row_of_another_length_is_refused(db: Database) -> None:
    """It does not shift the values of the rows after it."""
    before, rows = stored_rows(db), rows_for(PLAIN, 600)
    rows[10] = (1010, "word 10", "too many")
    with pytest.raises(sqlite3.Error):
        db.execute_many(PLAIN, rows)
    assert stored_rows(db) == before


@pytest.mark.parametrize(("count", "blocks"), [(544, [256, 256, 32]), (600, [256, 256, 32, 32, *[1] * 24])])
def test_a_block_is_one_statement(db: Database, count: int, blocks: list[int]) -> None:
    """There are as many large blocks as possible, then small blocks, then single rows."""
    ran: list[str] = []
    rows = rows_for(PLAIN, count)
    with db.transaction():
        db.writer.conn.set_trace_callback(ran.append)
        db.execute_many(PLAIN, rows)
        db.writer.conn.set_trace_callback(None)
    sizes = [statement.count("(") - 1 for statement in ran if statement.startswith("INSERT")]
    assert sizes == blocks


def test_a_block_of_the_widest_table_is_not_too_long_for_sqlite(register: Register) -> None:
    """A statement takes a limited number of values."""
    names = [row[0] for row in register._db.rows("SELECT name FROM sqlite_master WHERE type = 'table'")]
    widest = max(len(register._db.rows(f"PRAGMA table_info('{name}')")) for name in names)
    assert widest > 50
    assert widest * 256 <= register._db.writer.conn.getlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER)
