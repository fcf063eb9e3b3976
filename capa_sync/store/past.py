"""The mirror as it was at a past instant: the stored versions of tickets, and their presences then."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from capa_sync.model.light import light
from capa_sync.model.ticket import Presence, SourceTicket
from capa_sync.ports.reading import Parser
from capa_sync.store import assembly, observed
from capa_sync.store.columns import instant, instant_text, member, optional_instant
from capa_sync.store.database import Database
from capa_sync.store.parts import Stored, merged
from capa_sync.store.past_instants import known_before, shows_from

_ROLE = "COALESCE((SELECT p.role FROM past_role p WHERE p.nr = m.nr AND p.until > ? ORDER BY p.id LIMIT 1), m.role)"


@light
class PastVersion:
    """The stored version of a ticket that the first judgement at or after an instant rested on.

    Attributes:
        ticket: as read then, with what had been observed by then; it may hold later changes.
        read_at: when this version was read. first_read_at: when the ticket was read for the first time.
        is_newest: no later version is stored.
    """

    ticket: SourceTicket
    read_at: datetime
    first_read_at: datetime
    is_newest: bool


class StoredReads:
    """The stored versions of tickets, each parsed once, for looking at several instants."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._steps: dict[tuple[str, str], list[assembly.ReadStep]] = {}
        self._seen: dict[tuple[str, str], list[observed.Observation]] = {}
        self._replays: dict[tuple[str, str], _Replay] = {}
        self._former: dict[tuple[str, tuple[str, ...]], dict[str, list[str]]] = {}

    def former(self, source: str, field_ids: Sequence[str]) -> Mapping[str, Sequence[str]]:
        """Return earlier value of any of these fields, as its text or id -> ids of the tickets that had it."""
        wanted = (source, tuple(sorted(field_ids)))
        if wanted not in self._former:
            found = self._former[wanted] = dict[str, list[str]]()
            sql = """SELECT DISTINCT c.from_value, m.ticket_id FROM change c JOIN mirror m ON m.nr = c.nr
                WHERE m.source = ? AND c.from_value <> '' AND c.field_id IN (?)"""
            for value, ticket_id in sorted(self._db.rows_in(sql, (source,), wanted[1])):
                found.setdefault(value, []).append(ticket_id)
        return self._former[wanted]

    def clear(self) -> None:
        """Forget the versions, to keep memory small."""
        self._steps.clear()
        self._seen.clear()
        self._replays.clear()

    def version(self, source: str, ticket_id: str, read_by: datetime | None, parser: Parser) -> PastVersion | None:
        """Return a ticket as it was known after the reads until an instant, else after its first one."""
        own = (source, ticket_id)
        if own not in self._steps:
            self.prepare(source, [ticket_id])
        steps = self._steps.get(own, [])
        count = sum(1 for step in steps if read_by is not None and step.read_at <= read_by) or min(1, len(steps))
        return self._replay(own, parser).version(count) if count else None

    def versions(self, source: str, ticket_id: str, parser: Parser) -> list[PastVersion]:
        """Return every version of a ticket that makes one, the oldest first."""
        own = (source, ticket_id)
        if own not in self._steps:
            self.prepare(source, [ticket_id])
        replay = self._replay(own, parser)
        found = [replay.version(count) for count in range(1, len(self._steps.get(own, ())) + 1)]
        return [version for version in found if version is not None]

    def _replay(self, own: tuple[str, str], parser: Parser) -> _Replay:
        if own not in self._replays:
            self._replays[own] = _Replay(self._steps[own], self._seen.get(own, ()), parser)
        return self._replays[own]

    def prepare(self, source: str, ticket_ids: Sequence[str]) -> None:
        """Read the versions of many tickets at once."""
        sql = "SELECT nr, ticket_id FROM mirror WHERE source = ? AND ticket_id IN (?)"
        names: dict[int, str] = dict(self._db.rows_in(sql, (source,), ticket_ids))
        seen = assembly.observations_of(self._db, list(names))
        self._steps |= {(source, ticket_id): [] for ticket_id in ticket_ids}
        for nr, steps in assembly.steps_of(self._db, list(names)).items():
            self._steps[source, names[nr]] = steps
            self._seen[source, names[nr]] = seen.get(nr, [])


class _Replay:
    """The reads of one ticket, each parsed once, as far as they are asked for."""

    def __init__(
        self, steps: Sequence[assembly.ReadStep], seen: Sequence[observed.Observation], parser: Parser
    ) -> None:
        self._steps, self._seen, self._parser = steps, seen, parser
        self._current: dict[str, list[Stored]] = {}
        self._ticket: SourceTicket | None = None
        self._lost: set[str] = set()
        self._keys: set[str] = set()
        self._found: list[PastVersion | None] = []

    def version(self, count: int) -> PastVersion | None:
        """Return the ticket after so many reads; None where they make no ticket."""
        while len(self._found) < count:
            self._found.append(self._next(self._steps[len(self._found)]))
        return self._found[count - 1]

    def _next(self, step: assembly.ReadStep) -> PastVersion | None:
        for stored in step.versions:
            self._current.setdefault(stored.kind, []).append(stored)
        newer = assembly.parsed_or_none(self._parser, [merged(versions) for versions in self._current.values()])
        if newer is not None:  # such a version was also skipped when it was read
            if self._ticket is not None:
                self._lost |= set(self._ticket.values)
                self._keys.add(self._ticket.key)
            self._ticket = newer
        if self._ticket is None:
            return None
        earlier = [observation for observation in self._seen if observation.until <= step.read_at]
        lost = sorted(self._lost - set(self._ticket.values))
        whole = assembly.complete(self._ticket, earlier, lost, sorted(self._keys))
        is_newest = len(self._found) + 1 == len(self._steps)
        return PastVersion(whole, step.read_at, self._steps[0].read_at, is_newest)


class PastTickets:
    """The mirror as it was at one instant."""

    def __init__(self, db: Database, at: datetime, reads: StoredReads | None = None) -> None:
        self._db = db
        self._at = instant_text(at)
        self._stored = reads or StoredReads(db)
        self._reads: dict[str, datetime | None] = {}
        self._shows_from: dict[tuple[str, datetime], datetime] = {}

    def read_by(self, source: str) -> datetime | None:
        """Return when the first read ended that shows a source up to this instant; None when none has yet."""
        if source not in self._reads:
            ended = self._db.value(
                """SELECT finished_at FROM run WHERE source = ? AND ok = 1 AND as_of >= ?
                ORDER BY as_of, id LIMIT 1""",
                (source, self._at),
            )
            self._reads[source] = optional_instant(ended)
        return self._reads[source]

    def as_of_before(self, source: str, read_at: datetime) -> datetime | None:
        """Return up to when a source was known by the reads that had ended at an instant; None before the first."""
        return known_before(self._db, source, read_at)

    def shows_from(self, source: str, read_at: datetime) -> datetime:
        """Return the earliest instant that is known as it was read at an instant: the `as_of` of the run."""
        if (source, read_at) not in self._shows_from:
            self._shows_from[source, read_at] = shows_from(self._db, source, read_at)
        return self._shows_from[source, read_at]

    def former(self, source: str, field_ids: Sequence[str]) -> Mapping[str, Sequence[str]]:
        """Return earlier value of any of these fields, as its text or id -> ids of the tickets that had it."""
        return self._stored.former(source, field_ids)

    def version(self, source: str, ticket_id: str, parser: Parser) -> PastVersion | None:
        """Return a ticket's version; None when it is not mirrored, or its version makes no ticket."""
        return self._stored.version(source, ticket_id, self.read_by(source), parser)

    def record_ids(self, source: str) -> list[str]:
        """Return ids of the mirrored tickets that were records of their own, in id order.

        Before a ticket was read for the first time its role counts as the one that it had then.
        """
        sql = f"SELECT ticket_id FROM mirror m WHERE source = ? AND {_ROLE} = 'record' ORDER BY ticket_id"
        return self._db.column(sql, (source, self._at))

    def is_record(self, source: str, ticket_id: str) -> bool:
        """Return whether `record_ids` names a ticket."""
        sql = f"SELECT 1 FROM mirror m WHERE source = ? AND {_ROLE} = 'record' AND ticket_id = ?"
        return self._db.row(sql, (source, self._at, ticket_id)) is not None

    def presence(self, source: str, ticket_id: str) -> Presence:
        """Return the ticket's presence at the instant; `unobserved` where it is not known.

        Before a ticket was read for the first time it counts as present: it was there to be read later.
        """
        row = self._db.row(
            "SELECT nr, presence, presence_at, last_seen_at FROM mirror WHERE source = ? AND ticket_id = ?",
            (source, ticket_id),
        )
        if row is None:
            return Presence.UNOBSERVED
        nr, presence, since, last_seen = row
        if since <= self._at:
            return member(Presence, presence)
        ended = self._db.value(
            "SELECT presence FROM past_presence WHERE nr = ? AND until > ? ORDER BY id LIMIT 1", (nr, self._at)
        )
        if ended is not None:
            return member(Presence, ended)
        first: str = self._db.value("SELECT MIN(read_at) FROM part WHERE nr = ?", (nr,))
        was_there = self._at < first or since <= first or (last_seen is not None and self._at <= last_seen)
        return Presence.PRESENT if was_there else Presence.UNOBSERVED

    def presence_since(self, source: str, ticket_id: str) -> datetime | None:
        """Return since when the ticket had that presence, as far as is known; None when it is not mirrored."""
        row = self._db.row(
            "SELECT nr, presence_at FROM mirror WHERE source = ? AND ticket_id = ?", (source, ticket_id)
        )
        if row is None or row[1] <= self._at:
            return None if row is None else instant(row[1])
        sql = "SELECT MAX(until) FROM past_presence WHERE nr = ? AND until <= ?"
        return optional_instant(self._db.value(sql, (row[0], self._at)))
