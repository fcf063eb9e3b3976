"""Reads an instance's metadata of tables: the classes they extend, columns, choices and audit flags."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import field
from functools import partial
from typing import Any

from capa_sync.errors import AccessDenied, Fatal
from capa_sync.model.light import light
from capa_sync.sources.servicenow.cells import Row, value_of
from capa_sync.sources.servicenow.client import TableClient
from capa_sync.sources.servicenow.keyset import KeysetPager
from capa_sync.sources.servicenow.parts import JOURNAL_COLUMNS
from capa_sync.sources.servicenow.query import condition, join, one_of

_PAGE = 1000
_LONGEST_NUMBER = 19
_DEEPEST = 12  # classes between a table and its root; a guard against a loop in the data
_COLUMN = ("sys_id", "name", "element", "column_label", "internal_type", "reference", "attributes", "audit")
_CHOICE = ("sys_id", "name", "element", "value", "label", "language", "sequence", "inactive")
_JOURNAL_TYPES = frozenset({"journal_input", "journal", "journal_list"})
_HTML_TYPES = frozenset({"html", "translated_html"})


@light
class DictionaryColumn:
    """One column: label, type, whether its changes are audited for exactly that table, which table it refers to."""

    name: str
    label: str
    type: str
    audited: bool
    reference: str = ""


@light
class TableFacts:
    """One table with everything it inherits.

    Attributes:
        lineage: the table and the classes it extends, nearest first.
        audited: the table's own audit flag; it is not inherited (docs/servicenow.md 0.6).
        columns: by name; empty where sys_dictionary is closed to us.
        choices: column -> raw value -> label, in the order of the list.
        closed: metadata tables that we may not read; then `columns` may be incomplete.
        journals: columns without a value of their own. html: columns with markup.
    """

    name: str
    lineage: tuple[str, ...]
    audited: bool | None
    columns: dict[str, DictionaryColumn]
    choices: dict[str, dict[str, str]]
    closed: frozenset[str] = frozenset()
    journals: frozenset[str] = field(init=False)
    html: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        kinds = {column.name: column.type for column in self.columns.values()}
        journals = JOURNAL_COLUMNS | {name for name, kind in kinds.items() if kind in _JOURNAL_TYPES}
        object.__setattr__(self, "journals", journals)  # as mypy takes it for frozen; read for each row
        object.__setattr__(self, "html", frozenset(name for name, kind in kinds.items() if kind in _HTML_TYPES))

    def may_name_users(self, column: str) -> bool:
        """Tell whether a column may hold users; any column may that the dictionary does not describe."""
        known = self.columns.get(column)
        return known.reference == "sys_user" if known else column != "sys_id"


def read_table(client: TableClient, name: str, language: str) -> TableFacts:
    """Read what is known of a table, with labels of choices in this language. Raises SourceError."""
    lineage, is_whole = _lineage(client, name)
    rows = all_rows(client, "sys_dictionary", join(one_of("name", lineage), "active=true"), _COLUMN)
    flags = {value_of(row, "name"): row for row in rows if not value_of(row, "element")}
    audited = value_of(flags[name], "audit") == "true" if name in flags else None
    columns: dict[str, DictionaryColumn] = {}
    for owner in reversed(lineage):
        for row in (r for r in rows if value_of(r, "name") == owner and value_of(r, "element")):
            columns[value_of(row, "element")] = _column(row, table_audited=bool(audited))
    closed = {
        table for table, is_open in (("sys_db_object", is_whole), ("sys_dictionary", bool(rows))) if not is_open
    }
    return TableFacts(name, lineage, audited, columns, _choices(client, lineage, language), frozenset(closed))


def _lineage(client: TableClient, name: str) -> tuple[tuple[str, ...], bool]:
    """Return a table and the classes it extends, nearest first, and whether sys_db_object showed all of them."""
    found = [name]
    while len(found) < _DEEPEST:
        parent = _parent(client, found[-1])
        if parent is None:
            return tuple(found), False
        if not parent or parent in found:
            break
        found.append(parent)
    return tuple(found), True


def _parent(client: TableClient, name: str) -> str | None:
    """Return the class that a table extends, "" for a root; None where we may not read it."""
    query, fields = condition("name", "=", name), ("super_class.name", "name")
    try:
        rows = client.rows("sys_db_object", query, limit=1, fields=fields, linked=False, counted=False).rows
    except AccessDenied:
        return None
    return value_of(rows[0], "super_class.name") if rows and value_of(rows[0], "name") == name else None


def _choices(client: TableClient, lineage: Sequence[str], mine: str) -> dict[str, dict[str, str]]:
    """Return the choices that apply to a table: those of the nearest class that has any for the column."""
    rows = all_rows(client, "sys_choice", one_of("name", lineage), _CHOICE)
    rank = {name: place for place, name in enumerate(lineage)}
    rows.sort(key=lambda r: (_number(value_of(r, "sequence")), value_of(r, "value")))
    nearest: dict[str, int] = {}
    for row in rows:
        column, place = value_of(row, "element"), rank.get(value_of(row, "name"), len(rank))
        nearest[column] = min(place, nearest.get(column, place))
    found: dict[str, dict[str, str]] = {}
    for wanted in (lambda language: language not in (mine, "en"), lambda language: language == "en", mine.__eq__):
        for row in rows:
            column = value_of(row, "element")
            if rank.get(value_of(row, "name")) == nearest[column] and wanted(value_of(row, "language")):
                found.setdefault(column, {})[value_of(row, "value")] = value_of(row, "label")
    return found


def all_rows(client: TableClient, table: str, base: str, fields: Sequence[str]) -> list[Row]:
    """Read every row that a filter finds; none where we may not read the table. Raises SourceError."""
    fetch: Any = partial(client.rows, table, limit=_PAGE, fields=fields)
    try:
        return [row for answer in KeysetPager(client.source, table, fetch, base).by_id("") for row in answer.rows]
    except AccessDenied:
        return []


def _column(row: Row, *, table_audited: bool) -> DictionaryColumn:
    attributes = {part.partition("=")[0].strip() for part in value_of(row, "attributes").split(",")}
    audited = (table_audited or value_of(row, "audit") == "true") and "no_audit" not in attributes
    name = value_of(row, "element")
    label, kind = value_of(row, "column_label") or name, value_of(row, "internal_type")
    return DictionaryColumn(name, label, kind, audited, value_of(row, "reference"))


def _number(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < _LONGEST_NUMBER else 0


def check_columns(source: str, table: TableFacts, columns: Iterable[str]) -> None:
    """Refuse a base filter with a column that the table lacks: the platform would drop that condition.

    Raises:
        Fatal: names the first such column.
    """
    for column in columns:
        if table.columns and not table.closed and column not in table.columns:
            raise Fatal(
                source,
                f"query: {table.name} has no column {column!r} that we may see; ServiceNow would leave that "
                "condition out and answer with every row",
            )


def check_tables(source: str, records: TableFacts, children: Sequence[TableFacts]) -> None:
    """Refuse tables of which one contains the rows of another: a ticket would be a record and an action at once.

    Where sys_db_object is closed to us, `check_class` finds it at the first such row.

    Raises:
        Fatal: names the first such pair.
    """
    for facts in children:
        for other in (records, *children):
            if other is not facts and facts.name in other.lineage:
                raise Fatal(source, _overlap(facts.name, other.name, records.name))
        if records.name in facts.lineage:
            raise Fatal(source, _overlap(records.name, facts.name, records.name))


def check_class(source: str, table: str, rows: Iterable[Row], records: str, others: Collection[str]) -> None:
    """Refuse a row whose class is another table that this source reads. Raises Fatal."""
    for row in rows:
        found = value_of(row, "sys_class_name")
        if found in others and found != table:
            raise Fatal(source, _overlap(table, found, records))


def _overlap(larger: str, smaller: str, records: str) -> str:
    """Return what is wrong where one table contains the rows of another, and how to mend it."""
    where = "`table` in the settings" if larger == records else "`table:` under `actions:` in the mapping"
    return (
        f"the table {larger} contains the rows of {smaller} too, and the settings and the mapping name both: a "
        f"ticket would be two things at once, so nothing is read; name in {where} the class that holds nothing else"
    )
