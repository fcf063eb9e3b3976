"""The log of a sandbox server's requests and answers, for tests."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from capa_sync.sandbox.messages import Request


@dataclass(frozen=True)
class Exchange:
    """One request and its answer.

    Attributes:
        number: counts from 1 since the start of the server or the last reset of the log.
        at: when the request arrived, by the tracker's clock.
        request: the request as read, with credentials and cookies masked.
        status: the status sent; 0 when the connection was cut.
        fault: the kind of the planned fault that applied, "" for none.
        answer: the body sent; None unless the log keeps answers.
    """

    number: int
    at: datetime
    request: Request
    status: int
    fault: str = ""
    answer: bytes | None = None
    answer_headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def method(self) -> str:
        """The request's method."""
        return self.request.method

    @property
    def path(self) -> str:
        """The request's decoded path."""
        return self.request.path

    @property
    def query(self) -> dict[str, list[str]]:
        """The request's query parameters."""
        return self.request.query

    @property
    def body(self) -> bytes:
        """The request's body."""
        return self.request.body

    @property
    def is_write(self) -> bool:
        """Whether the method may change something (includes a search by POST)."""
        return self.method in ("POST", "PUT", "PATCH", "DELETE")

    def as_json(self) -> dict[str, Any]:
        """The exchange for `GET /_sandbox/requests`."""
        return {
            "number": self.number,
            "at": self.at.isoformat(),
            "method": self.method,
            "target": self.request.target,
            "path": self.path,
            "query": self.query,
            "headers": dict(self.request.headers),
            "body": self.body.decode("utf-8", "replace"),
            "status": self.status,
            "fault": self.fault,
        }


class RequestLog:
    """The exchanges of one server, oldest first; the log holds the newest 20,000.

    Args:
        keeps_answers: whether to keep the bodies of the answers too (costs memory; contract tests need them).
    """

    def __init__(self, *, keeps_answers: bool = False) -> None:
        self._lock = threading.Lock()
        self._entries: deque[Exchange] = deque(maxlen=20_000)
        self._count = 0
        self.keeps_answers = keeps_answers

    def add(
        self,
        at: datetime,
        request: Request,
        status: int,
        *,
        fault: str = "",
        answer: bytes = b"",
        answer_headers: Mapping[str, str] | None = None,
    ) -> None:
        """Add one exchange."""
        body = answer if self.keeps_answers else None
        masked = Request(request.method, request.target, _masked(request.headers), request.body)
        with self._lock:
            self._count += 1
            entry = Exchange(self._count, at, masked, status, fault, body, dict(answer_headers or {}))
            self._entries.append(entry)

    def reset(self) -> None:
        """Remove all entries and count from 1 again."""
        with self._lock:
            self._entries.clear()
            self._count = 0

    def __iter__(self) -> Iterator[Exchange]:
        with self._lock:
            return iter(list(self._entries))

    def __len__(self) -> int:
        with self._lock:
            return len(self._entries)

    def __getitem__(self, index: int) -> Exchange:
        with self._lock:
            return self._entries[index]


def _masked(headers: Mapping[str, str]) -> dict[str, str]:
    secret = {"authorization", "cookie", "x-sn-apikey", "proxy-authorization"}
    return {name: (_scheme(value) if name in secret else value) for name, value in headers.items()}


def _scheme(value: str) -> str:
    scheme, space, _secret = value.partition(" ")
    return f"{scheme} ***" if space else "***"
