"""What the address of a record leads to when no ticket has its id: the ticket of that key, or a page that says so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from capa_sync.model.days import moment_words
from capa_sync.web.asked import PageQuery, Row, link, record_link
from capa_sync.web.times import instant

_OF_KEY = "SELECT source, ticket_id, ticket_key FROM v_tickets WHERE ticket_key IN (?, ?) ORDER BY source, ticket_key"
_ERASED = "SELECT * FROM v_erasures WHERE source = ? AND (ticket_id = ? OR ticket_key IN (?, ?)) ORDER BY number"


@dataclass(frozen=True)
class UnknownTicket:
    """What is answered for a ticket that the register does not have under an id.

    Attributes:
        page: the page of the only ticket with that key, "" without one. status: of the answer, for `shown`.
        shown: what the page says instead.
    """

    page: str = ""
    status: int = 404
    shown: Mapping[str, Any] = field(default_factory=dict)


def unknown_ticket(asked: PageQuery) -> UnknownTicket:
    """Return what the address of a record leads to when no ticket has its id; a key may be in any case."""
    source, name = asked.arguments.get("source", ""), asked.arguments.get("ticket", "").strip()
    keys = (name, name.upper())
    tickets = [row for row in asked.rows(_OF_KEY, keys) if name and source in ("", row["source"])]
    if len(tickets) == 1:
        return UnknownTicket(record_link(tickets[0]))
    erased = [_erased(row, asked.times.timezone) for row in asked.rows(_ERASED, (source, name, *keys))]
    sources = [row["source"] for row in asked.sources()]
    shown = {
        "name": name,
        "source": source,
        "tickets": [{**ticket, "link": record_link(ticket)} for ticket in tickets],
        "erased": erased,
        "known_sources": sources if source and source not in sources else [],
        "search": link("/records", q=name),
    }
    return UnknownTicket(status=410 if erased else 404, shown=shown)


def _erased(row: Row, timezone: str) -> str:
    erased_at = moment_words(instant(row["erased_at"]), timezone)
    number = row["register_no"] or "without a register number"
    return f"{row['source']}:{row['ticket_key']} ({number}) was erased from the register at {erased_at}"
