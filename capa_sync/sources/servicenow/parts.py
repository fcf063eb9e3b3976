"""A ticket's raw parts: what is kept permanently of the instance's answers, as canonical JSON."""

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
from capa_sync.sources.servicenow.cells import Row

RECORD, AUDIT, JOURNAL, REACH, LABELS = "record", "audit", "journal", "reach", "labels"
_SMALL = 100  # bytes
JOURNAL_COLUMNS = frozenset({"work_notes", "comments", "comments_and_work_notes", "approval_history"})


class Reach(StrEnum):
    """How far one kind of history could be read."""

    WHOLE = "whole"
    PARTLY = "partly"
    CLOSED = "closed"


def record_part(table: str, reference: str, row: Row, journals: Collection[str]) -> Part:
    """Make a record's part: raw values, and display texts where they say more.

    Args:
        table: the configured table that was read.
        reference: for a child, the column that points at its record; else "".
        row: as read, after `lean`.
        journals: columns without a value of their own.
    """
    return part_of(RECORD, record_body(table, reference, row, journals))


def record_body(table: str, reference: str, row: Row, journals: Collection[str]) -> dict[str, Any]:
    """Return the content of `record_part` before it is encoded."""
    cells = dict(row)
    for column in journals:
        cells.pop(column, None)
    return {"table": table, "reference": reference, "row": cells}


def entries_part(kind: str, rows: Sequence[Row]) -> Part:
    """Make the part of one record's audit rows (kind AUDIT) or comments and work notes (JOURNAL), oldest first.

    Their cells are texts, without the record's own id (`history.Entries`).
    """
    return part_of(kind, rows)


def reach_part(audit: Reach, journal: Reach, since: datetime) -> Part:
    """Make the part that says how much history could be read; without audit rows our own observation counts.

    Args:
        audit: for the audit rows.
        journal: for comments and work notes.
        since: instant of this reading. The digest leaves it out: the store keeps the first body, so the instant of
            the first reading stays.
    """
    return part_of(REACH, reach_body(audit, journal, since))


def reach_body(audit: Reach, journal: Reach, since: datetime) -> dict[str, str | None]:
    """Return the content of `reach_part` before it is encoded."""
    said = {"audit": audit.value, "journal": journal.value}
    return {**said, "since": since.isoformat() if audit is Reach.CLOSED else None}


def labels_part(labels: Mapping[str, Any]) -> Part:
    """Make the part of labels: of the choices, users and columns that this ticket's history mentions."""
    return part_of(LABELS, labels)


def part_of(kind: str, body: Any) -> Part:
    """Make a part from its content; for REACH the digest leaves out the instant of the reading."""
    stored = body_of(body)
    return _known_part(kind, stored) if len(stored) < _SMALL else _part(kind, stored)


def _part(kind: str, stored: bytes) -> Part:
    hashed = stored
    if kind == REACH:
        counts = {name: value for name, value in orjson.loads(stored).items() if name != "since"}
        hashed = body_of(counts)
    return Part(kind, stored, hashlib.sha256(hashed).hexdigest(), is_exact=hashed is stored)


_known_part = lru_cache(maxsize=64)(_part)
"""Small contents are the same for most tickets: a history that is complete, no notes."""
