"""`sysparm_input_display_value=true`: converts the display values of a write to database values."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from capa_sync.sandbox.servicenow.access import Caller
from capa_sync.sandbox.servicenow.filter import INSTANT_FORMAT
from capa_sync.sandbox.servicenow.schema import INSTANT, ColumnDef
from capa_sync.sandbox.servicenow.store import Store
from capa_sync.sandbox.servicenow.write import as_text


def from_display_values(values: Mapping[str, Any], table: str, store: Store, caller: Caller) -> dict[str, str]:
    """Convert instants from the caller's zone, labels to choices, names to sys_ids; others are unchanged."""
    columns = store.schema.columns(table)
    return {
        name: _stored(as_text(value), table, columns[name], store, caller)
        for name, value in values.items()
        if name in columns
    }


def _stored(text: str, table: str, column: ColumnDef, store: Store, caller: Caller) -> str:
    if column.type == INSTANT:
        return _to_utc(text, caller)
    if column.type == "reference" and column.reference in store.schema:
        return _referenced(text, column.reference, store)
    for name in store.schema.lineage(table):
        for choice in store.view("sys_choice").with_value("name", name):
            if choice.get("element") == column.name and choice.get("label") == text:
                return choice.get("value", "")
    return text


def _to_utc(text: str, caller: Caller) -> str:
    try:
        local = datetime.strptime(text, caller.date_format).replace(tzinfo=caller.zone)
    except ValueError:
        return text
    return local.astimezone(UTC).strftime(INSTANT_FORMAT)


def _referenced(text: str, table: str, store: Store) -> str:
    display = store.schema.display_column(table)
    return next((row.sys_id for row in store.view(table) if text and row.get(display) == text), text)
