"""A ticket's raw parts: what is kept for ever of what the instance told, in canonical JSON."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson

from capa_sync.model.ticket import Part
from capa_sync.sources.servicenow.answers import Row, value_of

RECORD, AUDIT, JOURNAL, LABELS = "record", "audit", "journal", "labels"
JOURNAL_COLUMNS = frozenset({"work_notes", "comments", "comments_and_work_notes", "approval_history"})
_DATE_LIKE = re.compile(r"\d{4}-\d\d-\d\d( \d\d:\d\d:\d\d)?")
_KEY_COLUMNS = frozenset({"documentkey", "element_id", "tablename", "name", "sys_tags"})


def record_part(table: str, reference: str, row: Row, journals: Collection[str]) -> Part:
    """Keep a record: raw values, and display texts beside them where they say more.

    Display texts of dates and journals are left out: they are written in the zone and format of whoever reads.

    Args:
        table: the configured table it was read from.
        reference: for a child, the column that points at its record; else "".
        row: as read, raw and display values.
        journals: columns that hold no value of their own.
    """
    cells = {column: _cell(cell) for column, cell in row.items() if column not in journals}
    return _part(RECORD, {"table": table, "reference": reference, "row": cells})


def _cell(cell: Any) -> Any:
    if not isinstance(cell, dict):
        return "" if cell is None else cell
    value, display = cell.get("value") or "", cell.get("display_value") or ""
    if not value or not display or display == value or _DATE_LIKE.fullmatch(value):
        return value
    return {"display_value": display, "value": value}


def audit_part(rows: Sequence[Row], *, complete: bool) -> Part:
    """Keep the audit rows of one record, in the order of their making."""
    body = {"readable": True, "complete": complete, "since": None, "rows": [_entry(row) for row in rows]}
    return _part(AUDIT, body)


def unreadable_audit_part(since: datetime) -> Part:
    """Keep that the history cannot be read, and since when our own observation counts.

    The digest leaves `since` out: the store keeps the first body, so the instant of the first sight stays.
    """
    body = {"readable": False, "complete": False, "since": since.isoformat(), "rows": []}
    return _part(AUDIT, body, counts={**body, "since": None})


def journal_part(rows: Sequence[Row], *, readable: bool, complete: bool) -> Part:
    """Keep the comments and work notes of one record."""
    body = {"readable": readable, "complete": complete, "rows": [_entry(row) for row in rows]}
    return _part(JOURNAL, body)


def labels_part(labels: Mapping[str, Any]) -> Part:
    """Keep the names of the choices, users and columns that this ticket's history speaks of."""
    return _part(LABELS, labels)


def _entry(row: Row) -> dict[str, str]:
    return {column: value_of(row, column) for column in row if column not in _KEY_COLUMNS}


def _part(kind: str, body: Mapping[str, Any], counts: Mapping[str, Any] | None = None) -> Part:
    stored = orjson.dumps(body, option=orjson.OPT_SORT_KEYS)
    hashed = stored if counts is None else orjson.dumps(counts, option=orjson.OPT_SORT_KEYS)
    return Part(kind=kind, body=stored, digest=hashlib.sha256(hashed).hexdigest())
