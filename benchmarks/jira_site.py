"""A generated Jira Cloud site: it answers searches, bulk requests and writes for any number of tickets.

Search answers contain no changelog, pages end at 100 issues and bulk changelogs at 10,000 entries, as in Cloud
(docs/jira.md 1.1, 3). The site accepts comments and labels, so that warnings can be written.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import orjson

from benchmarks.jira_paint import BUILTIN, ME, iso, person
from benchmarks.jira_tickets import FIRST_ID, GeneratedTickets
from benchmarks.served import Answer

_HEADERS = f"X-AACCOUNTID: {ME}\r\n".encode()
_UPDATED = re.compile(r"updated >= (\d+)")
_CREATED = re.compile(r"created >= (\d+)")
_IDS = re.compile(r"(?:id|issuekey) in \(([\d, ]+)\)")
_PROJECTS = {"values": [{"id": "10000", "key": "CAPA"}], "total": 1, "isLast": True}


class GeneratedJira:
    """The answers of a Jira Cloud site with these tickets."""

    def __init__(self, tickets: GeneratedTickets) -> None:
        self._tickets = tickets
        self._properties: dict[tuple[int, str], bytes] = {}
        painter = self._tickets.painter
        fields = [
            *painter.fields,
            *({"id": name, "name": shown, "custom": False} for name, shown in BUILTIN.items()),
            *({"id": f"customfield_{11_000 + n}", "name": f"Spare {n}", "custom": True} for n in range(60)),
        ]
        self._fixed = {
            "myself": orjson.dumps(person(ME, "capa-sync")),
            "field": orjson.dumps(fields),
            "status": orjson.dumps(painter.statuses),
            "project/search": orjson.dumps(_PROJECTS),
            "search/approximate-count": orjson.dumps({"count": tickets.size}),
        }

    def answer(self, method: str, target: str, body: bytes) -> Answer:
        """Answer one request."""
        path, _question, _query = target.partition("?")
        path = path.removeprefix("/rest/api/3/").removeprefix("/rest/api/2/")
        content = self._control(path) or self._read(path, body) or self._of_issue(method, path.split("/"), body)
        if content is None:
            return 404, b'{"errorMessages":["not served"]}', _HEADERS
        return (201 if method == "POST" and path.endswith("/comment") else 200), content, _HEADERS

    def _control(self, path: str) -> bytes | None:
        """Execute a command of a benchmark: `edit/FIRST/COUNT`, `close/NUMBER`, `written`."""
        command, *numbers = path.split("/")
        if command == "edit":
            self._tickets.edit(*map(int, numbers))
        elif command == "close":
            self._tickets.close(int(numbers[0]))
        elif command == "written":
            return orjson.dumps({str(number): at for number, at in self._tickets.written.items()})
        else:
            return None
        return b"{}"

    def _read(self, path: str, body: bytes) -> bytes | None:
        if path == "search/jql":
            return self._search(orjson.loads(body))
        if path == "changelog/bulkfetch":
            return self._bulk(orjson.loads(body))
        if path == "issue/bulkfetch":
            ids = orjson.loads(body)["issueIdsOrKeys"]
            return b'{"issues":[%b]}' % b",".join(self._tickets.issue(int(id_) - FIRST_ID) for id_ in ids)
        if path == "serverInfo":
            return orjson.dumps({"deploymentType": "Cloud", "serverTime": iso(datetime.now(UTC))})
        return self._fixed.get(path)

    # --- searching -------------------------------------------------------------------------------------------------
    def _search(self, asked: dict[str, Any]) -> bytes:
        numbers = self._matching(asked["jql"])
        limit = min(asked.get("maxResults", 50), 5000 if asked["fields"] in (["id"], ["key"]) else 100)
        start = int(asked.get("nextPageToken", "0"))
        page = numbers[start : start + limit]
        if asked["fields"] == ["id"]:
            rows = b",".join(b'{"id":"%d"}' % (FIRST_ID + number) for number in page)
        else:
            rows = b",".join(map(self._tickets.issue, page))
        if start + limit < len(numbers):
            return b'{"issues":[%b],"nextPageToken":"%d","isLast":false}' % (rows, start + limit)
        return b'{"issues":[%b],"isLast":true}' % rows

    def _matching(self, jql: str) -> Sequence[int]:
        updated, created, ids = _UPDATED.search(jql), _CREATED.search(jql), _IDS.search(jql)
        since = int(updated[1]) if updated else None
        tickets = self._tickets
        if ids:
            wanted = [int(id_) - FIRST_ID for id_ in ids[1].split(",")]
            return [n for n in wanted if since is None or tickets.updated(n) >= since]
        first = self._tickets.created_since(int(created[1])) if created else 0
        numbers = range(first, tickets.size) if since is None else tickets.touched_since(since, first)
        if "ORDER BY updated DESC" in jql:
            candidates = tickets.newest() if since is None else numbers
            return sorted(candidates, key=lambda n: (tickets.updated(n), n), reverse=True)
        return numbers

    def _bulk(self, asked: dict[str, Any]) -> bytes:
        skip, room = int(asked.get("nextPageToken", "0")), asked.get("maxResults", 1000)
        logs, done = [], 0
        for id_ in asked["issueIdsOrKeys"]:
            entries = self._tickets.entries(int(id_) - FIRST_ID)
            part = entries[max(0, skip - done) : skip + room - done]
            done += len(entries)
            if part:
                logs.append(b'{"issueId":"%b","changeHistories":[%b]}' % (id_.encode(), b",".join(part)))
            if done > skip + room:
                return b'{"issueChangeLogs":[%b],"nextPageToken":"%d"}' % (b",".join(logs), skip + room)
        return b'{"issueChangeLogs":[%b]}' % b",".join(logs)

    # --- one issue -------------------------------------------------------------------------------------------------
    def _of_issue(self, method: str, path: list[str], body: bytes) -> bytes | None:
        """Answer a request for one issue: the issue, its labels, comments or properties."""
        if path == ["comment", "list"]:
            wanted = {str(id_) for id_ in orjson.loads(body)["ids"]}
            comments = [comment for comment in self._tickets.all_comments() if comment["id"] in wanted]
            return orjson.dumps({"values": comments})
        if path[0] != "issue" or not path[1].isdigit():
            return None
        number, rest = int(path[1]) - FIRST_ID, path[2:]
        if rest[:1] == ["comment"]:
            return self._comment(method, number, rest[1:], body)
        if rest[:1] == ["properties"]:
            return self._property(method, number, rest[1], body)
        if method == "GET":
            return self._tickets.issue(number)
        if not rest:
            self._tickets.label(number, orjson.loads(body)["update"]["labels"])
        return b"{}"

    def _property(self, method: str, number: int, key: str, body: bytes) -> bytes | None:
        if method == "PUT":
            self._properties[number, key] = body
            return b"{}"
        value = self._properties.get((number, key))
        return None if value is None else b'{"key":"%b","value":%b}' % (key.encode(), value)

    def _comment(self, method: str, number: int, rest: list[str], body: bytes) -> bytes | None:
        if method != "GET":
            return orjson.dumps(self._tickets.comment(number, orjson.loads(body)))
        mine = self._tickets.comments(number)
        page = {"comments": mine, "total": len(mine), "startAt": 0, "maxResults": 100}
        found = page if not rest else next((comment for comment in mine if comment["id"] == rest[0]), None)
        return orjson.dumps(found) if found is not None else None
