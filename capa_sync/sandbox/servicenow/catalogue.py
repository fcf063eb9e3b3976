"""Keeps the schema and its rows in `sys_db_object`, `sys_dictionary` and `sys_choice` consistent."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping

from capa_sync.sandbox.servicenow.clause10 import CHOICES
from capa_sync.sandbox.servicenow.filter import to_number
from capa_sync.sandbox.servicenow.schema import ColumnDef, Schema, TableDef
from capa_sync.sandbox.servicenow.store import Store, StoredRow

EPOCH = "2015-01-01 00:00:00"
"""The instant at which the shipped definitions were "installed"."""
_SYSTEM_VALUES = {
    "sys_created_on": EPOCH,
    "sys_created_by": "system",
    "sys_updated_on": EPOCH,
    "sys_updated_by": "system",
    "sys_mod_count": "0",
}


def make_id(*parts: str) -> str:
    """Return a sys_id that depends only on the parts."""
    return hashlib.blake2b("\x1f".join(parts).encode(), digest_size=16).hexdigest()


class Catalogue:
    """Writes the schema as rows, and applies written rows to the schema."""

    def __init__(self, schema: Schema, store: Store) -> None:
        self.schema, self.store = schema, store

    def publish(self) -> None:
        """Write a row for every known table, column and choice."""
        for table in list(self.schema.tables.values()):
            self.publish_table(table)
        for (table_name, element), choices in CHOICES.items():
            for values in _choice_rows(table_name, element, choices):
                self.store.add(StoredRow("sys_choice", values))

    def publish_table(self, table: TableDef) -> None:
        """Write the rows of one table and its own columns."""
        self.store.add(StoredRow("sys_db_object", self._table_row(table)))
        self.store.add(StoredRow("sys_dictionary", _collection_row(table)))
        for column in table.columns.values():
            self.publish_column(column)

    def publish_column(self, column: ColumnDef) -> None:
        """Write the row of one column."""
        self.store.add(StoredRow("sys_dictionary", _column_row(column)))

    def absorb(self, row: StoredRow) -> None:
        """Update the schema from a row that was written to `sys_db_object` or `sys_dictionary`."""
        if row.table == "sys_db_object":
            self._absorb_table(row)
        elif row.table == "sys_dictionary":
            self._absorb_dictionary(row)

    def ensure_table(self, name: str) -> TableDef:
        """Return the table with a name; an unknown one is created without a parent."""
        if name not in self.schema:
            self.add_table(TableDef(name, name))
        return self.schema.tables[name]

    def add_table(self, table: TableDef) -> None:
        """Add a table; one without a known parent gets the system columns."""
        if table.parent not in self.schema:
            table.parent = ""
            table.columns |= {column: ColumnDef(table.name, column) for column in ("sys_id", *_SYSTEM_VALUES)}
        self.schema.add_table(table)
        self.publish_table(table)

    def _table_row(self, table: TableDef) -> dict[str, str]:
        parent = make_id("sys_db_object", table.parent) if table.parent else ""
        named = {"name": table.name, "label": table.label, "super_class": parent}
        return {**_SYSTEM_VALUES, **named, "sys_id": make_id("sys_db_object", table.name)}

    def _absorb_table(self, row: StoredRow) -> None:
        table = self.ensure_table(row.get("name", ""))
        parent = self.store.find("sys_db_object", row.get("super_class", ""))
        table.label = row.get("label", table.label)
        if parent is not None and parent.get("name", "") != table.parent:
            rows = [found for found in self.store.view(table.name) if found.table == table.name]
            for moved in rows:
                self.store.remove(moved)
            table.parent = parent["name"]
            self.schema.forget_caches()
            for moved in rows:
                self.store.add(moved)

    def _absorb_dictionary(self, row: StoredRow) -> None:
        table = self.ensure_table(row.get("name", ""))
        if not row.get("element"):
            table.is_audited = row.get("audit") == "true"
            table.attributes = row.get("attributes", "")
            return
        self.schema.add_column(
            ColumnDef(
                table.name,
                row["element"],
                row.get("internal_type", "string"),
                row.get("column_label", row["element"]),
                row.get("reference", ""),
                int(to_number(row.get("max_length", "")) or 255),
                row.get("attributes", ""),
                row.get("audit") == "true",
                row.get("default_value", ""),
            )
        )


def _collection_row(table: TableDef) -> dict[str, str]:
    return {
        **_SYSTEM_VALUES,
        "sys_id": dictionary_id(table.name, ""),
        "name": table.name,
        "column_label": table.label,
        "internal_type": "collection",
        "audit": _flag(table.is_audited),
        "attributes": table.attributes,
        "active": "true",
    }


def _column_row(column: ColumnDef) -> dict[str, str]:
    return {
        **_SYSTEM_VALUES,
        "sys_id": dictionary_id(column.table, column.name),
        "name": column.table,
        "element": column.name,
        "column_label": column.label,
        "internal_type": column.type,
        "reference": column.reference,
        "max_length": str(column.max_length),
        "attributes": column.attributes,
        "audit": _flag(column.is_audited),
        "active": "true",
        "default_value": column.default,
    }


def dictionary_id(table: str, element: str) -> str:
    """Return the sys_id of a dictionary row; the row of the table itself has no element."""
    return make_id("sys_dictionary", table, element)


def _choice_rows(table: str, element: str, choices: str) -> Iterator[Mapping[str, str]]:
    for sequence, choice in enumerate(choices.split(", ")):
        value, _, label = choice.partition(":")
        yield {
            **_SYSTEM_VALUES,
            "sys_id": make_id("sys_choice", table, element, value),
            "name": table,
            "element": element,
            "value": value,
            "label": label,
            "language": "en",
            "sequence": str(sequence),
            "inactive": "false",
        }


def _flag(value: bool) -> str:
    return "true" if value else "false"
