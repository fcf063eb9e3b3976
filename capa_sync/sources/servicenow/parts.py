"""A ticket's raw parts: what is kept for ever of what the instance told, in canonical JSON."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from typing import Any

import orjson

from capa_sync.model.ticket import Part
from capa_sync.sources.bodies import body_of
from capa_sync.sources.servicenow.answers import Row

RECORD, AUDIT, JOURNAL, REACH, LABELS = "record", "audit", "journal", "reach", "labels"
_SMALL = 100  # bytes
JOURNAL_COLUMNS = frozenset({"work_notes", "comments", "comments_and_work_notes", "approval_history"})


class Reach(StrEnum):
    """How far one kind of history could be read."""

    WHOLE = "whole"
    PARTLY = "partly"
    CLOSED = "closed"


def record_part(table: str, reference: str, row: Row, journals: Collection[str]) -> Part:
    """Keep a record: raw values, and display texts beside them where they say more.

    Args:
        table: the configured table it was read from.
        reference: for a child, the column that points at its record; else "".
        row: as read, made lean.
        journals: columns that hold no value of their own.
    """
    return part_of(RECORD, record_body(table, reference, row, journals))


def record_body(table: str, reference: str, row: Row, journals: Collection[str]) -> dict[str, Any]:
    """Return what `record_part` keeps, before it becomes bytes."""
    cells = dict(row)
    for column in journals:
        cells.pop(column, None)
    return {"table": table, "reference": reference, "row": cells}


def entries_part(kind: str, rows: Sequence[Row]) -> Part:
    """Keep the audit rows (kind AUDIT) or the comments and work notes (JOURNAL) of one record, oldest first.

    Their cells are texts, without the record's own id (`history.Entries`).
    """
    return part_of(kind, rows)


def reach_part(audit: Reach, journal: Reach, since: datetime) -> Part:
    """Keep how far the history could be read; where the audit is closed to us, our own observation counts.

    Args:
        audit: of the audit rows.
        journal: of comments and work notes.
        since: instant of this reading. The digest leaves it out: the store keeps the first body, so the instant of
            the first sight stays.
    """
    return part_of(REACH, reach_body(audit, journal, since))


def reach_body(audit: Reach, journal: Reach, since: datetime) -> dict[str, str | None]:
    """Return what `reach_part` keeps, before it becomes bytes."""
    said = {"audit": audit.value, "journal": journal.value}
    return {**said, "since": since.isoformat() if audit is Reach.CLOSED else None}


def labels_part(labels: Mapping[str, Any]) -> Part:
    """Keep the names of the choices, users and columns that this ticket's history speaks of."""
    return part_of(LABELS, labels)


def part_of(kind: str, body: Any) -> Part:
    """Make a part of its content; of REACH the instant of the reading does not count."""
    stored = body_of(body)
    return _known_part(kind, stored) if len(stored) < _SMALL else _part(kind, stored)


def _part(kind: str, stored: bytes) -> Part:
    hashed = stored
    if kind == REACH:
        counts = {name: value for name, value in orjson.loads(stored).items() if name != "since"}
        hashed = body_of(counts)
    return Part(kind=kind, body=stored, digest=hashlib.sha256(hashed).hexdigest())


_known_part = lru_cache(maxsize=64)(_part)
"""Small ones are the same for most tickets: a history read whole, no notes."""
