"""Reads what changed, by (sys_updated_on, sys_id), and the children of what changed.

A position moves only past rows older than the overlap, by the instance's own clock, so that a row that is committed
late is not missed (docs/servicenow.md 2.3).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial

from capa_sync.model.clock import Clock
from capa_sync.model.ticket import Page, Reading, Skip
from capa_sync.ports.mirror import MirrorLookup
from capa_sync.sources.servicenow.answers import TableAnswer
from capa_sync.sources.servicenow.assembly import Assembly, TableSpec
from capa_sync.sources.servicenow.cells import Row, value_of
from capa_sync.sources.servicenow.history import batches
from capa_sync.sources.servicenow.keyset import KeysetPager, Position
from capa_sync.sources.servicenow.query import one_of
from capa_sync.sources.servicenow.state import States
from capa_sync.sources.servicenow.tables import Tables

Refused = Mapping[str, tuple[str, str]]
Read = tuple[list[Reading], list[Skip]]


class Following:
    """Reads the changes of tables.

    Args:
        tables: requests rows.
        assembly: makes readings from rows.
        clock: our own clock, for an instance that sends no date.
        lookup: what the mirror already holds.
    """

    def __init__(self, tables: Tables, assembly: Assembly, clock: Clock, lookup: MirrorLookup) -> None:
        self._tables = tables
        self._assembly = assembly
        self._clock = clock
        self._lookup = lookup

    def follow(self, table_spec: TableSpec, states: States) -> Iterator[Page]:
        """Read what changed after a table's position, and move it as far as no row can still appear below it."""
        state, directory = states.of[table_spec.table], self._assembly.directory
        pager = self._tables.change_pager(table_spec)
        settled: str = ""
        is_first, is_lost = True, not state.anchored
        if state.at is None:
            directory.who_am_i()  # without an anchor row, only this shows that we are still signed in
        for answer in pager.by_change(state.at, inclusive=True):
            at = answer.at or self._clock.now()
            settled = settled or self._tables.settled_before(at)
            if is_first and state.at is not None and not _holds(pager, answer, state.at):
                directory.who_am_i()  # an answer without the last known row needs this proof
                is_lost = True
            is_first = False
            fresh = self.news(table_spec, answer.rows)
            reached = [place for place in map(pager.position_of, answer.rows) if place.changed_at <= settled]
            if reached and (state.at is None or reached[-1] > state.at):
                state, is_lost = replace(state, at=reached[-1], anchored=True), False
            states.of[table_spec.table] = state
            if fresh:
                readings, skipped = self.with_children(table_spec, fresh, at)
                yield Page(tuple(readings), states.cursor(), complete=False, skipped=tuple(skipped))
        if is_lost and state.at is not None:
            before = self._tables.newest_before(table_spec, state.at)
            states.of[table_spec.table] = replace(state, at=before or state.at, anchored=before is not None)

    def news(self, table_spec: TableSpec, rows: Sequence[Row]) -> list[Row]:
        """Return rows that the mirror lacks, or holds in another version or as not present.

        Children are followed in the whole table, so one that the mirror does not hold as present is news only with a
        record in scope: else each poll would bring back what each census takes out again.
        """
        refused = self._lookup.refused(self._tables.name)
        news = [row for row in rows if not self._is_held(refused, table_spec, row)]
        doubtful = [row for row in news if not self._is_present(row)]
        ours = {value_of(row, "sys_id") for row in self._tables.ours(table_spec, doubtful)}
        left_out = {value_of(row, "sys_id") for row in doubtful} - ours
        return [row for row in news if value_of(row, "sys_id") not in left_out]

    def _is_held(self, refused: Refused, table_spec: TableSpec, row: Row) -> bool:
        """Tell whether the mirror holds a row in this version, as present, or knows that it makes no ticket."""
        digest, sys_id = self._assembly.digest(table_spec, row), value_of(row, "sys_id")
        if self._lookup.known_digest(self._tables.name, sys_id) != digest:
            return sys_id in refused and refused[sys_id][0] == digest
        return self._is_present(row)

    def _is_present(self, row: Row) -> bool:
        return self._lookup.is_present(self._tables.name, value_of(row, "sys_id"))

    def with_children(self, table_spec: TableSpec, rows: Sequence[Row], at: datetime) -> Read:
        """Make readings of these rows, and of the children of those that are records."""
        readings, skipped = self._read(table_spec, rows, at)
        if rows and table_spec is self._tables.records:
            for child in self._tables.children:
                more, also = self._children_of(child, [value_of(row, "sys_id") for row in rows], at)
                readings, skipped = readings + more, skipped + also
        return readings, skipped

    def _children_of(self, table_spec: TableSpec, records: Sequence[str], at: datetime) -> Read:
        """Read those children of these records that the mirror lacks or holds in another version."""
        found = (self._tables.listed(table_spec, one_of(table_spec.reference, batch)) for batch in batches(records))
        return self._read(table_spec, [row for rows in found for row in self.news(table_spec, rows)], at)

    def _read(self, table_spec: TableSpec, rows: Sequence[Row], at: datetime) -> Read:
        if not rows:
            return [], []
        return self._assembly.readings(table_spec, rows, at, partial(self._tables.again, table_spec))


def _holds(pager: KeysetPager, answer: TableAnswer, place: Position) -> bool:
    return bool(answer.rows) and pager.id_of(answer.rows[0]).lower() == place.sys_id.lower()
