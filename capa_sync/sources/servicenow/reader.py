"""The ServiceNow source: first fill by sys_id, then changes by (sys_updated_on, sys_id), with their children.

A row that the query cannot have asked for is refused (keyset.py), and a row that is committed late is not missed
(following.py).
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

from capa_sync.errors import Skippable
from capa_sync.model.attachment import Attachment
from capa_sync.model.clock import Clock
from capa_sync.model.inspection import Inspection
from capa_sync.model.site import Account, Census, Located, SiteFacts
from capa_sync.model.ticket import Cursor, Page, Reading, Skip
from capa_sync.ports.mirror import MirrorLookup
from capa_sync.sources.downloads import AttachmentDownloads
from capa_sync.sources.fence import fenced
from capa_sync.sources.servicenow.assembly import Assembly
from capa_sync.sources.servicenow.attached import attachments_of, content_path
from capa_sync.sources.servicenow.cells import value_of
from capa_sync.sources.servicenow.census import CensusTaker
from capa_sync.sources.servicenow.child_tables import check_references, named_with_its_line
from capa_sync.sources.servicenow.client import SYS_ID, TableClient
from capa_sync.sources.servicenow.dictionary import check_columns, check_tables, read_table
from capa_sync.sources.servicenow.directory import InstanceDirectory
from capa_sync.sources.servicenow.filling import Filling
from capa_sync.sources.servicenow.following import Following
from capa_sync.sources.servicenow.history import AuditReader, batches
from capa_sync.sources.servicenow.inspection import inspect
from capa_sync.sources.servicenow.instants import to_platform_time
from capa_sync.sources.servicenow.missing import Missing
from capa_sync.sources.servicenow.options import ServiceNowOptions
from capa_sync.sources.servicenow.parse import ServiceNowParser
from capa_sync.sources.servicenow.query import condition, fields_of
from capa_sync.sources.servicenow.site import site_facts
from capa_sync.sources.servicenow.state import States
from capa_sync.sources.servicenow.tables import Tables


class ServiceNowSource:
    """Implements the port `Source` for one ServiceNow instance; for one worker thread.

    Args:
        options: the source's settings.
        clock: our own clock.
        stop: set at shutdown; waits then end.
        lookup: what the mirror already holds.
    """

    def __init__(self, options: ServiceNowOptions, clock: Clock, stop: threading.Event, lookup: MirrorLookup) -> None:
        self.name = options.name
        self._options = options
        self._lookup = lookup
        self._clock = clock
        self.client = TableClient(options, clock, stop)
        self.directory = InstanceDirectory(self.client, options.auth)
        self._history = AuditReader(self.client)
        self._parser = ServiceNowParser(options.name, options.url)
        self._tables = Tables(options, self.client, lookup)
        assembly = Assembly(self.directory, self._history, self._parser, lookup)
        self._filling = Filling(self._tables, assembly, clock)
        self._following = Following(self._tables, assembly, clock, lookup)
        self._is_ready = False
        self._downloads: AttachmentDownloads | None = None

    def parser(self) -> ServiceNowParser:
        """Return the pure parser for this source's parts."""
        return self._parser

    @property
    def clock_offset(self) -> timedelta | None:
        """The instance's clock minus ours; see `ports.Source`."""
        return self.client.pace.offsets.newest

    @property
    def clock_offset_at(self) -> datetime | None:
        """Our clock when the answer of `clock_offset` came."""
        return self.client.pace.offsets.newest_at

    def take_furthest_offset(self) -> timedelta | None:
        """Return the offset furthest from zero since the last call; see `ports.Source`."""
        return self.client.pace.offsets.take_furthest()

    @fenced
    def list_attachments(self, ticket_id: str, known: Sequence[Attachment] | None) -> Sequence[Attachment]:  # noqa: ARG002 - the mirror has none
        """Return a record's attachments; see `ports.AttachmentReader`."""
        return attachments_of(self.client, ticket_id)

    @fenced
    def fetch_attachment(self, attachment: Attachment, most: int) -> Attachment:
        """Return an attachment with its digest; see `ports.AttachmentReader`."""
        self._downloads = self._downloads or self.client.downloads()
        url = f"{self._options.url.rstrip('/')}/{content_path(attachment)}"
        return self._downloads.fetched(attachment, url, most)

    @fenced
    def identify(self) -> SiteFacts:
        """Sign in, prove who we are, and read tables, columns, choices and rights. Raises SourceError."""
        self.directory.forget()
        self._is_ready = False
        self._prepare()
        self.directory.learn_all_users()
        at = self._tables.ask(self._tables.records, "", limit=1, fields=("sys_id",)).at
        return site_facts(self.directory, self._history, self._options.table, self._options.child_tables, at)

    def _prepare(self) -> None:
        """Find out before the first read who we are, what the tables are and whether we may read the history."""
        if self._is_ready:
            return
        self.directory.who_am_i()
        tables = [table_spec.table for table_spec in self._tables.all]
        for table in (
            tables
        ):  # proves that each is readable; one by one, so that only one request is refused when we must wait
            with named_with_its_line(self._options, table):
                self.client.rows(table, "", limit=1, fields=("sys_id",), counted=False)
        self._learn(tables)
        records, *children = map(self.directory.table, tables)
        check_tables(self.name, records, children)
        check_columns(self.name, records, fields_of(self._options.query))
        check_references(self._options, self.directory.table)
        self._is_ready = True

    def _learn(self, tables: Sequence[str]) -> None:
        """Read in parallel what the tables hold, and whether we may read the history."""
        with self._history.sessions.slices() as slices:
            read = partial(read_table, language=self.directory.language)
            asked = [slices.ask(partial(read, name=table)) for table in tables]
            slices.wait(slices.ask(partial(self._history.probe, self._options.table)))
            self.directory.keep_tables([slices.wait(facts) for facts in asked])

    accounts_at_once = 1000
    """Users asked about in one cycle: ten requests."""

    def new_accounts(self) -> Sequence[Account]:
        """Return the users that answers showed since the last call; see `ports.Source`."""
        return self.directory.take_new()

    @fenced
    def read_accounts(self, ids: Sequence[str]) -> Sequence[Account]:
        """Ask about these users; see `ports.Source`."""
        return self.directory.read_users(ids)

    @fenced
    def read_changes(self, cursor: Cursor, *, full: bool = False) -> Iterator[Page]:
        """Yield what changed since the cursor; everything for an empty cursor or `full`. Raises SourceError.

        A full sweep that has begun continues only with `full`, so that changes can be read between its pages.
        """
        self._prepare()
        table_specs = self._tables.all
        states = States(cursor, tuple(table_spec.table for table_spec in table_specs), full=full)
        if self.client.pace.server_time is not None:
            states.forget_future(to_platform_time(self.client.pace.server_time))
        for table_spec in table_specs:
            if states.of[table_spec.table].filling and (full or states.of[table_spec.table].at is None):
                yield from self._filling.fill(table_spec, states)
        for table_spec in table_specs:
            yield from self._following.follow(table_spec, states)
        yield Page(readings=(), cursor=states.cursor(), complete=True)

    @fenced
    def read_tickets(self, ids: Sequence[str]) -> Iterator[Reading]:
        """Read these tickets, and the children of those that are records. Gone or hidden ones are not yielded.

        Raises SourceError, and Skippable at the very end when an answer made no ticket.
        """
        self._prepare()
        now = self._clock.now()
        left = [sys_id for sys_id in ids if SYS_ID.fullmatch(sys_id)]
        skipped: list[Skip] = []
        for table_spec in self._tables.all:
            for batch in batches(left):
                rows = self._tables.again(table_spec, batch)
                readings, also = self._following.with_children(table_spec, rows, now)
                yield from (replace(reading, in_query=None if reading.in_query else False) for reading in readings)
                skipped += also
                found = {value_of(row, "sys_id") for row in rows}
                left = [sys_id for sys_id in left if sys_id not in found]
        if skipped:
            raise Skippable(self.name, skipped[0].key, skipped[0].reason, skipped[0].version)

    @fenced
    def read_hinted(self, ids: Sequence[str], cursor: Cursor) -> Page:
        """Read those of these tickets that a poll would return, with their children; see `ports.Source`."""
        self._prepare()
        now, named = self._clock.now(), [sys_id for sys_id in ids if SYS_ID.fullmatch(sys_id)]
        readings: list[Reading] = []
        skipped: list[Skip] = []
        for table_spec in self._tables.all:
            for batch in batches(named):
                rows = self._tables.again(table_spec, batch, scoped=True)
                wanted = [row for row in rows if value_of(row, "sys_id") in batch]
                more, also = self._following.with_children(table_spec, self._following.news(table_spec, wanted), now)
                readings, skipped = readings + more, skipped + also
        return Page(tuple(readings), cursor, complete=False, skipped=tuple(skipped))

    @fenced
    def take_census(self) -> Census:
        """Read all ids in scope. Raises SourceError."""
        self._prepare()
        self.directory.who_am_i()
        return CensusTaker(self.client, self._options, self._lookup).take()

    @fenced
    def locate(self, ids: Mapping[str, str], _actions: Set[str], census: Census) -> Located:
        """Search in bulk for rows that a census missed; see `ports.Source`."""
        return Missing(self.client, self._options).locate(ids, census)

    @fenced
    def deletions(self, ids: Sequence[str]) -> Mapping[str, str]:
        """Return the proofs of deletions; see `ports.Source`."""
        return Missing(self.client, self._options).deletions(ids)

    @fenced
    def prove_gone(self, ids: Mapping[str, str]) -> frozenset[str]:
        """Send a request of its own for each ticket; see `ports.Source`."""
        gone = Missing(self.client, self._options).prove_gone(ids)
        if gone:
            self.directory.who_am_i()
        return gone

    @fenced
    def read_roster(self) -> Mapping[str, str]:
        """List the tables that we may read; see `ports.Source`."""
        self.directory.who_am_i()
        return CensusTaker(self.client, self._options, self._lookup).roster()

    @fenced
    def find(self, keys: Sequence[str]) -> Mapping[str, str]:
        """Return the ids of records by their numbers; see `ports.Source`."""
        self._prepare()
        found: dict[str, str] = {}
        for key in filter(SYS_ID.fullmatch, keys):
            rows = self._tables.ask(self._tables.records, condition("number", "=", key.upper()), limit=1).rows
            found.update((key, value_of(row, "sys_id")) for row in rows if value_of(row, "number") == key.upper())
        return found

    @fenced
    def inspect(self, *, writes: bool) -> Inspection:
        """Look at rights, lists and the newest records; see `ports.Source`."""
        self._prepare()
        return inspect(self._tables, self.directory, self._history, self._options, writes=writes)
