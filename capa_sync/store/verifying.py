"""Verifies the hash chain, and that each chained row still is as its newest event says; changes nothing."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from math import isfinite

import orjson

from capa_sync.model.chain import ChainBreak, ChainHead, ChainReport
from capa_sync.store.chain import DIGEST, GONE, NUMBERS, PAGE, SALT, content_of, salted
from capa_sync.store.chain_reading import (
    NO_FORM,
    OTHER,
    REMOVED,
    Advance,
    Expected,
    Key,
    Place,
    hex_of,
    names_in,
    read_events,
    slice_of,
)
from capa_sync.store.chain_shape import losses, uncovered
from capa_sync.store.chain_start import PARTS, SERIALS
from capa_sync.store.chained import CHAINED, ChainedTable
from capa_sync.store.chained_ranges import part_content
from capa_sync.store.migrations import CHAIN

_SHOWN = 20
"""Broken rows that a report holds; all are counted."""
_ADDED = "no event speaks of it: it was added or renamed outside of capa-sync"
_NO_CONTENT = b"?"
"""Content of a row with a cell that capa-sync never stores: nothing that was chained."""


def verify(
    connection: sqlite3.Connection, heads: Sequence[ChainHead] = (), advance: Advance | None = None
) -> ChainReport:
    """Verify all events and rows that one read transaction sees, and that the chain still has these noted heads."""
    verification = partial(_verified, connection, heads, advance or (lambda _what, _done, _all: None))
    try:
        return verification()
    except sqlite3.OperationalError as error:
        if not _is_no_text(error):
            raise
    strict = connection.text_factory
    connection.text_factory = _text_of  # takes time for each cell, so only where there is a cell that needs it
    try:
        return verification()
    finally:
        connection.text_factory = strict


def _verified(connection: sqlite3.Connection, heads: Sequence[ChainHead], advance: Advance) -> ChainReport:
    verification = _Verification(connection, advance)
    if verification.has_events():
        verification.read_events({head.number for head in heads})
        verification.compare_heads(heads)
        verification.compare_rows()
    return verification.report()


def _is_no_text(error: sqlite3.OperationalError) -> bool:
    """Tell whether an error says that a cell is no UTF-8: it comes from Python, and not from SQLite."""
    return not getattr(error, "sqlite_errorname", None)


def _text_of(cell: bytes) -> str:
    """Return the text of a cell, and something that no text of ours is where it is no UTF-8."""
    return cell.decode("utf-8", "surrogateescape")


class _Verification:
    def __init__(self, connection: sqlite3.Connection, advance: Advance) -> None:
        self._connection, self._advance = connection, advance
        self._expected = Expected()
        self._breaks: list[ChainBreak] = []
        self._erased: set[int] = set()
        self._doubted: dict[Key, list[int]] = {}
        self._lost: list[ChainBreak] = []
        self._is_short = False

    # --- events ------------------------------------------------------------------------------------------------
    def has_events(self) -> bool:
        """Note which tables, columns and indexes are gone; return whether the events can be read."""
        lost = list(losses(self._connection))
        self._lost = [ChainBreak(0, loss.what, REMOVED) for loss in lost]
        self._is_short = not all(loss.is_readable for loss in lost)
        return all(loss.is_readable for loss in lost if loss.table == CHAIN)

    def read_events(self, wanted: set[int]) -> None:
        """Compute the hash of each event again, and note what the events say of rows."""
        read_events(self._connection, wanted, self._expected, self._add, self._advance)

    def compare_heads(self, heads: Sequence[ChainHead]) -> None:
        """Compare heads that were noted elsewhere."""
        for head in heads:
            found = self._expected.hashes.get(head.number)
            if found is None:
                self._add(head.number, f"event {head.number}", "the chain has no such event now, and had it")
            elif hex_of(found) != head.hash:
                what = "its hash is not the noted one: the chain was written anew, or an older copy was restored"
                self._add(head.number, f"event {head.number}", what)

    # --- rows --------------------------------------------------------------------------------------------------
    def compare_rows(self) -> None:
        """Compare each chained row with what its newest event says."""
        for done, table in enumerate(CHAINED):
            if self._expected.is_long:
                self._advance("tables", done, len(CHAINED))
            if not self._can_read(table.table, partial(self._compare_table, table)):
                self._expected.forget(table.kind)
        for (kind, source, ticket_id, name), stored in self._expected.rows.items():
            if salted(stored[DIGEST:], GONE) != stored[:DIGEST]:
                self._doubt((kind, source, ticket_id, name), REMOVED)
        if self._can_read("tombstone", self._note_erased):  # else each part that was erased seems to be gone
            self._can_read("part", lambda: self._compare_range(PAGE, self._parts()))
        self._can_read("register_number", lambda: self._compare_range(NUMBERS, self._numbers()))
        self._can_read("set_text", self._compare_texts)
        self._can_read("meta", self._compare_register)
        self._number_doubted()

    def _can_read(self, table: str, read: Callable[[], None]) -> bool:
        """Return whether a table could be read; where not, that is a break, or the consequence of a lost table."""
        try:
            read()
        except sqlite3.OperationalError as error:
            if getattr(error, "sqlite_errorname", "") != "SQLITE_ERROR":
                raise
            if not self._is_short:
                self._add(0, f"table {table}", f"it cannot be read as capa-sync makes it ({error})")
            return False
        except NO_FORM:
            self._add(0, f"table {table}", "one of its cells has a form that capa-sync does not store")
            return False
        return True

    def _compare_table(self, table: ChainedTable) -> None:
        rows, kind = self._expected.rows, table.kind
        for source, ticket_id, name, is_plain, *cells in self._connection.execute(table.every):
            stored = rows.pop((kind, source, ticket_id, name), None)
            if stored is None:
                if not is_plain:
                    self._doubt((kind, source, ticket_id, name), _ADDED)
            elif salted(stored[DIGEST:], _content(cells)) != stored[:DIGEST]:
                self._doubt((kind, source, ticket_id, name), OTHER)

    def _parts(self) -> Iterator[tuple[Place, bytes, str]]:
        for row in self._connection.execute(PARTS):
            if not isinstance(row[0], int):
                self._add(0, f"part {row[0]} of {row[1]} {row[2]}", OTHER)
                continue
            try:
                content = part_content(row[1], row[2], row[3:])
            except TypeError:
                content = _NO_CONTENT
            yield (row[0],), content, f"part {row[0]} ({row[4]} {row[5]}) of {row[1]} {row[2]}"

    def _numbers(self) -> Iterator[tuple[Place, bytes, str]]:
        for row in self._connection.execute(SERIALS):
            if not (isinstance(row[2], int) and isinstance(row[3], int)):
                self._add(0, f"a register number of {row[0]} {row[1]}", OTHER)
                continue
            yield (row[2], row[3]), _content(row), f"register number NC-{row[2]}-{row[3]:04d}"

    def _note_erased(self) -> None:
        """Note the parts that tombstones list: they are gone, and their events have no salts any more."""
        ends = (first + len(digests) // DIGEST for _, (first,), digests, _ in self._expected.ranges[PAGE])
        end = max(ends, default=0)
        for (ranges,) in self._connection.execute("SELECT parts FROM tombstone"):
            try:
                for first, last in orjson.loads(ranges):
                    self._erased.update(range(max(first, 1), min(last + 1, end)))  # whatever was written there
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
                self._add(number, f"{'part' if kind == PAGE else 'register number'} {_words(place)}", REMOVED)
                continue
            if salted(salt, row[1]) != digest:
                self._add(number, row[2], OTHER)
            row = next(found, None)
        while row is not None:
            self._add(0, row[2], _ADDED)
            row = next(found, None)

    def _places(self, kind: str) -> Iterator[tuple[int, Place, bytes, bytes]]:
        """Yield number of the event, place, digest and salt of each row of the ranges, by place."""
        for number, first, digests, salts in sorted(self._expected.ranges[kind], key=lambda entry: entry[1]):
            for step in range(len(digests) // DIGEST):
                place = (*first[:-1], first[-1] + step)
                yield number, place, slice_of(digests, step, DIGEST), slice_of(salts, step, SALT)

    def _compare_texts(self) -> None:
        """Compare the texts of live sets and drafts with the digests that their activation or draft chains."""
        sql = """SELECT DISTINCT p.digest, p.name, t.body
            FROM (SELECT hash FROM activation UNION SELECT hash FROM draft) a JOIN set_part p ON p.hash = a.hash
            LEFT JOIN set_text t ON t.digest = p.digest"""
        for digest, name, body in self._connection.execute(sql):
            if body is None or hashlib.sha256(str(body).encode(errors="surrogateescape")).hexdigest() != digest:
                self._add(0, f"text {str(digest)[:12]} of a live set or a draft ({name})", OTHER)

    def _compare_register(self) -> None:
        """Compare the register's identity with the one that the first event has."""
        meta = dict(self._connection.execute("SELECT name, value FROM meta"))
        origin = self._expected.origin
        for name in ("register_id", "created_at"):
            if origin and origin.get(name) != meta.get(name):
                self._add(1, f"{name} of the register", OTHER)

    # --- what was found ----------------------------------------------------------------------------------------
    def _add(self, number: int, row: str, what: str) -> None:
        self._breaks.append(ChainBreak(number, row.encode(errors="backslashreplace").decode(), what))

    def _doubt(self, key: Key, what: str) -> None:
        """Add a broken row whose event is looked up at the end."""
        self._doubted.setdefault(key, []).append(len(self._breaks))
        self._add(0, self._named(key), what)

    def _named(self, key: Key) -> str:
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
            for name in names_in(names) if isinstance(number, int) else ():
                for place in self._doubted.get((kind, source, ticket_id, name), ()):
                    self._breaks[place] = ChainBreak(number, self._breaks[place].row, self._breaks[place].what)

    def report(self) -> ChainReport:
        """Return what was found, lost tables first, then the breaks in the order of their events."""
        expected = self._expected
        ordered = self._lost + sorted(self._breaks, key=lambda found: found.number or expected.events + 1)
        return ChainReport(
            expected.events,
            expected.covered,
            expected.since,
            expected.adopted,
            expected.head,
            tuple(ordered[:_SHOWN]),
            len(ordered),
            uncovered(),
        )


def _content(cells: Sequence[object]) -> bytes:
    """Return the content of a row; for cells of another type than capa-sync stores, nothing that was chained."""
    try:
        content = content_of(cells)
    except TypeError:
        return _NO_CONTENT
    if content.count(b"null") != cells.count(None) and any(map(_is_no_number, cells)):
        return _NO_CONTENT
    return content


def _is_no_number(cell: object) -> bool:
    """Tell whether a cell is an infinite number, whose JSON is that of an empty cell."""
    return isinstance(cell, float) and not isfinite(cell)


def _words(place: Place) -> str:
    return str(place[0]) if len(place) == 1 else f"NC-{place[0]}-{place[1]:04d}"
