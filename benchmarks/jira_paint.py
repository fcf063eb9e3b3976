"""Renders generated ticket histories as the JSON of Jira Cloud, with `%b` in the places of ids and instants."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

import orjson

from benchmarks.lives import Edit, TicketLife
from capa_sync.sandbox.stories.jira_site import STATUS_OF, site_lines
from capa_sync.sandbox.stories.people import PEOPLE
from capa_sync.sandbox.stories.vocabulary import WORDS

ME = "5b10ac8d82e05b22cc7d4e99"
"""The account id of capa-sync."""
_PICTURES = {size: f"https://avatar.example.com/initials/{size}.png" for size in ("48x48", "24x24", "16x16", "32x32")}


def person(account: str, name: str) -> dict[str, Any]:
    """Return one user as Cloud shows it in every answer."""
    return {
        "self": f"https://example.atlassian.net/rest/api/3/user?accountId={account}",
        "accountId": account,
        "avatarUrls": _PICTURES,
        "displayName": name,
        "active": True,
        "timeZone": "Europe/London",
        "accountType": "atlassian",
    }


_PEOPLE = {actor.id: person(actor.cloud, actor.name) for actor in PEOPLE.values()}


class Painter:
    """Renders issues and history entries with the fields and statuses of the sandbox's story."""

    def __init__(self) -> None:
        lines = list(site_lines("cloud"))
        self.fields = [line for line in lines if line["kind"] == "field"]
        self.statuses = [line for line in lines if line["kind"] == "status"]
        self._field = {line["name"]: line for line in self.fields}
        self._status = {line["name"]: line for line in self.statuses}

    def id_of(self, name: str) -> str:
        """Return the field id of a canonical field."""
        word = WORDS[name]
        builtin = {"title": "summary", "description": "description", "owner": "assignee", "due_at": "duedate"}
        return builtin[name] if word.is_builtin else str(self._field[word.jira]["id"])

    def issue(self, life: TicketLife, number: int) -> bytes:
        """Return the issue with `*all` fields; id, key, created and updated are left open."""
        status = self._status[STATUS_OF[life.now["stage"]]]
        fields: dict[str, Any] = {line["id"]: None for line in self.fields}
        fields |= {f"customfield_{11_000 + n}": None for n in range(60)}
        fields |= {self.id_of(name): self._value(name, value) for name, value in life.now.items() if name != "stage"}
        fields |= {
            "issuetype": {"id": "10001", "name": "Nonconformity", "subtask": False, "hierarchyLevel": 0},
            "project": {"id": "10000", "key": "CAPA", "name": "Corrective actions", "projectTypeKey": "business"},
            "status": {key: status[key] for key in ("id", "name", "statusCategory")},
            "priority": {"id": "3", "name": "Medium"},
            "resolution": None,
            "labels": ["audit"],
            "creator": _PEOPLE["anna.lee"],
            "reporter": _PEOPLE["anna.lee"],
            "created": "@@CREATED@@",
            "updated": "@@UPDATED@@",
            "progress": {"progress": 0, "total": 0},
            "aggregateprogress": {"progress": 0, "total": 0},
            "watches": {"watchCount": 1, "isWatching": False},
            "votes": {"votes": 0, "hasVoted": False},
            "worklog": {"startAt": 0, "maxResults": 20, "total": 0, "worklogs": []},
            "comment": {"comments": self._comments(number), "total": number % 3, "maxResults": 20, "startAt": 0},
            "timetracking": {},
            "workratio": -1,
        }
        lists = ("attachment", "issuelinks", "subtasks", "components", "versions", "fixVersions")
        fields |= {name: [] for name in lists}
        fields |= dict.fromkeys(("environment", "timespent", "timeestimate", "resolutiondate", "security"))
        issue = {
            "expand": "operations,versionedRepresentations,editmeta,changelog,renderedFields",
            "id": "@@ID@@",
            "self": "https://example.atlassian.net/rest/api/3/issue/@@ID@@",
            "key": "@@KEY@@",
            "fields": fields,
        }
        text = orjson.dumps(issue).replace(b"%", b"%%")
        return re.sub(rb"@@(ID|KEY|CREATED|UPDATED)@@", rb"%(\1)b", text)

    def _comments(self, number: int) -> list[dict[str, Any]]:
        return [
            {
                "id": str(7_000_000 + number * 3 + n),
                "author": _PEOPLE["mara.roy"],
                "updateAuthor": _PEOPLE["mara.roy"],
                "body": _document("Please look at the second point before the review on Thursday."),
                "created": "2025-06-20T10:00:00.000+0100",
                "updated": "2025-06-20T10:00:00.000+0100",
                "jsdPublic": True,
            }
            for n in range(number % 3)
        ]

    def _value(self, name: str, value: str) -> Any:
        word = WORDS[name]
        if word.options:
            return {"id": self._option(name, value), "value": word.options[value]}
        if word.kind == "person":
            return _PEOPLE[value]
        return _document(value) if word.kind == "text" else value

    def _option(self, name: str, value: str) -> str:
        options = self._field[WORDS[name].jira]["options"]
        return next(str(option["id"]) for option in options if option["value"] == WORDS[name].options[value])

    def entry(self, number: int, edit: Edit) -> bytes:
        """Return one history entry."""
        items = [self._item(name, before, after) for name, (before, after) in edit.values.items()]
        entry = {"id": str(number), "author": _PEOPLE[edit.by], "created": iso(edit.at), "items": items}
        return orjson.dumps(entry)

    def _item(self, name: str, before: str, after: str) -> dict[str, Any]:
        if name == "stage":
            old, new = (self._status[STATUS_OF[stage]] for stage in (before, after))
            return _item("status", "status", "jira", (old["id"], old["name"]), (new["id"], new["name"]))
        word, id_ = WORDS[name], self.id_of(name)
        kind, shown = ("jira", id_) if word.is_builtin else ("custom", word.jira)
        return _item(id_, shown, kind, self._side(name, before), self._side(name, after))

    def _side(self, name: str, value: str) -> tuple[str | None, str | None]:
        word = WORDS[name]
        if not value:
            return None, None
        if word.options:
            return self._option(name, value), word.options[value]
        if word.kind == "person":
            return PEOPLE[value].cloud, PEOPLE[value].name
        return (value, f"{value} 00:00:00.0") if word.kind in ("day", "instant") else (None, value)


def _item(
    id_: str, name: str, kind: str, old: tuple[str | None, str | None], new: tuple[str | None, str | None]
) -> dict[str, Any]:
    sides = {"from": old[0], "fromString": old[1], "to": new[0], "toString": new[1]}
    return {"field": name, "fieldtype": kind, "fieldId": id_, **sides}


def _document(text: str) -> dict[str, Any]:
    return {
        "type": "doc",
        "version": 1,
        "content": [{"type": "paragraph", "content": [{"type": "text", "text": text}]}],
    }


def iso(at: datetime) -> str:
    """Return an instant as Cloud writes it."""
    return at.isoformat(timespec="milliseconds").replace("+00:00", "+0000")


def ms(at: datetime) -> int:
    """Return an instant in epoch ms."""
    return int(at.timestamp() * 1000)


BUILTIN = {
    "summary": "Summary",
    "description": "Description",
    "issuetype": "Issue Type",
    "project": "Project",
    "status": "Status",
    "priority": "Priority",
    "resolution": "Resolution",
    "labels": "Labels",
    "creator": "Creator",
    "reporter": "Reporter",
    "assignee": "Assignee",
    "created": "Created",
    "updated": "Updated",
    "duedate": "Due date",
    "issuelinks": "Linked Issues",
    "subtasks": "Sub-tasks",
}
"""Fields that every Jira has: id -> name."""
