"""Real web hooks and mail servers that answer without end, or with a redirect."""

from __future__ import annotations

import socket
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_PAUSE = 0.05
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
_DECODED = 256 * 1024 * 1024
Serve = Callable[[socket.socket, threading.Event], None]


@dataclass
class OddService:
    """A server; `asked`: what it was asked, in order, a path or "mail"; `gone`: its peers that went away."""

    port: int = 0
    asked: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    gone: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))


# --- web hooks -----------------------------------------------------------------------------------------------------
def _endless(peer: socket.socket, over: threading.Event) -> None:
    peer.sendall(_HEAD + b"\r\n")
    while not over.is_set():
        peer.sendall(b"x" * (1 << 20))


def _endless_refusal(peer: socket.socket, over: threading.Event) -> None:
    peer.sendall(b"HTTP/1.1 404 Not Found\r\n\r\n")
    while not over.is_set():
        peer.sendall(b"x" * (1 << 20))


def _endless_headers(peer: socket.socket, over: threading.Event) -> None:
    peer.sendall(_HEAD)
    while not over.wait(_PAUSE):
        peer.sendall(b"x")


def _drip(peer: socket.socket, over: threading.Event) -> None:
    peer.sendall(_HEAD + b"\r\n")
    while not over.wait(_PAUSE):
        peer.sendall(b"x")


def _interim(peer: socket.socket, over: threading.Event) -> None:
    while not over.wait(_PAUSE):
        peer.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")


@cache
def _bomb() -> bytes:
    packer = zlib.compressobj(9, wbits=31)
    block = bytes(1 << 20)
    return b"".join([*(packer.compress(block) for _ in range(_DECODED // len(block))), packer.flush()])


def _small_that_decodes_large(peer: socket.socket, over: threading.Event) -> None:
    body = _bomb()
    peer.sendall(_HEAD + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
    while not over.wait(_PAUSE):  # until the peer has gone
        peer.sendall(b"x")


LATE = {"drip": _drip, "headers": _endless_headers, "interim": _interim}
"""Web hooks whose answer only the deadline ends."""
LARGE = {"endless": _endless, "refusal": _endless_refusal, "bomb": _small_that_decodes_large}
"""Web hooks whose answer fills a memory."""


@contextmanager
def odd_hook(serve: Serve) -> Iterator[OddService]:
    """Run a web hook that takes a message and then answers so."""
    over = threading.Event()

    def answer(handler: BaseHTTPRequestHandler, service: OddService) -> None:
        with suppress(OSError):
            serve(handler.connection, over)
        service.gone.release()
        handler.close_connection = True

    with _web(answer) as service:
        try:
            yield service
        finally:
            over.set()


@contextmanager
def redirecting(status: int, place: str, page_status: int) -> Iterator[OddService]:
    """Run a web hook that takes a message and redirects; its other pages answer with `page_status`."""

    def answer(handler: BaseHTTPRequestHandler, service: OddService) -> None:
        is_hook = service.asked[-1].startswith("POST /hook")
        handler.send_response(status if is_hook else page_status)
        if is_hook:
            handler.send_header("Location", place)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    with _web(answer) as service:
        yield service


@contextmanager
def _web(answer: Callable[[BaseHTTPRequestHandler, OddService], None]) -> Iterator[OddService]:
    service = OddService()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            """Take a message."""
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self._take()

        def do_GET(self) -> None:
            """Show a page."""
            self._take()

        def _take(self) -> None:
            service.headers.append(dict(self.headers))
            service.asked.append(f"{self.command} {self.path}")
            answer(self, service)

        def log_message(self, *_arguments: object) -> None:
            """Stay silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    service.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield service
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


# --- mail servers --------------------------------------------------------------------------------------------------
def _greeting_flood(peer: socket.socket, over: threading.Event) -> None:
    while not over.is_set():
        peer.sendall(b"220-welcome %s\r\n" % (b"w" * 4000) * 200)


def _greeting_drip(peer: socket.socket, over: threading.Event) -> None:
    while not over.wait(_PAUSE):
        peer.sendall(b"220-welcome\r\n")


def _answer_flood(peer: socket.socket, over: threading.Event) -> None:
    """Take the message as any mail server, and then answer without end."""
    peer.sendall(b"220 mail.example\r\n")
    with peer.makefile("rb") as said:
        for line in said:
            if line.upper().startswith(b"DATA"):
                break
            peer.sendall(b"250 OK\r\n")
        peer.sendall(b"354 go on\r\n")
        while said.readline() not in (b".\r\n", b""):
            pass
    while not over.is_set():
        peer.sendall(b"250-taken %s\r\n" % (b"w" * 4000) * 200)


FLOODS = {"greeting": _greeting_flood, "answer": _answer_flood}
"""Mail servers whose lines fill a memory."""
greeting_drip = _greeting_drip
"""A mail server whose greeting only the deadline ends."""


@contextmanager
def odd_mail_server(serve: Serve) -> Iterator[OddService]:
    """Run a mail server that talks so."""
    service, over = OddService(), threading.Event()

    def talk(peer: socket.socket) -> None:
        with peer, suppress(OSError):
            serve(peer, over)
        service.gone.release()

    def accept() -> None:
        with suppress(OSError):
            while True:
                peer, _place = listener.accept()
                service.asked.append("mail")
                threading.Thread(target=talk, args=(peer,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        service.port = listener.getsockname()[1]
        threading.Thread(target=accept, daemon=True).start()
        try:
            yield service
        finally:
            over.set()
            listener.shutdown(socket.SHUT_RDWR)
