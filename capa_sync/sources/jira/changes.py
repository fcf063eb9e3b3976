"""Turns a Jira changelog into changes in true order; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from operator import itemgetter
from typing import Any

from capa_sync.model.site import FieldDef
from capa_sync.model.ticket import RawChange
from capa_sync.model.values import BLANK, Raw
from capa_sync.sources.jira.times import read_instant
from capa_sync.sources.jira.values import account_of, history_value

Entry = Mapping[str, Any]
_REMEMBERED = 10_000
_PLACE = itemgetter(0, 1)

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
    """Return entries with their instants in true order: by instant, then by id as a number, then as received.

    Time alone is not enough: entries often share an instant (docs/real-tickets.md 5). Raises ValueError for an
    unreadable instant.
    """
    found = [(read_instant(entry.get("created")), _number(entry.get("id")), entry) for entry in entries]
    found.sort(key=_PLACE)
    return [(at, entry) for at, _number_, entry in found]


def _number(id_: Any) -> int:
    try:
        return int(id_)
    except (TypeError, ValueError):
        return 0


class HistoryReader:
    """Turns history entries into changes; reads each distinct coded value once, because statuses and people recur."""

    def __init__(self) -> None:
        self._coded: dict[tuple[str, Any, Any], Raw] = {}

    def read(self, entries: Iterable[Dated], accounts: Mapping[str, str]) -> tuple[RawChange, ...]:
        """Return the changes; the items of one entry share its `order`.

        Args:
            entries: raw history entries from `sorted_entries`.
            accounts: Data Center's user key -> user name, as far as this ticket shows it.
        """
        changes: list[RawChange] = []
        add, value = changes.append, self._value
        for order, (at, entry) in enumerate(entries):
            id_, by = str(entry.get("id") or ""), account_of(entry.get("author"))
            for item in entry.get("items") or ():
                name = item.get("field") or ""
                field_id = item.get("fieldId") or field_id_of(item)
                if not (isinstance(name, str) and isinstance(field_id, str)):
                    raise TypeError("a history entry names no field")
                old = value(field_id, item.get("from"), item.get("fromString"), accounts)
                new = value(field_id, item.get("to"), item.get("toString"), accounts)
                add(RawChange(id_, at, order, field_id, name, old, new, by))
        return tuple(changes)

    def _value(self, field_id: str, id_: Any, shown: Any, accounts: Mapping[str, str]) -> Raw:
        if id_ is None and (shown is None or shown == ""):
            return BLANK
        if id_ is None or accounts:  # text rarely recurs, and accounts belong to this ticket
            return history_value(field_id, id_, shown, accounts)
        key = (field_id, id_, shown)
        found = self._coded.get(key)
        if found is None:
            if len(self._coded) >= _REMEMBERED:
                self._coded.clear()
            found = self._coded[key] = history_value(field_id, id_, shown, accounts)
        return found


def field_id_of(item: Mapping[str, Any]) -> str:
    """Return the field's id for an item without `fieldId`: a system field's, else `name:<name>`."""
    name = str(item.get("field") or "")
    if item.get("fieldtype") != "custom" and name in _SYSTEM_IDS:
        return _SYSTEM_IDS[name]
    return f"name:{name}"


class FieldNames:
    """Data Center's field names -> ids; its history contains only names (docs/jira.md 3).

    A name that two custom fields share stays unresolved: a guess would put one field's past into another.
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
        """Add the id to each item that lacks one and whose name is unambiguous."""
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
