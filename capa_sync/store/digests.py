"""Digests of the mirrored content that a ticket's record depends on; computed without reading any body."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from capa_sync.store.columns import json_text
from capa_sync.store.database import Database
from capa_sync.store.related import RelatedTickets

_PLACES = "SELECT nr, ticket_id, role, presence, presence_at FROM mirror WHERE source = ? AND ticket_id IN (?)"
_NEWEST = "SELECT nr, MAX(id) FROM part WHERE nr IN (?) GROUP BY nr"


def digests_of(db: Database, source: str, ids: Sequence[str]) -> dict[str, bytes]:
    """Return ticket id -> digest of the mirrored state of it and its children; only for mirrored tickets.

    The digest changes whenever a raw part, a role or presence, or the set of children changed: versions of parts are
    only ever added.
    """
    own, numbers = _states(db, source, ids)
    related = RelatedTickets(db, source).of(numbers, ids)
    named = sorted({child for children in related.values() for child in children})
    others, _ = _states(db, source, named)
    return {
        ticket_id: _digest([state, *([child, others.get(child)] for child in related.get(ticket_id, ()))])
        for ticket_id, state in own.items()
    }


def _states(db: Database, source: str, ids: Sequence[str]) -> tuple[dict[str, list[object]], dict[int, str]]:
    """Return id -> role, presence, instant of the presence and newest part; and mirror number -> id."""
    places = db.rows_in(_PLACES, (source,), ids)
    newest: dict[int, int] = dict(db.rows_in(_NEWEST, (), [row[0] for row in places]))
    return {row[1]: [*row[2:], newest.get(row[0])] for row in places}, {row[0]: row[1] for row in places}


def _digest(state: object) -> bytes:
    return hashlib.blake2b(json_text(state).encode(), digest_size=16).digest()
