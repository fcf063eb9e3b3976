"""Writes records as the platform does: system fields, numbers, audit rows, journal entries, deletion audit."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from capa_sync.model.light import light
from capa_sync.sandbox.servicenow.catalogue import Catalogue, make_id
from capa_sync.sandbox.servicenow.closing import closing_changes
from capa_sync.sandbox.servicenow.filter import INSTANT_FORMAT, to_number
from capa_sync.sandbox.servicenow.schema import JOURNAL
from capa_sync.sandbox.servicenow.store import Store, StoredRow

_AUDIT_ON_INSERT = "glide.sys.audit_inserts"


@light
class WriteContext:
    """Who writes, when, and how.

    Attributes:
        at: the instant that the write records.
        auto_sys_fields: False keeps sys_updated_on, sys_updated_by and sys_mod_count, and lets values set sys_
            columns, as `autoSysFields(false)` does; the change is still audited.
        workflow: False skips business rules and auditing, as `setWorkflow(false)` does.
    """

    user_name: str
    user_id: str
    at: datetime
    auto_sys_fields: bool = True
    workflow: bool = True

    @property
    def timestamp(self) -> str:
        """The instant in the database's form: UTC, whole seconds."""
        return self.at.strftime(INSTANT_FORMAT)


class Writer:
    """Changes rows of a store."""

    def __init__(self, store: Store, catalogue: Catalogue) -> None:
        self.store, self.catalogue = store, catalogue
        self.schema = store.schema
        self._serial = 0
        self._numbers: dict[str, int] = {}

    def new_id(self) -> str:
        """Return a sys_id that no row has; ids do not rise with time."""
        self._serial += 1
        return make_id("row", str(self._serial))

    def insert(self, table: str, values: Mapping[str, Any], context: WriteContext) -> StoredRow:
        """Insert a record; columns that the table lacks are ignored."""
        clean = self.clean(table, values, context, is_insert=True)
        notes = self._take_notes(table, clean)
        row = StoredRow(table, {**self._initial(table, clean, context), **clean})
        if context.workflow:
            row.update(closing_changes(self.schema, table, {}, clean, context))
        self.store.add(row)
        self.catalogue.absorb(row)
        if context.workflow and self._audits_inserts():
            self._audit(row, {name: ("", value) for name, value in row.items()}, context)
        self._journal(row, notes, context)
        return row

    def update(self, row: StoredRow, values: Mapping[str, Any], context: WriteContext) -> bool:
        """Update a record and return whether anything changed. Equal values do not raise sys_mod_count."""
        clean = self.clean(row.table, values, context)
        notes = self._take_notes(row.table, clean)
        changed = {name: value for name, value in clean.items() if row.get(name, "") != value}
        if not changed and not notes:
            return False
        if context.workflow:
            changed |= closing_changes(self.schema, row.table, row, changed, context)
        before = {name: row.get(name, "") for name in changed}
        count = int(to_number(row.get("sys_mod_count", "")) or 0) + 1
        system: dict[str, str] = {}
        if context.auto_sys_fields and self.schema.column(row.table, "sys_updated_on") is not None:
            system = {
                "sys_updated_on": context.timestamp,
                "sys_updated_by": context.user_name,
                "sys_mod_count": str(count),
            }
        self.store.change(row, {**changed, **system}, table=self._new_class(row, changed))
        self.catalogue.absorb(row)
        if context.workflow:
            self._audit(row, {name: (before[name], changed[name]) for name in changed}, context)
        self._journal(row, notes, context)
        return True

    def delete(self, row: StoredRow, context: WriteContext) -> None:
        """Delete a record; its audit and journal rows stay, and `sys_audit_delete` records it with its real class."""
        self.store.remove(row)
        if context.workflow and self.schema.audits_deletes(row.table):
            shown = row.get(self.schema.display_column(row.table), "")
            self._log("sys_audit_delete", context, tablename=row.table, documentkey=row.sys_id, display_value=shown)

    def clean(
        self, table: str, values: Mapping[str, Any], context: WriteContext, *, is_insert: bool = False
    ) -> dict[str, str]:
        """Return the values to write: known columns only, as strings, cut to the column's length."""
        columns = self.schema.columns(table)
        free = {"sys_class_name", "sys_tags", "sys_domain", *(("sys_id",) if is_insert else ())}
        found: dict[str, str] = {}
        for name, value in values.items():
            column = columns.get(name)
            is_system = name.startswith("sys_") and table != "sys_properties"
            if column is None or (is_system and context.auto_sys_fields and name not in free):
                continue
            text = as_text(value)
            found[name] = text[: column.max_length] if column.type == "string" else text
        return found

    def _initial(self, table: str, clean: Mapping[str, str], context: WriteContext) -> dict[str, str]:
        columns = self.schema.columns(table)
        values = {name: column.default for name, column in columns.items() if column.default}
        values |= {"sys_id": clean.get("sys_id") or self.new_id(), "sys_class_name": table}
        system = {"sys_created_on": context.timestamp, "sys_created_by": context.user_name, "sys_mod_count": "0"}
        values |= {**system, "sys_updated_on": context.timestamp, "sys_updated_by": context.user_name}
        values |= {"opened_at": context.timestamp, "opened_by": context.user_id}
        if "number" in columns and not clean.get("number"):
            values["number"] = self._next_number(table)
        return {name: value for name, value in values.items() if name in columns}

    def _next_number(self, table: str) -> str:
        prefix = self.schema.number_prefix(table)
        view = self.store.view(table)
        while True:
            self._numbers[prefix] = self._numbers.get(prefix, 10_000) + 1
            number = f"{prefix}{self._numbers[prefix]:07d}"
            if not view.with_value("number", number):
                return number

    def _new_class(self, row: StoredRow, changed: Mapping[str, str]) -> str | None:
        wanted = changed.get("sys_class_name", row.table)
        return wanted if wanted in self.schema and wanted != row.table else None

    def _take_notes(self, table: str, clean: dict[str, str]) -> dict[str, str]:
        """Remove the journal columns from the values, since a record never holds them, and return them."""
        columns = self.schema.columns(table)
        names = [name for name in clean if columns[name].type in JOURNAL]
        notes = {name: clean.pop(name) for name in names}
        return {name: text for name, text in notes.items() if text}

    def _journal(self, row: StoredRow, notes: Mapping[str, str], context: WriteContext) -> None:
        for element, text in notes.items():
            self._log(
                "sys_journal_field", context, name=row.table, element=element, element_id=row.sys_id, value=text
            )
        if context.workflow:
            self._audit(row, {element: ("", text) for element, text in notes.items()}, context)

    def _audit(self, row: StoredRow, changes: Mapping[str, tuple[str, str]], context: WriteContext) -> None:
        for name, (old, new) in changes.items():
            if self.schema.is_audited(row.table, name):
                self._log(
                    "sys_audit",
                    context,
                    tablename=row.table,
                    documentkey=row.sys_id,
                    fieldname=name,
                    oldvalue=old,
                    newvalue=new,
                    user=context.user_name,
                    record_checkpoint=row.get("sys_mod_count", "0"),
                )

    def _log(self, table: str, context: WriteContext, **values: str) -> None:
        system = {"sys_id": self.new_id(), "sys_created_on": context.timestamp, "sys_created_by": context.user_name}
        self.store.add(StoredRow(table, {**values, **system}))

    def _audits_inserts(self) -> bool:
        rows = self.store.view("sys_properties").with_value("name", _AUDIT_ON_INSERT)
        return bool(rows) and rows[0].get("value") == "true"


def as_text(value: Any) -> str:
    """Convert a JSON value to the database's text: a reference to its value, true to "true", null to ""."""
    if isinstance(value, Mapping):
        return as_text(value.get("value", ""))
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
