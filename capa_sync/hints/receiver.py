"""The listener: a small HTTP server on loopback, with a limit on everything that a stranger could make large."""

from __future__ import annotations

import ipaddress
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from capa_sync.errors import Problem, SettingsError
from capa_sync.hints.guard import REFUSED, HintGuard

LONGEST_BODY = 1 << 20
"""Largest size of a hint in bytes; a Jira webhook contains the whole issue, of which we read the id."""
MOST_CONNECTIONS = 64
"""Largest number of connections at the same time; a further one is closed at once."""
DEADLINE = 10.0
"""Seconds from the first byte of a request until it is cut."""


class HintReceiver:
    """Listens on `ADDRESS:PORT` from `start` until `stop`; port 0 takes a free one.

    A proxy in front of it provides TLS, since Jira Cloud requires a publicly trusted certificate.

    Raises:
        SettingsError: the address is not on loopback, malformed, or in use.
    """

    def __init__(self, guard: HintGuard, listen: str) -> None:
        self.guard = guard
        self._server = _bound(guard, listen)
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """The base address."""
        host, port = self._server.server_address[:2]
        return f"http://{host!s}:{port}"

    def start(self) -> None:
        """Begin to listen, on a new thread."""
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.25}, name="hints", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Stop within a second; a second call has no effect."""
        if self._thread is not None:
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], guard: HintGuard) -> None:
        self.guard = guard
        self._lock = threading.Lock()
        self._open: dict[Any, float] = {}
        super().__init__(address, _HintRequest)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._lock:
            is_full = len(self._open) >= MOST_CONNECTIONS
            if not is_full:
                self._open[request] = time.monotonic()
        if is_full:
            self.guard.count("refused")
            self.shutdown_request(request)
        else:
            super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._open.pop(request, None)
        super().shutdown_request(request)

    def service_actions(self) -> None:
        """Cut requests that take too long, even if bytes still arrive."""
        oldest = time.monotonic() - DEADLINE
        with self._lock:
            late = [request for request, began in self._open.items() if began < oldest]
        for request in late:
            _cut(request)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 - the standard library's
        """Count instead of printing a traceback: a client that cuts connections must not fill our log."""
        self.guard.count("refused")


class _HintRequest(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    timeout = 5.0

    def do_POST(self) -> None:
        """Receive one hint."""
        length = self.headers.get("Content-Length", "")
        if not self.server.guard.knows(self.path):
            self._refuse(REFUSED)
        elif not (length.isascii() and length.isdigit()) or self.headers.get("Transfer-Encoding"):
            self._refuse(411)
        elif len(length) > 9 or int(length) > LONGEST_BODY:
            self._refuse(413)
        else:
            body = self.rfile.read(int(length))
            whole = len(body) == int(length)
            self._answer(self.server.guard.admit(self.path, self._header, body) if whole else 400)

    def _header(self, name: str) -> str:
        return str(self.headers.get(name, ""))

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:  # noqa: ARG002
        """Refuse a request that is no POST or no HTTP; the answer repeats nothing of the request."""
        self._refuse(int(code))

    def _refuse(self, status: int) -> None:
        self.server.guard.count("refused")
        self._answer(status)

    def _answer(self, status: int) -> None:
        self.close_connection = True
        self.send_response_only(status)
        self.send_header("Content-Length", "0")
        self.send_header("Connection", "close")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name in the standard library
        """Log nothing: the daemon logs the counts from time to time."""


def _bound(guard: HintGuard, listen: str) -> _Server:
    host, _, port = listen.rpartition(":")
    try:
        address = ipaddress.ip_address("127.0.0.1" if host == "localhost" else host)
    except ValueError:
        address = None
    if address is None or address.version != 4 or not address.is_loopback or not port.isdigit() or int(port) > 65535:
        hint = 'write "127.0.0.1:8766"; a proxy with TLS on this host passes hints on, see deploy/README.md'
        raise SettingsError([Problem("", 0, f"[hints] listen = '{listen}' is no address and port on loopback", hint)])
    try:
        return _Server((str(address), int(port)), guard)
    except OSError as error:
        what = f"cannot listen for hints on {listen}: {error.strerror}"
        raise SettingsError([Problem("", 0, what, "choose another port in [hints] listen")]) from None


def _cut(request: Any) -> None:
    try:
        request.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # it has ended meanwhile
