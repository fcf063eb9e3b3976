"""Reads the hash chain: computes the hash of each event again, and notes what the events say of rows.

Whatever somebody made of a cell, of another type or form, ends in a break that names its event, never in an error.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson

from capa_sync.model.chain import ChainHead
from capa_sync.store.chain import DIGEST, GONE, NUMBERS, PAGE, SALT, START, VISITS, linked, salted
from capa_sync.store.columns import instant
from capa_sync.store.database import Row

_EVENTS = """SELECT number, at, kind, source, ticket_id, names, text, digests, salts, hash FROM event
    ORDER BY number"""
OTHER = "is not as it was chained"
REMOVED = "it is gone, and no event says so"
TOLD = 50_000
"""Events after which a listener hears how many were read; a smaller register takes no time to speak of."""
NO_FORM = (TypeError, ValueError, LookupError, AttributeError, OverflowError)
"""What reading a cell of another type or form raises."""

Advance = Callable[[str, int, int], None]
"""Hears what is being compared, how much of it is done, and all of it."""
Add = Callable[[int, str, str], None]
"""Takes a break: number of its event, the row in words, how it differs."""
Key = tuple[str, str, str, str]
"""What tells chained rows apart: kind, source, ticket id and name."""
Place = tuple[int, ...]
"""What orders rows that are chained in ranges: the id of a part, or year and serial of a number."""
_PLACES = {PAGE: 1, NUMBERS: 2}
"""Numbers that make a place."""


@dataclass(slots=True)
class Expected:
    """What the events say.

    Attributes:
        rows: of a row, digest and salt of the newest event. ranges: of parts and numbers: kind -> number of the
            event, place of the first row, digests, salts. hashes: of the events asked for. origin: what the first
            event says of the register, empty where it cannot be read.
    """

    rows: dict[Key, bytes] = field(default_factory=dict)
    ranges: dict[str, list[tuple[int, Place, bytes, bytes]]] = field(default_factory=lambda: {PAGE: [], NUMBERS: []})
    hashes: dict[int, bytes] = field(default_factory=dict)
    has_start: bool = False
    origin: dict[str, Any] = field(default_factory=dict)
    since: datetime | None = None
    events: int = 0
    covered: int = 0
    head: ChainHead | None = None

    @property
    def is_long(self) -> bool:
        """Return whether comparing takes so long that a listener hears of it."""
        return self.covered >= TOLD

    @property
    def adopted(self) -> int:
        """Return how many rows there were before the chain began."""
        rows = self.origin.get("rows")
        return sum(count for count in rows.values() if isinstance(count, int)) if isinstance(rows, dict) else 0

    def forget(self, kind: str) -> None:
        """Drop what is said of rows of a kind, which cannot be read."""
        self.rows = {key: stored for key, stored in self.rows.items() if key[0] != kind}


def read_events(
    connection: sqlite3.Connection, wanted: set[int], expected: Expected, add: Add, advance: Advance
) -> None:
    """Compute the hash of each event again, and note what they say; `wanted` are events whose hash is kept."""
    before, following = bytes(DIGEST), 1
    most = connection.execute("SELECT MAX(number) FROM event").fetchone()[0]
    for read, row in enumerate(connection.execute(_EVENTS), 1):
        if not read % TOLD:
            advance("events", read, most if isinstance(most, int) else read)
        number, digests, salts, found = row[0], row[7], row[8], row[9]
        if number != following:
            if not isinstance(number, int):
                add(following, f"event {following}", OTHER)
                continue
            add(following, f"event {following}", REMOVED)
        if _hash_of(row, before) != found:
            add(number, f"event {number}", "its hash is not that of its content after the event before")
        before, following = found, number + 1
        if number in wanted:
            expected.hashes[number] = found
        if not (isinstance(digests, bytes) and isinstance(salts, bytes) and _note(expected, row, digests, salts)):
            add(number, f"event {number}", OTHER)
        expected.events, expected.head = number, ChainHead(number, hex_of(found))
    if not expected.has_start:
        add(1, "event 1", "it is not the beginning of a chain")


def _note(expected: Expected, row: Row, digests: bytes, salts: bytes) -> bool:
    """Note what an event says; return whether it can be read."""
    number, _, kind, source, ticket_id, names, text = row[:7]
    try:
        rows = orjson.loads(names)
        count = len(digests) // DIGEST
        expected.covered += count
        if kind == START and number == 1:
            expected.has_start = True
        if len(salts) != count * SALT or not isinstance(rows, list):
            return False
        if kind in (START, *VISITS):
            return _note_text(expected, row, digests, salts)
        if kind in _PLACES:
            first = tuple(map(int, rows[:-1]))
            if len(first) != _PLACES[kind]:
                return False
            expected.ranges[kind].append((number, first, digests, salts))
            return bool(rows[-1] - first[-1] + 1 == count and text == "")
        for place, name in enumerate(rows):
            digest, salt = slice_of(digests, place, DIGEST), slice_of(salts, place, SALT)
            expected.rows[kind, source, ticket_id, name] = digest + salt
    except NO_FORM:
        return False
    return len(rows) == count and text == ""


def _note_text(expected: Expected, row: Row, digests: bytes, salts: bytes) -> bool:
    """Note what the first event says, where it is one that holds its content itself; return whether it is whole."""
    number, at, kind, text = row[0], row[1], row[2], row[6]
    if salted(salts, text.encode()) != digests:
        return False
    if kind in VISITS:
        return True
    origin = orjson.loads(text)
    if number != 1 or not isinstance(origin, dict):
        return False
    try:
        expected.origin, expected.since = origin, instant(at)
    except ValueError:  # a changed event, which is a break of its own
        return False
    return True


def _hash_of(row: Row, before: bytes) -> bytes:
    """Return the hash that an event must have; nothing that a hash could be for cells of another type."""
    try:
        return linked(before, row[0], row[1:6], row[7])
    except (TypeError, AttributeError):
        return GONE


def names_in(names: object) -> list[str]:
    """Return the names of an event's rows; none where the cell cannot be read."""
    try:
        found = orjson.loads(str(names))
    except ValueError:
        return []
    return [name for name in found if isinstance(name, str)] if isinstance(found, list) else []


def slice_of(content: bytes, place: int, size: int) -> bytes:
    """Return one of several digests or salts of the same size."""
    return content[place * size : (place + 1) * size]


def hex_of(content: object) -> str:
    """Return bytes in hexadecimal; "" for anything else."""
    return content.hex() if isinstance(content, bytes) else ""
