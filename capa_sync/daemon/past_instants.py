"""The instants and the accounts that the stored versions of a ticket name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from capa_sync.model.ticket import SourceTicket
from capa_sync.model.values import Raw
from capa_sync.store import PastVersion

_NEXT = timedelta(microseconds=1)


def instants_in(versions: Iterable[PastVersion]) -> set[datetime]:
    """Return when a ticket was created, changed, commented or read first, and what else decides what was known."""
    found: set[datetime] = set()
    for version in versions:
        found |= {version.first_read_at, *_of(version.ticket)}
        if not version.ticket.history_complete:
            found.add(version.read_at)
        if version.is_newest:
            found.add(version.read_at + _NEXT)
    return found


def _of(ticket: SourceTicket) -> Iterator[datetime]:
    yield from (ticket.created_at, ticket.updated_at)
    yield from (change.at for change in ticket.changes)
    for comment in ticket.comments:
        yield from filter(None, (comment.at, comment.updated_at))
    if ticket.history_from is not None:
        yield ticket.history_from


def accounts_in(versions: Iterable[PastVersion]) -> set[str]:
    """Return the ids of everything that a ticket names, accounts among them."""
    found: set[str] = set()
    for version in versions:
        ticket = version.ticket
        found |= {ticket.created_by, *(comment.by for comment in ticket.comments)}
        found |= {name for raw in ticket.values.values() for name in _named(raw)}
        for change in ticket.changes:
            found |= {change.by, *_named(change.old), *_named(change.new)}
    return found - {""}


def _named(raw: Raw) -> Iterable[str]:
    return raw.ids
