"""Looks at an instance for `doctor` and `mapping`: newest records, columns, choices, child tables, rights."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from capa_sync.errors import AccessDenied
from capa_sync.model.inspection import ChildKind, Inspection
from capa_sync.model.site import FieldDef
from capa_sync.sources.servicenow.answers import NoSuchTable
from capa_sync.sources.servicenow.cells import Row, value_of
from capa_sync.sources.servicenow.client import TableClient
from capa_sync.sources.servicenow.dictionary import TableFacts
from capa_sync.sources.servicenow.directory import InstanceDirectory, Me
from capa_sync.sources.servicenow.history import AuditReader
from capa_sync.sources.servicenow.options import ServiceNowOptions
from capa_sync.sources.servicenow.query import condition, join, one_of
from capa_sync.sources.servicenow.rights import AccountRoles, check_rights
from capa_sync.sources.servicenow.site import fields_of, statuses_of
from capa_sync.sources.servicenow.tables import Tables

_RECORDS = 50
_SAMPLES = 12
_PAGE = 200
_NEWEST = "ORDERBYDESCsys_updated_on"


def inspect(
    tables: Tables, directory: InstanceDirectory, history: AuditReader, options: ServiceNowOptions, *, writes: bool
) -> Inspection:
    """Return what an instance shows; see `ports.Source`."""
    client, facts = directory.client, directory.table(options.table)
    rows = tables.ask(tables.records, join(options.query, _NEWEST), limit=_RECORDS, counted=False).rows
    samples = _samples(rows)
    fields = [field for field in [*fields_of(facts)] or _columns_of(rows) if not field.id.startswith("sys_")]
    account = _account_roles(client, directory.who_am_i())
    return Inspection(
        tickets=len(rows),
        keys=tuple(value_of(row, "number") or value_of(row, "sys_id") for row in rows),
        fields=tuple(fields),
        statuses=tuple(statuses_of([facts])) or None,
        samples=samples,
        children=tuple(_children(client, facts)),
        checks=tuple(check_rights(facts, history, account, options, rows, writes=writes)),
    )


def _columns_of(rows: Sequence[Row]) -> Iterator[FieldDef]:
    """Yield the columns of the rows as fields, for where the dictionary is closed to us."""
    yield from (FieldDef(name, name) for name in sorted({name for row in rows for name in row}))


def _samples(rows: Iterable[Row]) -> dict[str, tuple[str, ...]]:
    found: dict[str, dict[str, None]] = {}
    for row in rows:
        for name, cell in row.items():
            shown = cell.get("display_value") if isinstance(cell, dict) else cell
            values = found.setdefault(name, {})
            if isinstance(shown, str) and shown and len(values) < _SAMPLES:
                values[shown] = None
    return {name: tuple(values) for name, values in found.items() if values}


def _children(client: TableClient, facts: TableFacts) -> Iterator[ChildKind]:
    """Yield the tables with a column that refers to the table of the records, or to a class that it extends."""
    query = join("internal_type=reference", one_of("reference", facts.lineage), "active=true")
    for row in _rows(client, "sys_dictionary", query, ("sys_id", "name", "element", "column_label")):
        table, column = value_of(row, "name"), value_of(row, "element")
        if table and column and table not in facts.lineage:
            yield ChildKind("child", table, column, value_of(row, "column_label"))


def _account_roles(client: TableClient, me: Me) -> AccountRoles:
    """Return the roles of our account; those that it has through groups are listed in the same table."""
    query, fields = join(condition("user", "=", me.sys_id), "state=active"), ("sys_id", "role.name")
    rows = _rows(client, "sys_user_has_role", query, fields)
    roles = frozenset(filter(None, (value_of(row, "role.name") for row in rows)))
    return AccountRoles(me.user_name, me.time_zone, roles or None)


def _rows(client: TableClient, table: str, query: str, fields: Sequence[str]) -> list[Row]:
    """Return rows of a table of the platform; none where it is closed to us."""
    try:
        return client.rows(table, query, limit=_PAGE, fields=fields, counted=False).rows
    except (AccessDenied, NoSuchTable):
        return []
