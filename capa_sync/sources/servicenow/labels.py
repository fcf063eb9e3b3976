"""The names that one page of tickets needs: labels of past choices, users behind user names and ids."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from capa_sync.sources.servicenow.answers import Row, value_of
from capa_sync.sources.servicenow.directory import Directory, TableFacts
from capa_sync.sources.servicenow.history import Entries

_SYS_ID = re.compile(r"[0-9a-f]{32}")


def learn(
    directory: Directory, table: TableFacts, rows: Sequence[Row], audit: Sequence[Entries], notes: Sequence[Entries]
) -> None:
    """Look up every user that these records, audit rows and notes speak of and that is not known yet."""
    names = {value_of(row, column) for row in rows for column in ("sys_created_by", "sys_updated_by")}
    names.update(value_of(row, "user") for entries in audit for row in entries.rows)
    names.update(value_of(row, "sys_created_by") for entries in notes for row in entries.rows)
    named = [column for column in set().union(*rows) if table.may_name_users(column)]
    ids = {found for row in rows for column in named for found in _ids_in(row.get(column))}
    past = (row for entries in audit for row in entries.rows if table.may_name_users(value_of(row, "fieldname")))
    ids.update(found for row in past for found in _ids_of_change(row))
    directory.learn_users(ids, names - {""})


def labels_of(directory: Directory, table: TableFacts, row: Row, audit: Entries, notes: Entries) -> dict[str, Any]:
    """Return what the parser needs besides the rows, and only that, so that it changes with them alone."""
    user_names = {value_of(row, "sys_created_by")}
    user_names.update(value_of(r, "user") for r in audit.rows)
    user_names.update(value_of(r, "sys_created_by") for r in notes.rows)
    past: dict[str, set[str]] = {}
    for entry in audit.rows:
        past.setdefault(value_of(entry, "fieldname"), set()).update(
            (value_of(entry, "oldvalue"), value_of(entry, "newvalue"))
        )
    ids = {found for r in audit.rows for found in _ids_of_change(r)}
    people = {i: account.name for i in ids if (account := directory.user(i)) is not None}
    return {
        "users": {name: found for name in user_names if (found := directory.user_id(name))},
        "people": people,
        "choices": {column: _chosen(table, column, values) for column, values in past.items()},
        "columns": {column: table.columns[column].label for column in past if column in table.columns},
        "html": sorted(table.html & (past.keys() | row.keys())),
    }


def _chosen(table: TableFacts, column: str, values: set[str]) -> dict[str, str]:
    labels = table.choices.get(column, {})
    return {value: labels[value] for value in values if value in labels}


def _ids_of_change(row: Row) -> Iterator[str]:
    yield from _ids_in(value_of(row, "oldvalue"))
    yield from _ids_in(value_of(row, "newvalue"))


def _ids_in(cell: Any) -> list[str]:
    text = cell.get("value") if isinstance(cell, dict) else cell
    if not isinstance(text, str) or len(text) < 32:
        return []
    return [word for word in text.split(",") if _SYS_ID.fullmatch(word)] if len(text) < 2000 else []
