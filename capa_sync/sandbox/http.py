"""A threaded HTTP/1.1 keep-alive server on loopback for one tracker, with planned faults, a request log and hooks."""

from __future__ import annotations

import contextlib
import logging
import socket
import ssl
import threading
from collections.abc import Callable, Iterable
from datetime import datetime
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

from capa_sync.sandbox.control import PREFIX, answer_control
from capa_sync.sandbox.faults import Fault, FaultPlan
from capa_sync.sandbox.floods import KINDS as FLOODS
from capa_sync.sandbox.floods import flood
from capa_sync.sandbox.messages import BadJsonError, Reply, Request, Tracker
from capa_sync.sandbox.request_log import Exchange, RequestLog

__all__ = ["BadJsonError", "Exchange", "Reply", "Request", "SandboxServer", "Tracker"]

_log = logging.getLogger("capa_sync.sandbox")


class SandboxServer:
    """Serves one tracker on 127.0.0.1 until it is stopped; also a context manager.

    Args:
        tracker: the tracker that answers the requests.
        port: the port to listen on; 0 takes a free one.
        tls: a server-side SSL context; with one, the url is `https://localhost:…`.
        mount: a path prefix ("/jira") in front of the tracker's own paths; requests without it get 404.
        keeps_answers: whether `requests` also stores the bodies of the answers.

    Attributes:
        faults: the fault plan.
        requests: the log of exchanges.
        before: called with each request before it is applied; may block.
        after: called with request and reply after it was applied and before the answer is sent; may block.
        crashes: exceptions that the tracker raised, which are bugs of the sandbox; tests assert that there are none.
    """

    def __init__(
        self,
        tracker: Tracker,
        port: int = 0,
        *,
        tls: ssl.SSLContext | None = None,
        mount: str = "",
        keeps_answers: bool = False,
    ) -> None:
        self.tracker = tracker
        self.mount = mount.rstrip("/")
        self.faults = FaultPlan()
        self.requests = RequestLog(keeps_answers=keeps_answers)
        self.before: list[Callable[[Request], None]] = []
        self.after: list[Callable[[Request, Reply], None]] = []
        self.crashes: list[Exception] = []
        self.stopping = threading.Event()
        self._tls = tls
        self._listener = _Listener(("127.0.0.1", port), self, tls)
        self._thread: threading.Thread | None = None

    @property
    def port(self) -> int:
        """The port that the server listens on."""
        return int(self._listener.server_address[1])

    @property
    def url(self) -> str:
        """The base address, without a trailing slash."""
        origin = f"https://localhost:{self.port}" if self._tls else f"http://127.0.0.1:{self.port}"
        return origin + self.mount

    def start(self) -> SandboxServer:
        """Start to serve on a background thread."""
        self._thread = threading.Thread(
            target=self._listener.serve_forever, kwargs={"poll_interval": 0.05}, name="sandbox", daemon=True
        )
        self._thread.start()
        return self

    def stop(self) -> None:
        """Stop the server and cut the connections that are still open."""
        self.stopping.set()
        if self._thread is not None:
            self._listener.shutdown()
            self._thread.join()
        self._listener.server_close()
        self._listener.cut_connections()

    def __enter__(self) -> SandboxServer:
        return self.start()

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.stop()

    def apply(self, request: Request) -> Reply:
        """Let the tracker answer a request; an exception is answered with 500 and stored in `crashes`."""
        try:
            return self.tracker.handle(request)
        except Exception as error:  # noqa: BLE001 - the server must answer; tests read `crashes`
            _log.exception("the sandbox tracker failed on %s %s", request.method, request.target)
            self.crashes.append(error)
            return Reply(500, {"errorMessages": ["Internal server error"], "errors": {}})


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], owner: SandboxServer, tls: ssl.SSLContext | None) -> None:
        self.owner = owner
        self._tls = tls
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        super().__init__(address, _Connection)

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._tls is not None:
            connection = self._tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        with self._lock:
            self._open.add(connection)
        return connection, address

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def cut_connections(self) -> None:
        with self._lock:
            left = list(self._open)
        for connection in left:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, _request: Any, _client: Any) -> None:
        """Log at debug level only: clients may disconnect, and `apply` catches the tracker's exceptions."""
        _log.debug("a connection ended early", exc_info=True)


class _Connection(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "sandbox"
    sys_version = ""
    wbufsize = -1  # headers and body leave in one packet
    server: _Listener

    def handle_one_request(self) -> None:
        """Read one request line, parse it, and serve it, whatever its method is."""
        self.raw_requestline = self.rfile.readline(65537)
        if not self.raw_requestline or not self.parse_request():
            self.close_connection = True
            return
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length) if length else b""
        headers = {name.lower(): value for name, value in self.headers.items()}
        _RequestService(self, Request(self.command, self.path, headers, body)).run()

    def send(self, reply: Reply, *, is_head: bool, promised: int | None = None) -> None:
        """Write an answer; `promised` announces a Content-Length other than the real one."""
        self.send_response_only(reply.status)
        now = self.server.owner.tracker.now()
        if "Date" not in reply.headers:
            self.send_header("Date", format_datetime(now, usegmt=True))
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if reply.status not in (204, 304):
            self.send_header("Content-Length", str(len(reply.body) if promised is None else promised))
        self.end_headers()
        if not is_head:
            self.wfile.write(reply.body)
        self.wfile.flush()

    def send_on(self, reply: Reply, pieces: Iterable[bytes]) -> None:
        """Write an answer of unknown length piece by piece, until it ends or the client disconnects."""
        self.close_connection = True
        self.send_response_only(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.send_header("Connection", "close")
        self.end_headers()
        with contextlib.suppress(OSError):
            for piece in pieces:
                self.wfile.write(piece)
                self.wfile.flush()

    def cut(self) -> None:
        """Close the connection without sending anything more."""
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name in the standard library
        """Log nothing: tests read the request log."""


class _RequestService:
    """Serves one request: applies its faults, calls the hooks and the tracker, and sends the answer."""

    def __init__(self, connection: _Connection, request: Request) -> None:
        self.connection = connection
        self.owner = connection.server.owner
        self.request = request

    def run(self) -> None:
        owner, sent = self.owner, self.request
        if sent.path.startswith(PREFIX):
            control = answer_control(sent, owner.tracker, owner.faults, owner.requests)
            self.connection.send(control, is_head=False)
            return
        at = owner.tracker.clock.now()
        faults = owner.faults.take(sent.method, sent.target, sent.body)
        self._wait(owner.faults.latency + sum(f.seconds for f in faults if f.kind == "delay"))
        fault = next((f for f in faults if not f.kind.startswith("delay")), None)
        for hook in owner.before:
            hook(sent)
        reply = self._reply(fault)
        if reply is not None:
            for after in owner.after:
                after(sent, reply)
        self._wait(sum(f.seconds for f in faults if f.kind == "delay_after"))
        self._answer(reply, fault, at)

    def _wait(self, seconds: float) -> None:
        if seconds > 0:
            self.owner.stopping.wait(seconds)

    def _reply(self, fault: Fault | None) -> Reply | None:
        if fault is not None:
            if fault.kind == "drop_before":
                return None
            canned = fault.canned()
            if canned is not None:
                return canned
        reply = self.owner.apply(self._unmounted())
        if fault is not None and fault.kind == "status_after":
            return Reply(fault.status or 500, text=fault.answer or "Internal Server Error", headers=fault.headers)
        return fault.malform(reply) if fault is not None and fault.kind == "malformed" else reply

    def _unmounted(self) -> Request:
        sent, mount, scheme = self.request, self.owner.mount, self.owner.url.partition(":")[0]
        if not mount and scheme == "http":
            return sent
        target = sent.target.removeprefix(mount)
        headers = {**sent.headers, "x-forwarded-prefix": mount, "x-forwarded-proto": scheme}
        lacks_mount = mount and target == sent.target
        return Request(sent.method, "/outside" if lacks_mount else target, headers, sent.body)

    def _answer(self, reply: Reply | None, fault: Fault | None, at: datetime) -> None:
        kind = fault.kind if fault else ""
        is_lost = reply is None or kind == "drop_after"
        # logged before it is sent: a client that has its answer finds the request in the log
        self.owner.requests.add(
            at,
            self.request,
            0 if is_lost or reply is None else reply.status,
            fault=kind,
            answer=b"" if reply is None else reply.body,
            answer_headers={} if reply is None else reply.headers,
        )
        if is_lost or reply is None:
            self.connection.cut()
            return
        if fault is not None and kind in FLOODS:
            self.connection.send_on(*flood(reply, fault, self.owner.stopping.wait))
            return
        sent: Reply = reply
        promised: int | None = None
        if kind.startswith("truncate"):
            promised = len(reply.body) if kind == "truncate_closed" else None
            sent = Reply(reply.status, content=reply.body[: len(reply.body) // 2], headers=reply.headers)
        self.connection.send(sent, is_head=self.request.method == "HEAD", promised=promised)
        if promised is not None:
            self.connection.cut()
