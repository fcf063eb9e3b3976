"""The labels that one page of tickets needs: of past choices, and of users behind user names and ids."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from capa_sync.sources.servicenow.cells import Row, value_of
from capa_sync.sources.servicenow.dictionary import TableFacts
from capa_sync.sources.servicenow.directory import InstanceDirectory
from capa_sync.sources.servicenow.history import Past

_SYS_ID = re.compile(r"[0-9a-f]{32}")
_ID_LENGTH = 32


@dataclass(slots=True)
class Mentions:
    """The users and values that one record and its history mention.

    Attributes:
        users: user names. past: column -> its values in the history.
    """

    users: set[str]
    past: dict[str, set[str]]


def mentions_of(rows: Mapping[str, Row], past: Past) -> dict[str, Mentions]:
    """Return by sys_id what each record's row and history mention."""
    audit, notes = past.audit or {}, past.notes or {}
    found: dict[str, Mentions] = {}
    for sys_id, row in rows.items():
        entries = audit[sys_id].rows if sys_id in audit else ()
        users = {entry.get("user", "") for entry in entries}
        users.add(value_of(row, "sys_created_by"))
        if sys_id in notes:
            users.update(note.get("sys_created_by", "") for note in notes[sys_id].rows)
        found[sys_id] = Mentions(users, _values_of(entries))
    return found


def _values_of(entries: Sequence[Row]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for entry in entries:
        column = entry.get("fieldname", "")
        values = found.get(column)
        if values is None:
            values = found[column] = set()
        values.add(entry.get("oldvalue", ""))
        values.add(entry.get("newvalue", ""))
    return found


def learn(directory: InstanceDirectory, table: TableFacts, rows: Sequence[Row], mentions: Iterable[Mentions]) -> None:
    """Look up every user that these records, audit rows and notes mention and that is not yet known."""
    names = {value_of(row, "sys_updated_by") for row in rows}
    columns: set[str] = set().union(*rows)
    named = [column for column in columns if table.may_name_users(column)]
    ids = {found for row in rows for column in named if (cell := row.get(column)) for found in _ids_in(cell)}
    past: dict[str, set[str]] = {}
    for mention in mentions:
        names |= mention.users
        for column, values in mention.past.items():
            past.setdefault(column, set()).update(values)
    for column, values in past.items():
        if table.may_name_users(column):
            ids.update(found for value in values for found in _ids_in(value))
    directory.learn_users(ids, names - {""})


def labels_of(directory: InstanceDirectory, table: TableFacts, row: Row, mentions: Mentions) -> dict[str, Any]:
    """Return exactly what the parser needs besides the rows, so that it changes only when they do."""
    past = mentions.past
    ids = (found for value in set().union(*past.values()) if len(value) >= _ID_LENGTH for found in _ids_in(value))
    return {
        "users": {name: found for name in mentions.users if (found := directory.user_id(name))},
        "people": {i: account.name for i in ids if (account := directory.user(i)) is not None},
        "choices": {column: _chosen(table, column, values) for column, values in past.items()},
        "columns": {column: table.columns[column].label for column in past if column in table.columns},
        "html": sorted({*(column for column in table.html if column in past or column in row), *_markup(table, row)}),
    }


def _markup(table: TableFacts, row: Row) -> list[str]:
    """Return columns whose values look like markup, where the dictionary does not describe all columns."""
    if not table.closed:
        return []
    unknown = ((column, value_of(row, column)) for column in row if column not in table.columns)
    return [column for column, value in unknown if value.startswith("<") and value.rstrip().endswith(">")]


def _chosen(table: TableFacts, column: str, values: set[str]) -> dict[str, str]:
    labels = table.choices.get(column)
    return {value: labels[value] for value in values if value in labels} if labels else {}


def _ids_in(cell: Any) -> Sequence[str]:
    text = cell.get("value") if isinstance(cell, dict) else cell
    if not isinstance(text, str) or not _ID_LENGTH <= len(text) < 2000:
        return ()
    return [word for word in text.split(",") if _SYS_ID.fullmatch(word)]
