"""A ticket's raw parts: what is kept for ever of what the instance told, in canonical JSON."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

import orjson

from capa_sync.model.ticket import Part
from capa_sync.sources.servicenow.answers import Row, value_of

RECORD, AUDIT, JOURNAL, REACH, LABELS = "record", "audit", "journal", "reach", "labels"
JOURNAL_COLUMNS = frozenset({"work_notes", "comments", "comments_and_work_notes", "approval_history"})
_DATE_LIKE = re.compile(r"\d{4}-\d\d-\d\d( \d\d:\d\d:\d\d)?")
_KEYS = frozenset({"documentkey", "element_id"})  # the record's own id, in every row


class Reach(StrEnum):
    """How far one kind of history could be read."""

    WHOLE = "whole"
    PARTLY = "partly"
    CLOSED = "closed"


def record_part(table: str, reference: str, row: Row, journals: Collection[str]) -> Part:
    """Keep a record: raw values, and display texts beside them where they say more.

    Display texts of dates and journals are left out: they are written in the zone and format of whoever reads.

    Args:
        table: the configured table it was read from.
        reference: for a child, the column that points at its record; else "".
        row: as read, raw and display values.
        journals: columns that hold no value of their own.
    """
    return part_of(RECORD, record_body(table, reference, row, journals))


def record_body(table: str, reference: str, row: Row, journals: Collection[str]) -> dict[str, Any]:
    """Return what `record_part` keeps, before it becomes bytes."""
    cells: dict[str, Any] = {}
    for column, cell in row.items():  # most columns of a wide table are empty
        if column in journals:
            continue
        if not isinstance(cell, dict):
            cells[column] = "" if cell is None else cell
        else:
            value = cell.get("value")
            cells[column] = _cell(value, cell.get("display_value")) if value else ""
    return {"table": table, "reference": reference, "row": cells}


def _cell(value: Any, display: Any) -> Any:
    if not display or display == value or _DATE_LIKE.fullmatch(value):
        return value
    return {"display_value": display, "value": value}


def entries_part(kind: str, rows: Sequence[Row]) -> Part:
    """Keep the audit rows (kind AUDIT) or the comments and work notes (JOURNAL) of one record, oldest first."""
    return part_of(kind, entries_body(rows))


def entries_body(rows: Sequence[Row]) -> list[dict[str, str]]:
    """Return what `entries_part` keeps, before it becomes bytes."""
    return [
        {
            column: cell if isinstance(cell, str) else value_of(row, column)
            for column, cell in row.items()
            if column not in _KEYS
        }
        for row in rows
    ]


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
    stored = orjson.dumps(body, option=orjson.OPT_SORT_KEYS)
    hashed = stored
    if kind == REACH:
        counts = {name: value for name, value in body.items() if name != "since"}
        hashed = orjson.dumps(counts, option=orjson.OPT_SORT_KEYS)
    return Part(kind=kind, body=stored, digest=hashlib.sha256(hashed).hexdigest())
