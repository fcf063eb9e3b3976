"""Many mirrored tickets with their children, read in a few statements and parsed once each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import chain

from capa_sync.model.ticket import Presence, SourceTicket
from capa_sync.ports.reading import Parser
from capa_sync.store import assembly
from capa_sync.store.columns import member
from capa_sync.store.database import Database
from capa_sync.store.related import RelatedTickets
from capa_sync.store.tickets import Tickets


class TicketBatch:
    """Answers like `Tickets`, from memory for the requested tickets and their children.

    It is valid as long as the mirror does not change. Other tickets are looked up in the register.
    """

    def __init__(self, db: Database, tickets: Tickets, source: str, ids: Sequence[str], parser: Parser) -> None:
        self._db = db
        self._whole = tickets
        self._source = source
        self._parsed: dict[str, SourceTicket] = {}
        self._presence: dict[str, Presence] = {}
        self._unread = tickets.unread(source)
        self._read_at: Mapping[str, datetime] | None = None
        self._children: dict[str, list[str]] = {ticket_id: [] for ticket_id in ids}
        numbers = self._read(ids, parser)
        self._children |= RelatedTickets(db, source).of(numbers, ids)
        self._read(sorted(self._children_named() - self._presence.keys()), parser)

    def _read(self, ids: Sequence[str], parser: Parser) -> dict[int, str]:
        sql = "SELECT nr, ticket_id, presence FROM mirror WHERE source = ? AND ticket_id IN (?)"
        rows = self._db.rows_in(sql, (self._source,), ids)
        names = {nr: ticket_id for nr, ticket_id, _ in rows}
        self._presence |= dict.fromkeys(ids, Presence.UNOBSERVED)
        self._presence |= {ticket_id: member(Presence, presence) for _, ticket_id, presence in rows}
        self._parsed |= {names[nr]: ticket for nr, ticket in assembly.load(self._db, list(names), parser).items()}
        return names

    def _children_named(self) -> set[str]:
        named = (child.id or child.key for ticket in self._parsed.values() for child in ticket.children)
        found: Iterable[str] = chain.from_iterable(self._children.values())
        return {*named, *found}

    def ticket(self, source: str, ticket_id: str, parser: Parser) -> SourceTicket | None:
        """Return the mirrored ticket, None when it is not mirrored."""
        if source == self._source and ticket_id in self._presence:
            return self._parsed.get(ticket_id)
        return self._whole.ticket(source, ticket_id, parser)

    def presence(self, source: str, ticket_id: str) -> Presence:
        """Return the ticket's presence; `unobserved` for a ticket that was never mirrored."""
        known = self._presence.get(ticket_id) if source == self._source else None
        return known or self._whole.presence(source, ticket_id)

    def unread(self, source: str) -> Mapping[str, str]:
        """Return id -> reason of the tickets whose last answer could not be parsed."""
        return self._unread if source == self._source else self._whole.unread(source)

    def read_at(self, source: str, ticket_id: str) -> datetime | None:
        """Return when the ticket's present content was first read, None when it is not mirrored."""
        if source != self._source or ticket_id not in self._presence:
            return self._whole.read_at(source, ticket_id)
        if self._read_at is None:  # at the first warned ticket of the batch; many batches have none
            self._read_at = self._whole.reads_of(source, list(self._presence))
        return self._read_at.get(ticket_id)

    def children_of(self, source: str, ticket_id: str) -> list[str]:
        """Return ids of mirrored tickets that this ticket names as its parts, or that name it as their parent."""
        known = self._children.get(ticket_id) if source == self._source else None
        return self._whole.children_of(source, ticket_id) if known is None else known

    def key(self, source: str, ticket_id: str) -> str:
        """Return a ticket's present key, its id when it is not mirrored."""
        return self._whole.key(source, ticket_id)
