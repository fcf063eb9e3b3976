"""The doors between stages: what each needs of the world, as protocols.

Terminology. SOURCE a tracker named in the settings. READING one ticket as just read, raw and parsed. PAGE readings
that commit together with their CURSOR. CENSUS an id-only sweep. PART a raw piece of a ticket, kept for ever.
WRITE an intended change of ours on a tracker; DELIVERY an attempt at it. EPISODE a finding from opened to cleared.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from datetime import datetime, timedelta
from typing import Any, Protocol

from capa_sync.model.finding import Finding, Verdict
from capa_sync.model.settings import ChildSpec, JudgeOptions
from capa_sync.model.ticket import (
    Census,
    Cursor,
    Located,
    Page,
    Part,
    Presence,
    Reading,
    Role,
    SiteFacts,
    SourceTicket,
)
from capa_sync.model.write import Delivered, Write, WriteState


class Parser(Protocol):
    """Turns a ticket's raw parts into a SourceTicket; pure, so that `rebuild` needs no tracker."""

    def parse(self, parts: Sequence[Part]) -> SourceTicket:
        """Parse the newest parts of one ticket. Raises Skippable when they make no ticket."""
        ...


class Source(Protocol):
    """Reads one tracker. One instance a worker thread; every method may raise SourceError.

    Constructed by wiring with: name, url, query (and table), auth, ChildSpecs, overlap, request budget, page
    sizes, a Clock, the stop event, and the `known` look-ups below.
    """

    name: str

    @property
    def clock_offset(self) -> timedelta | None:
        """The tracker's clock minus ours, by the Date of its newest answer; None while it has told none."""
        ...

    def identify(self) -> SiteFacts:
        """Sign in, prove who we are, and read what the tracker says of itself. Raises Authentication."""
        ...

    def read_changes(self, cursor: Cursor, *, full: bool = False) -> Iterator[Page]:
        """Yield what changed since the cursor, or everything in scope for an empty cursor or `full`.

        The last page has `complete` True. A page is yielded only when it is whole and consistent; a caller
        that stops after any page can go on later from that page's cursor. Children are read along with
        their parents (role ACTION), and polled for changes of their own.
        """
        ...

    def read_tickets(self, ids: Sequence[str]) -> Iterator[Reading]:
        """Read these tickets by immutable id, whole; those that are gone or hidden are simply not yielded."""
        ...

    def read_hinted(self, ids: Sequence[str], cursor: Cursor) -> Page:
        """Read those of these tickets that a poll would bring once it sees them: in scope, or mirrored actions.

        With them comes the kin that the poll would bring; what the mirror holds as it is, is left out. Ids that
        are unknown, hidden or out of scope are passed over. The page carries `cursor` on unchanged.
        """
        ...

    def take_census(self) -> Census:
        """Sweep all ids in scope. Never returns a partial sweep: raises instead."""
        ...

    def locate(self, ids: Mapping[str, str], actions: Set[str], census: Census) -> Located:
        """Ask many at a time for tickets that a census missed; no ticket is read.

        Args:
            ids: ticket id -> its container.
            actions: those of them that are in scope wherever they are.
            census: the one that missed them; what it names must be found again, or no answer is believed.

        Raises BadAnswer where answers contradict each other.
        """
        ...

    def deletions(self, ids: Sequence[str]) -> Mapping[str, str]:
        """Return id -> proof, of those whose deletion the tracker has on record."""
        ...

    def prove_gone(self, ids: Mapping[str, str]) -> frozenset[str]:
        """Send each ticket (id -> container) its own request, and return those answered with "not found"."""
        ...

    def read_roster(self) -> Mapping[str, str]:
        """Return the containers that we see now, as in `Census.containers`; works where the query is refused.

        Raises Authentication when we are not ourselves.
        """
        ...

    def parser(self) -> Parser:
        """Return the pure parser for this tracker's raw parts."""
        ...


class MirrorLookup(Protocol):
    """What a source may ask of the mirror while it reads."""

    def action_ids(self, source: str) -> Sequence[str]:
        """Return ids of mirrored action tickets of this source, present ones."""
        ...

    def is_present(self, source: str, ticket_id: str) -> bool:
        """Tell whether a ticket is mirrored as one that is there."""
        ...

    def known_stamp(self, source: str, ticket_id: str) -> str | None:
        """Return digest of the newest record part of a ticket, None when it is not mirrored."""
        ...

    def record(self, source: str, ticket_id: str) -> Mapping[str, Any] | None:
        """Return the content of the newest record part of a ticket, None when it is not mirrored."""
        ...

    def presence(self, source: str, ticket_id: str) -> Presence:
        """Return where the ticket is now; `unobserved` for one that was never mirrored."""
        ...

    def containers(self, source: str) -> Sequence[str]:
        """Return the containers of mirrored tickets."""
        ...

    def newest_change(self, source: str, ticket_id: str) -> datetime | None:
        """Return when the newest mirrored change of a ticket's history was made, None when there is none."""
        ...


class EndpointHolds(Protocol):
    """Until when one kind of request may not be sent to a tracker, over restarts."""

    def endpoint_holds(self, source: str) -> Mapping[str, datetime]:
        """Return endpoint -> the instant before which the tracker asked not to be sent it."""
        ...

    def hold_endpoint(self, source: str, endpoint: str, until: datetime, now: datetime) -> None:
        """Remember an instant, and forget those of this source that are past."""
        ...


class TicketWriter(Protocol):
    """Writes on one tracker; the only methods that change anything there.

    Raises Retryable (not applied), WriteRefused (not applied, permanent or not), DeliveryUnknown (answer lost).
    """

    def deliver(self, write: Write, remote_id: str) -> Delivered:
        """Apply one write; `remote_id` is the stored id of our comment on that ticket, "" when none is known.

        Looks for our own marker first where a new comment or note would be created, so that none is doubled, and
        writes no text that stands there already, whichever register wrote it. For a work note `remote_id` is the
        newest note that this register knows of: one of another register after it that tells the same is enough.
        When `remote_id` names a comment that is gone and no other own one stands, nothing is created: the answer
        is `Delivered(deleted_by_person=True)`, and the caller may deliver again with `remote_id` "".
        """
        ...

    def look_up(self, write: Write, remote_id: str) -> Delivered | None:
        """Tell whether a write whose answer was lost is on the tracker; None when it is not."""
        ...


class TicketStore(Protocol):
    """The mirror: raw parts, tickets, changes, cursors, presences. Implemented by `store/`."""

    def commit_page(self, source: str, page: Page, at: datetime, run: int, parser: Parser) -> list[str]:
        """Store a page with its cursor in one transaction; return ids of tickets that are new or changed.

        Fields whose value changed without a history entry become `observed` changes (primary); `parser` reads the
        version before.
        """
        ...

    def cursor(self, source: str) -> Cursor:
        """Return the stored cursor, an empty one before the first page."""
        ...

    def ticket(self, source: str, ticket_id: str, parser: Parser) -> SourceTicket | None:
        """Return the mirrored ticket, parsed, with observed changes merged in."""
        ...

    def tickets(self, source: str, parser: Parser, role: Role | None = None) -> Iterator[SourceTicket]:
        """Iterate over mirrored tickets of one source in id order."""
        ...

    def presence(self, source: str, ticket_id: str) -> Presence:
        """Return where the ticket is now."""
        ...


class FindingStore(Protocol):
    """Episodes of findings. Implemented by `store/`."""

    def latest(self, source: str, ticket_id: str) -> list[Finding]:
        """Return the latest episode of each rule on this ticket."""
        ...

    def save(self, findings: Iterable[Finding]) -> None:
        """Insert or update episodes by (source, ticket_id, rule, episode)."""
        ...


class Outbox(Protocol):
    """Intended writes, in order, until they are delivered. Implemented by `store/`."""

    def put(self, writes: Iterable[Write]) -> None:
        """Add writes that are not yet there (by id).

        An undelivered older write of the same ticket and kind becomes `withheld` with the reason "replaced".
        """
        ...

    def due(self, source: str, now: datetime) -> list[Write]:
        """Return pending and unknown writes whose time has come, oldest first, at most one per ticket."""
        ...

    def mark(
        self,
        write_id: str,
        state: WriteState,
        *,
        at: datetime,
        error: str = "",
        remote_id: str = "",
        not_before: datetime | None = None,
        deleted_by_person: bool = False,
    ) -> None:
        """Record a step of a delivery; raises nothing for a write already in that state.

        UNKNOWN is recorded before each request and counts one attempt. DELIVERED of a COMMENT stores `remote_id` as
        our comment's id. `deleted_by_person` counts one deletion of our comment and forgets its stored id.
        """
        ...

    def writes(self, source: str, ticket_id: str) -> Sequence[Write]:
        """Return every write ever meant for this ticket, in the order of `seq`, whatever its state."""
        ...

    def deletions(self, source: str, ticket_id: str) -> int:
        """Return how often a person deleted our comment on this ticket."""
        ...

    def last_delivered(self, source: str, ticket_id: str) -> Mapping[str, Write]:
        """Return kind -> newest delivered write of this ticket."""
        ...

    def remote_comment(self, source: str, ticket_id: str) -> str:
        """Return the stored id of our comment on this ticket, "" when none."""
        ...

    def notifications_since(self, source: str, since: datetime) -> int:
        """Count notifying writes of this source delivered or under way since that instant."""
        ...


class Judge(Protocol):
    """Judges a record; implemented by `rules/`."""

    hash: str

    def evaluate(self, record: Any, options: JudgeOptions, now: datetime) -> list[Verdict]:
        """Return one verdict per rule that is not a draft."""
        ...


__all__ = [
    "ChildSpec",
    "EndpointHolds",
    "FindingStore",
    "Judge",
    "MirrorLookup",
    "Outbox",
    "Parser",
    "Source",
    "TicketStore",
    "TicketWriter",
]
