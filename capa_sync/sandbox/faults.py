"""Planned faults: what a network, a proxy or an overloaded tracker can do to a request."""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import format_datetime
from http import HTTPStatus
from typing import Any

from capa_sync.sandbox.malformed import SHAPES
from capa_sync.sandbox.messages import Reply

KINDS = {
    "answer": "answer `status`, `headers` and the text `answer` without asking the tracker",
    "rate_limit": "answer 429 with `reason` and `retry_after` (seconds, an ISO instant for an HTTP date, none)",
    "html": "answer 200 with a sign-in page in HTML",
    "proxy_error": "answer `status` (502) with a proxy's HTML error page",
    "drop_before": "cut the connection before the request is applied",
    "drop_after": "apply the request, cut the connection; the answer is lost",
    "status_after": "apply the request, but answer `status` (500)",
    "truncate": "cut the answer short with a matching Content-Length, so that only its JSON is broken",
    "truncate_closed": "announce the full Content-Length, send half, close",
    "endless": "apply the request, answer `status` (200) and a body of blanks that never ends",
    "bomb": "apply the request, answer `status` (200) and 64 MB of blanks packed into 64 kB",
    "drip": "apply the request, send the answer byte by byte, one each `seconds`",
    "malformed": "apply the request, answer what `shape` (of malformed.SHAPES) makes of its answer",
    "delay": "wait `seconds` before the request is applied",
    "delay_after": "wait `seconds` after the request was applied, before the answer",
}
_LOGIN_PAGE = (
    "<!DOCTYPE html><html><head><title>Log in</title></head><body><form>Sign in to continue</form></body></html>"
)
_PROXY_PAGE = (
    "<html><head><title>{status} Bad Gateway</title></head>"
    "<body><center><h1>{status} Bad Gateway</h1></center><hr><center>nginx/1.24.0</center></body></html>"
)


@dataclass
class Fault:
    """One planned fault.

    Attributes:
        kind: a key of `KINDS`.
        method: regular expression for the whole method.
        path: regular expression searched in the target, path and query string as sent.
        body: regular expression searched in the request body; an empty one matches all.
        times: how many matching requests the fault applies to; None means all.
        after: how many matching requests pass before the fault applies.
    """

    kind: str
    method: str = ".*"
    path: str = ""
    body: str = ""
    times: int | None = 1
    after: int = 0
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    answer: str = ""
    shape: str = ""
    reason: str | None = None
    retry_after: float | str | datetime | None = None
    seconds: float = 0.0
    hits: int = 0

    def matches(self, method: str, target: str, body: bytes) -> bool:
        """Whether the fault's expressions match a request."""
        return (
            re.fullmatch(self.method, method) is not None
            and re.search(self.path, target) is not None
            and (not self.body or re.search(self.body.encode(), body) is not None)
        )

    def canned(self) -> Reply | None:
        """Return the answer that replaces the tracker's, or None when the kind replaces none."""
        if self.kind == "answer":
            kind = {"Content-Type": "application/json"} if self.answer[:1] in ("{", "[") else {}
            return Reply(self.status or 500, text=self.answer, headers={**kind, **self.headers})
        if self.kind == "rate_limit":
            return Reply(429, text=self.answer or "Rate limit exceeded", headers=self._rate_headers())
        if self.kind == "html":
            return Reply(self.status or 200, text=self.answer or _LOGIN_PAGE, headers=self.headers)
        if self.kind == "proxy_error":
            status = self.status or 502
            return Reply(status, text=_PROXY_PAGE.format(status=status), headers=self.headers)
        return None

    def malform(self, reply: Reply) -> Reply:
        """Return the answer in the planned malformed shape, an error answer too; its status stays."""
        headers = {name: value for name, value in reply.headers.items() if name.lower() != "content-encoding"}
        return Reply(
            HTTPStatus.OK if reply.status == HTTPStatus.NO_CONTENT else reply.status,
            content=SHAPES[self.shape](reply.body),
            headers={**headers, "Content-Type": "application/json;charset=UTF-8"},
        )

    def _rate_headers(self) -> dict[str, str]:
        found = dict(self.headers)
        if self.reason:
            found["RateLimit-Reason"] = self.reason
        wait = self.retry_after
        if isinstance(wait, str) and not re.fullmatch(r"[\d.]+", wait):
            wait = datetime.fromisoformat(wait)
        if isinstance(wait, datetime):
            found["Retry-After"] = format_datetime(wait, usegmt=True)
        elif wait is not None:
            found["Retry-After"] = f"{wait:g}" if isinstance(wait, float) else str(wait)
        return found


class FaultPlan:
    """The planned faults of one server; each request is checked against them in the order they were added."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []
        self.latency = 0.0
        """Seconds by which every answer is delayed."""

    def add(self, kind: str, match: tuple[str, str] = (".*", ""), **options: Any) -> Fault:
        """Plan one fault.

        Args:
            kind: a key of `KINDS`.
            match: regular expressions for method (whole) and target (searched).
            options: fields of `Fault`.

        Raises:
            ValueError: the kind or an option is unknown, or an expression does not compile.
        """
        if kind not in KINDS:
            message = f"unknown fault kind {kind!r}; known: {', '.join(KINDS)}"
            raise ValueError(message)
        if kind == "malformed" and options.get("shape") not in SHAPES:
            message = f"unknown shape {options.get('shape')!r}; known: {', '.join(SHAPES)}"
            raise ValueError(message)
        try:
            fault = Fault(kind, *match, **options)
            re.compile(fault.method), re.compile(fault.path), re.compile(fault.body)
        except (TypeError, re.error) as error:
            raise ValueError(str(error)) from error
        with self._lock:
            self._faults.append(fault)
        return fault

    def add_from(self, order: Mapping[str, Any]) -> Fault:
        """Plan a fault that is given as JSON: an object with the fields of `Fault`."""
        options = dict(order)
        kind = str(options.pop("kind", ""))
        match = (str(options.pop("method", ".*")), str(options.pop("path", "")))
        return self.add(kind, match, **options)

    def clear(self) -> None:
        """Remove all faults and the latency."""
        with self._lock:
            self._faults.clear()
        self.latency = 0.0

    def pending(self) -> list[Fault]:
        """Return the faults that can still apply to a request."""
        with self._lock:
            return [f for f in self._faults if f.times is None or f.hits < f.after + f.times]

    def take(self, method: str, target: str, body: bytes) -> list[Fault]:
        """Count the request and return the faults that apply to it: any delays and at most one other."""
        taken: list[Fault] = []
        with self._lock:
            for fault in self._faults:
                is_delay = fault.kind.startswith("delay")
                if not is_delay and any(not f.kind.startswith("delay") for f in taken):
                    continue
                if fault.matches(method, target, body) and self._count(fault):
                    taken.append(fault)
        return taken

    @staticmethod
    def _count(fault: Fault) -> bool:
        if fault.times is not None and fault.hits >= fault.after + fault.times:
            return False
        fault.hits += 1
        return fault.hits > fault.after
