"""Answers that leave rows out or repeat them: an empty, a short or a doubled page at one place of a cycle."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson

from capa_sync.sandbox.messages import Reply, Request

LISTS = ("issues", "values", "result", "issueChangeLogs", "comments")
_COUNTS = frozenset({"x-total-count", "link"})


def empty(rows: list[Any], _before: list[Any]) -> list[Any]:
    """Return no row at all."""
    return rows[:0]


def short(rows: list[Any], _before: list[Any]) -> list[Any]:
    """Return the page without its later half."""
    return rows[: len(rows) // 2]


def doubled(rows: list[Any], before: list[Any]) -> list[Any]:
    """Return the page before it once more; where there was none, each row twice."""
    return before or [row for row in rows for _ in range(2)]


HOWS: dict[str, tuple[Callable[[list[Any], list[Any]], list[Any]], bool]] = {
    "empty": (empty, False),
    "empty and last": (empty, True),
    "short": (short, False),
    "short and last": (short, True),
    "doubled": (doubled, False),
}
"""How a page is wrong, and whether it also says that it is the last: no token, no link, a count that fits."""


class WrongPage:
    """Spoils the answer that holds the list with the given number, counted from now.

    Attributes:
        how: it is wrong. place: the request of the spoilt list, None before that. seen: number of lists so far.
    """

    def __init__(self, at: int, how: str) -> None:
        self._left, self.how = at, how
        self._change, self._is_last = HOWS[how]
        self._before: dict[str, list[Any]] = {}
        self.place: str | None = None
        self.seen = 0

    def __call__(self, request: Request, reply: Reply) -> None:
        """Change the answer that is about to be sent when its turn has come."""
        if self.place is not None or reply.status != 200 or reply.body[:1] not in (b"{", b"["):
            return
        body = orjson.loads(reply.body)
        name = next((key for key in LISTS if isinstance(body.get(key), list)), "") if isinstance(body, dict) else ""
        rows = body[name] if name else body
        if not isinstance(rows, list):
            return
        self.seen += 1
        if self._left > 0:
            self._left -= 1
            self._before[request.path] = rows
            return
        self.place = f"{request.method} {request.target} {request.body.decode()}"
        changed = self._change(rows, self._before.get(request.path, []))
        if name:
            body[name] = changed
        else:
            body = changed
        if self._is_last:
            _end(body, reply, len(changed))
        reply.body = orjson.dumps(body)


def _end(body: Any, reply: Reply, rows: int) -> None:
    """Remove everything that announces further rows."""
    for name in [name for name in reply.headers if name.lower() in _COUNTS]:
        del reply.headers[name]
    if isinstance(body, dict):
        body.pop("nextPageToken", None)
        if "total" in body:
            body["total"] = body.get("startAt", 0) + rows
        if "isLast" in body:
            body["isLast"] = True


class InnerList:
    """Spoils the list with the given number inside an issue, or a bulk changelog: its history or its comments.

    Their count stays, but for a way that says "and last": then it is removed.

    Attributes:
        how: it is wrong. place: the request and the spoilt list, None before that. seen: number of lists so far.
    """

    def __init__(self, at: int, how: str) -> None:
        self._left, self.how = at, how
        self._change, self._is_last = HOWS[how]
        self.place: str | None = None
        self.seen = 0

    def __call__(self, request: Request, reply: Reply) -> None:
        """Change the answer that is about to be sent when its turn has come."""
        if self.place is not None or reply.status != 200 or not reply.body.startswith(b"{"):
            return
        body = orjson.loads(reply.body)
        for issue in body.get("issues", [body]):
            fields = issue.get("fields") if isinstance(issue, dict) else None
            for holder, name in (
                (issue.get("changelog"), "histories"),
                (fields.get("comment") if isinstance(fields, dict) else None, "comments"),
            ):
                if isinstance(holder, dict) and holder.get(name):
                    self._look(request, holder, name)
        for log in body.get("issueChangeLogs", ()):
            self._look(request, log, "changeHistories")
        if self.place is not None:
            reply.body = orjson.dumps(body)

    def _look(self, request: Request, holder: dict[str, Any], name: str) -> None:
        self.seen += 1
        self._left -= 1
        if self._left == -1:
            self.place = f"{request.method} {request.target} {name}"
            holder[name] = self._change(holder[name], [])
            if self._is_last:
                holder.pop("total", None)
