"""What a withdrawal still has to take back on a source; computed from the register alone."""

from __future__ import annotations

from typing import NamedTuple

from capa_sync.model.amounts import count_of
from capa_sync.model.halt import Halt, HaltKind
from capa_sync.model.ticket import Presence
from capa_sync.store import Register
from capa_sync.writeback import REACHABLE, carries_ours

_AT_ONCE = 500
"""Tickets whose writes are read together."""


class OurContent(NamedTuple):
    """On how many tickets of a source content of ours is, or may be; work notes cannot be removed and do not count.

    Attributes:
        removable: tickets that can be written to. hidden: those that cannot be, and are not known to be deleted.
    """

    removable: int = 0
    hidden: int = 0


def content_left(register: Register, source: str) -> OurContent:
    """Count the tickets of a source with content of ours."""
    ids, removable, hidden = register.outbox.written_tickets(source), 0, 0
    for start in range(0, len(ids), _AT_ONCE):
        for ticket_id, writes in register.outbox.writes_of(source, ids[start : start + _AT_ONCE]).items():
            if not carries_ours(writes):
                continue
            presence = register.tickets.presence(source, ticket_id)
            removable += presence in REACHABLE
            hidden += presence not in (*REACHABLE, Presence.DELETED)
    return OurContent(removable, hidden)


def halt_words(halt: Halt, left: OurContent) -> str:
    """Return a halt in words; of a withdrawal also on how many tickets our content is left, or that none is."""
    if halt.kind is not HaltKind.WITHDRAWN:
        return str(halt)
    if left.removable:
        return f"{halt}; {count_of(left.removable, 'ticket')} still to be cleared"
    return halt.since_when(f"{taken_back(left)}; no warning is written")


def taken_back(left: OurContent) -> str:
    """Return in words that a withdrawal is complete, and what it could not reach."""
    done = "all our texts are taken back"
    return f"{done}, but those on {count_of(left.hidden, 'ticket')} hidden from us" if left.hidden else done
