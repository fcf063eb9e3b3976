"""What records showed at the end of a month, kept so that a report need not replay every history.

Kept for speed alone: a report computes anew whatever is not here, and gives the same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from functools import lru_cache
from typing import Any

import orjson

from capa_sync.model.review import ReviewRecord
from capa_sync.store.columns import instant_text, json_value
from capa_sync.store.database import Database
from capa_sync.store.unreadable import reading

_NAMES = tuple(field.name for field in fields(ReviewRecord))


def _places(*names: str) -> tuple[int, ...]:
    return tuple(_NAMES.index(name) for name in names)


_INSTANTS = _places("begun", "contained", "caused", "implemented", "first_due", "due")
_PAIRS = _places("moves", "results")
_RULES = _places("broken", "unknown", "decided")
"""Sets of rules: kept as numbers, each bit for the rule in that place of the list of rules."""
_REPEATS, _DECISION = _places("repeats", "decision")

Kept = ReviewRecord | str | None
"""What a record showed, why that is not known, or None where it was not there or speaks through another."""


class KeptReviews:
    """The tables `review_made` and `review_fact`: of each source the end of one month, and its records then."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def is_made(self, source: str, at: datetime) -> bool:
        """Return whether all records of a source are kept as of an instant."""
        row = self._db.row("SELECT at, is_done FROM review_made WHERE source = ?", (source,))
        return row is not None and row == (instant_text(at), 1)

    def knowledge(self, at: datetime) -> str:
        """Return a digest that changes when the register learns of tickets that were there at an instant already."""
        tickets = self._db.value("SELECT COUNT(*) FROM ticket WHERE created_at <= ?", (instant_text(at),))
        unread = self._db.rows("SELECT source, ticket_id, reasons FROM quarantine WHERE unread <> 0 ORDER BY 1, 2")
        return hashlib.sha256(repr((tickets, unread)).encode()).hexdigest()

    def begin(self, source: str, at: datetime, basis: str) -> None:
        """Keep the records of a source as of an instant from now on; those of another instant or basis go.

        `basis` names everything else that the records rest on.
        """
        wanted = (instant_text(at), basis)
        if self._db.row("SELECT at, basis FROM review_made WHERE source = ?", (source,)) == wanted:
            return
        with self._db.transaction():
            self._db.execute("DELETE FROM review_fact WHERE source = ?", (source,))
            self._db.execute("INSERT OR REPLACE INTO review_made VALUES (?,?,?,'[]',0)", (source, *wanted))

    def missing(self, source: str, ticket_ids: Sequence[str]) -> list[str]:
        """Return which of these tickets are not kept yet."""
        known = set(self._db.column("SELECT ticket_id FROM review_fact WHERE source = ?", (source,)))
        return [ticket_id for ticket_id in ticket_ids if ticket_id not in known]

    def save(self, source: str, found: Mapping[str, Kept], *, is_done: bool) -> None:
        """Store what more tickets showed; `is_done`: these were the last ones."""
        with self._db.transaction():
            rules = self._rules(source)
            rows = [(source, ticket_id, _packed(kept, rules)) for ticket_id, kept in found.items()]
            self._db.execute_many("INSERT OR REPLACE INTO review_fact VALUES (?,?,?)", rows)
            sql = "UPDATE review_made SET rules = ?, is_done = ? WHERE source = ?"
            self._db.execute(sql, (orjson.dumps(rules).decode(), int(is_done), source))

    def load(self, source: str, at: datetime, basis: str) -> dict[str, Kept]:
        """Return what tickets showed at an instant, by id; nothing where it is not kept or rests on another basis."""
        wanted = (instant_text(at), basis)
        if self._db.row("SELECT at, basis FROM review_made WHERE source = ?", (source,)) != wanted:
            return {}
        sets = _RuleSets(self._rules(source))
        rows = self._db.rows("SELECT ticket_id, facts FROM review_fact WHERE source = ?", (source,))
        with reading("a kept review that cannot be read"):
            return {ticket_id: _unpacked(text, sets) for ticket_id, text in rows}

    def _rules(self, source: str) -> list[str]:
        stored = self._db.value("SELECT rules FROM review_made WHERE source = ?", (source,))
        return list(json_value(stored or "[]"))


def _packed(kept: Kept, rules: list[str]) -> str:
    """Return the JSON of what is kept; rules that are new are added to the list."""
    if not isinstance(kept, ReviewRecord):
        return orjson.dumps(kept).decode()
    values = [getattr(kept, name) for name in _NAMES]
    for place in _RULES:
        values[place] = _bits(values[place], rules)
    return orjson.dumps(values).decode()


def _bits(names: Iterable[str], rules: list[str]) -> str:
    """Return the places of rules as the bits of a number, in hexadecimal: JSON's own numbers end at 53 bits."""
    found = 0
    for name in sorted(names):
        if name not in rules:
            rules.append(name)
        found |= 1 << rules.index(name)
    return f"{found:x}"


class _RuleSets:
    """Turns numbers into sets of rules; records share them, since most show one of a few sets."""

    def __init__(self, rules: Sequence[str]) -> None:
        self._rules = rules
        self._known: dict[str, frozenset[str]] = {}

    def of(self, bits: str) -> frozenset[str]:
        """Return the set of a number."""
        if bits not in self._known:
            number = int(bits, 16)
            self._known[bits] = frozenset(rule for place, rule in enumerate(self._rules) if number >> place & 1)
        return self._known[bits]


def _unpacked(text: str, sets: _RuleSets) -> Kept:
    values: Any = json_value(text)
    if not isinstance(values, list):
        return values  # type: ignore[no-any-return]  # a reason, or None
    for place in _INSTANTS:
        if values[place]:
            values[place] = _instant(values[place])
    for place in _PAIRS:
        values[place] = tuple([(_instant(at), what) for at, what in values[place]])
    for place in _RULES:
        values[place] = sets.of(values[place])
    values[_REPEATS] = tuple(values[_REPEATS])
    if values[_DECISION]:
        at, decision = values[_DECISION]
        values[_DECISION] = (_instant(at), decision)
    return ReviewRecord(*values)


@lru_cache(maxsize=65_536)
def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)
