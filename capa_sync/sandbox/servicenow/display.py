"""Display values: instants in the user's zone and format, labels of choices, names of references, notes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from capa_sync.sandbox.servicenow.access import Caller
from capa_sync.sandbox.servicenow.filter import INSTANT_FORMAT
from capa_sync.sandbox.servicenow.schema import INSTANT, JOURNAL, ColumnDef
from capa_sync.sandbox.servicenow.store import Store, StoredRow

LINKED = frozenset({"reference", "domain_id"})
"""Column types that hold one sys_id."""
_NOTE_LABELS = {"work_notes": "Work notes", "comments": "Additional comments"}
_SHORT = 40


class DisplayTexts:
    """Makes the display texts for one caller; an object serves one request, within which it caches texts."""

    def __init__(self, store: Store, caller: Caller) -> None:
        self.store, self.caller = store, caller
        self._labels: dict[str, dict[str, dict[str, str]]] = {}
        self._known: dict[tuple[str, str, str], str] = {}

    def text(self, row: StoredRow, field: str, column: ColumnDef, value: str) -> str:
        """Return one column's display text; `field` is its name or its dotted path from the row."""
        if column.type in JOURNAL:
            return self.journal(row, field)
        if not value or len(value) > _SHORT:
            return self._display_text(row.table, column, value)
        key = (row.table, field, value)
        if key not in self._known:
            self._known[key] = self._display_text(row.table, column, value)
        return self._known[key]

    def _display_text(self, table: str, column: ColumnDef, value: str) -> str:
        if not value:
            return ""
        if column.type in (INSTANT, "due_date"):
            return self.local(value)
        if column.type in LINKED or column.type == "glide_list":
            return ", ".join(filter(None, (self._name_of(column.reference, part) for part in value.split(","))))
        return self.labels(table).get(column.name, {}).get(value, value)

    def local(self, value: str) -> str:
        """Return a database instant in the caller's zone and format; other text is returned unchanged."""
        try:
            instant = datetime.strptime(value, INSTANT_FORMAT).replace(tzinfo=UTC)
        except ValueError:
            return value
        return instant.astimezone(self.caller.zone).strftime(self.caller.date_format)

    def labels(self, table: str) -> Mapping[str, Mapping[str, str]]:
        """Return column -> value -> label; the nearest class that has choices for a column decides."""
        if table not in self._labels:
            merged: dict[str, dict[str, str]] = {}
            for name in reversed(self.store.schema.lineage(table)):
                own: dict[str, dict[str, str]] = {}
                for choice in self.store.view("sys_choice").with_value("name", name):
                    own.setdefault(choice.get("element", ""), {})[choice.get("value", "")] = choice.get("label", "")
                merged.update(own)
            self._labels[table] = merged
        return self._labels[table]

    def _name_of(self, table: str, sys_id: str) -> str:
        if table not in self.store.schema:
            return sys_id
        referenced = self.store.find(table, sys_id)
        return "" if referenced is None else referenced.get(self.store.schema.display_column(table), "")

    def journal(self, row: StoredRow, element: str) -> str:
        """Return the entries as one text, newest first; a header inside an entry's text looks like a real one."""
        wanted = ("work_notes", "comments") if element == "comments_and_work_notes" else (element,)
        entries = [
            entry
            for entry in self.store.view("sys_journal_field").with_value("element_id", row.sys_id)
            if entry.get("element") in wanted
        ]
        entries.reverse()  # of equal instants the later entry comes first too
        entries.sort(key=lambda entry: entry.get("sys_created_on", ""), reverse=True)
        return "".join(self._entry(entry) for entry in entries)

    def _entry(self, entry: Mapping[str, str]) -> str:
        label = _NOTE_LABELS.get(entry.get("element", ""), entry.get("element", ""))
        heading = f"{self.local(entry.get('sys_created_on', ''))} - {self.author(entry)} ({label})"
        return f"{heading}\n{entry.get('value', '')}\n\n"

    def author(self, entry: Mapping[str, str]) -> str:
        """Return the name of an entry's author, or the user name if sys_user does not have it."""
        user_name = entry.get("sys_created_by", "")
        people = self.store.view("sys_user").with_value("user_name", user_name)
        return people[0].get("name", user_name) if people else user_name
