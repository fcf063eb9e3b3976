"""A generated Jira Cloud: pages of any number of issues, made from a pool of lives by filling in ids.

It gives no changelog inside search answers beyond what was asked, cuts pages at 100 and bulk changelogs at 10,000
entries as Cloud does (facts/jira.md 1.1, 3), and takes comments and labels, so that warnings can be written.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from benchmarks.lives import POOL, Edit, Life, tell_pool
from capa_sync.sandbox.stories.cast import CAST
from capa_sync.sandbox.stories.jira_site import STATUS_OF, site_lines
from capa_sync.sandbox.stories.vocabulary import WORDS

FIRST_ID = 100_000
BORN = datetime(2024, 1, 1, tzinfo=UTC)
LAST_TOUCHED = datetime(2026, 11, 20, tzinfo=UTC)
STEP_MS = 20_000
"""Tickets were last touched one after the other, this far apart: the overlap of a poll holds a few of them."""
_ME = "5b10ac8d82e05b22cc7d4e99"
_HEADERS = f"X-AACCOUNTID: {_ME}\r\n".encode()
_UPDATED = re.compile(r"updated >= (\d+)")
_CREATED = re.compile(r"created >= (\d+)")
_IDS = re.compile(r"(?:id|issuekey) in \(([\d, ]+)\)")
_PICTURES = {size: f"https://avatar.example.com/initials/{size}.png" for size in ("48x48", "24x24", "16x16", "32x32")}


def person(account: str, name: str) -> dict[str, Any]:
    """One user as Cloud tells it everywhere."""
    return {
        "self": f"https://example.atlassian.net/rest/api/3/user?accountId={account}",
        "accountId": account,
        "avatarUrls": _PICTURES,
        "displayName": name,
        "active": True,
        "timeZone": "Europe/London",
        "accountType": "atlassian",
    }


_PEOPLE = {one.id: person(one.cloud, one.name) for one in CAST.values()}


class _Painter:
    """Paints lives as Cloud's JSON, with `%b` where ids and instants go."""

    def __init__(self) -> None:
        lines = list(site_lines("cloud"))
        self.fields = [line for line in lines if line["kind"] == "field"]
        self.statuses = [line for line in lines if line["kind"] == "status"]
        self._field = {line["name"]: line for line in self.fields}
        self._status = {line["name"]: line for line in self.statuses}

    def id_of(self, name: str) -> str:
        """The field id of a canonical field."""
        word = WORDS[name]
        builtin = {"title": "summary", "description": "description", "owner": "assignee", "due_at": "duedate"}
        return builtin[name] if word.is_builtin else str(self._field[word.jira]["id"])

    def issue(self, life: Life, number: int) -> bytes:
        """The issue with `*all` fields: id, id, key, created, updated are left open."""
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
        return next(str(one["id"]) for one in options if one["value"] == WORDS[name].options[value])

    def entry(self, number: int, edit: Edit) -> bytes:
        """One history entry."""
        items = [self._item(name, before, after) for name, (before, after) in edit.values.items()]
        entry = {"id": str(number), "author": _PEOPLE[edit.by], "created": _iso(edit.at), "items": items}
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
            return CAST[value].cloud, CAST[value].name
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


def _iso(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "+0000")


def _ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)


class JiraSite:
    """What a Jira Cloud with `size` issues answers."""

    def __init__(self, size: int) -> None:
        painter, lives = _Painter(), tell_pool()
        self._size = size
        self._issues = [painter.issue(life, number) for number, life in enumerate(lives)]
        self._histories = [
            [painter.entry(number, edit) for number, edit in enumerate(life.edits, 1)] for life in lives
        ]
        self._edited: dict[int, tuple[int, bytes]] = {}
        """Number -> when it was edited (epoch ms) and the entry that tells of it, empty for a write of ours."""
        self._comments: dict[int, list[dict[str, Any]]] = {}
        self._written: dict[int, float] = {}
        self._closed: dict[int, bytes] = {}
        self._labels: dict[int, list[str]] = {}
        self._lives = lives
        self._fields = orjson.dumps(
            [
                *painter.fields,
                *({"id": name, "name": shown, "custom": False} for name, shown in _BUILTIN.items()),
                *({"id": f"customfield_{11_000 + n}", "name": f"Spare {n}", "custom": True} for n in range(60)),
            ]
        )
        self._statuses = orjson.dumps(painter.statuses)
        self._painter = painter

    def answer(self, method: str, target: str, body: bytes) -> tuple[int, bytes, bytes]:
        """Answer one request."""
        path, _question, _query = target.partition("?")
        path = path.removeprefix("/rest/api/3/").removeprefix("/rest/api/2/")
        if path == "search/jql":
            return 200, self._search(orjson.loads(body)), _HEADERS
        if path == "changelog/bulkfetch":
            return 200, self._bulk(orjson.loads(body)), _HEADERS
        if path == "written":
            return 200, orjson.dumps({str(number): at for number, at in self._written.items()}), b""
        if path.startswith("close/"):
            return self._close(int(path.split("/")[1])), orjson.dumps({}), b""
        if path.startswith("edit/"):
            return self._edit(*map(int, path.split("/")[1:])), orjson.dumps({}), b""
        content = self._small(method, path, body)
        if content is None:
            return 404, b'{"errorMessages":["not served"]}', _HEADERS
        return (201 if method == "POST" else 200), content, _HEADERS

    def _small(self, method: str, path: str, body: bytes) -> bytes | None:
        if path == "serverInfo":
            return orjson.dumps({"deploymentType": "Cloud", "serverTime": _iso(datetime.now(UTC))})
        if path == "search/approximate-count":
            return orjson.dumps({"count": self._size})
        if path == "issue/bulkfetch":
            ids = orjson.loads(body)["issueIdsOrKeys"]
            return b'{"issues":[%b]}' % b",".join(self._issue(int(one) - FIRST_ID) for one in ids)
        fixed = {
            "myself": orjson.dumps(person(_ME, "capa-sync")),
            "field": self._fields,
            "status": self._statuses,
            "project/search": orjson.dumps({"values": [{"id": "10000", "key": "CAPA"}], "total": 1, "isLast": True}),
        }
        return fixed.get(path) or self._of_issue(method, path.split("/"), body)

    # --- searching -------------------------------------------------------------------------------------------------
    def _search(self, asked: dict[str, Any]) -> bytes:
        numbers = self._matching(asked["jql"])
        limit = min(asked.get("maxResults", 50), 5000 if asked["fields"] in (["id"], ["key"]) else 100)
        start = int(asked.get("nextPageToken", "0"))
        page = numbers[start : start + limit]
        if asked["fields"] == ["id"]:
            rows = b",".join(b'{"id":"%d"}' % (FIRST_ID + number) for number in page)
        else:
            rows = b",".join(map(self._issue, page))
        if start + limit < len(numbers):
            return b'{"issues":[%b],"nextPageToken":"%d","isLast":false}' % (rows, start + limit)
        return b'{"issues":[%b],"isLast":true}' % rows

    def _matching(self, jql: str) -> Any:
        updated, created, ids = _UPDATED.search(jql), _CREATED.search(jql), _IDS.search(jql)
        if ids:
            wanted = [int(one) - FIRST_ID for one in ids[1].split(",")]
            return [n for n in wanted if updated is None or self._updated(n) >= int(updated[1])]
        first = max(0, -(-(int(created[1]) - _ms(BORN)) // 60_000)) if created else 0
        numbers: Any = range(first, self._size)
        if updated:
            early = (int(updated[1]) - _ms(LAST_TOUCHED)) // STEP_MS + self._size
            late = set(range(max(first, early - 1), self._size)) | {n for n in self._edited if n >= first}
            numbers = sorted(n for n in late if self._updated(n) >= int(updated[1]))
        if "ORDER BY updated DESC" in jql:
            candidates = numbers if updated else {self._size - 1, *self._edited}
            return sorted(candidates, key=lambda n: (self._updated(n), n), reverse=True)
        return numbers

    def _updated(self, number: int) -> int:
        edited = self._edited.get(number)
        return edited[0] if edited else _ms(LAST_TOUCHED) - (self._size - 1 - number) * STEP_MS

    def _issue(self, number: int) -> bytes:
        updated = datetime.fromtimestamp(self._updated(number) / 1000, UTC)
        text = self._closed.get(number) or self._issues[number % POOL]
        labels = self._labels.get(number)
        if labels is not None:
            text = text.replace(b'"labels":["audit"]', b'"labels":%b' % orjson.dumps(labels))
        return text % {
            b"ID": b"%d" % (FIRST_ID + number),
            b"KEY": b"CAPA-%d" % (number + 1),
            b"CREATED": _iso(BORN + timedelta(minutes=number)).encode(),
            b"UPDATED": _iso(updated).encode(),
        }

    # --- histories -------------------------------------------------------------------------------------------------
    def _bulk(self, asked: dict[str, Any]) -> bytes:
        ids = asked["issueIdsOrKeys"]
        skip, room = int(asked.get("nextPageToken", "0")), asked.get("maxResults", 1000)
        logs, done = [], 0
        for id_ in ids:
            entries = self._entries(int(id_) - FIRST_ID)
            part = entries[max(0, skip - done) : skip + room - done]
            done += len(entries)
            if part:
                logs.append(b'{"issueId":"%b","changeHistories":[%b]}' % (id_.encode(), b",".join(part)))
            if done > skip + room:
                return b'{"issueChangeLogs":[%b],"nextPageToken":"%d"}' % (b",".join(logs), skip + room)
        return b'{"issueChangeLogs":[%b]}' % b",".join(logs)

    def _entries(self, number: int) -> list[bytes]:
        entries = self._histories[number % POOL]
        edited = self._edited.get(number)
        return [*entries, edited[1]] if edited and edited[1] else entries

    # --- edits and writes ------------------------------------------------------------------------------------------
    def _edit(self, first: int, count: int) -> int:
        """Edit some tickets now: `/edit/FIRST/COUNT`."""
        now = datetime.now(UTC)
        edit = Edit(now, "anna.lee", {"impact": ("", "None of it left the building.")})
        entry = self._painter.entry(900_000 + int(now.timestamp()), edit)
        self._edited.update({number: (_ms(now), entry) for number in range(first, first + count)})
        return 200

    def _close(self, number: int) -> int:
        """Close a ticket as it is: `/close/NUMBER`; few are ready for it."""
        now, life = datetime.now(UTC), self._lives[number % POOL]
        edit = Edit(now, "anna.lee", {"stage": (life.now["stage"], "closed")})
        closed = Life(life.born, life.now | {"stage": "closed"})
        self._closed[number] = self._painter.issue(closed, number % POOL)
        self._edited[number] = (_ms(now), self._painter.entry(900_000, edit))
        return 200

    def _of_issue(self, method: str, path: list[str], body: bytes) -> bytes | None:
        """Answer for one issue: itself, its labels, its comments, its properties."""
        if path == ["comment", "list"]:
            wanted = {str(one) for one in orjson.loads(body)["ids"]}
            return orjson.dumps(
                {"values": [c for all_ in self._comments.values() for c in all_ if c["id"] in wanted]}
            )
        if path[0] != "issue" or not path[1].isdigit():
            return None
        number, rest = int(path[1]) - FIRST_ID, path[2:]
        if rest[:1] == ["comment"]:
            return self._comment(method, number, rest[1:], body)
        if method == "GET":
            return self._issue(number)
        if not rest:
            labels = set(self._labels.get(number, ["audit"]))
            for order in orjson.loads(body)["update"]["labels"]:
                labels = labels | {order["add"]} if "add" in order else labels - {order["remove"]}
            self._labels[number] = sorted(labels)
            self._touch(number)
        return b"{}"

    def _comment(self, method: str, number: int, rest: list[str], body: bytes) -> bytes | None:
        mine = self._comments.setdefault(number, [])
        if method == "GET":
            page = {"comments": mine, "total": len(mine), "startAt": 0, "maxResults": 100}
            found = page if not rest else next((one for one in mine if one["id"] == rest[0]), None)
            return orjson.dumps(found) if found is not None else None
        told = {"id": str(9_000_000 + number), "author": person(_ME, "capa-sync"), "jsdPublic": True}
        comment = (mine[0] if mine else {}) | orjson.loads(body) | told | {"created": _iso(datetime.now(UTC))}
        mine[:] = [comment]
        self._written[number] = datetime.now(UTC).timestamp()
        self._touch(number)
        return orjson.dumps(comment)

    def _touch(self, number: int) -> None:
        """Our own writes move `updated` too."""
        told = self._edited.get(number, (0, b""))[1]
        self._edited[number] = (_ms(datetime.now(UTC)), told)


_BUILTIN = {
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
