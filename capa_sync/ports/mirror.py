"""What sources and mapping read from the mirror, and what a source stores beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from datetime import datetime
from typing import Any, Protocol

from capa_sync.model.ticket import Presence, SourceTicket
from capa_sync.ports.reading import Parser


class MirrorLookup(Protocol):
    """What a source may read from the mirror while it reads the tracker."""

    def action_ids(self, source: str) -> Sequence[str]:
        """Return ids of present mirrored action tickets of this source."""
        ...

    def is_present(self, source: str, ticket_id: str) -> bool:
        """Tell whether a ticket is mirrored and present."""
        ...

    def known_digest(self, source: str, ticket_id: str) -> str | None:
        """Return the digest of the newest record part of a ticket, None when it is not mirrored."""
        ...

    def record(self, source: str, ticket_id: str) -> Mapping[str, Any] | None:
        """Return the content of the newest record part of a ticket, None when it is not mirrored."""
        ...

    def part(self, source: str, ticket_id: str, kind: str) -> Any | None:
        """Return the content of the newest part of a kind of a ticket, None when the mirror has none."""
        ...

    def presence(self, source: str, ticket_id: str) -> Presence:
        """Return the ticket's presence; `unobserved` for a ticket that was never mirrored."""
        ...

    def containers(self, source: str) -> Sequence[str]:
        """Return the containers of mirrored tickets."""
        ...

    def refused(self, source: str) -> Mapping[str, tuple[str, str]]:
        """Return id -> (digest of the record part, reason) of the versions that made no ticket."""
        ...

    def undelivered(self, source: str) -> Mapping[str, int]:
        """Return kind (`SourceTicket.unknown`) -> present tickets with which the tracker did not deliver it."""
        ...

    def unasked(self, source: str) -> Sequence[str]:
        """Return ids of present tickets whose undelivered kinds are still to be requested on their own."""
        ...

    def newest_change(self, source: str, ticket_id: str) -> datetime | None:
        """Return the instant of the newest mirrored change in a ticket's history, None when there is none."""
        ...

    def history_entries(self, source: str, ticket_ids: Sequence[str]) -> Mapping[str, Set[str]]:
        """Return ticket id -> ids of the mirrored history entries; tickets without any are left out."""
        ...

    def incomplete(self, source: str) -> Sequence[str]:
        """Return ids of present tickets whose history was not read completely, in a stable order."""
        ...


class EndpointHolds(Protocol):
    """How long a tracker asked us not to send one kind of request; stored, so that it survives a restart."""

    def endpoint_holds(self, source: str) -> Mapping[str, datetime]:
        """Return endpoint -> the instant before which no request may be sent to it."""
        ...

    def hold_endpoint(self, source: str, endpoint: str, until: datetime, now: datetime) -> None:
        """Store an instant for an endpoint, and delete those of this source that have passed."""
        ...


class Mirror(Protocol):
    """What mapping reads from the mirror: the whole of it, or a batch of its tickets that were read together."""

    def ticket(self, source: str, ticket_id: str, parser: Parser) -> SourceTicket | None:
        """Return the mirrored ticket, parsed, with observed changes merged in; None when it is not mirrored."""
        ...

    def presence(self, source: str, ticket_id: str) -> Presence:
        """Return the ticket's presence; `unobserved` for a ticket that was never mirrored."""
        ...

    def children_of(self, source: str, ticket_id: str) -> list[str]:
        """Return ids of mirrored tickets that this ticket names as children, or that name it as their parent."""
        ...

    def unread(self, source: str) -> Mapping[str, str]:
        """Return id -> reason of the tickets whose answer could not be parsed when they were last read."""
        ...

    def read_at(self, source: str, ticket_id: str) -> datetime | None:
        """Return when the ticket's present content was first read, None when it is not mirrored."""
        ...

    def key(self, source: str, ticket_id: str) -> str:
        """Return a ticket's present key, its id when it is not mirrored."""
        ...
