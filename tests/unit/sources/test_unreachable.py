"""The report of a failed request has host, cause, and the variable that set the proxy, and never a password."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import requests

from capa_sync.sources.unreachable import describe, never_sent

PROXIES = [f"{kind}_proxy" for kind in ("http", "https", "all", "no")]


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*PROXIES, *map(str.upper, PROXIES)):
        monkeypatch.delenv(name, raising=False)


@contextmanager
def server(answer: bytes | None) -> Iterator[int]:
    """Answer every connection with these bytes and close it; None: close it without an answer."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            while True:
                try:
                    taken, _ = listening.accept()
                except OSError:
                    return
                with taken:
                    taken.recv(65_536)
                    if answer is not None:
                        taken.sendall(answer)

        threading.Thread(target=serve, daemon=True).start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)


def closed_port() -> int:
    """Return a port on which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


def failure_of(url: str, *, timeout: float = 20) -> tuple[str, bool]:
    """Send a request; return the report of its failure and whether nothing was sent."""
    with pytest.raises(requests.RequestException) as caught:
        _ = requests.get(url, timeout=timeout).content
    return describe(caught.value, url), never_sent(caught.value)


def test_a_refused_connection_names_host_and_port() -> None:
    """Nothing was sent."""
    port = closed_port()
    assert failure_of(f"http://127.0.0.1:{port}/x") == (
        f"127.0.0.1:{port} cannot be reached: connection refused",
        True,
    )


def test_an_unknown_name_is_a_typo_or_a_fault_of_the_dns() -> None:
    """The report repeats the name, so that a typo in it is seen."""
    words, unsent = failure_of("https://tracker.invalid/x")
    assert words.startswith("tracker.invalid cannot be reached: its name is not known here")
    assert unsent


def test_user_and_password_of_an_address_are_not_repeated() -> None:
    """This holds for the tracker's address and for the proxy's."""
    words, _ = failure_of(f"http://anna:hush-hush@127.0.0.1:{closed_port()}/x")
    assert "hush" not in words
    assert "anna" not in words


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"])
def test_an_unreachable_proxy_is_named_with_its_variable(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """The report says where to look, and has no password."""
    port = closed_port()
    monkeypatch.setenv(name, f"http://anna:hush-hush@127.0.0.1:{port}")
    words, unsent = failure_of("https://tracker.example/x")
    assert words == f"the proxy 127.0.0.1:{port} (set by {name}) cannot be used: connection refused"
    assert unsent


def test_a_proxy_that_refuses_the_connection_is_reported_with_its_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """An HTTP status says more than the type of an error."""
    with server(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n") as port:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{port}")
        words, _ = failure_of("https://tracker.example/x")
    assert words == f"the proxy 127.0.0.1:{port} (set by HTTPS_PROXY) cannot be used: it answered 407"


def test_a_connection_that_is_lost_may_have_carried_the_request() -> None:
    """The words differ from those of a request that was never sent."""
    with server(None) as port:
        words, unsent = failure_of(f"http://127.0.0.1:{port}/x")
    assert words.startswith(f"the connection to 127.0.0.1:{port} was lost: ")
    assert not unsent


def test_an_answer_cut_short_is_reported_as_that() -> None:
    """The report has the host."""
    with server(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf") as port:
        words, _ = failure_of(f"http://127.0.0.1:{port}/x")
    assert words == f"the answer of 127.0.0.1:{port} was cut short"


def test_no_answer_in_time_is_reported_with_the_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy that loses a request is as likely the cause as the tracker."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{port}")
        words, unsent = failure_of("http://tracker.example/x", timeout=0.2)
    proxy = f"the proxy 127.0.0.1:{port} (set by http_proxy)"
    assert words == f"no answer in time from tracker.example, asked through {proxy}"
    assert not unsent
