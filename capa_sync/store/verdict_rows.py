"""How the latest verdicts of a ticket are stored: those that say something of their own, and a shared set.

Most verdicts say an outcome and nothing else, and most tickets of a source share them: of 5,000 tickets with 36
rules, seven verdicts in eight belong to one of about a hundred sets. A set is stored once, and each ticket names its
set. The view `verdict` shows one row for each ticket and rule.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from capa_sync.model.finding import FINE, Verdict
from capa_sync.store.columns import json_text, optional_text
from capa_sync.store.database import Database, Params, Row
from capa_sync.store.replacing import replace_rows


class SharedVerdicts(NamedTuple):
    """Verdicts that say that all is well, or not applicable, and nothing else.

    The others are what people look for: each has a row, which an index finds.

    Attributes:
        digest: of the rows. rows: rule, outcome, severity, title, clause, mode and number of each.
    """

    digest: str
    rows: tuple[Row, ...]


class StoredVerdicts(NamedTuple):
    """All verdicts of one ticket: rows of `verdict_own`, and the set it shares with other tickets."""

    own: list[Params]
    shared: SharedVerdicts


def stored_verdicts(source: str, ticket_id: str, verdicts: Iterable[Verdict]) -> StoredVerdicts | None:
    """Return how the verdicts of a ticket are stored; None without any."""
    own: list[Params] = []
    shared: list[Row] = []
    for verdict in verdicts:
        known = _PLAIN.get(id(verdict))
        if known is not None and known[0] is verdict:
            shared.append(known[1])
        elif _is_plain(verdict):
            shared.append(_plain_row(verdict))
        else:
            own.append((source, ticket_id, *_says(verdict), verdict.reason, optional_text(verdict.next_due)))
    return StoredVerdicts(own, _shared(tuple(shared))) if own or shared else None


def _is_plain(verdict: Verdict) -> bool:
    return verdict.outcome in FINE and not verdict.reason and verdict.next_due is None


def _says(verdict: Verdict) -> Row:
    return (
        verdict.rule,
        verdict.outcome.value,
        verdict.severity.value,
        verdict.title,
        verdict.clause,
        verdict.mode.value,
        verdict.number,
    )


_PLAIN: dict[int, tuple[Verdict, Row]] = {}
"""By identity: rules share one object for a verdict that says nothing of its own, thirty times for each ticket."""
_MOST_PLAIN = 4096


def _plain_row(verdict: Verdict) -> Row:
    if len(_PLAIN) >= _MOST_PLAIN:
        _PLAIN.clear()
    row = _says(verdict)
    _PLAIN[id(verdict)] = verdict, row
    return row


@lru_cache(maxsize=2048)
def _shared(rows: tuple[Row, ...]) -> SharedVerdicts:
    return SharedVerdicts(hashlib.sha256(json_text(rows).encode()).hexdigest()[:16], rows)


def replace_verdicts(db: Database, source: str, wanted: Mapping[str, StoredVerdicts | None]) -> dict[str, bool]:
    """Make the stored verdicts of some tickets (by id) exactly these; call it inside a transaction.

    Returns the tickets whose outcome or severity changed, with whether they had verdicts before.
    """
    sets = {ticket_id: stored.shared for ticket_id, stored in wanted.items() if stored is not None}
    earlier = _sets_of(db, source, list(wanted))
    own = {ticket_id: stored.own if stored is not None else [] for ticket_id, stored in wanted.items()}
    before = replace_rows(db, "verdict_own", source, own)
    moved = [ticket_id for ticket_id in wanted if earlier.get(ticket_id) != _digest(sets.get(ticket_id))]
    _store_sets(db, {sets[ticket_id] for ticket_id in moved if ticket_id in sets})
    db.execute_many(
        """INSERT INTO verdict_ticket VALUES (?,?,?) ON CONFLICT (source, ticket_id) DO UPDATE
        SET digest = excluded.digest""",
        [(source, ticket_id, sets[ticket_id].digest) for ticket_id in moved if ticket_id in sets],
    )
    db.execute_many(
        "DELETE FROM verdict_ticket WHERE source = ? AND ticket_id = ?",
        [(source, ticket_id) for ticket_id in moved if ticket_id not in sets],
    )
    known = _rows_of(db, {earlier[ticket_id] for ticket_id in (*before, *moved) if ticket_id in earlier})
    found: dict[str, bool] = {}
    for ticket_id in dict.fromkeys((*before, *moved)):
        rows = before.get(ticket_id, own[ticket_id])
        old = {tuple(row[2:5]) for row in rows} | known.get(earlier.get(ticket_id, ""), set())
        if old != _outcomes(wanted[ticket_id]):
            found[ticket_id] = ticket_id in earlier
    return found


def drop_unused_sets(db: Database) -> None:
    """Delete the sets that no ticket has any more."""
    db.execute("DELETE FROM verdict_shared WHERE digest NOT IN (SELECT digest FROM verdict_ticket)")


def _digest(shared: SharedVerdicts | None) -> str | None:
    return None if shared is None else shared.digest


def _outcomes(stored: StoredVerdicts | None) -> set[Row]:
    if stored is None:
        return set()
    return {tuple(row[2:5]) for row in stored.own} | {row[:3] for row in stored.shared.rows}


def _sets_of(db: Database, source: str, ticket_ids: Sequence[str]) -> dict[str, str]:
    sql = "SELECT ticket_id, digest FROM verdict_ticket WHERE source = ? AND ticket_id IN (?)"
    return dict(db.rows_in(sql, (source,), ticket_ids))


def _store_sets(db: Database, wanted: Collection[SharedVerdicts]) -> None:
    digests = [shared.digest for shared in wanted]
    sql = "SELECT DISTINCT digest FROM verdict_shared WHERE digest IN (?)"
    known = {row[0] for row in db.rows_in(sql, (), digests)}
    rows = [(shared.digest, *row) for shared in wanted if shared.digest not in known for row in shared.rows]
    db.execute_many("INSERT INTO verdict_shared VALUES (?,?,?,?,?,?,?,?)", rows)


def _rows_of(db: Database, digests: Collection[str]) -> dict[str, set[Row]]:
    found: dict[str, set[Row]] = {}
    sql = "SELECT digest, rule, outcome, severity FROM verdict_shared WHERE digest IN (?)"
    for digest, *says in db.rows_in(sql, (), list(digests)):
        found.setdefault(digest, set()).add(tuple(says))
    return found
