"""The census: reads all ids in scope, and finds out which tables we may read."""

from __future__ import annotations

from collections.abc import Set
from functools import partial
from typing import Any

from capa_sync.errors import AccessDenied
from capa_sync.model.site import Census
from capa_sync.ports.mirror import MirrorLookup
from capa_sync.sources.servicenow.answers import NoSuchTable
from capa_sync.sources.servicenow.cells import Row, value_of
from capa_sync.sources.servicenow.client import TableClient
from capa_sync.sources.servicenow.keyset import KeysetPager
from capa_sync.sources.servicenow.options import ServiceNowOptions
from capa_sync.sources.servicenow.query import prefixed

_PAGE = 2000


class CensusTaker:
    """Takes one census."""

    def __init__(self, client: TableClient, options: ServiceNowOptions, lookup: MirrorLookup) -> None:
        self._client = client
        self._lookup = lookup
        self._options = options
        self._count: int | None = None

    def take(self) -> Census:
        """Read the ids of records and children. Raises SourceError: a census is complete or fails."""
        containers: dict[str, str] = {}
        records = self._sweep(self._options.table, self._options.query, ("sys_id",), containers)
        count, ids = self._count, {value_of(row, "sys_id") for row in records}
        children: set[str] = set()
        for table, reference in self._options.child_tables:
            scope = prefixed(self._options.query, reference) or f"{reference}ISNOTEMPTY"
            rows = self._sweep(table, scope, ("sys_id", reference), containers)
            children.update(value_of(row, "sys_id") for row in rows if self._is_ours(row, reference, ids))
        containers |= self._left()
        present, witness = frozenset(ids | children), max(ids, key=str.lower, default="")
        return Census(present, containers, count=count, in_query=len(ids), witness=witness, named=frozenset(ids))

    def _is_ours(self, row: Row, reference: str, records: Set[str]) -> bool:
        """Tell whether a child belongs to one of these records; with a hidden reference, whether it did before."""
        if reference in row:
            return value_of(row, reference) in records
        return self._lookup.known_digest(self._client.source, value_of(row, "sys_id")) is not None

    def roster(self) -> dict[str, str]:
        """Return the state of the tables named by the settings and of those of mirrored rows. Raises SourceError."""
        return {table: "live" for table in self._options.tables if self._is_open(table)} | self._left()

    def _left(self) -> dict[str, str]:
        """Return the state of the tables of mirrored rows that the settings name no longer."""
        tables = [
            table for table in self._lookup.containers(self._client.source) if table not in self._options.tables
        ]
        return {table: "left" if self._is_open(table) else "left_closed" for table in tables}

    def _is_open(self, table: str) -> bool:
        try:
            self._client.rows(table, "", limit=1, fields=("sys_id",), counted=False)
        except (AccessDenied, NoSuchTable):
            return False
        return True

    def _sweep(self, table: str, base: str, fields: tuple[str, ...], containers: dict[str, str]) -> list[Row]:
        """Read all ids of a table; a table that is closed, or counts rows but shows none, is no container."""
        self._count = None
        fetch: Any = partial(self._client.rows, table, limit=_PAGE, fields=fields)
        rows: list[Row] = []
        try:
            counted = self._client.rows(table, base, limit=1, fields=("sys_id",))
            for answer in KeysetPager(self._client.source, table, fetch, base).by_id(""):
                rows.extend(answer.rows)
        except (AccessDenied, NoSuchTable):
            return []
        self._count = counted.total
        if rows or not counted.total or self._shows_any(table):
            containers[table] = "live"
        return rows

    def _shows_any(self, table: str) -> bool:
        """Tell whether a table shows rows outside our query: then single rows are hidden, and not the table."""
        return bool(self._client.rows(table, "", limit=_PAGE, fields=("sys_id",), counted=False).rows)
