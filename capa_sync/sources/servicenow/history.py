"""The history of a page of records: sys_audit and sys_journal_field, complete or said not to be.

Both are asked by the records' ids, at most 40 a query so that the address stays below 2,000 characters
(facts/servicenow.md 1.1, 3). A count that is not reached is narrowed down to the records it concerns.
A page of many records is cut into slices that several sessions read side by side: their answers take time to come,
and how many may be asked for is the request budget's to say.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from queue import SimpleQueue

from capa_sync.sources.servicenow.answers import AccessDenied, QueryTooLong, Row, value_of
from capa_sync.sources.servicenow.client import TableClient
from capa_sync.sources.servicenow.keyset import Walk
from capa_sync.sources.servicenow.parts import Reach
from capa_sync.sources.servicenow.query import condition, join, one_of

IDS_A_QUERY = 40
SESSIONS = 8
"""Slices read side by side at most; an instance serves few transactions of one user at once."""
_PAGE = 1000
_AUDIT = ("sys_id", "documentkey", "fieldname", "oldvalue", "newvalue", "user", "record_checkpoint", "sys_created_on")
_NOTES = ("sys_id", "element_id", "element", "value", "sys_created_by", "sys_created_on")


@dataclass(slots=True)
class Entries:
    """Rows of one record in the order of their making; `complete` when none is missing."""

    rows: list[Row] = field(default_factory=list)
    complete: bool = True

    @property
    def reach(self) -> Reach:
        """Whether all were read."""
        return Reach.WHOLE if self.complete else Reach.PARTLY


@dataclass(frozen=True, slots=True)
class _Kind:
    table: str
    key: str
    fields: tuple[str, ...]
    extra: str = ""


AUDIT = _Kind("sys_audit", "documentkey", _AUDIT)
NOTES = _Kind("sys_journal_field", "element_id", _NOTES, "elementINcomments,work_notes")


class History:
    """Reads audit and journal rows for records.

    Attributes:
        audit_readable, notes_readable: False once the instance has refused that table.
    """

    def __init__(self, client: TableClient) -> None:
        self._client = client
        self._sessions: SimpleQueue[TableClient] = SimpleQueue()
        self._pool: ThreadPoolExecutor | None = None
        self.audit_readable = True
        self.notes_readable = True

    def probe(self, table: str) -> None:
        """Find out whether audit and journal rows are shown to us. Raises SourceError.

        Rows that are counted and not shown are hidden by an access rule (facts 0.2).
        """
        self.audit_readable = self._is_shown("sys_audit", condition("tablename", "=", table))
        self.notes_readable = self._is_shown("sys_journal_field", condition("name", "=", table))

    def _is_shown(self, history: str, query: str) -> bool:
        try:
            answer = self._client.rows(history, query, limit=100, fields=("sys_id",), counted=False)
            if not answer.rows:
                answer = self._client.rows(history, query, limit=100, fields=("sys_id",))
        except AccessDenied:
            return False
        return bool(answer.rows) or not answer.total

    def audit_of(self, ids: Sequence[str]) -> dict[str, Entries] | None:
        """Return each record's audit rows; None when the table is closed to us."""
        try:
            return self._read(AUDIT, ids) if self.audit_readable else None
        except AccessDenied:
            self.audit_readable = False
            return None

    def notes_of(self, ids: Sequence[str]) -> dict[str, Entries] | None:
        """Return each record's comments and work notes; None when the table is closed to us."""
        try:
            return self._read(NOTES, ids) if self.notes_readable else None
        except AccessDenied:
            self.notes_readable = False
            return None

    def _read(self, kind: _Kind, ids: Sequence[str]) -> dict[str, Entries]:
        found: dict[str, Entries] = {sys_id: Entries() for sys_id in ids}
        slices = list(batches(ids))
        if len(slices) < 2:
            for batch in slices:
                found.update(self._read_batch(self._client, kind, batch))
            return found
        for read in self._readers().map(partial(self._read_slice, kind), slices):
            found.update(read)
        return found

    def _readers(self) -> ThreadPoolExecutor:
        """Return the threads that read slices, and open a session for each at the first call."""
        if self._pool is None:
            self._pool = ThreadPoolExecutor(SESSIONS, thread_name_prefix=f"{self._client.source}-history")
            for _ in range(SESSIONS):
                self._sessions.put(self._client.another())
        return self._pool

    def _read_slice(self, kind: _Kind, ids: Sequence[str]) -> list[tuple[str, Entries]]:
        """Read one slice over a session that no other thread uses meanwhile."""
        client = self._sessions.get()
        try:
            return list(self._read_batch(client, kind, ids))
        finally:
            self._sessions.put(client)

    def _read_batch(self, client: TableClient, kind: _Kind, ids: Sequence[str]) -> Iterator[tuple[str, Entries]]:
        try:
            rows, complete = self._walk(client, kind, ids)
        except QueryTooLong:
            if len(ids) == 1:
                raise
            rows, complete = [], False
        if complete or len(ids) == 1:
            yield from _sorted_out(kind, ids, rows, complete=complete)
            return
        middle = len(ids) // 2
        yield from self._read_batch(client, kind, ids[:middle])
        yield from self._read_batch(client, kind, ids[middle:])

    def _walk(self, client: TableClient, kind: _Kind, ids: Sequence[str]) -> tuple[list[Row], bool]:
        # the long list of ids is not echoed in links, so the count tells the end
        fetch = partial(client.rows, kind.table, limit=_PAGE, fields=kind.fields, linked=False)
        base = join(one_of(kind.key, ids), kind.extra)
        walk = Walk(client.source, kind.table, fetch, base, column="sys_created_on")
        rows: list[Row] = []
        total: int | None = None
        for answer in walk.by_change(None):
            total = answer.total if total is None else total
            rows.extend(answer.rows)
        return rows, total is None or len(rows) >= total


def batches(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    """Cut a list of ids into what one query can hold."""
    for start in range(0, len(ids), IDS_A_QUERY):
        yield ids[start : start + IDS_A_QUERY]


def _sorted_out(
    kind: _Kind, ids: Sequence[str], rows: Sequence[Row], *, complete: bool
) -> Iterator[tuple[str, Entries]]:
    found = {sys_id: Entries(complete=complete) for sys_id in ids}
    for row in rows:
        found[value_of(row, kind.key)].rows.append(row)
    yield from found.items()
