"""A server on loopback that answers with the bytes that a test gives, and clients of both kinds that ask it."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

from capa_sync.model.clock import SystemClock
from capa_sync.model.light import light
from capa_sync.sources.budget import Budget
from capa_sync.sources.jira.client import JiraClient
from capa_sync.sources.jira.options import JiraAuth, JiraOptions
from capa_sync.sources.retry import RetryPolicy
from capa_sync.sources.servicenow.client import TableClient
from capa_sync.sources.servicenow.options import ServiceNowAuth, ServiceNowOptions
from capa_sync.sources.transport import Limits
from tests.patience import PATIENCE

SHORTLY = 0.1
"""Seconds between two pieces of an answer, so that they arrive one after the other."""
RECORD = "a" * 32
"""The sys_id of a record of the instance."""


@light
class Asked:
    """One request: its verb and path, the number of its connection, and the cookies that it carried."""

    method: str
    path: str
    connection: int
    cookies: str = ""


Answer = Callable[[Asked], Sequence[bytes]]


class RawServer:
    """Answers each request with the pieces that `answer` returns; an empty last piece ends the connection."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.asked: list[Asked] = []
        self.quiet = threading.Event()
        """Set when all pieces of the newest answer are sent."""
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._peers: list[socket.socket] = []
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        for each in (self._listener, *self._peers):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def settle(self) -> None:
        """Wait until the newest answer is sent, and received."""
        assert self.quiet.wait(PATIENCE)
        time.sleep(SHORTLY)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                peer, _ = self._listener.accept()
                peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._peers.append(peer)
                threading.Thread(target=self._talk, args=(peer, len(self._peers)), daemon=True).start()

    def _talk(self, peer: socket.socket, number: int) -> None:
        lines = peer.makefile("rb")
        with suppress(OSError, ValueError):
            while first := lines.readline().decode():
                headers = dict(_header(line) for line in iter(lambda: lines.readline().decode().strip(), ""))
                lines.read(int(headers.get("content-length", 0)))
                method, path, _ = first.split(" ")
                asked = Asked(method, path, number, headers.get("cookie", ""))
                self.asked.append(asked)
                self.quiet.clear()
                for place, piece in enumerate(self.answer(asked)):
                    if place:
                        time.sleep(SHORTLY)
                    if not piece:
                        peer.shutdown(socket.SHUT_RDWR)
                    peer.sendall(piece)
                self.quiet.set()


def _header(line: str) -> tuple[str, str]:
    name, _, value = line.partition(":")
    return name.lower(), value.strip()


def whole(status: int, body: str, *headers: str, promised: int | None = None) -> bytes:
    """An answer with JSON; `promised` is another Content-Length than the true one."""
    length = len(body) if promised is None else promised
    head = [f"HTTP/1.1 {status} Words", "Content-Type: application/json", f"Content-Length: {length}", *headers]
    return ("\r\n".join(head) + f"\r\n\r\n{body}").encode()


def interim(status: int) -> bytes:
    """An answer before the answer."""
    return f"HTTP/1.1 {status} Words\r\nLink: </a.css>; rel=preload\r\n\r\n".encode()


def jira_client(url: str, **options: Any) -> JiraClient:
    """A signed-in session of a Jira Data Center."""
    given = {
        "auth": JiraAuth("pat", "pat-of-the-raw-server"),
        "is_instant": True,
        "limits": Limits(seconds=5.0),
        **options,
    }
    clock, stop = SystemClock(), threading.Event()
    retry = RetryPolicy("jira", clock, stop, is_instant=True)
    budget = Budget("jira", None, stop, is_instant=True)
    client = JiraClient(JiraOptions("jira", url, "project = A", **given), clock, retry, budget)
    client.is_cloud = False
    return client


def table_client(url: str, **options: Any) -> TableClient:
    """A session of a ServiceNow instance."""
    given = {
        "auth": ServiceNowAuth("basic", "u", "password-of-the-raw-server"),
        "children": (),
        "budget": "",
        "waits_are_instant": True,
        "state_field": "u_state",
        "limits": Limits(seconds=5.0),
        **options,
    }
    return TableClient(ServiceNowOptions("sn", url, "incident", **given), SystemClock(), threading.Event())
