"""A SOCKS proxy between capa-sync and the tracker, where PySocks is installed."""

from __future__ import annotations

import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest
import requests

from capa_sync.errors import AnswerTooLarge
from capa_sync.sandbox.clock import SandboxClock
from capa_sync.sandbox.http import SandboxServer
from capa_sync.sandbox.jira import JiraTracker
from capa_sync.sources.transport import Limits, hold_to
from capa_sync.sources.unreachable import describe

pytest.importorskip("socks", reason="PySocks is not installed")


class _Proxy(socketserver.ThreadingTCPServer):
    """A SOCKS5 proxy without sign-in, as RFC 1928 describes it; it leads every name to this machine."""

    daemon_threads = True
    connected = 0


class _Session(socketserver.BaseRequestHandler):
    server: _Proxy

    def handle(self) -> None:
        client: socket.socket = self.request
        client.recv(257)
        client.sendall(b"\x05\x00")
        port = int.from_bytes(client.recv(262)[-2:], "big")
        with socket.create_connection(("127.0.0.1", port)) as tracker:
            self.server.connected += 1
            client.sendall(b"\x05\x00\x00\x01" + bytes(6))
            back = threading.Thread(target=_pass_on, args=(tracker, client), daemon=True)
            back.start()
            _pass_on(client, tracker)


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while piece := source.recv(65_536):
            target.sendall(piece)
        target.shutdown(socket.SHUT_WR)


@contextmanager
def _socks_proxy() -> Iterator[_Proxy]:
    with _Proxy(("127.0.0.1", 0), _Session) as proxy:
        threading.Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        yield proxy
        proxy.shutdown()


@pytest.mark.parametrize("scheme", ["socks5", "socks5h"])
def test_answers_come_through_it_and_keep_their_bounds(monkeypatch: pytest.MonkeyPatch, scheme: str) -> None:
    """An answer that is too large is refused as without a proxy."""
    with SandboxServer(JiraTracker(face="cloud", clock=SandboxClock()), 0) as server, _socks_proxy() as proxy:
        monkeypatch.setenv("ALL_PROXY", f"{scheme}://127.0.0.1:{proxy.server_address[1]}")
        monkeypatch.setenv("NO_PROXY", "")
        url = server.url.replace("127.0.0.1", "localhost") + "/rest/api/3/serverInfo"
        answer = hold_to(requests.Session(), "jira", Limits()).get(url)
        assert answer.json()["deploymentType"] == "Cloud"
        assert proxy.connected == 1
        with pytest.raises(AnswerTooLarge):
            hold_to(requests.Session(), "jira", Limits(answer=10)).get(url)


def test_one_that_does_not_answer_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message has the proxy and its variable, as for a proxy of another kind."""
    monkeypatch.setenv("HTTPS_PROXY", "socks5://127.0.0.1:1")
    with pytest.raises(requests.RequestException) as raised:
        hold_to(requests.Session(), "jira", Limits()).get("https://jira.example.com/rest/api/3/serverInfo")
    words = describe(raised.value, "https://jira.example.com")
    assert "127.0.0.1:1" in words
    assert "HTTPS_PROXY" in words
