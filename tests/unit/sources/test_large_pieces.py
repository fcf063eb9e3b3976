"""Answers read in large pieces, over real HTTP: the same bodies and the same faults as with requests alone."""

from __future__ import annotations

import gzip
import random
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import pytest
import requests

from capa_sync.sources.transport import Limits, hold_to
from tests.patience import PATIENCE

MANY = random.Random(7).randbytes(5 * 1024 * 1024 + 3)  # noqa: S311 - the same at each run
"""Incompressible bytes of more than one piece, and not a whole number of pieces."""
WORDS = '{"größe": "' + "a corrective action " * 100_000 + '"}'
BODIES = {
    "/few": b'{"total": 1}',
    "/one-piece": MANY[: 1024 * 1024],
    "/many": MANY,
    "/empty": b"",
    "/words": WORDS.encode(),
}


class _Handler(BaseHTTPRequestHandler):
    """Serves the body of a path: plain, packed, in chunks, or with another end than announced."""

    protocol_version = "HTTP/1.1"
    callers: ClassVar[set[object]] = set()

    def do_GET(self) -> None:
        """Answer the request."""
        self.callers.add(self.client_address)
        path, _, how = self.path.partition("?")
        if path == "/moved":
            self._head(302, {"Location": "/many", "Content-Length": "0"})
            return
        body = BODIES[path]
        if how in ("gzip", "gzip-short", "gzip-spoilt"):
            body = gzip.compress(body)
            body = body[:10] + b"\xff" * 10 + body[20:] if how == "gzip-spoilt" else body
        packed = {"Content-Encoding": "gzip"} if how.startswith("gzip") else {}
        if how.startswith("chunks"):
            self._chunks(body, is_cut=how == "chunks-short")
            return
        self._head(503 if how == "busy" else 200, {"Content-Length": str(len(body)), **packed})
        if how.endswith("short"):
            self.wfile.write(body[:-7])
            self.close_connection = True
        else:
            self.wfile.write(body)

    do_HEAD = do_GET  # noqa: N815 - a name of the library's

    def _head(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def _chunks(self, body: bytes, *, is_cut: bool) -> None:
        self._head(200, {"Transfer-Encoding": "chunked"})
        for start in range(0, len(body), 700_000):
            piece = body[start : start + 700_000]
            self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
        if not is_cut:
            self.wfile.write(b"0\r\n\r\n")
        self.close_connection = is_cut

    def log_message(self, *_: object) -> None:
        """Print nothing."""


class _Server(ThreadingHTTPServer):
    """A server that ignores a client that closes the connection."""

    def handle_error(self, *_: object) -> None:
        """Print nothing: only the client's report matters."""


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """Return the address of a server that serves the bodies above."""
    with _Server(("127.0.0.1", 0), _Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join(timeout=PATIENCE)


@pytest.fixture
def plain() -> Iterator[requests.Session]:
    """Return a session as requests makes it."""
    with requests.Session() as made:
        yield made


@pytest.fixture
def session() -> Iterator[requests.Session]:
    """Return a session that reads bodies in large pieces."""
    with requests.Session() as made:
        yield hold_to(made, "sn", Limits())


@pytest.mark.parametrize("how", ["", "gzip", "chunks", "busy"])
@pytest.mark.parametrize("path", list(BODIES))
def test_a_body_is_the_same_however_it_comes(session: requests.Session, url: str, path: str, how: str) -> None:
    """The body may have any size, be packed or in chunks, have any status, and be requested again."""
    answer = session.get(f"{url}{path}?{how}")
    assert answer.status_code == (503 if how == "busy" else 200)
    assert answer.content == BODIES[path]
    assert answer.content == BODIES[path]


def test_texts_and_json_are_read_from_it(session: requests.Session, url: str) -> None:
    """The clients of the trackers read answers this way."""
    assert session.get(f"{url}/few").json() == {"total": 1}
    assert session.get(f"{url}/words?gzip").json() == {"größe": "a corrective action " * 100_000}
    assert session.get(f"{url}/few?chunks").text == '{"total": 1}'
    with pytest.raises(requests.exceptions.JSONDecodeError):
        session.get(f"{url}/empty").json()


@pytest.mark.parametrize("path", ["/many", "/few"])
@pytest.mark.parametrize("how", ["short", "gzip-short", "gzip-spoilt", "chunks-short"])
def test_an_incomplete_body_is_the_fault_that_requests_reports(
    session: requests.Session, plain: requests.Session, url: str, path: str, how: str
) -> None:
    """A connection lost in the middle gives no half answer, but a fault after which the request may be sent again."""
    faults: list[type[Exception]] = []
    for sender in (session, plain):
        with pytest.raises(requests.RequestException) as caught:
            sender.get(f"{url}{path}?{how}")
        faults.append(caught.type)
    assert faults[0] is faults[1]
    assert issubclass(faults[0], requests.exceptions.ChunkedEncodingError | requests.exceptions.ContentDecodingError)


def test_after_a_fault_the_session_goes_on(session: requests.Session, url: str) -> None:
    """The next request has a connection of its own."""
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        session.get(f"{url}/many?short")
    assert session.get(f"{url}/many").content == MANY


def test_a_redirect_is_followed_to_its_body(session: requests.Session, url: str) -> None:
    """The answers on the way have bodies, too."""
    answer = session.get(f"{url}/moved")
    assert answer.content == MANY
    assert [redirect.status_code for redirect in answer.history] == [302]


def test_a_connection_is_used_again(session: requests.Session, url: str) -> None:
    """A body that was read to its end releases its connection."""
    _Handler.callers.clear()
    for _ in range(3):
        session.get(f"{url}/many")
        session.get(f"{url}/empty?gzip")
        session.head(f"{url}/moved", allow_redirects=False)
    assert len(_Handler.callers) == 1


def test_pieces_are_large(session: requests.Session, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Six pieces for five MiB, where requests alone reads five hundred."""
    sizes: list[int] = []
    original = requests.Response.iter_content

    def counted(self: requests.Response, chunk_size: int | None = 1, decode_unicode: bool = False) -> Iterator[bytes]:
        for piece in original(self, chunk_size, decode_unicode):
            sizes.append(len(piece))
            yield piece

    monkeypatch.setattr(requests.Response, "iter_content", counted)
    session.get(f"{url}/many")
    assert sum(sizes) == len(MANY)
    assert len(sizes) == 6
