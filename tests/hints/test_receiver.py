"""The listener over real HTTP: every size is bounded for unsigned senders, and refusals give no reason."""

from __future__ import annotations

import http.client
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from capa_sync.errors import SettingsError
from capa_sync.hints import HintBox, HintReceiver, receiver
from tests.hints.signed_hints import guard, hint, signed
from tests.patience import PATIENCE


@pytest.fixture
def listening() -> Iterator[tuple[HintReceiver, HintBox]]:
    """A listener on a free port."""
    hint_guard, box = guard()
    hint_receiver = HintReceiver(hint_guard, "127.0.0.1:0")
    hint_receiver.start()
    yield hint_receiver, box
    hint_receiver.stop()


def address(hint_receiver: HintReceiver) -> tuple[str, int]:
    """Host and port."""
    host, _, port = hint_receiver.url.removeprefix("http://").partition(":")
    return host, int(port)


def send(
    hint_receiver: HintReceiver, body: bytes, *, method: str = "POST", path: str = "/hints/jira", **headers: str
) -> int:
    """Send one request; return its status, and assert that the answer has no content."""
    connection = http.client.HTTPConnection(*address(hint_receiver), timeout=PATIENCE)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, path, body, named)
    answer = connection.getresponse()
    assert answer.read() == b""
    assert answer.getheader("Server") is None
    connection.close()
    return answer.status


def raw(hint_receiver: HintReceiver, text: bytes, seconds: float = 10) -> bytes:
    """Send bytes and return what comes back until the connection closes."""
    with socket.create_connection(address(hint_receiver), timeout=seconds) as connection:
        connection.sendall(text)
        found = b""
        while chunk := connection.recv(4096):
            found += chunk
        return found


def test_a_signed_hint_is_taken_and_any_other_refused_without_a_reason(
    listening: tuple[HintReceiver, HintBox], capfd: pytest.CaptureFixture[str]
) -> None:
    """A wrong secret, a missing one and an unknown source all get the same 401, and no log line."""
    hint_receiver, box = listening
    body = hint()
    assert send(hint_receiver, body, X_Hub_Signature=signed(body)) == 202
    assert send(hint_receiver, body, X_Hub_Signature=signed(body, "wrong")) == 401
    assert send(hint_receiver, body) == 401
    assert send(hint_receiver, body, path="/hints/nobody", X_Hub_Signature=signed(body)) == 401
    assert send(hint_receiver, body, path="/../../etc/passwd") == 401
    assert box.take("jira", 9) == ["10042"]
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("text", "status"),
    [
        (b"GET /hints/jira HTTP/1.1\r\nHost: x\r\n\r\n", b"501"),
        (b"POST /hints/jira HTTP/1.1\r\nHost: x\r\n\r\n", b"411"),
        (b"POST /hints/jira HTTP/1.1\r\nContent-Length: -1\r\n\r\n", b"411"),
        (b"POST /hints/jira HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", b"411"),
        (b"POST /hints/jira HTTP/1.1\r\nContent-Length: 1048577\r\n\r\n", b"413"),
        (b"POST /hints/jira HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n", b"413"),
        (b"POST /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n", b"414"),
        (b"POST /hints/jira HTTP/1.1\r\n" + b"X: y\r\n" * 200 + b"\r\n", b"431"),
        (b"\x16\x03\x01 this is no HTTP\r\n\r\n", b"400"),
    ],
)
def test_what_is_no_hint_is_answered_briefly(
    listening: tuple[HintReceiver, HintBox], text: bytes, status: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    """No request of any form gets a text back, causes a traceback, or blocks the next one."""
    hint_receiver, _ = listening
    try:
        found = raw(hint_receiver, text)
    except ConnectionResetError:
        found = b""  # the listener may close while we still send
    assert found == b"" or status in found.split(b"\r\n")[0]
    assert b"<" not in found
    body = hint()
    assert send(hint_receiver, body, X_Hub_Signature=signed(body)) == 202
    assert capfd.readouterr() == ("", "")


def test_slow_and_silent_connections_do_not_block_hints(
    listening: tuple[HintReceiver, HintBox], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Connections are bounded, and a slow or silent one is closed; then hints are accepted again."""
    hint_receiver, _ = listening
    monkeypatch.setattr(receiver, "DEADLINE", 0.8)
    before = threading.active_count()
    silent = [
        socket.create_connection(address(hint_receiver), timeout=PATIENCE)
        for _ in range(receiver.MOST_CONNECTIONS + 20)
    ]
    slow = silent[0]
    slow.sendall(b"POST /hints/jira HTTP/1.1\r\n")
    time.sleep(0.3)
    assert threading.active_count() <= before + receiver.MOST_CONNECTIONS
    body = hint()
    assert any(_is_cut(slow) or time.sleep(0.1) for _ in range(600))
    assert send(hint_receiver, body, X_Hub_Signature=signed(body)) == 202
    for connection in silent:
        connection.close()


def _is_cut(connection: socket.socket) -> bool:
    """Send one byte; return whether the connection was closed."""
    try:
        connection.sendall(b"X")
    except OSError:
        return True
    return False


def test_two_hundred_hints_a_second_with_forgeries_among_them(listening: tuple[HintReceiver, HintBox]) -> None:
    """Every true hint is accepted, and no forged one; box and threads stay bounded."""
    hint_receiver, box = listening
    statuses: list[tuple[bool, int]] = []
    lock = threading.Lock()
    most_threads = 0

    def send_hints(first: int) -> None:
        nonlocal most_threads
        for number in range(first, 400, 8):
            is_true = number % 4 != 0
            body = hint(str(20_000 + number % 50))
            status = send(hint_receiver, body, X_Hub_Signature=signed(body) if is_true else signed(body, "forged"))
            with lock:
                statuses.append((is_true, status))
                most_threads = max(most_threads, threading.active_count())

    senders = [threading.Thread(target=send_hints, args=(first,)) for first in range(8)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    assert {status for is_true, status in statuses if is_true} == {202}
    assert {status for is_true, status in statuses if not is_true} == {401}
    assert hint_receiver.guard.tally() == {"accepted": 300, "refused": 100}
    assert sorted(box.take("jira", 1000)) == [str(20_000 + number) for number in range(50)]
    assert most_threads < 8 + receiver.MOST_CONNECTIONS


@pytest.mark.parametrize(
    "listen", ["0.0.0.0:8766", "192.0.2.1:8766", "example.com:8766", "127.0.0.1:99999", "8766", "", "[::1]:8766"]
)
def test_only_an_address_on_loopback_is_listened_on(listen: str) -> None:
    """A proxy handles TLS and other networks."""
    with pytest.raises(SettingsError, match="loopback"):
        HintReceiver(guard()[0], listen)


def test_a_port_in_use_is_reported(listening: tuple[HintReceiver, HintBox]) -> None:
    """The message names the way out."""
    with pytest.raises(SettingsError, match="another port"):
        HintReceiver(guard()[0], listening[0].url.removeprefix("http://"))
