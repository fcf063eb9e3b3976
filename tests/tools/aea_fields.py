"""The fields of an AEA file: the column of each field's value, its kind, and its options."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.tools.aea_rows import AT, CHANGED, CREATED, RESOLVED, Row

Json = dict[str, Any]

SYSTEM = {
    "assignee": "assignee", "attachment": "attachment", "comment": "comment", "description": "description",
    "duedate": "duedate", "issue type": "issuetype", "issuetype": "issuetype", "issueparentassociation": "parent",
    "link": "issuelinks", "parent": "parent", "priority": "priority", "resolution": "resolution",
    "status": "status", "summary": "summary",
}  # fmt: skip
"""Folded names that the rows give Jira's own fields -> field id."""

_COLUMNS = {
    "assignee": "assignee_anon",
    "issuetype": "Issue.Type",
    "resolution": "Resolution",
    "status": "Status",
    "Manuscript Central identifier": "mc_number_anon",
    "External validation": "external",
    "Reason for Failure to be Fully Reproduced": "reason.failure",
    "Reason for Failure to Fully Replicate": "reason.failure",
}
"""Field id or name -> the column that the owner renamed it to; other columns have R's form of the field's name."""

NO_FIELDS = frozenset({"ticket", CHANGED, *AT, *CREATED, *RESOLVED, "received", "subtask", "has_subtask"})
"""Columns about the row itself, or that the owner computed; sub-tasks are known only of the ticket's last state."""

_OPTION = re.compile(r"""value=(?:'([^']*)'|"([^"]*)"), id='(\d+)'""")
_OWN_OPTION_ID = 90_001


def shown(value: Any) -> str:
    """Return a column's value as text; "" for nothing."""
    if value is None:
        return ""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


@dataclass(slots=True)
class Field:
    """One field of the site.

    Attributes:
        id, name: Jira's. kind: "status", "resolution", "issuetype", "user", "number", "labels", "options", "line".
        column: the column of its value, "" when there is none.
        options: name -> id of what it may hold, for kinds that have ids.
    """

    id: str
    name: str
    kind: str = "line"
    column: str = ""
    options: dict[str, str] = field(default_factory=dict)

    def side(self, row: Row | None) -> tuple[str | None, str | None]:
        """Return (id, text) of a history item's side: the row's value of this field, nulls where it has none."""
        text = shown(row.after.get(self.column)) if row is not None and self.column else ""
        if not text:
            return None, None
        if self.kind == "labels":
            return None, " ".join(_labels(text))
        if self.kind == "options":
            names = self.names(text)
            return f"[{', '.join(self.options[name] for name in names)}]", ",".join(names)
        if self.kind == "user":
            return account_id(text), person_name(text)
        return self.options.get(text), text

    def value(self, row: Row) -> Any:
        """Return what the issue's field holds after a row; None for nothing, and where there is no column."""
        raw = row.after.get(self.column) if self.column else None
        text = shown(raw)
        if not text:
            return None
        if self.kind == "number":
            return int(text) if text.isdecimal() else raw
        if self.kind == "labels":
            return _labels(text)
        if self.kind == "options":
            return [{"value": name, "id": self.options[name]} for name in self.names(text)]
        if self.kind == "user":
            return user(text)
        return {"id": self.options[text], "name": text} if self.kind in LISTED else text

    def names(self, text: str) -> list[str]:
        """Return the options in a text: an exporter's str() of objects, or names joined by commas."""
        found = [single or double for single, double, _ in _OPTION.findall(text)]
        return found or _cut(text, self.options) or [text]

    def learn(self, values: Iterable[Any]) -> None:
        """Learn kind and options from all values of the column. Same values, same ids."""
        texts = list(dict.fromkeys(filter(None, map(shown, values))))
        if self.kind == "line":
            self.kind = _kind(values, texts)
        if self.kind == "options":
            for single, double, id_ in (match for text in texts for match in _OPTION.findall(text)):
                self.options[single or double] = id_
            known = dict(self.options)
            unknown = {text for text in texts if not _OPTION.search(text) and not _cut(text, known)}
            self.options |= {name: str(_OWN_OPTION_ID + n) for n, name in enumerate(sorted(unknown))}
        elif self.kind in LISTED:
            self.options = {name: str(LISTED[self.kind] + n) for n, name in enumerate(sorted(texts))}


LISTED = {"status": 10_001, "resolution": 10_001, "issuetype": 10_001}
"""Kinds whose values are objects of the site's lists -> the first id given."""


def user(number: str) -> Json:
    """Return the account of an anonymous number."""
    return {"accountId": account_id(number), "displayName": person_name(number), "active": True}


def account_id(number: str) -> str:
    """Return the account id of an anonymous number."""
    return f"aea-{number}"


def person_name(number: str) -> str:
    """Return the display name of an anonymous number."""
    return f"Person {number}"


def _kind(values: Iterable[Any], texts: Sequence[str]) -> str:
    if any(_OPTION.search(text) for text in texts):
        return "options"
    if any(text.startswith("['") for text in texts):
        return "labels"
    filled = [value for value in values if value not in (None, "")]
    return "number" if filled and all(isinstance(value, float) for value in filled) else "line"


def _labels(text: str) -> list[str]:
    return [str(word) for word in ast.literal_eval(text)] if text.startswith("[") else text.split()


def _cut(text: str, known: Mapping[str, str]) -> list[str]:
    """Cut names joined by commas, which themselves hold commas; the longest known name first, [] when none fits."""
    if text in known:
        return [text]
    for name in sorted(known, key=len, reverse=True):
        rest = _cut(text[len(name) + 1 :], known) if text.startswith(f"{name},") else []
        if rest:
            return [name, *rest]
    return []


def find_fields(tickets: Mapping[str, Sequence[Row]]) -> dict[str, Field]:
    """Return the fields of a file by folded name as rows write it: those that rows name, and those of columns."""
    rows = [row for ticket_rows in tickets.values() for row in ticket_rows]
    columns = dict.fromkeys(name for row in rows for name in row.after if name not in NO_FIELDS)
    fields: dict[str, Field] = {}
    for name in sorted({name for row in rows for name in row.fields}):
        system = SYSTEM.get(name.casefold())
        fields[name.casefold()] = Field(system or "", name, column=_column(system or name, columns))
    used = {site_field.column for site_field in fields.values()}
    for column in columns:
        if column not in used:
            name = next((name for name, renamed in _COLUMNS.items() if renamed == column), column)
            fields[name.casefold()] = Field(SYSTEM.get(name.casefold(), ""), name, column=column)
    _number(fields.values())
    for site_field in fields.values():
        site_field.kind = {"assignee": "user", **{name: name for name in LISTED}}.get(site_field.id, "line")
        if site_field.column:
            site_field.learn([row.after.get(site_field.column) for row in rows])
    return fields


def _column(name: str, columns: Mapping[str, None]) -> str:
    renamed = _COLUMNS.get(name, re.sub(r"[^A-Za-z0-9_.]", ".", name))
    return renamed if renamed in columns else ""


def _number(fields: Iterable[Field]) -> None:
    custom = sorted(
        (site_field for site_field in fields if not site_field.id), key=lambda site_field: site_field.name.casefold()
    )
    for number, site_field in enumerate(custom, start=10_001):
        site_field.id = f"customfield_{number}"
