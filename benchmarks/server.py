"""A small HTTP server that answers from memory, as fast as one Python process can, with an optional latency.

It runs in its own process: `python -m benchmarks.server KIND --tickets N [--latency S]`. The first line that it
prints is its port.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Callable
from email.utils import formatdate
from typing import Any

from benchmarks.served import Answer, ServedSite

_HEAD = b"HTTP/1.1 %d OK\r\nContent-Type: application/json;charset=UTF-8\r\nContent-Length: %d\r\nDate: %b\r\n%b\r\n"


class Connection(asyncio.Protocol):
    """One keep-alive connection; requests are answered in order."""

    def __init__(self, site: ServedSite, latency: float, count: Callable[[], None]) -> None:
        self._site = site
        self._latency = latency
        self._count = count
        self._buffer = b""
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport, for the answers."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer every complete request in the buffer."""
        self._buffer += data
        while True:
            head, found, rest = self._buffer.partition(b"\r\n\r\n")
            if not found:
                return
            length = _length(head)
            if len(rest) < length:
                return
            self._buffer = rest[length:]
            method, target, _version = head.split(b"\r\n", 1)[0].decode("latin-1").split(" ")
            self._answer(method, target, rest[:length])

    def _answer(self, method: str, target: str, body: bytes) -> None:
        self._count()
        status, content, extra = self._site.answer(method, target, body)
        values = (status, len(content), formatdate(usegmt=True).encode(), extra)
        head = _HEAD % values
        if self._latency:
            asyncio.get_running_loop().call_later(self._latency, self._transport.writelines, [head, content])
        else:
            self._transport.writelines([head, content])


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n")[1:]:
        name, _colon, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0


class _Counted:
    """A site that also counts its requests; `GET /count` returns the count and resets it."""

    def __init__(self, site: ServedSite) -> None:
        self._site = site
        self.requests = 0

    def count(self) -> None:
        """Count one request."""
        self.requests += 1

    def answer(self, method: str, target: str, body: bytes) -> Answer:
        """Answer `/count`, or pass the request on to the site."""
        if target == "/count":
            count, self.requests = self.requests - 1, 0
            return 200, b"%d" % count, b""
        return self._site.answer(method, target, body)


async def _serve(site: ServedSite, latency: float) -> None:
    counted = _Counted(site)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(counted, latency, counted.count), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


KINDS = ("jira", "jira-large", "jira-dc-large", "servicenow")
"""The generated trackers; `large`: tickets as large as real ones."""


def main() -> None:
    """Serve until the process is killed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("--tickets", type=int, required=True)
    parser.add_argument("--latency", type=float, default=0.0)
    given = parser.parse_args()
    if given.kind == "jira":
        from benchmarks.jira_site import GeneratedJira
        from benchmarks.jira_tickets import GeneratedTickets

        site: ServedSite = GeneratedJira(GeneratedTickets(given.tickets))
    elif given.kind == "jira-large":
        from benchmarks.jira_large import LargeTickets
        from benchmarks.jira_site import GeneratedJira

        site = GeneratedJira(LargeTickets(given.tickets))
    elif given.kind == "jira-dc-large":
        from benchmarks.jira_datacenter import GeneratedDataCenter
        from benchmarks.jira_large import LargeTickets

        site = GeneratedDataCenter(LargeTickets(given.tickets))
    else:
        from benchmarks.servicenow_site import GeneratedServiceNow

        site = GeneratedServiceNow(given.tickets)
    try:
        asyncio.run(_serve(site, given.latency))
    except KeyboardInterrupt:
        sys.exit(0)


if __name__ == "__main__":
    main()
