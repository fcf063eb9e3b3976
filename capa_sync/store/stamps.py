"""What a ticket's record rests on in the mirror, as short marks; told without reading any body."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from capa_sync.store.columns import json_text
from capa_sync.store.database import Database
from capa_sync.store.kin import Kin

_PLACES = "SELECT nr, ticket_id, role, presence, presence_at FROM mirror WHERE source = ? AND ticket_id IN (?)"
_NEWEST = "SELECT nr, MAX(id) FROM part WHERE nr IN (?) GROUP BY nr"


def stamps_of(db: Database, source: str, ids: Sequence[str]) -> dict[str, bytes]:
    """Return ticket id -> mark of what is mirrored of it and of its children; no ticket that is not mirrored.

    A mark differs from an earlier one whenever a raw part, a place or a child came or went meanwhile: versions of
    parts are only ever added.
    """
    own, numbers = _marks(db, source, ids)
    kin = Kin(db, source).of(numbers, ids)
    named = sorted({child for children in kin.values() for child in children})
    others, _ = _marks(db, source, named)
    return {each: _digest([own[each], *([child, others.get(child)] for child in kin.get(each, ()))]) for each in own}


def _marks(db: Database, source: str, ids: Sequence[str]) -> tuple[dict[str, list[object]], dict[int, str]]:
    """Return id -> role, presence, its instant and newest part; and mirror number -> id."""
    places = db.rows_in(_PLACES, (source,), ids)
    newest: dict[int, int] = dict(db.rows_in(_NEWEST, (), [row[0] for row in places]))
    return {row[1]: [*row[2:], newest.get(row[0])] for row in places}, {row[0]: row[1] for row in places}


def _digest(mark: object) -> bytes:
    return hashlib.blake2b(json_text(mark).encode(), digest_size=16).digest()
