"""The schema of the sandbox ServiceNow: tables, columns, types, references, audit flags."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

NUMERIC = frozenset({"integer", "decimal", "float", "longint", "currency", "percent_complete"})
JOURNAL = frozenset({"journal_input", "journal", "journal_list"})
INSTANT = "glide_date_time"


@dataclass(slots=True)
class ColumnDef:
    """One column of one table, as in its row of `sys_dictionary`.

    Attributes:
        type: ServiceNow's internal type ("string", "reference", "glide_date_time", "journal_input", …).
        reference: the table that a reference or list column refers to.
        max_length: a write cuts longer strings without an error, as the platform does.
        attributes: a comma-separated list; `no_audit` keeps the column out of `sys_audit`.
        is_audited: the column's own audit flag; it counts only if the table's flag is off.
    """

    table: str
    name: str
    type: str = "string"
    label: str = ""
    reference: str = ""
    max_length: int = 255
    attributes: str = ""
    is_audited: bool = False
    default: str = ""


@dataclass(slots=True)
class TableDef:
    """One table.

    Attributes:
        parent: the class that the table extends, or "".
        prefix: the prefix of its automatic numbers; "" for none.
        display: the column that references to a record show.
        is_audited: this class's own audit flag; it is not inherited (docs/servicenow.md 0.6).
        attributes: those of the table's dictionary row; `no_audit_delete` suppresses the audit of deletions.
    """

    name: str
    label: str = ""
    parent: str = ""
    prefix: str = ""
    display: str = ""
    is_audited: bool = False
    attributes: str = ""
    columns: dict[str, ColumnDef] = field(default_factory=dict)


class Schema:
    """All tables; columns and display columns are inherited, audit flags are not."""

    def __init__(self) -> None:
        self.tables: dict[str, TableDef] = {}
        self._columns: dict[str, dict[str, ColumnDef]] = {}
        self._templates: dict[str, dict[str, str]] = {}

    def __contains__(self, table: str) -> bool:
        return table in self.tables

    def add_table(self, table: TableDef) -> None:
        """Add or replace a table."""
        self.tables[table.name] = table
        self.forget_caches()

    def add_column(self, column: ColumnDef) -> None:
        """Add or replace a column of an existing table."""
        self.tables[column.table].columns[column.name] = column
        self.forget_caches()

    def forget_caches(self) -> None:
        """Drop the cached inheritance; call it after a change of a TableDef in place."""
        self._columns.clear()
        self._templates.clear()

    def lineage(self, table: str) -> list[str]:
        """Return the table and its ancestors, nearest first."""
        found: list[str] = []
        while table in self.tables and table not in found:
            found.append(table)
            table = self.tables[table].parent
        return found

    def columns(self, table: str) -> Mapping[str, ColumnDef]:
        """Return all columns of a table, inherited ones first."""
        if table not in self._columns:
            merged: dict[str, ColumnDef] = {}
            for name in reversed(self.lineage(table)):
                merged.update(self.tables[name].columns)
            self._columns[table] = merged
        return self._columns[table]

    def column(self, table: str, name: str) -> ColumnDef | None:
        """Return one column, or None if the table has no such column."""
        return self.columns(table).get(name)

    def template(self, table: str) -> Mapping[str, str]:
        """Return every column of the table with an empty value: the base of a record in an answer."""
        if table not in self._templates:
            self._templates[table] = dict.fromkeys(self.columns(table), "")
        return self._templates[table]

    def display_column(self, table: str) -> str:
        """Return the column whose value stands for a record ("sys_id" if none is set)."""
        return next((self.tables[t].display for t in self.lineage(table) if self.tables[t].display), "sys_id")

    def number_prefix(self, table: str) -> str:
        """Return the prefix of automatic numbers, "" if the table has none."""
        return next((self.tables[t].prefix for t in self.lineage(table) if self.tables[t].prefix), "")

    def is_audited(self, table: str, column: str) -> bool:
        """Whether a change of the column is written to `sys_audit` for records of exactly this class."""
        found = self.column(table, column)
        if found is None or column.startswith("sys_") or "no_audit" in _words(found.attributes):
            return False
        return self.tables[table].is_audited or found.is_audited

    def audits_deletes(self, table: str) -> bool:
        """Whether a deletion adds a row to `sys_audit_delete`."""
        return self.tables[table].is_audited and "no_audit_delete" not in _words(self.tables[table].attributes)


def define(schema: Schema, heading: str, lines: str, *, parent: str = "", audited: bool = False) -> None:
    """Add a table that is given in short form.

    Args:
        schema: the schema to add it to.
        heading: `name|label|number prefix|display column`.
        lines: one column a line: `name type[:reference] [max length] [=default] [| label]`; `~` stands for a
            blank in a default.
        parent: the class that the table extends.
        audited: the table's audit flag.
    """
    name, label, prefix, display = heading.split("|")
    table = TableDef(name, label, parent, prefix, display, audited)
    for line in filter(None, map(str.strip, lines.splitlines())):
        column = _parse_column(name, line)
        table.columns[column.name] = column
    schema.add_table(table)


_SHORT = {
    "text": ("string", 4000),
    "instant": (INSTANT, 40),
    "day": ("glide_date", 40),
    "ref": ("reference", 32),
    "list": ("glide_list", 4000),
    "journal": ("journal_input", 4000),
    "guid": ("GUID", 32),
}


def _parse_column(table: str, line: str) -> ColumnDef:
    facts, _, label = line.partition("|")
    name, kind, *rest = facts.split()
    kind, _, reference = kind.partition(":")
    type_, length = _SHORT.get(kind, (kind, 40))
    column = ColumnDef(table, name, type_, label.strip() or label_of(name), reference, length)
    for word in rest:
        if word.startswith("="):
            column.default = word[1:].replace("~", " ")
        else:
            column.max_length = int(word)
    return column


def label_of(name: str) -> str:
    """Return a column's label made from its name: `u_root_cause` becomes "Root cause"."""
    words = name.removeprefix("u_").replace("_", " ")
    return words[:1].upper() + words[1:]


def _words(attributes: str) -> Iterable[str]:
    return {part.partition("=")[0].strip() for part in attributes.split(",")}
