"""Times in what people read of an export: days and local moments; the exact instants are in its JSON."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from capa_sync.model.columns import ColumnType
from capa_sync.model.days import day_words, moment_words
from capa_sync.model.view_columns import PUBLIC_VIEWS
from capa_sync.model.waiver import last_day

_DAY = len("2026-03-02")
_TYPES = frozenset({ColumnType.INSTANT, ColumnType.TIME})
_OTHERS = frozenset({"at", "added_at", "read_at", "register_created_at", "chain_since"})
"""Times of evidence, and of what an export rests on, that are in no view."""
_ENDS = frozenset({"waived_until"})
"""Instants after a last day, which is what people ask for."""
_TIMES = _OTHERS | {column.name for view in PUBLIC_VIEWS for column in view.columns if column.type in _TYPES}


def shown_value(name: str, value: Any, zone: str) -> Any:
    """Return the value of a column as people read it: a time in words, the end of a waiver as its last day.

    A value of another column, and what is no time, is returned as it is.
    """
    if name not in _TIMES or (found := _read(value)) is None:
        return value
    if not isinstance(found, datetime):
        return day_words(found)
    return day_words(last_day(found, zone)) if name in _ENDS else moment_words(found, zone)


def _read(value: Any) -> date | None:
    """Return a date or an instant; None for what is neither, and for a time without a zone."""
    try:
        if isinstance(value, str):
            value = date.fromisoformat(value) if len(value) == _DAY else datetime.fromisoformat(value)
    except ValueError:
        return None
    if isinstance(value, datetime) and value.tzinfo is None:
        return None
    return value if isinstance(value, date) else None
