"""Reads a whole table by sys_id: the first fill, and each full sweep.

The first fill reads ahead: while one page is taken in, other sessions read the next one and its history. A sweep
does not, because it should be polite and may end after any page.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

from capa_sync.model.clock import Clock
from capa_sync.model.ticket import Page
from capa_sync.sources.servicenow.answers import TableAnswer
from capa_sync.sources.servicenow.assembly import Assembly, TableSpec
from capa_sync.sources.servicenow.cells import Row, value_of
from capa_sync.sources.servicenow.client import TableClient
from capa_sync.sources.servicenow.history import Asked
from capa_sync.sources.servicenow.keyset import KeysetPager, Position
from capa_sync.sources.servicenow.sessions import Sessions, Slices
from capa_sync.sources.servicenow.state import States, TableState
from capa_sync.sources.servicenow.tables import Tables

_LAST_ID = "zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz"  # sorts after every sys_id
_Read = tuple[TableAnswer, Asked | None]


@dataclass(slots=True)
class _Fill:
    """One full read of a table: its pager, the states it moves, and how many rows the first answer promised."""

    table_spec: TableSpec
    states: States
    pager: KeysetPager
    total: int | None = None

    @property
    def state(self) -> TableState:
        """How far it has come."""
        return self.states.of[self.table_spec.table]

    @state.setter
    def state(self, reached: TableState) -> None:
        self.states.of[self.table_spec.table] = reached


class Filling:
    """Reads whole tables.

    Args:
        tables: requests rows.
        assembly: makes readings from rows.
        clock: our own clock, for an instance that sends no date.
    """

    def __init__(self, tables: Tables, assembly: Assembly, clock: Clock) -> None:
        self._tables = tables
        self._assembly = assembly
        self._clock = clock

    def fill(self, table_spec: TableSpec, states: States) -> Iterator[Page]:
        """Yield a whole table; rows that change meanwhile come again when it is followed. Raises SourceError."""
        if states.of[table_spec.table].at is None:
            yield from self._ahead(table_spec, states)
        else:
            fill = _Fill(table_spec, states, self._tables.fill_pager(table_spec, self._tables.client))
            answers = fill.pager.by_id(fill.state.filled_to)
            yield from (self._page(fill, (answer, None)) for answer in answers)
        states.of[table_spec.table] = self._filled(table_spec, states.of[table_spec.table])

    def _ahead(self, table_spec: TableSpec, states: States) -> Iterator[Page]:
        """Yield the pages of a first fill; a page's data is freed as soon as the page is made."""
        client, history = self._tables.client, self._assembly.history
        fill = _Fill(table_spec, states, self._tables.fill_pager(table_spec, client))
        with Sessions(client, 1).slices() as answers, history.sessions.slices() as slices:
            reads = answers.ahead(partial(self._begun, fill, slices))
            yield from map(partial(self._page, fill), reads)

    def _begun(self, fill: _Fill, slices: Slices, client: TableClient) -> Iterator[_Read]:
        """Yield answers, with their history requested; not for children, which may be out of scope."""
        for answer in self._tables.fill_pager(fill.table_spec, client).by_id(fill.state.filled_to):
            ids = [value_of(row, "sys_id") for row in answer.rows]
            yield answer, None if fill.table_spec.reference else self._assembly.history.begin(ids, slices)

    def _page(self, fill: _Fill, read: _Read) -> Page:
        """Make a page from one answer, and move the state past it."""
        answer, asked = read
        pager, state, at = fill.pager, fill.state, answer.at or self._clock.now()
        fill.total = answer.total if fill.total is None else fill.total
        state = replace(
            state, floor=state.floor or self._tables.settled_before(at), filled_to=pager.id_of(answer.rows[-1])
        )
        fill.state = replace(state, newest=_newest(pager, answer.rows, state))
        rows, refetch = self._tables.ours(fill.table_spec, answer.rows), partial(self._tables.again, fill.table_spec)
        readings, skipped = self._assembly.readings(fill.table_spec, rows, at, refetch, asked)
        return Page(tuple(readings), fill.states.cursor(), complete=False, total=fill.total, skipped=tuple(skipped))

    def _filled(self, table_spec: TableSpec, state: TableState) -> TableState:
        """Switch from the fill to following changes; a position from before a full sweep stays."""
        done = TableState(state.at, state.anchored, filling=False)
        if state.at is not None:
            return done
        start = state.newest
        if table_spec.reference and state.floor:
            # children are followed in the whole table, so that a child removed from its record is noticed
            start = self._tables.newest_before(table_spec, Position(state.floor, _LAST_ID)) or start
        return replace(done, at=start, anchored=start is not None)


def _newest(pager: KeysetPager, rows: Sequence[Row], state: TableState) -> Position | None:
    places = [place for place in map(pager.position_of, rows) if place.changed_at <= state.floor]
    return max([*places, *([state.newest] if state.newest else [])], default=None)
