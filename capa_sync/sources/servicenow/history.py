"""Reads the history of a page of records: sys_audit and sys_journal_field, complete or marked as incomplete.

Both are queried by the records' ids, at most 40 in a query, so that the address stays below 2,000 characters
(docs/servicenow.md 1.1, 3). When a count is not reached, smaller queries find the records it concerns.
A page of many records is cut into slices that several sessions read in parallel.

They are never queried by a range of ids: sys_ids are random, so that the ids of one page span a good part of the
audit rows of all tables, in what is "typically the largest table in any instance" (servicenow.com/docs,
c_ReportOnSystemTables); and a range may be dropped where the query_range right is missing (facts 0.1).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial

from capa_sync.errors import AccessDenied, AnswerTooLarge, BadAnswer
from capa_sync.model.light import light
from capa_sync.sources.servicenow.answers import NoSuchTable, QueryTooLong
from capa_sync.sources.servicenow.cells import Row, value_of
from capa_sync.sources.servicenow.client import TableClient
from capa_sync.sources.servicenow.keyset import KeysetPager
from capa_sync.sources.servicenow.parts import Reach
from capa_sync.sources.servicenow.query import condition, join, one_of
from capa_sync.sources.servicenow.sessions import Sessions, Slices

IDS_A_QUERY = 40
SESSIONS = 8
"""Maximum number of sessions of one source, the one that reads the table included; an instance serves few
transactions of one user at once."""
_PAGE = 1000
_AUDIT = ("sys_id", "documentkey", "fieldname", "oldvalue", "newvalue", "user", "record_checkpoint", "sys_created_on")
_NOTES = ("sys_id", "element_id", "element", "value", "sys_created_by", "sys_created_on")


@dataclass(slots=True)
class Entries:
    """History rows of one record, oldest first; `complete` when none is missing.

    `is_too_large`: one of them alone is larger than an answer may be. `is_closed`: none could be read now, all are
    from the mirror.

    Their cells are texts, without the record's own id, which each would repeat.
    """

    rows: list[Row] = field(default_factory=list)
    complete: bool = True
    is_too_large: bool = False
    is_closed: bool = False

    @property
    def reach(self) -> Reach:
        """Whether all rows were read."""
        if self.is_closed:
            return Reach.CLOSED
        return Reach.WHOLE if self.complete else Reach.PARTLY

    def with_mirrored(self, mirrored: Sequence[Row]) -> Entries:
        """Return these rows and those that the mirror has besides: a row that is not shown now is not gone."""
        rows = {row["sys_id"]: row for row in (*mirrored, *self.rows)}
        self.rows = sorted(rows.values(), key=lambda row: (row["sys_created_on"], row["sys_id"]))
        return self


@dataclass(slots=True)
class Past:
    """The audit rows and the notes of some records; None where we may not read that table."""

    audit: dict[str, Entries] | None
    notes: dict[str, Entries] | None

    def outran(self, sys_id: str, row: Row) -> bool:
        """Tell whether a record changed between the reading of its row and that of its history."""
        entries = self.audit.get(sys_id) if self.audit else None
        newest = entries.rows[-1].get("sys_created_on", "") if entries and entries.rows else ""
        return bool(newest > value_of(row, "sys_updated_on"))

    def is_too_large(self, sys_id: str) -> bool:
        """Tell whether a row of a record's history is larger than an answer may be."""
        parts = [entries.get(sys_id) for entries in (self.audit, self.notes) if entries is not None]
        return any(entries.is_too_large for entries in parts if entries is not None)

    def renew(self, newer: Past) -> None:
        """Replace entries by those that were read again."""
        for mine, theirs in ((self.audit, newer.audit), (self.notes, newer.notes)):
            if mine is not None and theirs is not None:
                mine.update(theirs)


_Found = dict[str, Entries]


@dataclass(slots=True)
class Asked:
    """A requested history: the pending answers, by table; none for a table that we may not read."""

    slices: Slices
    coming: dict[str, deque[Future[_Found]]]


@light
class _Kind:
    table: str
    key: str
    fields: tuple[str, ...]
    extra: str = ""


AUDIT = _Kind("sys_audit", "documentkey", _AUDIT)
NOTES = _Kind("sys_journal_field", "element_id", _NOTES, "elementINcomments,work_notes")


class AuditReader:
    """Reads audit and journal rows for records.

    Attributes:
        audit_readable: False after the instance has refused that table.
        sessions: read slices in parallel.
    """

    def __init__(self, client: TableClient) -> None:
        self._client = client
        self.most = client.most
        """Bytes that an answer may have."""
        self._closed: set[str] = set()
        self.sessions = Sessions(client, max(1, SESSIONS - 1))

    @property
    def audit_readable(self) -> bool:
        """Whether we may read audit rows, as far as is known."""
        return AUDIT.table not in self._closed

    @property
    def closed(self) -> frozenset[str]:
        """The tables of the history that we may not read, as far as is known."""
        return frozenset(self._closed)

    def probe(self, table: str, client: TableClient) -> None:
        """Find out with this session whether we may read audit and journal rows. Raises SourceError.

        Rows that are counted but not shown are hidden by an access rule (facts 0.2).
        """
        self._closed = {
            kind.table
            for kind, column in ((AUDIT, "tablename"), (NOTES, "name"))
            if not _is_shown(client, kind.table, condition(column, "=", table))
        }

    def read(self, ids: Sequence[str]) -> Past:
        """Read the history of these records. Raises SourceError."""
        if len(ids) <= IDS_A_QUERY:
            return Past(self._few(AUDIT, ids), self._few(NOTES, ids))
        with self.sessions.slices() as slices:
            return self.finish(self.begin(ids, slices))

    def notes_of(self, ids: Sequence[str]) -> dict[str, Entries] | None:
        """Return a few records' comments and work notes; None when we may not read the table."""
        return self._few(NOTES, ids)

    def _few(self, kind: _Kind, ids: Sequence[str]) -> dict[str, Entries] | None:
        if kind.table in self._closed:
            return None
        try:
            return dict(_read(self._client, kind, ids)) if ids else {}
        except (AccessDenied, NoSuchTable):
            self._closed.add(kind.table)
            return None

    def begin(self, ids: Sequence[str], slices: Slices) -> Asked:
        """Request the history of these records; it is read while the caller does other work."""
        kinds = [kind for kind in (AUDIT, NOTES) if kind.table not in self._closed]
        coming = {
            kind.table: deque(slices.ask(partial(_read, kind=kind, ids=batch)) for batch in batches(ids))
            for kind in kinds
        }
        return Asked(slices, coming)

    def finish(self, asked: Asked) -> Past:
        """Wait for a requested history. Raises SourceError."""
        return Past(self._gathered(AUDIT, asked), self._gathered(NOTES, asked))

    def _gathered(self, kind: _Kind, asked: Asked) -> dict[str, Entries] | None:
        coming = asked.coming.get(kind.table)
        if coming is None:
            return None
        found: dict[str, Entries] = {}
        try:
            while coming:
                some: _Found = asked.slices.wait(coming.popleft())
                found.update(some)
        except (AccessDenied, NoSuchTable):
            self._closed.add(kind.table)
            return None
        return found


def _is_shown(client: TableClient, table: str, query: str) -> bool:
    try:
        answer = client.rows(table, query, limit=100, fields=("sys_id",), counted=False)
        if not answer.rows:
            answer = client.rows(table, query, limit=100, fields=("sys_id",))
    except (AccessDenied, NoSuchTable):
        return False
    return bool(answer.rows) or not answer.total


def _read(client: TableClient, kind: _Kind, ids: Sequence[str]) -> _Found:
    """Read the history of one query's records; of each half where that was incomplete or too large.

    Of one record an incomplete history is read once more: a page may be wrong once. Where it stays incomplete, rows
    are hidden from us.
    """
    try:
        rows, complete = _all_rows(client, kind, ids)
    except QueryTooLong:
        if len(ids) == 1:
            raise
        rows, complete = [], False
    except AnswerTooLarge:
        if len(ids) == 1:
            return {ids[0]: Entries(complete=False, is_too_large=True)}
        rows, complete = [], False
    if len(ids) == 1 and not complete:
        rows, complete = _all_rows(client, kind, ids)
    if complete or len(ids) == 1:
        return _sorted_out(client.source, kind, ids, rows, complete=complete)
    middle = len(ids) // 2
    return {**_read(client, kind, ids[:middle]), **_read(client, kind, ids[middle:])}


def _all_rows(client: TableClient, kind: _Kind, ids: Sequence[str]) -> tuple[list[Row], bool]:
    """Read all rows of some records, and tell whether they are as many as the instance counts.

    Without a count they are read twice, because an empty page alone proves nothing.
    """
    rows, total = _all_rows_once(client, kind, ids)
    if total is None:
        again, total = _all_rows_once(client, kind, ids)
        total = max(len(rows), len(again)) if total is None else total
        rows = again
    return rows, len(rows) >= total


def _all_rows_once(client: TableClient, kind: _Kind, ids: Sequence[str]) -> tuple[list[Row], int | None]:
    # no links, which would repeat the long list of ids; so the count shows the end
    fetch = partial(client.rows, kind.table, limit=_PAGE, fields=kind.fields, linked=False)
    base = join(one_of(kind.key, ids), kind.extra)
    pager = KeysetPager(client.source, kind.table, fetch, base, column="sys_created_on")
    rows: list[Row] = []
    total: int | None = None
    for answer in pager.by_change(None):
        total = answer.total if total is None else total
        rows.extend(answer.rows)
    return rows, total


def batches(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    """Cut a list of ids into pieces that one query can hold."""
    for start in range(0, len(ids), IDS_A_QUERY):
        yield ids[start : start + IDS_A_QUERY]


_TEXTS = {str}


def _sorted_out(source: str, kind: _Kind, ids: Sequence[str], rows: Sequence[Row], *, complete: bool) -> _Found:
    found = {sys_id: Entries(complete=complete) for sys_id in ids}
    for row in rows:
        cells = row if {*map(type, row.values())} == _TEXTS else {column: value_of(row, column) for column in row}
        entries = found.get(cells.pop(kind.key, ""))
        if entries is None:
            raise BadAnswer(source, f"{kind.table}: a row came that does not say which of the records it is of")
        entries.rows.append(cells)
    return found
