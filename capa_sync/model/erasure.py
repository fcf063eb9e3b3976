"""Erasures: which tickets left the register with all their texts, and what keeps a ticket from being erased."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from capa_sync.model.days import utc_words
from capa_sync.model.light import light


class ErasedBy(StrEnum):
    """What asked for an erasure."""

    REQUEST = "request"  # a person, by `register erase`
    RETENTION = "retention"  # the time that records are kept is over
    RESTORE = "restore"  # a restored backup had it, and the register before had erased it


@light
class Erasure:
    """A wish to erase a ticket: why, and who asked (the operating system's user)."""

    reason: str
    asked_by: str
    way: ErasedBy = ErasedBy.REQUEST


@light
class Tombstone:
    """What is left of an erased ticket; while it is there, the ticket is not mirrored again.

    Attributes:
        source, ticket_id: which ticket. ticket_key: its key at that time. erased_at: when. erasure: why and by whom.
        rows: table -> how many of its rows were erased.
    """

    source: str
    ticket_id: str
    ticket_key: str
    erased_at: datetime
    erasure: Erasure
    rows: dict[str, int]

    def __str__(self) -> str:
        """Return it as one line."""
        why = f"{self.erasure.way} of {self.erasure.asked_by}" if self.erasure.asked_by else f"{self.erasure.way}"
        return (
            f"{self.source}:{self.ticket_key} was erased on {utc_words(self.erased_at)} ({why}): "
            f"{self.erasure.reason}"
        )


@light
class LegalHold:
    """A person's order that nothing of a ticket, a source or the whole register is erased.

    Attributes:
        id: its number in the register, 0 before it is recorded. source: "" for every source. ticket_id: "" for every
            ticket of the source. name: how people name it. reason, held_by, held_at: why, by whom (the operating
            system's user) and since when.
    """

    source: str
    ticket_id: str
    name: str
    reason: str
    held_by: str
    held_at: datetime
    id: int = 0

    def covers(self, source: str, ticket_id: str) -> bool:
        """Tell whether it is about this ticket."""
        return self.source in ("", source) and self.ticket_id in ("", ticket_id)

    def __str__(self) -> str:
        """Return it as one line."""
        return f"{self.name} is on legal hold since {self.held_at:%Y-%m-%d} (by {self.held_by}): {self.reason}"
