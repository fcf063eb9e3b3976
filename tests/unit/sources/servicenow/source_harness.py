"""A sandbox instance, a source on it, and a mirror in memory that stores what the source reads."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from capa_sync.model.settings import ChildSpec
from capa_sync.model.ticket import Cursor, Page, Part, Presence, Reading, SourceTicket
from capa_sync.model.write import Paragraph, Span, WarningText, Write, WriteKind
from capa_sync.ports.reading import Source
from capa_sync.ports.writing import TicketWriter
from capa_sync.sandbox.clock import SandboxClock
from capa_sync.sandbox.http import SandboxServer
from capa_sync.sandbox.request_log import Exchange
from capa_sync.sandbox.servicenow import ServiceNowTracker
from capa_sync.sources.servicenow.build import build_servicenow
from capa_sync.sources.servicenow.options import ServiceNowAuth, ServiceNowOptions

START = datetime(2026, 3, 1, 9, 20, tzinfo=UTC)
BASIC = ServiceNowAuth("basic", "capa_sync", "sandbox")
TASKS = ChildSpec("child", table="sn_grc_task", reference="issue")
LISTS = "/api/now/table/sn_grc_issue"


@dataclass
class MemoryMirror:
    """A mirror that has the newest parts of each ticket, as the store does, and the last cursor."""

    parts: dict[str, dict[str, Part]] = field(default_factory=dict)
    readings: dict[str, Reading] = field(default_factory=dict)
    cursor: Cursor = field(default_factory=Cursor)
    pages: list[Page] = field(default_factory=list)

    def action_ids(self, source: str) -> Sequence[str]:
        """Return the ids of mirrored actions."""
        return [key for key, reading in self.readings.items() if reading.role == "action"]

    def is_present(self, source: str, ticket_id: str) -> bool:
        """Return whether the ticket is mirrored."""
        return ticket_id in self.readings

    def known_digest(self, source: str, ticket_id: str) -> str | None:
        """Return the digest of the newest record part."""
        stored = self.parts.get(ticket_id)
        return stored["record"].digest if stored else None

    def record(self, source: str, ticket_id: str) -> Any:
        """Return the content of the newest record part."""
        stored = self.parts.get(ticket_id)
        return orjson.loads(stored["record"].body) if stored else None

    def part(self, source: str, ticket_id: str, kind: str) -> Any:
        """Return the content of the newest part of a kind."""
        stored = self.parts.get(ticket_id, {})
        return orjson.loads(stored[kind].body) if kind in stored else None

    def presence(self, source: str, ticket_id: str) -> Presence:
        """Return present: no ticket disappears here."""
        return Presence.PRESENT if ticket_id in self.parts else Presence.UNOBSERVED

    def containers(self, source: str) -> Sequence[str]:
        """Return the tables of what is mirrored."""
        return sorted({reading.ticket.container for reading in self.readings.values()})

    def refused(self, source: str) -> dict[str, tuple[str, str]]:
        """Return the versions that made no ticket."""
        skips = {skip.id: skip for page in self.pages for skip in page.skipped}
        return {key: (skip.version, skip.reason) for key, skip in skips.items() if skip.version}

    def undelivered(self, source: str) -> dict[str, int]:
        """Return what was not delivered, with the number of tickets."""
        return dict(Counter(kind for reading in self.readings.values() for kind in reading.ticket.unknown))

    def unasked(self, source: str) -> Sequence[str]:
        """Return nothing: no ticket of an instance waits."""
        return []

    def newest_change(self, source: str, ticket_id: str) -> datetime | None:
        """Return when the newest stored change was made."""
        reading = self.readings.get(ticket_id)
        return max((change.at for change in reading.ticket.changes), default=None) if reading else None

    def history_entries(self, source: str, ticket_ids: Sequence[str]) -> dict[str, set[str]]:
        """Return nothing: only a Jira asks."""
        return {}

    def incomplete(self, source: str) -> Sequence[str]:
        """Return nothing: only a Jira asks."""
        return []

    def commit(self, page: Page) -> None:
        """Store one page with its cursor; a part whose digest is known keeps its first body."""
        self.pages.append(page)
        for reading in page.readings:
            stored = self.parts.setdefault(reading.ticket.id, {})
            for part in reading.parts:
                if part.kind not in stored or stored[part.kind].digest != part.digest:
                    stored[part.kind] = part
            self.readings[reading.ticket.id] = reading
        self.cursor = page.cursor

    def bodies(self) -> dict[str, dict[str, str]]:
        """Return the digest of every part of every ticket, by which two mirrors are compared."""
        return {key: {kind: part.digest for kind, part in stored.items()} for key, stored in self.parts.items()}


@dataclass
class SourceHarness:
    """One instance and one source on it."""

    tracker: ServiceNowTracker
    server: SandboxServer
    mirror: MemoryMirror
    options: ServiceNowOptions
    source: Source
    writer: TicketWriter

    def again(self, **changes: Any) -> SourceHarness:
        """Return the same instance and mirror after a restart, with changed options."""
        options = replace(self.options, **changes)
        source, writer = build_servicenow(options, self.tracker.clock, threading.Event(), self.mirror)
        return SourceHarness(self.tracker, self.server, self.mirror, options, source, writer)

    def sync(self, *, full: bool = False) -> list[str]:
        """Run one cycle of reading; return the ids read, in order."""
        read: list[str] = []
        page: Page | None = None
        for page in self.source.read_changes(self.mirror.cursor, full=full):
            self.mirror.commit(page)
            read += [reading.ticket.id for reading in page.readings]
        assert page is not None
        assert page.complete
        return read

    def ticket(self, sys_id: str) -> SourceTicket:
        """Return a mirrored ticket, parsed again from the stored parts."""
        return self.source.parser().parse(list(self.mirror.parts[sys_id].values()))

    def insert(self, table: str = "sn_grc_issue", user: str = "lee", **values: Any) -> str:
        """Insert a record and return its sys_id."""
        return self.tracker.as_user(user).insert(table, values)["sys_id"]

    def edit(self, sys_id: str, table: str = "sn_grc_issue", user: str = "lee", **values: Any) -> None:
        """Edit a record as a person."""
        self.tracker.as_user(user).update(table, sys_id, values)

    def later(self, **duration: float) -> None:
        """Move the instance's clock, which is our clock too."""
        self.tracker.clock.advance(timedelta(**duration))

    def sent(self) -> list[Exchange]:
        """Return the requests since the last call."""
        found = list(self.server.requests)
        self.server.requests.reset()
        return found

    def writes(self) -> list[Exchange]:
        """Return the writes among the requests since the last call."""
        return [exchange for exchange in self.sent() if exchange.is_write]


@contextmanager
def source_harness(**changes: Any) -> Iterator[SourceHarness]:
    """Run a frozen instance with the people lee and kim on loopback, with a source that reads its issues."""
    tracker = ServiceNowTracker(SandboxClock(START, ticking=False))
    tracker.add_account("lee", name="Lee Wong", password=None)
    tracker.add_account("kim", name="Kim Roy", password=None)
    with SandboxServer(tracker) as server:
        given: dict[str, Any] = {"auth": BASIC, "children": (TASKS,), "budget": "", "waits_are_instant": True}
        options = ServiceNowOptions("sn", server.url, "sn_grc_issue", **{**given, **changes})
        mirror = MemoryMirror()
        source, writer = build_servicenow(options, tracker.clock, threading.Event(), mirror)
        yield SourceHarness(tracker, server, mirror, options, source, writer)
        assert server.crashes == []


def text(*lines: str) -> WarningText:
    """Return a warning's text."""
    return WarningText(tuple(Paragraph((Span(line),)) for line in lines))


def write(kind: WriteKind, ticket_id: str, **changes: Any) -> Write:
    """Return an intended write."""
    given: dict[str, Any] = {"id": f"{kind}-{ticket_id}", "hash": "h1", "text": text("Root cause is missing.")}
    return Write(
        source="sn",
        ticket_id=ticket_id,
        ticket_key="ISS1",
        kind=kind,
        created_at=START,
        **{**given, **changes},
    )
