"""The id-only sweep: what is there, which tables are open to us, and which deletions are proven."""

from __future__ import annotations

from functools import partial
from typing import Any

from capa_sync.model.ticket import Census
from capa_sync.sources.servicenow.answers import AccessDenied, NoSuchTable, Row, value_of
from capa_sync.sources.servicenow.client import TableClient
from capa_sync.sources.servicenow.directory import Directory
from capa_sync.sources.servicenow.history import batches
from capa_sync.sources.servicenow.keyset import Walk
from capa_sync.sources.servicenow.options import ServiceNowOptions
from capa_sync.sources.servicenow.query import one_of, prefixed

_PAGE = 2000
_DELETION = ("sys_id", "tablename", "documentkey", "sys_created_on", "sys_created_by")


class CensusTaker:
    """Takes one census."""

    def __init__(self, client: TableClient, directory: Directory, options: ServiceNowOptions) -> None:
        self._client = client
        self._directory = directory
        self._options = options
        self._count: int | None = None

    def take(self) -> Census:
        """Sweep records and children. Raises SourceError: a sweep is whole or not at all."""
        containers: dict[str, str] = {}
        records = self._sweep(self._options.table, self._options.query, ("sys_id",), containers)
        count, ids = self._count, {value_of(row, "sys_id") for row in records}
        children: set[str] = set()
        for table, reference in self._options.child_tables:
            scope = prefixed(self._options.query, reference) or f"{reference}ISNOTEMPTY"
            rows = self._sweep(table, scope, ("sys_id", reference), containers)
            children.update(value_of(row, "sys_id") for row in rows if value_of(row, reference) in ids)
        present = frozenset(ids | children)
        proofs = {key: proof for key, proof in self._deletions().items() if key not in present}
        return Census(ids=present, containers=containers, deleted=proofs, count=count, in_query=len(ids))

    def roster(self) -> dict[str, str]:
        """Return the tables that are open to us. Raises SourceError."""
        found: dict[str, str] = {}
        for table in (self._options.table, *(table for table, _ in self._options.child_tables)):
            try:
                self._client.rows(table, "", limit=1, fields=("sys_id",), counted=False)
            except (AccessDenied, NoSuchTable):
                continue
            found[table] = "live"
        return found

    def _sweep(self, table: str, base: str, fields: tuple[str, ...], containers: dict[str, str]) -> list[Row]:
        """Read all ids of a table; one that is closed to us, or shows no row of those it counts, is no container."""
        self._count = None
        fetch: Any = partial(self._client.rows, table, limit=_PAGE, fields=fields)
        rows: list[Row] = []
        try:
            counted = self._client.rows(table, base, limit=1, fields=("sys_id",))
            for answer in Walk(self._client.source, table, fetch, base).by_id(""):
                rows.extend(answer.rows)
        except (AccessDenied, NoSuchTable):
            return []
        self._count = counted.total
        if rows or not counted.total or self._shows_any(table):
            containers[table] = "live"
        return rows

    def _shows_any(self, table: str) -> bool:
        """Tell whether a table shows rows outside our query: then rows are hidden from us, and not the table."""
        return bool(self._client.rows(table, "", limit=_PAGE, fields=("sys_id",), counted=False).rows)

    def _deletions(self) -> dict[str, str]:
        """Return the proof of each deletion that the instance still knows, {} where that table is closed to us.

        It files them under the real class and forgets them in time (facts 2.5): no proof proves nothing.
        """
        tables = {self._options.table, *(table for table, _ in self._options.child_tables)}
        classes = sorted(set().union(*(self._directory.subclasses(table) for table in tables)))
        found: dict[str, str] = {}
        fetch: Any = partial(self._client.rows, "sys_audit_delete", limit=_PAGE, fields=_DELETION)
        try:
            for batch in batches(classes):
                walk = Walk(self._client.source, "sys_audit_delete", fetch, one_of("tablename", batch))
                for answer in walk.by_id(""):
                    found.update((value_of(row, "documentkey"), _proof(row)) for row in answer.rows)
        except AccessDenied:
            return {}
        return found


def _proof(row: Row) -> str:
    when, who = value_of(row, "sys_created_on"), value_of(row, "sys_created_by")
    return f"sys_audit_delete {value_of(row, 'sys_id')}: deleted {when} UTC by {who or 'unknown'}"
