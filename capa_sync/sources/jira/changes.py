"""A Jira changelog as changes in true order; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from capa_sync.model.ticket import FieldDef, RawChange
from capa_sync.model.values import Raw
from capa_sync.sources.jira.times import read_instant
from capa_sync.sources.jira.values import account_of, history_value

Entry = Mapping[str, Any]

_SYSTEM_IDS = {
    # names that history gives to system fields, where they differ from the field's id (seen in real changelogs)
    "Fix Version": "fixVersions",
    "Version": "versions",
    "Component": "components",
    "Link": "issuelinks",
    "Attachment": "attachment",
    "Parent": "parent",
    "IssueParentAssociation": "parent",
    "Key": "issuekey",
    "Comment": "comment",
    "issuetype": "issuetype",
    "status": "status",
    "resolution": "resolution",
    "priority": "priority",
    "assignee": "assignee",
    "reporter": "reporter",
    "labels": "labels",
    "summary": "summary",
    "description": "description",
    "environment": "environment",
    "duedate": "duedate",
    "project": "project",
    "security": "security",
    "timeestimate": "timeestimate",
    "timeoriginalestimate": "timeoriginalestimate",
    "timespent": "timespent",
}


Dated = tuple[datetime, Entry]


def sorted_entries(entries: Iterable[Entry]) -> list[Dated]:
    """Entries with their instants in true order: by instant, then by id as a number, then as they came.

    Time alone is not enough: entries of one instant are common (facts/real-data.md 5). Raises ValueError for an
    unreadable instant.
    """
    found = [(read_instant(entry.get("created")), _number(entry.get("id")), entry) for entry in entries]
    found.sort(key=lambda row: row[:2])
    return [(at, entry) for at, _number_, entry in found]


def _number(id_: Any) -> int:
    try:
        return int(id_)
    except (TypeError, ValueError):
        return 0


def read_changes(entries: Iterable[Dated], accounts: Mapping[str, str]) -> tuple[RawChange, ...]:
    """Turn history entries into changes; the items of one entry share its `order`.

    Args:
        entries: raw history entries as `sorted_entries` gives them.
        accounts: Data Center's user key -> user name, as far as this ticket tells.
    """
    changes: list[RawChange] = []
    add, raw = changes.append, _Raws(accounts)
    for order, (at, entry) in enumerate(entries):
        id_, by = str(entry.get("id") or ""), account_of(entry.get("author"))
        for item in entry.get("items") or ():
            name = item.get("field") or ""
            field_id = item.get("fieldId") or field_id_of(item)
            old = raw.read(field_id, item.get("from"), item.get("fromString"))
            new = raw.read(field_id, item.get("to"), item.get("toString"))
            add(RawChange(id_, at, order, field_id, name, old, new, by))
    return tuple(changes)


class _Raws:
    """Reads values, each distinct one once: statuses and people come again and again."""

    __slots__ = ("_accounts", "_known")

    def __init__(self, accounts: Mapping[str, str]) -> None:
        self._accounts = accounts
        self._known: dict[tuple[str, Any, Any], Raw] = {}

    def read(self, field_id: str, id_: Any, shown: Any) -> Raw:
        key = (field_id, id_, shown)
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = history_value(field_id, id_, shown, self._accounts)
        return found


def field_id_of(item: Mapping[str, Any]) -> str:
    """The field's id for an item without `fieldId`: a system field's, else `name:<name>`."""
    name = str(item.get("field") or "")
    if item.get("fieldtype") != "custom" and name in _SYSTEM_IDS:
        return _SYSTEM_IDS[name]
    return f"name:{name}"


class FieldNames:
    """Data Center's field names -> ids; history there names fields only (facts/jira.md 3).

    A name that two custom fields share stays unresolved: guessing would put one field's past into another.
    """

    def __init__(self, fields: Sequence[FieldDef]) -> None:
        self._system = {field.name: field.id for field in fields if not field.custom}
        self._custom: dict[str, str] = {}
        twice = set()
        for field in fields:
            if field.custom and self._custom.setdefault(field.name, field.id) != field.id:
                twice.add(field.name)
        for name in twice:
            del self._custom[name]

    def resolve(self, entries: Iterable[Any]) -> None:
        """Write the id into each item that lacks one and whose name is beyond doubt."""
        for entry in entries:
            for item in entry.get("items") or ():
                if item.get("fieldId"):
                    continue
                name = item.get("field")
                if item.get("fieldtype") == "custom":
                    found = self._custom.get(name)
                else:
                    found = _SYSTEM_IDS.get(name) or self._system.get(name)
                if found:
                    item["fieldId"] = found
