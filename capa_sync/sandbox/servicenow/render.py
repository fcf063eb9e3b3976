"""Renders rows as the Table API does: values as strings, references as links, display values in the zone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from capa_sync.model.light import light
from capa_sync.sandbox.servicenow.access import Caller, ServiceNowAccess
from capa_sync.sandbox.servicenow.display import LINKED, DisplayTexts
from capa_sync.sandbox.servicenow.filter import Getter, follow_path
from capa_sync.sandbox.servicenow.schema import JOURNAL, ColumnDef
from capa_sync.sandbox.servicenow.store import Store, StoredRow

Show = Callable[[StoredRow], Any]


@light
class Shape:
    """How records are rendered.

    Attributes:
        display: "false" for database values, "true" for display values, "all" for both.
        fields: the requested columns or dotted paths; None for all columns.
        origin: the scheme and host of the links of references.
    """

    display: str = "false"
    excludes_links: bool = False
    fields: tuple[str, ...] | None = None
    origin: str = "http://127.0.0.1"


class RowRenderer:
    """Renders rows for one caller in one shape."""

    def __init__(self, store: Store, access: ServiceNowAccess, caller: Caller, shape: Shape) -> None:
        self.store, self.access, self.caller, self.shape = store, access, caller, shape
        self._texts = DisplayTexts(store, caller)
        self._by_table: dict[str, Show] = {}

    def show(self, row: StoredRow, seen_from: str) -> dict[str, Any]:
        """Return one record; `seen_from` is the requested table, whose columns are shown."""
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
            return self._whole_display(table, hidden)
        return self._whole(table, hidden)

    def _whole(self, table: str, hidden: list[str]) -> Show:
        """Render all database values: the fast path, since a mirror requests these."""
        columns = self.store.schema.columns(table)
        template = {name: value for name, value in self.store.schema.template(table).items() if name not in hidden}
        stems = [(c.name, self._stem(c)) for c in columns.values() if c.name not in hidden]
        links = [] if self.shape.excludes_links else [(name, stem) for name, stem in stems if stem]
        blank = dict.fromkeys(hidden, "") if self.access.settings.hidden_field_as == "empty" else {}
        names = template.keys()

        def show(row: StoredRow) -> dict[str, Any]:
            record: dict[str, Any] = {**template, **row}
            if len(record) > len(template):  # has columns of a child class or hidden columns
                record = {name: value for name, value in record.items() if name in names}
            for name, stem in links:
                if record[name]:
                    record[name] = {"link": stem + record[name], "value": record[name]}
            record.update(blank)
            return record

        return show

    def _whole_display(self, table: str, hidden: list[str]) -> Show:
        """Render all display values; only non-empty columns and journals need a text."""
        columns = self.store.schema.columns(table)
        blank = self._blank_cell()
        shown = [c for c in columns.values() if c.name not in hidden]
        keeps_all = self.access.settings.hidden_field_as == "empty"
        template = {name: blank for name in columns if keeps_all or name not in hidden}
        stems = {c.name: (c, self._stem(c)) for c in shown}
        journals = [c.name for c in shown if c.type in JOURNAL]

        def show(row: StoredRow) -> dict[str, Any]:
            record: dict[str, Any] = dict(template)
            for name in (*row, *journals):
                if name in stems:
                    column, stem = stems[name]
                    record[name] = self._display_cell(row, name, column, row.get(name, ""), stem)
            return record

        return show

    def _selected(self, table: str, fields: tuple[str, ...], hidden: list[str]) -> Show:
        cells: dict[str, Show] = {}
        for field in dict.fromkeys(fields):
            resolved = follow_path(field, table, self.store)
            if resolved is None:
                continue  # unknown fields are ignored without an error
            if field.partition(".")[0] not in hidden:
                cells[field] = self._cell(field, *resolved)
            elif self.access.settings.hidden_field_as == "empty":
                cells[field] = lambda _row: self._blank_cell()
        return lambda row: {field: cell(row) for field, cell in cells.items()}

    def _blank_cell(self) -> Any:
        return {"display_value": "", "value": ""} if self.shape.display == "all" else ""

    def _cell(self, field: str, get: Getter, column: ColumnDef) -> Show:
        stem = self._stem(column)
        if self.shape.display == "false":
            if not stem or self.shape.excludes_links:
                return get
            return lambda row: {"link": stem + value, "value": value} if (value := get(row)) else ""
        return lambda row: self._display_cell(row, field, column, get(row), stem)

    def _display_cell(self, row: StoredRow, field: str, column: ColumnDef, value: str, stem: str) -> Any:
        shown = self._texts.text(row, field, column, value)
        link = {"link": stem + value} if stem and value and not self.shape.excludes_links else {}
        if self.shape.display == "all":
            return {"display_value": shown, "value": value, **link}
        return {"display_value": shown, **link} if link else shown

    def _stem(self, column: ColumnDef) -> str:
        """Return the text before the sys_id in the column's links; "" if the column has no links."""
        linked = column.type in LINKED and column.reference
        return f"{self.shape.origin}/api/now/table/{column.reference}/" if linked else ""
