"""What write-back needs: a writer of one tracker, and the outbox of intended writes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from capa_sync.model.write import Delivered, Write, WriteState


class TicketWriter(Protocol):
    """Writes on one tracker; nothing else changes anything there.

    Raises Retryable (not applied), WriteRefused (not applied, permanent or not), DeliveryUnknown (answer lost).
    """

    def deliver(self, write: Write, remote_id: str) -> Delivered:
        """Apply one write; `remote_id` is the stored id of our comment on that ticket, "" when none is known.

        Before it creates a comment or note it looks for our own marker, so that none is doubled; and it writes no
        text that is already there, whichever register wrote it. For a work note `remote_id` is the newest note that
        this register knows of: a later note of another register with the same text is enough. When `remote_id`
        names a comment that is gone and there is no other comment of ours, nothing is created: the answer is
        `Delivered(deleted_by_person=True)`, and the caller may deliver again with `remote_id` "".
        """
        ...

    def look_up(self, write: Write, remote_id: str) -> Delivered | None:
        """Look on the tracker for a write whose answer was lost; None when it is not there.

        `Delivered(is_other_text=True)` when another text stands in its place and `remote_id` does not explain it.
        Raises SourceError, also where the ticket itself is not shown: it may have been applied before that.
        """
        ...


class Outbox(Protocol):
    """What delivery needs of the outbox: intended writes, in order, until they are delivered."""

    def due(
        self, source: str, now: datetime, states: Sequence[WriteState] = (WriteState.PENDING, WriteState.UNKNOWN)
    ) -> list[Write]:
        """Return writes of these states that are due, oldest first, at most one per ticket."""
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
        """Record a step of a delivery; a write that is already in that state is no error.

        UNKNOWN is recorded before each request and counts one attempt. DELIVERED of a COMMENT stores `remote_id` as
        our comment's id. `deleted_by_person` counts one deletion of our comment and forgets its stored id.
        """
        ...

    def deletions(self, source: str, ticket_id: str) -> int:
        """Return how often a person deleted our comment on this ticket."""
        ...

    def last_delivered(self, source: str, ticket_id: str) -> Mapping[str, Write]:
        """Return kind -> the newest delivered write of this ticket."""
        ...

    def remote_comment(self, source: str, ticket_id: str) -> str:
        """Return the stored id of our comment on this ticket, "" when there is none."""
        ...
