"""The tables of one source: which rows are in scope, and how pages of them are requested."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial

from capa_sync.ports.mirror import MirrorLookup
from capa_sync.sources.servicenow.answers import TableAnswer
from capa_sync.sources.servicenow.assembly import TableSpec
from capa_sync.sources.servicenow.cells import Row, is_text, value_of
from capa_sync.sources.servicenow.client import SYS_ID, TableClient
from capa_sync.sources.servicenow.dictionary import check_class
from capa_sync.sources.servicenow.history import batches
from capa_sync.sources.servicenow.instants import to_platform_time
from capa_sync.sources.servicenow.keyset import KeysetPager, Position
from capa_sync.sources.servicenow.options import ServiceNowOptions
from capa_sync.sources.servicenow.query import join, one_of, prefixed

_SHORTEST_OVERLAP = timedelta(seconds=10)  # update times have whole seconds, and commits come late (facts 2.3)
_OUTLINE = ("sys_id", "sys_updated_on", "sys_created_on", "sys_class_name", "number")
"""Columns of a record too large to be read: its identity and its update time."""
_LOOK_BACK = 50  # rows requested to find a visible anchor


class Tables:
    """Requests rows of the configured table and of its child tables.

    Attributes:
        records, children: the table specs. all: both, in the order of reading.

    Args:
        options: the source's settings.
        client: the source's own session.
        lookup: shows what the mirror already holds.
    """

    def __init__(self, options: ServiceNowOptions, client: TableClient, lookup: MirrorLookup) -> None:
        self.name = options.name
        self.client = client
        self.records = TableSpec(options.table)
        self.children = tuple(TableSpec(table, reference) for table, reference in options.child_tables)
        self.all = (self.records, *self.children)
        self._names = frozenset(table_spec.table for table_spec in self.all)
        self._options = options
        self._lookup = lookup

    def ask(
        self,
        table_spec: TableSpec,
        query: str,
        *,
        offset: int = 0,
        counted: bool = True,
        limit: int | None = None,
        fields: Sequence[str] = (),
        linked: bool = True,
        client: TableClient | None = None,
    ) -> TableAnswer:
        """Request one page, with display texts unless only some fields are wanted. Raises SourceError."""
        answer = (client or self.client).rows(
            table_spec.table,
            query,
            limit=limit or self._options.page_size,
            offset=offset,
            fields=fields,
            display=not fields,
            counted=counted,
            linked=linked,
            outline=() if fields else (*_OUTLINE, *filter(None, [table_spec.reference])),
        )
        check_class(self.name, table_spec.table, answer.rows, self.records.table, self._names)
        return answer

    def fill_pager(self, table_spec: TableSpec, client: TableClient) -> KeysetPager:
        """Return the pager over all rows of a table that are in scope; for children through the reference."""
        scope = self._options.query
        if table_spec.reference:
            scope = prefixed(self._options.query, table_spec.reference) or f"{table_spec.reference}ISNOTEMPTY"
        return KeysetPager(self.name, table_spec.table, partial(self.ask, table_spec, client=client), scope)

    def change_pager(self, table_spec: TableSpec) -> KeysetPager:
        """Return the pager over changes; for children of the whole table, so that a removed child is noticed."""
        return KeysetPager(self.name, table_spec.table, partial(self.ask, table_spec), self._own(table_spec))

    def again(self, table_spec: TableSpec, ids: Sequence[str], *, scoped: bool = False) -> list[Row]:
        """Read rows by their ids, only those in scope when `scoped`; gone or hidden ones are left out."""
        base = self._own(table_spec) if scoped else ""
        return [row for batch in batches(ids) for row in self.listed(table_spec, join(base, one_of("sys_id", batch)))]

    def listed(self, table_spec: TableSpec, base: str) -> list[Row]:
        """Read all rows that a filter with a list of ids finds; without links, which would repeat the ids."""
        pager = KeysetPager(self.name, table_spec.table, partial(self.ask, table_spec, linked=False), base)
        return [row for answer in pager.by_id("") for row in answer.rows]

    def _own(self, table_spec: TableSpec) -> str:
        return "" if table_spec.reference else self._options.query

    def ours(self, table_spec: TableSpec, rows: Sequence[Row]) -> Sequence[Row]:
        """Leave out children of records out of scope: the platform can also drop a filter through a reference."""
        if not table_spec.reference:
            return rows
        records = self._in_scope({value_of(row, table_spec.reference) for row in rows})
        return [
            row
            for row in rows
            if value_of(row, table_spec.reference) in records or not is_text(row.get(table_spec.reference))
        ]  # one that names its record by no text is quarantined, and not left out in silence

    def _in_scope(self, records: set[str]) -> set[str]:
        """Return those that are present as records, or that the query names: a child of a child is no action.

        What the mirror holds of a record that is gone or out of scope is old, so that such a record is asked for.
        """
        actions = set(self._lookup.action_ids(self.name)) if records else set()
        named = sorted(record for record in records - actions if SYS_ID.fullmatch(record))
        found = {record for record in named if self._lookup.is_present(self.name, record)}
        ask = partial(self.ask, self.records, fields=("sys_id",), linked=False)
        for batch in batches([record for record in named if record not in found]):
            pager = KeysetPager(
                self.name, self.records.table, ask, join(self._options.query, one_of("sys_id", batch))
            )
            found.update(value_of(row, "sys_id") for answer in pager.by_id("") for row in answer.rows)
        return found

    def settled_before(self, at: datetime) -> str:
        """Return the instant up to which no new row can appear, by the instance's own clock."""
        return to_platform_time(at - max(self._options.overlap, _SHORTEST_OVERLAP))

    def newest_before(self, table_spec: TableSpec, ceiling: Position) -> Position | None:
        """Find the newest visible row at or below a position, as a new anchor."""
        order = "ORDERBYDESCsys_updated_on^ORDERBYDESCsys_id"
        query = join(self._own(table_spec), f"sys_updated_on<={ceiling.changed_at}", order)
        answer = self.ask(table_spec, query, limit=_LOOK_BACK, fields=("sys_id", "sys_updated_on"), counted=False)
        pager = self.change_pager(table_spec)
        places = [place for place in map(pager.position_of, answer.rows) if place <= ceiling]
        return max(places, default=None)
