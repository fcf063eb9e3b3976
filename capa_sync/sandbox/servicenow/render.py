"""Rows as the Table API shows them: values are strings, references links, display values in the caller's zone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from capa_sync.sandbox.servicenow.access import Access, Caller
from capa_sync.sandbox.servicenow.filter import STAMP, Getter, walk
from capa_sync.sandbox.servicenow.schema import DAY, INSTANT, JOURNAL, Column
from capa_sync.sandbox.servicenow.store import Row, Store

_LINKED = frozenset({"reference", "domain_id"})
_NOTE_LABELS = {"work_notes": "Work notes", "comments": "Additional comments"}

Show = Callable[[Row], Any]


@dataclass(frozen=True, slots=True)
class Shape:
    """How records are to be shown.

    Attributes:
        display: "false" database values, "true" display values, "all" both.
        fields: the columns asked for, dotted paths allowed; None for all.
        origin: scheme and host in front of the links of references.
    """

    display: str = "false"
    excludes_links: bool = False
    fields: tuple[str, ...] | None = None
    origin: str = "http://127.0.0.1"


class Renderer:
    """Shows rows to one caller in one shape."""

    def __init__(self, store: Store, access: Access, caller: Caller, shape: Shape) -> None:
        self.store, self.access, self.caller, self.shape = store, access, caller, shape
        self._by_table: dict[str, Show] = {}

    def show(self, row: Row, seen_from: str) -> dict[str, Any]:
        """One record; `seen_from` is the table asked, whose columns are the ones shown."""
        if seen_from not in self._by_table:
            self._by_table[seen_from] = self._make_show(seen_from)
        shown: dict[str, Any] = self._by_table[seen_from](row)
        return shown

    def _make_show(self, table: str) -> Show:
        columns = self.store.schema.columns(table)
        hidden = [name for name in columns if self.access.hides_column(table, name)]
        if self.shape.fields is not None:
            return self._selected(table, self.shape.fields, hidden)
        if self.shape.display != "false":
            return self._selected(table, tuple(columns), hidden)
        return self._whole(table, hidden)

    def _whole(self, table: str, hidden: list[str]) -> Show:
        """All database values: the quick path, since it is what a mirror asks for."""
        columns = self.store.schema.columns(table)
        template = {name: value for name, value in self.store.schema.template(table).items() if name not in hidden}
        linked = [c for c in columns.values() if c.type in _LINKED and c.reference and c.name not in hidden]
        links = [] if self.shape.excludes_links else [(c.name, self._link_stem(c)) for c in linked]
        blank = dict.fromkeys(hidden, "") if self.access.knobs.hidden_field_as == "empty" else {}
        names = template.keys()

        def show(row: Row) -> dict[str, Any]:
            record: dict[str, Any] = {**template, **row}
            if len(record) > len(template):  # columns of a child class, or hidden ones
                record = {name: value for name, value in record.items() if name in names}
            for name, stem in links:
                if record[name]:
                    record[name] = {"link": stem + record[name], "value": record[name]}
            record.update(blank)
            return record

        return show

    def _selected(self, table: str, fields: tuple[str, ...], hidden: list[str]) -> Show:
        cells: dict[str, Show] = {}
        for field in dict.fromkeys(fields):
            walked = walk(field, table, self.store)
            if walked is None:
                continue  # unknown fields are ignored in silence
            if field.partition(".")[0] not in hidden:
                cells[field] = self._cell(field, *walked)
            elif self.access.knobs.hidden_field_as == "empty":
                cells[field] = self._blank_cell
        return lambda row: {field: cell(row) for field, cell in cells.items()}

    def _blank_cell(self, _row: Row) -> Any:
        return {"display_value": "", "value": ""} if self.shape.display == "all" else ""

    def _cell(self, field: str, get: Getter, column: Column) -> Show:
        stem = self._link_stem(column) if column.type in _LINKED and column.reference else ""
        if self.shape.display == "false":
            if not stem or self.shape.excludes_links:
                return get
            return lambda row: {"link": stem + value, "value": value} if (value := get(row)) else ""
        return lambda row: self._display_cell(row, field, column, get(row), stem)

    def _display_cell(self, row: Row, field: str, column: Column, value: str, stem: str) -> Any:
        shown = self.display(row, field, column, value)
        link = {"link": stem + value} if stem and value and not self.shape.excludes_links else {}
        if self.shape.display == "all":
            return {"display_value": shown, "value": value, **link}
        return {"display_value": shown, **link} if link else shown

    def _link_stem(self, column: Column) -> str:
        return f"{self.shape.origin}/api/now/table/{column.reference}/"

    def display(self, row: Row, field: str, column: Column, value: str) -> str:
        """One display value: zone and format of the user, labels of choices, names of referenced records."""
        if column.type in JOURNAL:
            return self._journal_text(row, field)
        if not value:
            return ""
        if column.type in (INSTANT, "due_date"):
            return self.local(value)
        if column.type == DAY:
            return value
        if column.type in _LINKED or column.type == "glide_list":
            return ", ".join(filter(None, (self._name_of(column.reference, part) for part in value.split(","))))
        return self.choice_label(row.table, column.name, value) or value

    def local(self, value: str) -> str:
        """A database instant in the caller's zone and format; text that is no instant stays as it is."""
        try:
            instant = datetime.strptime(value, STAMP).replace(tzinfo=UTC)
        except ValueError:
            return value
        return instant.astimezone(self.caller.zone).strftime(self.caller.date_format)

    def choice_label(self, table: str, column: str, value: str) -> str:
        """A choice's label; the nearest class that defines choices for the column wins."""
        view = self.store.view("sys_choice")
        for name in self.store.schema.lineage(table):
            for choice in view.with_value("name", name):
                if choice.get("element") == column and choice.get("value") == value:
                    return choice.get("label", value)
        return ""

    def _name_of(self, table: str, sys_id: str) -> str:
        referenced = self.store.find(table, sys_id) if table in self.store.schema else None
        if referenced is None:
            return "" if table in self.store.schema else sys_id
        return referenced.get(self.store.schema.display_column(table), "")

    def _journal_text(self, row: Row, element: str) -> str:
        """The entries as one text, newest first; a pasted header in an entry looks just like a real one."""
        wanted = ("work_notes", "comments") if element == "comments_and_work_notes" else (element,)
        entries = [
            entry
            for entry in self.store.view("sys_journal_field").with_value("element_id", row.sys_id)
            if entry.get("element") in wanted
        ]
        entries.reverse()  # of equal stamps the later one comes first too
        entries.sort(key=lambda entry: entry.get("sys_created_on", ""), reverse=True)
        return "".join(self._entry_text(entry) for entry in entries)

    def _entry_text(self, entry: Mapping[str, str]) -> str:
        author = self.store.view("sys_user").with_value("user_name", entry.get("sys_created_by", ""))
        name = author[0].get("name", "") if author else entry.get("sys_created_by", "")
        label = _NOTE_LABELS.get(entry.get("element", ""), entry.get("element", ""))
        return f"{self.local(entry.get('sys_created_on', ''))} - {name} ({label})\n{entry.get('value', '')}\n\n"
