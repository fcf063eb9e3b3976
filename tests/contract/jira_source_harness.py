"""A Jira source with a sandbox Jira, and a mirror in memory that commits its pages, for the source's tests."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from types import TracebackType
from typing import Any

import orjson

from capa_sync.model.clock import ShiftedClock
from capa_sync.model.ticket import Cursor, Page, Presence, Reading, Role, SourceTicket
from capa_sync.sandbox.http import Exchange, SandboxServer
from capa_sync.sandbox.jira import API_EMAIL, API_TOKEN, JiraTracker
from capa_sync.sources.jira.options import JiraAuth, JiraOptions
from capa_sync.sources.jira.reader import JiraSource
from capa_sync.sources.jira.writer import JiraWriter
from tests.contract.jira_world import START, make_tracker


class Mirror:
    """A store in memory: it holds the newest reading of each ticket and answers the source's look-ups."""

    def __init__(self) -> None:
        self.readings: dict[str, Reading] = {}
        self.cursor = Cursor()
        self.pages: list[Page] = []

    def action_ids(self, _source: str) -> list[str]:
        """Ids of mirrored actions."""
        return [id_ for id_, reading in self.readings.items() if reading.role is Role.ACTION]

    def is_present(self, _source: str, ticket_id: str) -> bool:
        """Whether the ticket is mirrored."""
        return ticket_id in self.readings

    def known_digest(self, _source: str, ticket_id: str) -> str | None:
        """Digest of the stored record part."""
        reading = self.readings.get(ticket_id)
        return reading.parts[0].digest if reading else None

    def record(self, _source: str, ticket_id: str) -> Any:
        """Content of the newest record part."""
        reading = self.readings.get(ticket_id)
        return orjson.loads(reading.parts[0].body) if reading else None

    def part(self, _source: str, ticket_id: str, kind: str) -> Any:
        """Content of the newest part of a kind."""
        reading = self.readings.get(ticket_id)
        return next(
            (orjson.loads(part.body) for part in (reading.parts if reading else ()) if part.kind == kind), None
        )

    def presence(self, _source: str, ticket_id: str) -> Presence:
        """Return nothing: no ticket vanishes here."""
        return Presence.PRESENT if ticket_id in self.readings else Presence.UNOBSERVED

    def containers(self, _source: str) -> list[str]:
        """The projects of the mirrored tickets."""
        return sorted({reading.ticket.container for reading in self.readings.values()})

    def refused(self, _source: str) -> dict[str, tuple[str, str]]:
        """Versions that could not be parsed."""
        skips = {skip.id: skip for page in self.pages for skip in page.skipped}
        return {id_: (skip.version, skip.reason) for id_, skip in skips.items() if skip.version}

    def undelivered(self, _source: str) -> dict[str, int]:
        """What was requested and not delivered, with the number of tickets."""
        tickets = [reading.ticket for reading in self.readings.values()]
        return dict(Counter(kind for ticket in tickets for kind in ticket.unknown - ticket.unasked))

    def unasked(self, _source: str) -> list[str]:
        """Ids of the tickets that wait to be requested alone."""
        return [id_ for id_, reading in self.readings.items() if reading.ticket.unasked]

    def newest_change(self, _source: str, ticket_id: str) -> datetime | None:
        """When the newest stored change was made."""
        reading = self.readings.get(ticket_id)
        return max((change.at for change in reading.ticket.changes), default=None) if reading else None

    def history_entries(self, _source: str, ticket_ids: Sequence[str]) -> dict[str, set[str]]:
        """Ids of the stored history entries."""
        known = {id_: self.readings[id_].ticket.changes for id_ in ticket_ids if id_ in self.readings}
        return {id_: {change.entry for change in changes if change.entry} for id_, changes in known.items()}

    def incomplete(self, _source: str) -> list[str]:
        """Ids of the tickets whose history was not read completely."""
        return [id_ for id_, reading in self.readings.items() if not reading.ticket.history_complete]

    def commit(self, page: Page) -> None:
        """Store a page."""
        self.pages.append(page)
        self.readings.update((reading.ticket.id, reading) for reading in page.readings)
        self.cursor = page.cursor

    def ticket(self, key: str) -> SourceTicket:
        """The mirrored ticket of that key."""
        return next(reading.ticket for reading in self.readings.values() if reading.ticket.key == key)

    def role(self, key: str) -> Role:
        """The role of the ticket of that key."""
        return next(reading.role for reading in self.readings.values() if reading.ticket.key == key)

    @property
    def keys(self) -> set[str]:
        """All mirrored keys."""
        return {reading.ticket.key for reading in self.readings.values()}


class Harness:
    """A served sandbox Jira with a source, a writer and a mirror; a context manager."""

    def __init__(self, tracker: JiraTracker, query: str = "project = CAPA", **options: Any) -> None:
        self.tracker = tracker
        self.server = SandboxServer(tracker, keeps_answers=True, mount=options.pop("mount", ""))
        self.stop = threading.Event()
        self.mirror = Mirror()
        self._query = query
        self._given = options
        self.clock = ShiftedClock(START)

    def __enter__(self) -> Harness:
        self.server.start()
        self.restart()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.server.stop()
        assert self.server.crashes == []

    def options(self) -> JiraOptions:
        """The source's options."""
        cloud = self.tracker.face == "cloud"
        auth = JiraAuth("basic", API_TOKEN, API_EMAIL) if cloud else JiraAuth("pat", API_TOKEN)
        given = {"auth": auth, "is_instant": True, **self._given}
        return JiraOptions("jira", self.server.url, self._query, **given)

    def restart(self) -> None:
        """Make a new source and writer on the same mirror, as a new process does."""
        self.source = JiraSource(self.options(), self.clock, self.stop, self.mirror)
        self.writer = JiraWriter(self.options(), self.clock, self.stop, self.source.budget)

    def cycle(self, *, full: bool = False, pages: int | None = None) -> list[Page]:
        """Read what changed and commit it; with `pages` stop after so many commits, as a killed process does."""
        found: list[Page] = []
        for page in self.source.read_changes(self.mirror.cursor, full=full):
            self.mirror.commit(page)
            found.append(page)
            if pages is not None and len(found) >= pages:
                break
        return found

    def exchanges(self, act: Callable[[], object]) -> list[Exchange]:
        """Return the requests that an action costs."""
        self.server.requests.reset()
        act()
        return list(self.server.requests)

    def truth(self) -> dict[str, Any]:
        """What the tracker holds: key -> (summary, status, number of changes, comments)."""
        return {issue.key: _shape(issue) for issue in self.tracker.state.issues.values()}


def _shape(issue: Any) -> tuple[str, str, int, int]:
    items = sum(len(entry.items) for entry in issue.histories)
    status = (issue.fields.get("status") or {}).get("name", "")
    return str(issue.fields.get("summary") or ""), status, items, len(issue.comments)


def shape_of(ticket: SourceTicket) -> tuple[str, str, int, int]:
    """Summary, status, number of changes and comments of a mirrored ticket."""
    status = ticket.values["status"].text if "status" in ticket.values else ""
    summary = ticket.values["summary"].text if "summary" in ticket.values else ""
    return summary, status, len(ticket.changes), len(ticket.comments)


def shapes(mirror: Mirror) -> dict[str, Any]:
    """Key -> shape of all mirrored tickets."""
    return {reading.ticket.key: shape_of(reading.ticket) for reading in mirror.readings.values()}


def harness(
    face: str = "cloud", query: str = "project = CAPA", *, settings: dict[str, Any] | None = None, **options: Any
) -> Harness:
    """Make a harness with the small site of jira_world."""
    return Harness(make_tracker(face, **(settings or {})), query, **options)


def ann(it: Harness) -> Any:
    """A person who works on the tracker."""
    return it.tracker.as_user("acc-ann" if it.tracker.face == "cloud" else "ann")


def populate(tracker: JiraTracker, count: int, *, project: str = "CAPA", every_s: float = 61.0) -> list[str]:
    """Create tickets with a history: started, some closed, some commented; return their keys."""
    from datetime import timedelta

    ann = tracker.as_user("acc-ann" if tracker.face == "cloud" else "ann")
    keys = []
    for number in range(count):
        key = ann.create(project, "Nonconformity", {"summary": f"Ticket {number}", "Root cause": f"Because {number}"})
        tracker.clock.advance(timedelta(seconds=every_s))
        if project == "CAPA":
            ann.transition(key, "In Action")
        for word in range(number % 4):
            ann.comment(key, f"Remark {word}")
        keys.append(key)
    return keys


def instants(values: Iterable[str]) -> list[datetime]:
    """ISO texts as instants."""
    return [datetime.fromisoformat(value) for value in values]
