"""The platform's business rules on states: the state column sets active, closed_at/by and resolved_at/by."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from capa_sync.sandbox.servicenow.clause10 import CLOSED_STATES, RESOLVED_STATES, STATE_COLUMN
from capa_sync.sandbox.servicenow.schema import Schema


class _WriteContext(Protocol):
    @property
    def timestamp(self) -> str: ...

    @property
    def user_id(self) -> str: ...


def closing_changes(
    schema: Schema, table: str, before: Mapping[str, str], changed: Mapping[str, str], context: _WriteContext
) -> dict[str, str]:
    """Return the columns that a changed state sets; columns that the write itself sets are left out."""
    column = STATE_COLUMN.get(table, "state")
    if column not in changed or schema.column(table, column) is None:
        return {}
    old, new = before.get(column, ""), changed[column]
    closed = _closed_states(schema, table)
    found: dict[str, str] = {}
    if new == RESOLVED_STATES.get(table) and old != new:
        found |= {"resolved_at": context.timestamp, "resolved_by": context.user_id}
    if new in closed and old not in closed:
        found |= {"active": "false", "closed_at": context.timestamp, "closed_by": context.user_id}
    elif old in closed and new not in closed:
        found |= {"active": "true", "closed_at": "", "closed_by": ""}
    found[f"{table}_state"] = new
    columns = schema.columns(table)
    return {
        name: value
        for name, value in found.items()
        if name in columns and name not in changed and before.get(name, "") != value
    }


def _closed_states(schema: Schema, table: str) -> frozenset[str]:
    return next((CLOSED_STATES[name] for name in schema.lineage(table) if name in CLOSED_STATES), frozenset())
