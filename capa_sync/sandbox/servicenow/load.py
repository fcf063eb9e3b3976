"""Loads files in the sandbox's format (docs/contract.md 9) into a ServiceNow instance.

A file has JSON lines, plain or gzipped, one object a line; empty lines are skipped. A table or column should be
described before the records that use it; otherwise the order of lines does not matter:

- `{"kind": "site", "face": "servicenow", "properties": {name: value}, "tables": [{"name", "label", "super_class"
  (the parent's NAME), "prefix", "display", "audit"}]}`: all but kind and face are optional; `properties` are system
  properties, `tables` describes classes that the sandbox does not ship.
- `{"kind": "field", …}`: a row of sys_dictionary; `name` is the table, `element` the column; without `element` it is
  the row of the table itself, which has the `audit` flag. `{"kind": "choice", …}`: a row of sys_choice (the kind
  `status` means the same). `{"kind": "user", …}`: a row of sys_user, active by default; with `password` or `roles`
  (a list) also an account.
- `{"kind": "ticket", "table": T, "record": {…}, "audit": [{…}], "journal": [{…}]}`: a record of any table, its rows
  of sys_audit and of sys_journal_field. The record's class is `sys_class_name` if that is a known table, else T.
- `{"kind": "project", …}`: has no meaning in ServiceNow and is skipped.

Objects have the form of the Table API: references are `{link, value}`, `{display_value, value}` or plain sys_ids. A
record's columns are stored unchanged (no default, no cut to length, no business rule). Missing system columns are
filled: `sys_id` from the content, instants from `sys_created_on` or the clock. An audit row needs `fieldname`;
`tablename`, `documentkey` and `sys_created_by` default to the record and `user`. A journal row needs `element` and
`value`. Unknown tables and columns are added to the dictionary (a column is a reference if its first value is one).
Totals are computed from the loaded rows.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson

from capa_sync.errors import Problem, UserError
from capa_sync.sandbox.lines import UNREADABLE, lines_of
from capa_sync.sandbox.servicenow.catalogue import make_id
from capa_sync.sandbox.servicenow.filter import INSTANT_FORMAT
from capa_sync.sandbox.servicenow.instance import Instance
from capa_sync.sandbox.servicenow.schema import TableDef
from capa_sync.sandbox.servicenow.store import StoredRow
from capa_sync.sandbox.servicenow.tables import loaded_column
from capa_sync.sandbox.servicenow.write import as_text
from capa_sync.sandbox.shapes import ShapeError

_PLAIN_KINDS = {"field": "sys_dictionary", "choice": "sys_choice", "status": "sys_choice", "user": "sys_user"}
_IDENTITY = {
    "sys_dictionary": ("name", "element"),
    "sys_choice": ("name", "element", "value"),
    "sys_user": ("user_name",),
    "sys_db_object": ("name",),
}
"""Columns that identify the shipped row that a loaded row replaces."""
_HINT = "see the file form of the sandbox"
_OTHER_FORM = "a value in this line has not the form that the Table API gives it"
_OWN_KEYS = frozenset({"kind", "password", "roles"})

Source = str | Path | Iterable[str | Mapping[str, Any]]


class Loader:
    """Loads lines into one instance."""

    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        self.added: Counter[str] = Counter()

    def load(self, source: Source) -> dict[str, int]:
        """Load a file (path) or lines (JSON text or parsed objects), and return the number of rows by table.

        Raises:
            UserError: the file cannot be read, or a line cannot be loaded.
        """
        name = str(source) if isinstance(source, str | Path) else "lines"
        for number, line in enumerate(_lines(source), 1):
            try:
                self._take(_parse(line))
            except ShapeError as error:
                raise UserError([Problem(name, number, str(error)[:200], _HINT)]) from error
            except UNREADABLE as error:
                raise UserError([Problem(name, number, _OTHER_FORM, _HINT)]) from error
        return dict(self.added)

    def _take(self, thing: Mapping[str, Any] | None) -> None:
        if thing is None:
            return
        kind = thing.get("kind")
        if kind == "ticket":
            self._take_ticket(thing)
        elif kind == "site":
            self._take_site(thing)
        elif kind in _PLAIN_KINDS:
            known = {"active": "true"} if kind == "user" else {}
            row = self._add(_PLAIN_KINDS[kind], {**known, **{k: v for k, v in thing.items() if k not in _OWN_KEYS}})
            if kind == "user":
                self._open_account(row, thing)
        elif kind != "project":
            message = f"unknown kind {kind!r}"
            raise ShapeError(message)

    def _take_site(self, site: Mapping[str, Any]) -> None:
        if site.get("face") != "servicenow":
            message = f"the site's face is {site.get('face')!r}, not 'servicenow'"
            raise ShapeError(message)
        for name, value in _mapping(site, "properties").items():
            self.instance.set_property(name, as_text(value))
        for table in _listed(site, "tables"):
            parent = as_text(table.get("super_class"))
            if not table.get("name"):
                raise ShapeError("a table needs `name`")
            new = TableDef(as_text(table["name"]), as_text(table.get("label")), parent)
            new.prefix, new.display = as_text(table.get("prefix")), as_text(table.get("display"))
            new.is_audited = as_text(table.get("audit")) == "true"
            self.instance.catalogue.add_table(new)

    def _open_account(self, row: StoredRow, thing: Mapping[str, Any]) -> None:
        name = row.get("user_name", "")
        if "password" in thing:
            self.instance.accounts.passwords[name] = str(thing["password"])
        if "roles" in thing:
            self.instance.accounts.grant(name, frozenset(map(str, thing["roles"])))

    def _take_ticket(self, ticket: Mapping[str, Any]) -> None:
        table, record = ticket.get("table"), ticket.get("record")
        if not isinstance(table, str) or not isinstance(record, Mapping):
            raise ShapeError("a ticket needs `table` and `record`")
        real = as_text(record.get("sys_class_name"))
        row = self._add(real if real in self.instance.schema else table, record)
        for number, entry in enumerate(_listed(ticket, "audit")):
            self._add_audit(row, entry, number)
        for number, entry in enumerate(_listed(ticket, "journal")):
            self._add_journal(row, entry, number)

    def _add_audit(self, row: StoredRow, entry: Mapping[str, Any], number: int) -> None:
        if not entry.get("fieldname"):
            raise ShapeError("an audit row needs `fieldname`")
        own = {"tablename": row.table, "documentkey": row.sys_id, "sys_created_by": entry.get("user", "")}
        self._add_entry("sys_audit", {**own, **entry}, row, number)

    def _add_journal(self, row: StoredRow, entry: Mapping[str, Any], number: int) -> None:
        if not entry.get("element"):
            raise ShapeError("a journal row needs `element`")
        self._add_entry("sys_journal_field", {"name": row.table, "element_id": row.sys_id, **entry}, row, number)

    def _add_entry(self, table: str, entry: Mapping[str, Any], row: StoredRow, number: int) -> None:
        self._add(table, {"sys_id": make_id(table, row.sys_id, str(number)), **entry})

    def _add(self, table: str, record: Mapping[str, Any]) -> StoredRow:
        self.instance.catalogue.ensure_table(table)
        self._ensure_columns(table, record)
        values = {sys.intern(name): _kept(as_text(value)) for name, value in record.items()}
        if not values.get("sys_id"):
            values["sys_id"] = make_id(table, orjson.dumps(record, option=orjson.OPT_SORT_KEYS).decode())
        self._fill_system_columns(table, values)
        row = StoredRow(table, values)
        self._remove_replaced(row)
        self.instance.store.add(row)
        self.instance.catalogue.absorb(row)
        self.added[table] += 1
        return row

    def _remove_replaced(self, row: StoredRow) -> None:
        identity = _IDENTITY.get(row.table)
        if identity is None:
            return
        alike = self.instance.store.view(row.table).with_value(identity[0], row.get(identity[0], ""))
        for old in [old for old in alike if all(old.get(c) == row.get(c) for c in identity)]:
            self.instance.store.remove(old)

    def _ensure_columns(self, table: str, record: Mapping[str, Any]) -> None:
        columns = self.instance.schema.columns(table)
        for name, value in record.items():
            if name in columns:
                continue
            link = value.get("link") if isinstance(value, Mapping) else None
            reference = str(link).rstrip("/").split("/")[-2] if link else ""
            column = loaded_column(table, name, "reference" if reference else "string", reference)
            self.instance.schema.add_column(column)
            self.instance.catalogue.publish_column(column)

    def _fill_system_columns(self, table: str, values: dict[str, str]) -> None:
        columns = self.instance.schema.columns(table)
        created = values.get("sys_created_on") or self.instance.now().strftime(INSTANT_FORMAT)
        filled = {"sys_created_on": created, "sys_updated_on": created, "sys_mod_count": "0", "sys_class_name": table}
        for name, value in filled.items():
            if name in columns and not values.get(name):
                values[name] = value


def _kept(text: str) -> str:
    """Intern short texts, since they repeat often."""
    return sys.intern(text) if len(text) <= 40 else text


def _mapping(thing: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = thing.get(name) or {}
    if not isinstance(found, Mapping):
        message = f"`{name}` must be an object"
        raise ShapeError(message)
    return found


def _listed(thing: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    found = thing.get(name) or []
    if not isinstance(found, list) or not all(isinstance(entry, Mapping) for entry in found):
        message = f"`{name}` must be a list of objects"
        raise ShapeError(message)
    return found


def _parse(line: str | Mapping[str, Any]) -> Mapping[str, Any] | None:
    if isinstance(line, Mapping):
        return line
    if not line.strip():
        return None
    try:
        thing = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        message = f"not JSON: {error}"
        raise ShapeError(message) from error
    if not isinstance(thing, dict):
        raise ShapeError("this line must be an object")
    return thing


def _lines(source: Source) -> Iterator[str | Mapping[str, Any]]:
    if not isinstance(source, str | Path):
        yield from source
        return
    yield from lines_of(Path(source))
