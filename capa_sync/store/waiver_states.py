"""Since when waivers are as they are: the row says who approved and what the rule read, the hash chain says when."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from itertools import product
from typing import NamedTuple

from capa_sync.store.chain import DIGEST, SALT, content_of, salted
from capa_sync.store.chained import CHAINED
from capa_sync.store.columns import instant, json_value
from capa_sync.store.database import Database, Row

(_TABLE,) = [table for table in CHAINED if table.table == "waiver"]
_UNAPPROVED = {"approved_by": ""}
_UNBOUND = {"reads": "{}", "is_bound": 0}
_STANDING = {"ended_at": None, "ended_why": ""}
"""What a row was before its second person came, before it was bound, and before it ended."""


class Since(NamedTuple):
    """When a waiver was first stored with its second person, and as bound; None where the chain does not tell."""

    approved_at: datetime | None = None
    bound_at: datetime | None = None


class _State(NamedTuple):
    is_approved: bool
    is_bound: bool


def stored_since(db: Database, numbers: Collection[int]) -> dict[int, Since]:
    """Return number -> since when a waiver is as it is.

    An event holds a salted digest of the whole row, and a row changes in known ways, so that the digest tells what it
    was. A waiver that is older than the chain is as it is since the chain began, at least.
    """
    if not numbers:
        return {}
    sql = f"SELECT id, {', '.join(_TABLE.columns)} FROM waiver WHERE id IN (?)"
    contents = {str(row[0]): dict(_contents(row[1:])) for row in db.rows_in(sql, (), sorted(numbers))}
    found = dict.fromkeys(numbers, Since())
    events = "SELECT at, names, digests, salts FROM event WHERE kind = ? ORDER BY number"
    for at, names, digests, salts in db.rows(events, (_TABLE.kind,)):
        for place, name in enumerate(json_value(names)):
            if name in contents:
                salt = salts[place * SALT : (place + 1) * SALT]
                state = _state(contents[name], salt, digests[place * DIGEST : (place + 1) * DIGEST])
                found[int(name)] = _noted(found[int(name)], state, instant(at))
    return found


def _contents(row: Row) -> Iterator[tuple[bytes, _State]]:
    """Yield what a row may have been, and what that was; what it is now comes last."""
    cells = dict(zip(_TABLE.columns, row, strict=True))
    for approved, bound, ended in product((_UNAPPROVED, {}), (_UNBOUND, {}), (_STANDING, {})):
        was = cells | approved | bound | ended
        yield content_of([*was.values()]), _State(bool(was["approved_by"]), bool(was["is_bound"]))


def _state(contents: Mapping[bytes, _State], salt: bytes, digest: bytes) -> _State | None:
    return next((state for content, state in contents.items() if salted(salt, content) == digest), None)


def _noted(since: Since, state: _State | None, at: datetime) -> Since:
    if state is None:
        return since
    return Since(
        since.approved_at or (at if state.is_approved else None), since.bound_at or (at if state.is_bound else None)
    )
