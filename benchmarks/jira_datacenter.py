"""The generated Jira as a Data Center: pages by offset, each issue contains its whole history."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import orjson

from benchmarks.jira_paint import ME, iso
from benchmarks.jira_site import GeneratedJira
from benchmarks.jira_tickets import FIRST_ID
from benchmarks.served import Answer

_HEADERS = f"X-AUSERNAME: {ME}\r\n".encode()
_PAGE = 1000
"""Most tickets of a page: the default of `jira.search.views.default.max`."""
_ME = {"key": ME, "name": ME, "displayName": "capa-sync", "active": True, "timeZone": "UTC"}


class GeneratedDataCenter(GeneratedJira):
    """The answers of a Jira Data Center with these tickets."""

    def answer(self, method: str, target: str, body: bytes) -> Answer:
        """Answer one request."""
        path = target.partition("?")[0].removeprefix("/rest/api/2/")
        if path == "search":
            return 200, self._page(orjson.loads(body)), _HEADERS
        if path == "myself":
            return 200, orjson.dumps(_ME), _HEADERS
        if path == "serverInfo":
            return 200, orjson.dumps({"deploymentType": "Server", "serverTime": iso(datetime.now(UTC))}), _HEADERS
        if path == "project":
            return 200, b'[{"id":"10000","key":"CAPA"}]', _HEADERS
        words = path.split("/")
        if method == "GET" and len(words) == 2 and words[0] == "issue":
            return 200, self._whole(int(words[1]) - FIRST_ID), _HEADERS
        status, content, _ = super().answer(method, target, body)
        return status, content, _HEADERS

    def _page(self, asked: dict[str, Any]) -> bytes:
        numbers = self._matching(asked["jql"])
        start, limit = asked.get("startAt", 0), min(asked.get("maxResults", 50), _PAGE)
        page = numbers[start : start + limit]
        if asked["fields"] == ["id"]:
            rows = [b'{"id":"%d"}' % (FIRST_ID + number) for number in page]
        else:
            paint = self._whole if asked.get("expand") else self._tickets.issue
            rows = [paint(number) for number in page]
        place = (start, limit, len(numbers), b",".join(rows))
        return b'{"startAt":%d,"maxResults":%d,"total":%d,"issues":[%b]}' % place

    def _whole(self, number: int) -> bytes:
        entries = self._tickets.entries(number)
        log = b'"changelog":{"startAt":0,"maxResults":%d,"total":%d,"histories":[%b]},' % (
            len(entries),
            len(entries),
            b",".join(entries),
        )
        return b"{" + log + self._tickets.issue(number)[1:]
