"""Begins the chain of a register: with nothing in a new one, with all that is there in one of an earlier version."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import islice
from typing import TypeVar

from capa_sync.store.chain import PAGE, START, Chain, ChainEntry
from capa_sync.store.chained import CHAINED, entries_of
from capa_sync.store.chained_ranges import number_entries, part_content, runs_of
from capa_sync.store.columns import json_text
from capa_sync.store.database import Database, Row

_BATCH = 500
"""Rows that are adopted at once."""
PARTS = """SELECT p.id, m.source, m.ticket_id, p.nr, p.kind, p.version, p.form, p.digest, p.run, p.read_at, p.body
    FROM part p LEFT JOIN mirror m ON m.nr = p.nr ORDER BY p.id"""
"""Every part: id, source and ticket id of its ticket, and the cells that `part_content` takes."""
SERIALS = "SELECT source, ticket_id, year, serial FROM register_number ORDER BY year, serial"
"""Every register number."""
T = TypeVar("T")


def begin(db: Database, now: datetime) -> None:
    """Append the first event, and one for each row that is there already: from now on it can be seen to change."""
    chain = Chain(db, lambda: now)
    meta: dict[str, str] = dict(db.rows("SELECT name, value FROM meta WHERE name IN ('register_id', 'created_at')"))
    counts = {table: int(db.value(f"SELECT COUNT(*) FROM {table}")) for table in _TABLES}
    rows = {table: count for table, count in counts.items() if count}
    chain.note(START, json_text({**meta, "rows": rows}))
    for batch in _batches(db.stream(PARTS)):
        chain.append(list(_pages(batch)))
    for table in CHAINED:
        for batch in _batches(row for row in db.stream(table.every) if not row[3]):
            chain.append(list(entries_of(table.kind, ((*row[:3], 0, *row[4:]) for row in batch))))
    for batch in _batches(db.stream(SERIALS)):
        chain.append(list(number_entries(batch)))


def _pages(rows: list[Row]) -> Iterator[ChainEntry]:
    ids = [row[0] for row in rows]
    for start, end in runs_of(ids):
        contents = [part_content(row[1], row[2], row[3:]) for row in rows[start:end]]
        yield ChainEntry(PAGE, "", "", (ids[start], ids[end - 1]), contents)


def _batches(rows: Iterable[T]) -> Iterator[list[T]]:
    remaining = iter(rows)
    while batch := list(islice(remaining, _BATCH)):
        yield batch


_TABLES = ("part", "register_number", *sorted({table.table for table in CHAINED} - {"mirror"}))
