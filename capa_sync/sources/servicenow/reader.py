"""Reads one ServiceNow: the first fill by sys_id, then changes by (sys_updated_on, sys_id), children along with them.

Nothing is believed that the query cannot have asked for (keyset.py), and nothing is missed that is committed late:
a position only moves over rows older than the overlap, by the instance's own clock (facts/servicenow.md 2).
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

from capa_sync.errors import Skippable
from capa_sync.model.clock import Clock
from capa_sync.model.ticket import Census, Cursor, Page, Reading, SiteFacts
from capa_sync.ports import MirrorLookup
from capa_sync.sources.servicenow.answers import Answer, Row, value_of
from capa_sync.sources.servicenow.assembly import Assembly, Shelf, Skipped
from capa_sync.sources.servicenow.census import CensusTaker
from capa_sync.sources.servicenow.client import SYS_ID, TableClient
from capa_sync.sources.servicenow.directory import Directory, check_columns
from capa_sync.sources.servicenow.history import History, batches
from capa_sync.sources.servicenow.keyset import Position, Walk, to_stamp
from capa_sync.sources.servicenow.options import ServiceNowOptions
from capa_sync.sources.servicenow.parse import ServiceNowParser
from capa_sync.sources.servicenow.query import fields_of, join, one_of, prefixed
from capa_sync.sources.servicenow.site import site_facts
from capa_sync.sources.servicenow.state import States, TableState

_LAST_ID = "zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz"  # sorts after every sys_id
_SHORTEST_OVERLAP = timedelta(seconds=10)  # stamps have whole seconds, and commits come late (facts 2.3)
_LOOK_BACK = 50  # rows asked for to find a visible anchor


class ServiceNowSource:
    """The port `Source` for one ServiceNow instance; for one worker thread.

    Args:
        options: what the settings say.
        clock: our own clock.
        stop: set at shutdown; waits end then.
        lookup: what the mirror already holds.
    """

    def __init__(self, options: ServiceNowOptions, clock: Clock, stop: threading.Event, lookup: MirrorLookup) -> None:
        self.name = options.name
        self._options = options
        self._clock = clock
        self._lookup = lookup
        self.client = TableClient(options, clock, stop)
        self.directory = Directory(self.client, options.auth)
        self._history = History(self.client)
        self._parser = ServiceNowParser(options.name, options.url)
        self._assembly = Assembly(self.directory, self._history, self._parser)
        self._records = Shelf(options.table)
        self._children = tuple(Shelf(table, reference) for table, reference in options.child_tables)
        self._is_ready = False

    def parser(self) -> ServiceNowParser:
        """Return the pure parser for this source's parts."""
        return self._parser

    def identify(self) -> SiteFacts:
        """Sign in, prove who we are, and read tables, columns, choices and rights. Raises SourceError."""
        self.directory.forget()
        self._is_ready = False
        self._prepare()
        self.directory.learn_all_users()
        at = self._ask(self._records, "", limit=1, fields=("sys_id",)).at
        return site_facts(self.directory, self._history, self._options.table, self._options.child_tables, at)

    def _prepare(self) -> None:
        """Before the first reading: who we are, what the tables are, whether the history is shown."""
        if self._is_ready:
            return
        self.directory.who_am_i()
        for table in (self._options.table, *(shelf.table for shelf in self._children)):
            self.client.rows(table, "", limit=1, fields=("sys_id",), counted=False)  # exists and is open to us
        check_columns(self.name, self.directory.table(self._options.table), fields_of(self._options.query))
        for shelf in self._children:
            check_columns(self.name, self.directory.table(shelf.table), [shelf.reference])
        self._history.probe(self._options.table)
        self._is_ready = True

    # --- changes -----------------------------------------------------------------------------------------------

    def read_changes(self, cursor: Cursor, *, full: bool = False) -> Iterator[Page]:
        """Yield what changed since the cursor; everything for an empty one or `full`. Raises SourceError.

        A full walk that is under way goes on with `full` alone, so that changes can be read between its pages.
        """
        self._prepare()
        shelves = (self._records, *self._children)
        states = States(cursor, tuple(shelf.table for shelf in shelves), full=full)
        for shelf in shelves:
            if states.of[shelf.table].filling and (full or states.of[shelf.table].at is None):
                yield from self._fill(shelf, states)
        for shelf in shelves:
            yield from self._follow(shelf, states)
        yield Page(readings=(), cursor=states.cursor(), complete=True)

    def _fill(self, shelf: Shelf, states: States) -> Iterator[Page]:
        """Walk through a whole table by sys_id; what is touched meanwhile comes again when it is followed."""
        state = states.of[shelf.table]
        walk = Walk(self.name, shelf.table, partial(self._ask, shelf), self._scope(shelf))
        total: int | None = None
        for answer in walk.by_id(state.filled_to):
            total = answer.total if total is None else total
            at = answer.at or self._clock.now()
            state = replace(
                state, floor=state.floor or self._settled_before(at), filled_to=walk.id_of(answer.rows[-1])
            )
            state = replace(state, newest=_newest(walk, answer.rows, state))
            states.of[shelf.table] = state
            readings, skipped = self._read(shelf, self._ours(shelf, answer.rows), at)
            yield Page(tuple(readings), states.cursor(), complete=False, total=total, skipped=tuple(skipped))
        states.of[shelf.table] = self._filled(shelf, state)

    def _filled(self, shelf: Shelf, state: TableState) -> TableState:
        """Go over from the fill to following changes; a position held before a full walk stays."""
        done = TableState(state.at, state.anchored, filling=False)
        if state.at is not None:
            return done
        start = state.newest
        if shelf.reference and state.floor:
            # children are followed in the whole table, so that one taken away from its record is noticed
            start = self._newest_before(shelf, Position(state.floor, _LAST_ID)) or start
        return replace(done, at=start, anchored=start is not None)

    def _follow(self, shelf: Shelf, states: States) -> Iterator[Page]:
        """Read what changed after a table's position, and move it as far as nothing can appear below it."""
        state = states.of[shelf.table]
        walk = Walk(self.name, shelf.table, partial(self._ask, shelf), "" if shelf.reference else self._options.query)
        settled: str = ""
        is_first, is_lost = True, not state.anchored
        if state.at is None:
            self.directory.who_am_i()  # nothing that must come back tells us so
        for answer in walk.by_change(state.at, inclusive=True):
            at = answer.at or self._clock.now()
            settled = settled or self._settled_before(at)
            if is_first and state.at is not None and not _holds(walk, answer, state.at):
                self.directory.who_am_i()  # before an answer without the last known row is believed
                is_lost = True
            is_first = False
            fresh = self._news(shelf, answer.rows)
            reached = [place for place in map(walk.position_of, answer.rows) if place.stamp <= settled]
            if reached and (state.at is None or reached[-1] > state.at):
                state, is_lost = replace(state, at=reached[-1], anchored=True), False
            states.of[shelf.table] = state
            if fresh:
                readings, skipped = self._with_children(shelf, fresh, at)
                yield Page(tuple(readings), states.cursor(), complete=False, skipped=tuple(skipped))
        if is_lost and state.at is not None:
            before = self._newest_before(shelf, state.at)
            states.of[shelf.table] = replace(state, at=before or state.at, anchored=before is not None)

    def _with_children(self, shelf: Shelf, rows: Sequence[Row], at: datetime) -> tuple[list[Reading], list[Skipped]]:
        """Read these rows whole, and the children of those that are records."""
        readings, skipped = self._read(shelf, rows, at) if rows else ([], [])
        if rows and shelf is self._records:
            for child in self._children:
                more, also = self._children_of(child, [value_of(row, "sys_id") for row in rows], at)
                readings, skipped = readings + more, skipped + also
        return readings, skipped

    def _news(self, shelf: Shelf, rows: Sequence[Row]) -> list[Row]:
        """Return the rows that the mirror lacks or holds otherwise, without children of records not in scope."""
        known = {key: self._lookup.known_stamp(self.name, key) for key in (value_of(row, "sys_id") for row in rows)}
        news = [row for row in rows if known[value_of(row, "sys_id")] != self._assembly.digest(shelf, row)]
        strangers = [row for row in news if known[value_of(row, "sys_id")] is None]
        ours = {value_of(row, "sys_id") for row in self._ours(shelf, strangers)}
        return [row for row in news if known[value_of(row, "sys_id")] is not None or value_of(row, "sys_id") in ours]

    def _ours(self, shelf: Shelf, rows: Sequence[Row]) -> Sequence[Row]:
        """Leave out children of records that are not in scope: a filter through a reference can be dropped too."""
        if not shelf.reference:
            return rows
        records = self._in_scope({value_of(row, shelf.reference) for row in rows})
        return [row for row in rows if value_of(row, shelf.reference) in records]

    def _in_scope(self, records: set[str]) -> set[str]:
        """Return those of these records that are mirrored, or would be."""
        named = sorted(record for record in records if SYS_ID.fullmatch(record))
        found = {record for record in named if self._lookup.known_stamp(self.name, record) is not None}
        ask = partial(self._ask, self._records, fields=("sys_id",), linked=False)
        for batch in batches([record for record in named if record not in found]):
            walk = Walk(self.name, self._options.table, ask, join(self._options.query, one_of("sys_id", batch)))
            found.update(value_of(row, "sys_id") for answer in walk.by_id("") for row in answer.rows)
        return found

    def _children_of(self, shelf: Shelf, records: Sequence[str], at: datetime) -> tuple[list[Reading], list[Skipped]]:
        """Read the children of these records that the mirror lacks or holds otherwise."""
        rows: list[Row] = []
        for batch in batches(records):
            base = one_of(shelf.reference, batch)
            walk = Walk(self.name, shelf.table, partial(self._ask, shelf, linked=False), base)
            rows += [row for answer in walk.by_id("") for row in self._news(shelf, answer.rows)]
        return self._read(shelf, rows, at) if rows else ([], [])

    # --- by id -------------------------------------------------------------------------------------------------

    def read_tickets(self, ids: Sequence[str]) -> Iterator[Reading]:
        """Read these tickets, and the children of those that are records; gone or hidden ones are not yielded.

        Raises SourceError; Skippable at the very end, when an answer made no ticket.
        """
        self._prepare()
        now = self._clock.now()
        left = [sys_id for sys_id in ids if SYS_ID.fullmatch(sys_id)]
        skipped: list[Skipped] = []
        for shelf in (self._records, *self._children):
            for batch in batches(left):
                rows = self._again(shelf, batch)
                readings, also = self._with_children(shelf, rows, now)
                yield from readings
                skipped += also
                found = {value_of(row, "sys_id") for row in rows}
                left = [sys_id for sys_id in left if sys_id not in found]
        if skipped:
            raise Skippable(self.name, skipped[0][1], skipped[0][2])

    def read_hinted(self, ids: Sequence[str], cursor: Cursor) -> Page:
        """Read those of these tickets that a poll would bring, with their children; see `ports.Source`."""
        self._prepare()
        now, named = self._clock.now(), [sys_id for sys_id in ids if SYS_ID.fullmatch(sys_id)]
        readings: list[Reading] = []
        skipped: list[Skipped] = []
        for shelf in (self._records, *self._children):
            for batch in batches(named):
                rows = [row for row in self._again(shelf, batch, scoped=True) if value_of(row, "sys_id") in batch]
                more, also = self._with_children(shelf, self._news(shelf, rows), now)
                readings, skipped = readings + more, skipped + also
        return Page(tuple(readings), cursor, complete=False, skipped=tuple(skipped))

    def take_census(self) -> Census:
        """Sweep all ids in scope, and prove deletions where the instance lets us. Raises SourceError."""
        self._prepare()
        self.directory.who_am_i()
        return CensusTaker(self.client, self.directory, self._options).take()

    def read_roster(self) -> Mapping[str, str]:
        """List the tables that are open to us; see `ports.Source`."""
        self.directory.who_am_i()
        return CensusTaker(self.client, self.directory, self._options).roster()

    # --- pages -------------------------------------------------------------------------------------------------

    def _ask(
        self,
        shelf: Shelf,
        query: str,
        *,
        offset: int = 0,
        counted: bool = True,
        limit: int | None = None,
        fields: Sequence[str] = (),
        linked: bool = True,
    ) -> Answer:
        return self.client.rows(
            shelf.table,
            query,
            limit=limit or self._options.page_size,
            offset=offset,
            fields=fields,
            display=not fields,
            counted=counted,
            linked=linked,
        )

    def _again(self, shelf: Shelf, ids: Sequence[str], *, scoped: bool = False) -> list[Row]:
        base = join(self._options.query if scoped and not shelf.reference else "", one_of("sys_id", ids))
        walk = Walk(self.name, shelf.table, partial(self._ask, shelf, linked=False), base)
        return [row for answer in walk.by_id("") for row in answer.rows]

    def _read(self, shelf: Shelf, rows: Sequence[Row], at: datetime) -> tuple[list[Reading], list[Skipped]]:
        def refetch(ids: Sequence[str]) -> list[Row]:
            return [row for batch in batches(ids) for row in self._again(shelf, batch)]

        return self._assembly.readings(shelf, rows, at, refetch)

    def _scope(self, shelf: Shelf) -> str:
        """Return the filter of a fill: our own for records, the same through the reference for children."""
        if not shelf.reference:
            return self._options.query
        return prefixed(self._options.query, shelf.reference) or f"{shelf.reference}ISNOTEMPTY"

    def _settled_before(self, at: datetime) -> str:
        return to_stamp(at - max(self._options.overlap, _SHORTEST_OVERLAP))

    def _newest_before(self, shelf: Shelf, ceiling: Position) -> Position | None:
        """Find the newest visible row at or below a position: a new one to hold on to."""
        base = "" if shelf.reference else self._options.query
        order = "ORDERBYDESCsys_updated_on^ORDERBYDESCsys_id"
        query = join(base, f"sys_updated_on<={ceiling.stamp}", order)
        answer = self._ask(shelf, query, limit=_LOOK_BACK, fields=("sys_id", "sys_updated_on"), counted=False)
        walk = Walk(self.name, shelf.table, partial(self._ask, shelf))
        places = [place for place in map(walk.position_of, answer.rows) if place <= ceiling]
        return max(places, default=None)


def _holds(walk: Walk, answer: Answer, place: Position) -> bool:
    return bool(answer.rows) and walk.id_of(answer.rows[0]).lower() == place.sys_id.lower()


def _newest(walk: Walk, rows: Sequence[Row], state: TableState) -> Position | None:
    places = [place for place in map(walk.position_of, rows) if place.stamp <= state.floor]
    return max([*places, *([state.newest] if state.newest else [])], default=None)
