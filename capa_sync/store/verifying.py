"""Verifies the hash chain, and that each chained row still is as its newest event says; changes nothing."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

import orjson

from capa_sync.model.chain import ChainBreak, ChainHead, ChainReport
from capa_sync.store.chain import DIGEST, GONE, NUMBERS, PAGE, SALT, START, VISITS, content_of, linked, salted
from capa_sync.store.chain_start import PARTS, SERIALS
from capa_sync.store.chained import CHAINED, ChainedTable
from capa_sync.store.chained_ranges import part_content
from capa_sync.store.columns import instant
from capa_sync.store.database import Row

_EVENTS = """SELECT number, at, kind, source, ticket_id, names, text, digests, salts, hash FROM event
    ORDER BY number"""
_SHOWN = 20
"""Broken rows that a report holds; all are counted."""
_OTHER = "is not as it was chained"
_ADDED = "no event speaks of it: it was added or renamed outside of capa-sync"
_REMOVED = "it is gone, and no event says so"

_TOLD = 50_000
"""Events after which a listener hears how many were read; a smaller register takes no time to speak of."""

Advance = Callable[[str, int, int], None]
"""Hears what is being compared, how much of it is done, and all of it."""
Place = tuple[int, ...]
"""What orders rows that are chained in ranges: the id of a part, or year and serial of a number."""


@dataclass(slots=True)
class _Expected:
    """What the events say.

    Attributes:
        rows: kind, source, ticket id and name -> digest and salt of the newest event. ranges: of parts and numbers:
            kind -> number of the event, place of the first row, digests, salts. hashes: of the events asked for.
    """

    rows: dict[tuple[str, str, str, str], bytes] = field(default_factory=dict)
    ranges: dict[str, list[tuple[int, Place, bytes, bytes]]] = field(default_factory=lambda: {PAGE: [], NUMBERS: []})
    hashes: dict[int, bytes] = field(default_factory=dict)
    start: str = ""
    since: datetime | None = None
    events: int = 0
    covered: int = 0
    head: ChainHead | None = None


def verify(
    connection: sqlite3.Connection, heads: Sequence[ChainHead] = (), advance: Advance | None = None
) -> ChainReport:
    """Verify all events and rows that one read transaction sees, and that the chain still has these noted heads."""
    verification = _Verification(connection, advance or (lambda _what, _done, _all: None))
    verification.readable("event", lambda: verification.read_events({head.number for head in heads}))
    verification.compare_heads(heads)
    verification.compare_rows()
    return verification.report()


class _Verification:
    def __init__(self, connection: sqlite3.Connection, advance: Advance) -> None:
        self._connection, self._advance = connection, advance
        self._expected = _Expected()
        self._breaks: list[ChainBreak] = []
        self._erased: set[int] = set()
        self._doubted: dict[tuple[str, str, str, str], list[int]] = {}

    # --- events ------------------------------------------------------------------------------------------------
    def read_events(self, wanted: set[int]) -> None:
        """Compute the hash of each event again, and note what the events say of rows."""
        expected, before, following = self._expected, bytes(DIGEST), 1
        most = self._connection.execute("SELECT MAX(rowid) FROM event").fetchone()[0] or 0
        for read, row in enumerate(self._connection.execute(_EVENTS), 1):
            if not read % _TOLD:
                self._advance("events", read, most)
            number, digests, salts, found = row[0], row[7], row[8], row[9]
            if number != following:
                self._add(following, f"event {following}", _REMOVED)
            if _hash_of(row, before) != found:
                self._add(number, f"event {number}", "its hash is not that of its content after the event before")
            before, following = found, number + 1
            if number in wanted:
                expected.hashes[number] = found
            if not (isinstance(digests, bytes) and isinstance(salts, bytes) and self._note(row, digests, salts)):
                self._add(number, f"event {number}", _OTHER)
            expected.events, expected.head = number, ChainHead(number, _hex(found))
        if not expected.start:
            self._add(1, "event 1", "it is not the beginning of a chain")

    def _note(self, row: Row, digests: bytes, salts: bytes) -> bool:
        """Note what an event says; return whether it can be read."""
        number, at, kind, source, ticket_id, names, text = row[:7]
        try:
            rows = orjson.loads(names)
            count = len(digests) // DIGEST
            self._expected.covered += count
            if len(salts) != count * SALT:
                return False
            if kind in (START, *VISITS):
                return self._note_text(number, at, kind, text, digests, salts)
            if kind in (PAGE, NUMBERS):
                first = tuple(map(int, rows[:-1]))
                self._expected.ranges[kind].append((number, first, digests, salts))
                return bool(rows[-1] - first[-1] + 1 == count and text == "")
            for place, name in enumerate(rows):
                digest, salt = _slice(digests, place, DIGEST), _slice(salts, place, SALT)
                self._expected.rows[kind, source, ticket_id, name] = digest + salt
        except (TypeError, ValueError, IndexError, AttributeError):  # cells of another type or form
            return False
        return len(rows) == count and text == ""

    def _note_text(self, number: int, at: str, kind: str, text: str, digests: bytes, salts: bytes) -> bool:
        if kind == START and number == 1:
            self._expected.start, self._expected.since = text, instant(at)
        return salted(salts, text.encode()) == digests and (kind in VISITS or number == 1)

    def compare_heads(self, heads: Sequence[ChainHead]) -> None:
        """Compare heads that were noted elsewhere."""
        for head in heads:
            found = self._expected.hashes.get(head.number)
            if found is None:
                self._add(head.number, f"event {head.number}", "the chain has no such event now, and had it")
            elif _hex(found) != head.hash:
                what = "its hash is not the noted one: the chain was written anew, or an older copy was restored"
                self._add(head.number, f"event {head.number}", what)

    # --- rows --------------------------------------------------------------------------------------------------
    def compare_rows(self) -> None:
        """Compare each chained row with what its newest event says."""
        for done, table in enumerate(CHAINED):
            if self._expected.covered >= _TOLD:
                self._advance("tables", done, len(CHAINED))
            self.readable(table.says, partial(self._compare_table, table))
        for (kind, source, ticket_id, name), stored in self._expected.rows.items():
            if salted(stored[DIGEST:], GONE) != stored[:DIGEST]:
                self._doubt((kind, source, ticket_id, name), _REMOVED)
        self.readable("erasure", self._note_erased)
        self.readable("part", lambda: self._compare_range(PAGE, self._parts()))
        self.readable("register number", lambda: self._compare_range(NUMBERS, self._numbers()))
        self.readable("text of a set", self._compare_texts)
        self._compare_register()
        self._number_doubted()

    def readable(self, says: str, read: Callable[[], None]) -> None:
        """Read a table; a cell that is no text any more ends it with one break."""
        try:
            read()
        except sqlite3.OperationalError as error:
            if getattr(error, "sqlite_errorname", None):
                raise
            self._add(0, f"a {says}", "one of its cells is no text any more")

    def _compare_table(self, table: ChainedTable) -> None:
        rows, kind = self._expected.rows, table.kind
        for source, ticket_id, name, is_plain, *cells in self._connection.execute(table.every):
            stored = rows.pop((kind, source, ticket_id, name), None)
            if stored is None:
                if not is_plain:
                    self._doubt((kind, source, ticket_id, name), _ADDED)
            elif salted(stored[DIGEST:], _content(cells)) != stored[:DIGEST]:
                self._doubt((kind, source, ticket_id, name), _OTHER)

    def _parts(self) -> Iterator[tuple[Place, bytes, str]]:
        for row in self._connection.execute(PARTS):
            try:
                content = part_content(row[1], row[2], row[3:])
            except TypeError:
                content = GONE
            yield (row[0],), content, f"part {row[0]} ({row[4]} {row[5]}) of {row[1]} {row[2]}"

    def _numbers(self) -> Iterator[tuple[Place, bytes, str]]:
        for row in self._connection.execute(SERIALS):
            if not (isinstance(row[2], int) and isinstance(row[3], int)):
                self._add(0, f"a register number of {row[0]} {row[1]}", _OTHER)
                continue
            yield (row[2], row[3]), _content(row), f"register number NC-{row[2]}-{row[3]:04d}"

    def _note_erased(self) -> None:
        """Note the parts that tombstones list: they are gone, and their events have no salts any more."""
        for (ranges,) in self._connection.execute("SELECT parts FROM tombstone"):
            try:
                for first, last in orjson.loads(ranges):
                    self._erased.update(range(first, last + 1))
            except (TypeError, ValueError):  # a changed tombstone, which is a break of its own
                continue

    def _compare_range(self, kind: str, rows: Iterable[tuple[Place, bytes, str]]) -> None:
        """Compare rows that are chained in ranges: both sides come in the order of their places."""
        found = iter(rows)
        row = next(found, None)
        for number, place, digest, salt in self._places(kind):
            while row is not None and row[0] < place:
                self._add(0, row[2], _ADDED)
                row = next(found, None)
            if row is None or row[0] != place:
                if kind == PAGE and place[0] in self._erased:
                    continue
                self._add(number, f"{'part' if kind == PAGE else 'register number'} {_words(place)}", _REMOVED)
                continue
            if salted(salt, row[1]) != digest:
                self._add(number, row[2], _OTHER)
            row = next(found, None)
        while row is not None:
            self._add(0, row[2], _ADDED)
            row = next(found, None)

    def _places(self, kind: str) -> Iterator[tuple[int, Place, bytes, bytes]]:
        """Yield number of the event, place, digest and salt of each row of the ranges, by place."""
        for number, first, digests, salts in sorted(self._expected.ranges[kind], key=lambda entry: entry[1]):
            for step in range(len(digests) // DIGEST):
                place = (*first[:-1], first[-1] + step)
                yield number, place, _slice(digests, step, DIGEST), _slice(salts, step, SALT)

    def _compare_texts(self) -> None:
        """Compare the texts of live sets and drafts with the digests that their activation or draft chains."""
        sql = """SELECT DISTINCT p.digest, p.name, t.body
            FROM (SELECT hash FROM activation UNION SELECT hash FROM draft) a JOIN set_part p ON p.hash = a.hash
            LEFT JOIN set_text t ON t.digest = p.digest"""
        for digest, name, body in self._connection.execute(sql):
            if body is None or hashlib.sha256(str(body).encode()).hexdigest() != digest:
                self._add(0, f"text {digest[:12]} of a live set or a draft ({name})", _OTHER)

    def _compare_register(self) -> None:
        """Compare the register's identity with the one that the first event has."""
        meta = dict(self._connection.execute("SELECT name, value FROM meta"))
        start = orjson.loads(self._expected.start or "{}")
        for name in ("register_id", "created_at"):
            if start and start.get(name) != meta.get(name):
                self._add(1, f"{name} of the register", _OTHER)

    # --- what was found ----------------------------------------------------------------------------------------
    def _add(self, number: int, row: str, what: str) -> None:
        self._breaks.append(ChainBreak(number, row, what))

    def _doubt(self, key: tuple[str, str, str, str], what: str) -> None:
        """Add a broken row whose event is looked up at the end."""
        self._doubted.setdefault(key, []).append(len(self._breaks))
        self._add(0, self._named(key), what)

    def _named(self, key: tuple[str, str, str, str]) -> str:
        kind, source, ticket_id, name = key
        says = next((table.says for table in CHAINED if table.kind == kind), kind)
        place = " ".join(str(part) for part in (source, ticket_id) if part)
        return f"{says}{f' {name}' if name else ''}{f' of {place}' if place else ''}"

    def _number_doubted(self) -> None:
        """Look up the newest event of each broken row; one pass over the events, where there is any."""
        if not self._doubted:
            return
        sql = "SELECT number, kind, source, ticket_id, names FROM event ORDER BY number"
        for number, kind, source, ticket_id, names in self._connection.execute(sql):
            for name in _names(names):
                for place in self._doubted.get((kind, source, ticket_id, name), ()):
                    self._breaks[place] = ChainBreak(number, self._breaks[place].row, self._breaks[place].what)

    def report(self) -> ChainReport:
        """Return what was found, the breaks in the order of their events, and those without an event last."""
        expected = self._expected
        adopted = orjson.loads(expected.start or "{}").get("rows", {})
        ordered = sorted(self._breaks, key=lambda found: found.number or expected.events + 1)
        return ChainReport(
            expected.events,
            expected.covered,
            expected.since,
            sum(adopted.values()),
            expected.head,
            tuple(ordered[:_SHOWN]),
            len(ordered),
        )


def _hash_of(row: Row, before: bytes) -> bytes:
    """Return the hash that an event must have; nothing that a hash could be for cells of another type."""
    try:
        return linked(before, row[0], row[1:6], row[7])
    except (TypeError, AttributeError):
        return GONE


def _content(cells: Sequence[object]) -> bytes:
    """Return the content of a row; for cells of another type than capa-sync stores, nothing that was chained."""
    try:
        return content_of(cells)
    except TypeError:
        return b"?"


def _names(names: object) -> list[str]:
    try:
        found = orjson.loads(str(names))
    except ValueError:
        return []
    return [name for name in found if isinstance(name, str)] if isinstance(found, list) else []


def _slice(content: bytes, place: int, size: int) -> bytes:
    return content[place * size : (place + 1) * size]


def _hex(content: object) -> str:
    return content.hex() if isinstance(content, bytes) else ""


def _words(place: Place) -> str:
    return str(place[0]) if len(place) == 1 else f"NC-{place[0]}-{place[1]:04d}"
