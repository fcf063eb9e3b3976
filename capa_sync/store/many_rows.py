"""Many rows in few statements: inserting many rows at once is faster than inserting single rows."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Sequence
from functools import lru_cache
from itertools import chain
from typing import Any

_BLOCKS = (256, 32)
"""Numbers of rows that one statement inserts; only two, because each is a separate statement that SQLite caches."""
_VALUES = re.compile(r"(.*\bVALUES )(\([?,]+\))(.*)", re.DOTALL)


def run_many(connection: sqlite3.Connection, sql: str, rows: list[Sequence[Any]]) -> None:
    """Run a statement for many rows, as many as possible at once."""
    blocks, rest = in_blocks(sql, rows)
    for statement, values in blocks:
        connection.execute(statement, values)
    connection.executemany(sql, rest)


def in_blocks(sql: str, rows: list[Sequence[Any]]) -> tuple[list[tuple[str, Sequence[Any]]], list[Sequence[Any]]]:
    """Return statements for many rows at once with their values, and the rows that are left."""
    start = 0
    blocks: list[tuple[str, Sequence[Any]]] = []
    are_alike = len(set(map(len, rows))) == 1  # else values of a longer row could move into a shorter one
    for size in _BLOCKS if are_alike and _VALUES.fullmatch(sql) else ():
        while len(rows) - start >= size:
            blocks.append((_of_many(sql, size), list(chain.from_iterable(rows[start : start + size]))))
            start += size
    return blocks, rows[start:]


@lru_cache(maxsize=128)
def _of_many(sql: str, rows: int) -> str:
    return _VALUES.sub(lambda parts: f"{parts[1]}{','.join([parts[2]] * rows)}{parts[3]}", sql)
