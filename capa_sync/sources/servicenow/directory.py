"""What the instance says of its tables, choices and users; asked once, kept in memory, refreshed on demand."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from capa_sync.errors import Authentication, Fatal
from capa_sync.model.ticket import Account
from capa_sync.sources.servicenow.answers import AccessDenied, Row, value_of
from capa_sync.sources.servicenow.client import TableClient
from capa_sync.sources.servicenow.history import batches
from capa_sync.sources.servicenow.keyset import Walk
from capa_sync.sources.servicenow.options import ServiceNowAuth
from capa_sync.sources.servicenow.parts import JOURNAL_COLUMNS
from capa_sync.sources.servicenow.query import condition, join, one_of

_SYS_ID = re.compile(r"[0-9a-f]{32}")
_PAGE = 1000
_DEEPEST = 12  # classes between a table and its root; a guard against a loop in the data
_MANY_USERS = 5000
_USER = ("sys_id", "user_name", "name", "active")
_COLUMN = ("sys_id", "name", "element", "column_label", "internal_type", "reference", "attributes", "audit")
_CHOICE = ("sys_id", "name", "element", "value", "label", "language", "sequence", "inactive")
_JOURNAL_TYPES = frozenset({"journal_input", "journal", "journal_list"})
_HTML_TYPES = frozenset({"html", "translated_html"})


@dataclass(frozen=True, slots=True)
class Column:
    """One column: label, type, whether its changes are audited for exactly that table, what it refers to."""

    name: str
    label: str
    type: str
    audited: bool
    reference: str = ""


@dataclass(frozen=True, slots=True)
class TableFacts:
    """One table with what it inherits.

    Attributes:
        lineage: the table and the classes it extends, nearest first.
        audited: the table's own audit flag; it is not inherited (facts/servicenow.md 0.6).
        columns: by name; empty where sys_dictionary is closed to us.
        choices: column -> raw value -> label, in the order of the list.
        journals: columns that hold no value of their own. html: columns that hold markup.
    """

    name: str
    lineage: tuple[str, ...]
    audited: bool | None
    columns: dict[str, Column]
    choices: dict[str, dict[str, str]]
    journals: frozenset[str] = field(init=False)
    html: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        kinds = {column.name: column.type for column in self.columns.values()}
        journals = JOURNAL_COLUMNS | {name for name, kind in kinds.items() if kind in _JOURNAL_TYPES}
        object.__setattr__(self, "journals", journals)  # the only way in a frozen class; asked for at each row
        object.__setattr__(self, "html", frozenset(name for name, kind in kinds.items() if kind in _HTML_TYPES))

    def may_name_users(self, column: str) -> bool:
        """Tell whether a column may hold users; any may where the dictionary does not say."""
        known = self.columns.get(column)
        return known.reference == "sys_user" if known else column != "sys_id"


@dataclass(frozen=True, slots=True)
class Me:
    """The user that the instance takes us for."""

    sys_id: str
    user_name: str
    name: str
    time_zone: str
    language: str


@dataclass(slots=True)
class Directory:
    """Look-ups on one instance."""

    client: TableClient
    auth: ServiceNowAuth
    me: Me | None = None
    _tables: dict[str, TableFacts] = field(default_factory=dict)
    _users: dict[str, Account] = field(default_factory=dict)
    _user_ids: dict[str, str] = field(default_factory=dict)
    _no_users: set[str] = field(default_factory=set)

    def who_am_i(self) -> Me:
        """Ask who we are. Raises Authentication when the instance does not say, or says another than before."""
        who = (
            condition("user_name", "=", self.auth.user)
            if self.auth.method == "basic"
            else "sys_id=javascript:gs.getUserID()"
        )
        fields = ("sys_id", "user_name", "name", "time_zone", "preferred_language")
        rows = self.client.rows("sys_user", who, limit=2, fields=fields, linked=False, counted=False).rows
        if len(rows) != 1:
            raise Authentication(self.client.source, "sys_user does not show who we are; are we still signed in?")
        found = Me(*(value_of(rows[0], column) for column in fields))
        if self.me is not None and self.me.sys_id != found.sys_id:
            raise Authentication(self.client.source, f"we were {self.me.user_name} and now are {found.user_name}")
        self.me = found
        return found

    def forget(self) -> None:
        """Ask anew for tables and users from now on."""
        self._tables.clear()
        self._users.clear()
        self._user_ids.clear()
        self._no_users.clear()

    def table(self, name: str) -> TableFacts:
        """Return what is known of a table, reading it at first use. Raises SourceError."""
        if name not in self._tables:
            self._tables[name] = self._read_table(name)
        return self._tables[name]

    def _read_table(self, name: str) -> TableFacts:
        lineage = self._lineage(name)
        rows = self._all("sys_dictionary", join(one_of("name", lineage), "active=true"), _COLUMN)
        flags = {value_of(row, "name"): row for row in rows if not value_of(row, "element")}
        audited = value_of(flags[name], "audit") == "true" if name in flags else None
        columns: dict[str, Column] = {}
        for owner in reversed(lineage):
            for row in (r for r in rows if value_of(r, "name") == owner and value_of(r, "element")):
                columns[value_of(row, "element")] = _column(row, table_audited=bool(audited))
        return TableFacts(name, lineage, audited, columns, self._choices(lineage))

    def _lineage(self, name: str) -> tuple[str, ...]:
        found = [name]
        while len(found) < _DEEPEST:
            row = self._first("sys_db_object", condition("name", "=", found[-1]), ("super_class.name", "name"))
            parent = value_of(row, "super_class.name") if row else ""
            if not parent or parent in found:
                break
            found.append(parent)
        return tuple(found)

    def subclasses(self, name: str) -> frozenset[str]:
        """Return a table and every class that extends it: deletions are filed under the real class (facts 2.5)."""
        found, fresh = {name}, [name]
        while fresh:
            rows: list[Row] = []
            for batch in batches(fresh):
                rows += self._all("sys_db_object", one_of("super_class.name", batch), ("sys_id", "name"))
            fresh = sorted({value_of(row, "name") for row in rows} - found - {""})
            found.update(fresh)
        return frozenset(found)

    def _choices(self, lineage: Sequence[str]) -> dict[str, dict[str, str]]:
        """Return the choices that hold for a table: those of the nearest class that has any for the column."""
        rows = self._all("sys_choice", one_of("name", lineage), _CHOICE)
        mine = self.me.language if self.me and self.me.language else "en"
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

    def learn_users(self, ids: Iterable[str] = (), names: Iterable[str] = ()) -> None:
        """Look up users by sys_id and by user name, those not yet known, in as few requests as possible."""
        fresh_ids = sorted({i for i in ids if _SYS_ID.fullmatch(i)} - self._users.keys() - self._no_users)
        fresh_names = sorted(n for n in set(names) - self._user_ids.keys() - self._no_users if _is_listable(n))
        for column, fresh in (("sys_id", fresh_ids), ("user_name", fresh_names)):
            for batch in batches(fresh):
                self._keep_users(self._all("sys_user", one_of(column, batch), _USER))
        self._no_users.update(i for i in fresh_ids if i not in self._users)
        self._no_users.update(n for n in fresh_names if n not in self._user_ids)

    def learn_all_users(self) -> None:
        """Read every user of a small instance, so that the first judgement knows who is active."""
        answer = self.client.rows("sys_user", "ORDERBYsys_id", limit=1, fields=("sys_id",))
        if answer.total is not None and answer.total <= _MANY_USERS:
            self._keep_users(self._all("sys_user", "", _USER))

    def _keep_users(self, rows: Sequence[Row]) -> None:
        for row in rows:
            sys_id, user_name, active = (value_of(row, c) for c in ("sys_id", "user_name", "active"))
            name = value_of(row, "name") or user_name
            aliases = (user_name,) if user_name else ()
            self._users[sys_id] = Account(sys_id, name, active == "true" if active else None, aliases)
            if user_name:
                self._user_ids[user_name] = sys_id

    def user_id(self, user_name: str) -> str:
        """Return the sys_id of a user name, "" unknown."""
        return self._user_ids.get(user_name, "")

    def user(self, sys_id: str) -> Account | None:
        """Return a user met so far."""
        return self._users.get(sys_id)

    def accounts(self) -> tuple[Account, ...]:
        """Return the users met so far, in order of id."""
        return tuple(self._users[key] for key in sorted(self._users))

    def _first(self, table: str, query: str, fields: Sequence[str]) -> Row | None:
        rows = self._closed_is_empty(table, query, fields, limit=1)
        return rows[0] if rows else None

    def _closed_is_empty(self, table: str, query: str, fields: Sequence[str], limit: int) -> list[Row]:
        try:
            return self.client.rows(table, query, limit=limit, fields=fields, linked=False, counted=False).rows
        except AccessDenied:
            return []

    def _all(self, table: str, base: str, fields: Sequence[str]) -> list[Row]:
        """Read every row that a filter finds; none where the table is closed to us."""
        fetch: Any = partial(self.client.rows, table, limit=_PAGE, fields=fields)
        try:
            return [row for answer in Walk(self.client.source, table, fetch, base).by_id("") for row in answer.rows]
        except AccessDenied:
            return []


def _column(row: Row, *, table_audited: bool) -> Column:
    attributes = {part.partition("=")[0].strip() for part in value_of(row, "attributes").split(",")}
    audited = (table_audited or value_of(row, "audit") == "true") and "no_audit" not in attributes
    name = value_of(row, "element")
    label, kind = value_of(row, "column_label") or name, value_of(row, "internal_type")
    return Column(name, label, kind, audited, value_of(row, "reference"))


def _number(text: str) -> int:
    return int(text) if text.isdigit() else 0


def _is_listable(name: str) -> bool:
    return bool(name) and name.isprintable() and "," not in name and "^" not in name


def check_columns(source: str, table: TableFacts, columns: Iterable[str]) -> None:
    """Refuse a base filter that names a column the table lacks: the platform would drop that condition.

    Raises:
        Fatal: with the first such column.
    """
    for column in columns:
        if table.columns and column not in table.columns:
            raise Fatal(
                source,
                f"query: {table.name} has no column {column!r} that we may see; ServiceNow would leave that "
                "condition out and answer with every row",
            )
