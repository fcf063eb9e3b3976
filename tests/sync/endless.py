"""Lists that never end: every page of one list says that more follows, for as long as it is asked for."""

from __future__ import annotations

import re
from typing import Any

import orjson

from capa_sync.sandbox.messages import Reply, Request
from tests.sync.pages import LISTS

MOST = 2_000
"""Pages after which the tracker is honest again, so that a reading that goes on ends and the test can fail."""
PLAUSIBLE, IMPOSSIBLE = 5_000, 10**12
WAYS = ("again", "growing", "empty", "impossible", "longer")
"""Page 1 for ever: with a plausible count, one that grows, one that cannot be; for ever no rows; honest rows."""
_MORE = '<http://tracker.example/api/now/table/more?sysparm_offset=1>;rel="next"'


class EndlessPages:
    """Lets the pages of the lists with a path promise more for ever.

    Attributes:
        seen: number of pages so far.
    """

    def __init__(self, path: str, way: str) -> None:
        self._path, self._way = re.compile(path), way
        self._first: dict[tuple[str, Any], list[Any]] = {}
        self._name = ""
        self.seen = 0

    def __call__(self, request: Request, reply: Reply) -> None:
        """Change the answer that is about to be sent."""
        is_list = request.method == "GET" or not request.path.endswith("/comment")
        if not is_list or not self._path.search(request.target) or self.seen > MOST:
            return
        body = orjson.loads(reply.body) if reply.body[:1] == b"{" else {}
        name = next((name for name in LISTS if isinstance(body.get(name), list)), "")
        asked = request.path, orjson.loads(request.body).get("jql") if request.body else None
        if not name and asked not in self._first:  # no list, and not refused because of a token of ours either
            return
        self.seen += 1
        self._name = name or self._name
        if body.get(name):
            self._first.setdefault(asked, body[name])
        rows = self._rows(body.get(name, []), self._first.get(asked, []))
        if self._name == "result":
            self._of_a_table(request, reply, rows)
        else:
            self._of_jira(reply, body, rows)

    def _rows(self, honest: list[Any], first: list[Any]) -> list[Any]:
        return {"empty": [], "longer": honest}.get(self._way, first)

    def _total(self, start: int, rows: int) -> int:
        known = {"again": PLAUSIBLE, "empty": PLAUSIBLE, "impossible": IMPOSSIBLE}
        return known.get(self._way, start + rows + 1)

    def _of_jira(self, reply: Reply, body: dict[str, Any], rows: list[Any]) -> None:
        start = body.get("startAt", 0)
        body |= {self._name: rows, "isLast": False, "nextPageToken": f"more {self.seen}"}
        if "total" in body:
            body["total"] = self._total(start, len(rows))
        reply.status, reply.body = 200, orjson.dumps(body)

    def _of_a_table(self, request: Request, reply: Reply, rows: list[Any]) -> None:
        reply.status, reply.body = 200, orjson.dumps({"result": rows})
        headers = {
            name: value for name, value in reply.headers.items() if name.lower() not in ("x-total-count", "link")
        }
        start = int(request.parameter("sysparm_offset") or 0) + int(request.parameter("sysparm_limit") or 0)
        count = {} if self._way == "empty" else {"X-Total-Count": str(self._total(start, len(rows)))}
        reply.headers = {**headers, **count, "Link": _MORE}
