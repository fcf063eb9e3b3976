"""Whatever a token endpoint answers is a fault of the sign-in: no write counts as sent, and no text is blanked."""

from __future__ import annotations

import json
import logging
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any

import pytest
import requests

from capa_sync.errors import Authentication, Retryable, SourceError
from capa_sync.model.to_do import to_do
from capa_sync.model.write import WriteKind
from capa_sync.redaction import redacted
from capa_sync.sandbox.http import Reply, Request
from capa_sync.sandbox.servicenow.accounts import CLIENT_CREDENTIALS
from capa_sync.sandbox.servicenow.tracker import OAUTH_CLIENT
from capa_sync.sources.bearer import LONGEST_TOKEN, read_token, renewed_after
from capa_sync.sources.jira.options import JiraAuth
from capa_sync.sources.servicenow.options import ServiceNowAuth
from capa_sync.sources.transport import Limits
from tests.contract.raw_server import RECORD, Asked, RawServer, jira_client, table_client, whole
from tests.unit.sources.servicenow import source_harness as servicenow

KINDS = ("jira", "servicenow")
every_kind = pytest.mark.parametrize("kind", KINDS)
TOKEN_PATH = "/token"
WORDS = "is missing; a person"
SENTENCE = "The root cause is missing; a person must add it."
GOOD = "token-of-the-raw-server" + ".a-b_C~d+e/F==" * 200


def given(token: Any, expires_in: Any = 1800) -> bytes:
    """An answer with a token."""
    return whole(200, json.dumps({"access_token": token, "expires_in": expires_in}))


def answering(*token: bytes) -> Callable[[Asked], Sequence[bytes]]:
    """Answer the token endpoint with these pieces, and every other request well."""
    rows = whole(200, '{"result": {"sys_id": "' + RECORD + '"}}')
    return lambda asked: token if asked.path == TOKEN_PATH else [rows]


def calls(kind: str, url: str, token_url: str = "") -> tuple[Callable[[], Any], Callable[[], Any]]:
    """A read and a write of one session that signs in with a token."""
    at, limits = token_url or f"{url}{TOKEN_PATH}", Limits(seconds=0.4)
    if kind == "jira":
        auth = JiraAuth("oauth-client-credentials", "secret-of-the-raw-server", "client", at)
        jira = jira_client(url, auth=auth, limits=limits)
        return lambda: jira.get("issue/1"), lambda: jira.write("PUT", "issue/1/comment/2", {"body": "x"})
    oauth = ServiceNowAuth("oauth-client-credentials", "client", "secret-of-the-raw-server", token_url=at)
    instance = table_client(url, auth=oauth, limits=limits)
    return (
        lambda: instance.one("incident", RECORD, ("sys_id",)),
        lambda: instance.patch("incident", RECORD, {"u_state": "warning"}, ("sys_id",)),
    )


def sent_to_tracker(server: RawServer) -> list[Asked]:
    """The requests that went to the tracker itself."""
    return [asked for asked in server.asked if asked.path != TOKEN_PATH]


# --- what a token may be ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("token", ["a", GOOD, "x" * LONGEST_TOKEN, "a|b:c;d"])
def test_a_token_of_visible_signs_is_one(token: str) -> None:
    """Tokens of directories have thousands of characters, and not all keep to the signs of RFC 6750."""
    assert read_token("jira", {"access_token": token})[0] == token


ODD: list[Any] = [
    WORDS, " a", "a\tb", "a\nb", "a\x7fb", "größe", "a\u00a0b", "x" * (LONGEST_TOKEN + 1), "x" * 500_000, "", " ",
    None, 7, ["a"], {"a": "b"},
]  # fmt: skip


@pytest.mark.parametrize("token", ODD, ids=lambda token: repr(token)[:12])
def test_what_is_no_token_is_one_line_about_the_sign_in(token: Any) -> None:
    """It is neither quoted nor kept."""
    with pytest.raises(Authentication) as fault:
        read_token("jira", {"access_token": token})
    line = f"{fault.value}; {to_do(fault.value)}"
    assert "\n" not in line
    assert "token_url" in line
    assert len(line) < 300
    assert WORDS not in line


@every_kind
@pytest.mark.parametrize("token", [WORDS, "word " * 100_000, "ab" * 250_000], ids=["words", "many-words", "large"])
def test_a_text_that_is_no_token_blanks_nothing(kind: str, token: str) -> None:
    """Our own words stay readable, and hiding it costs nothing."""
    with RawServer(answering(given(token))) as server:
        read, write = calls(kind, server.url)
        for call in (read, write):
            with pytest.raises(Authentication, match="no access token"):
                call()
        assert redacted(SENTENCE) == SENTENCE
        assert redacted(f"a {token[:2000]} b") == f"a {token[:2000]} b"
        assert sent_to_tracker(server) == []


@every_kind
def test_a_long_token_serves(kind: str) -> None:
    """It is used for each request, and hidden in our texts."""
    with RawServer(answering(given(GOOD))) as server:
        read, write = calls(kind, server.url)
        read()
        write()
        assert [asked.path for asked in server.asked].count(TOKEN_PATH) == 1
        assert GOOD not in redacted(f"a {GOOD} b")


# --- what an endpoint may answer -------------------------------------------------------------------------------

HTML = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 19\r\n\r\n<html>Log in</html>"
GARBLED = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nabcd"
ANSWERS: dict[str, tuple[list[bytes], type[SourceError]]] = {
    "html": ([HTML], Authentication),
    "no-json": ([whole(200, '{"access_token": "a')], Authentication),
    "deep": ([whole(200, "[" * 100_000)], Authentication),
    "list": ([whole(200, "[]")], Authentication),
    "moved": ([whole(302, "{}", "Location: http://localhost:1/")], Authentication),
    "unknown": ([whole(404, "{}")], Authentication),
    "refused": ([whole(401, '{"error_description": "no"}')], Authentication),
    "switched": ([whole(101, "")], Authentication),
    "busy": ([whole(503, "{}")], Retryable),
    "too-many": ([whole(429, "{}", "Retry-After: 1")], Retryable),
    "nothing": ([b""], Retryable),
    "no-http": ([b"what?\r\n\r\n", b""], Retryable),
    "garbled": ([GARBLED], Retryable),
    "cut": ([whole(200, "{}", promised=50), b""], Retryable),
    "silent": ([], Retryable),
}


@pytest.fixture
def quietly() -> Iterator[None]:
    """Failed requests are logged; what is tested here is how they end."""
    logger = logging.getLogger("capa_sync.sources")
    before, logger.disabled = logger.disabled, True
    yield
    logger.disabled = before


@every_kind
@pytest.mark.parametrize("way", list(ANSWERS))
@pytest.mark.usefixtures("quietly")
def test_a_write_without_a_token_was_not_sent(kind: str, way: str) -> None:
    """It is neither unknown nor looked up: it waits; and a read ends in the same way."""
    pieces, fault = ANSWERS[way]
    with RawServer(answering(*pieces)) as server:
        read, write = calls(kind, server.url)
        for call in (write, read):
            with pytest.raises(fault):
                call()
        assert sent_to_tracker(server) == []


@contextmanager
def plain_port() -> Iterator[int]:
    """A port that answers whatever comes in plain HTTP."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def talk() -> None:
            with suppress(OSError):
                while True:
                    peer, _ = listener.accept()
                    with peer:
                        peer.recv(65536)
                        peer.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")

        threading.Thread(target=talk, daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


@every_kind
def test_a_token_endpoint_without_tls_is_named(kind: str) -> None:
    """A person must act: it is not tried again and again, and the line says what to do."""
    with RawServer(answering()) as server, plain_port() as port:
        for call in calls(kind, server.url, f"https://127.0.0.1:{port}{TOKEN_PATH}"):
            with pytest.raises(Authentication) as fault:
                call()
            assert "there is no TLS" in fault.value.message
            assert "look at the port" in to_do(fault.value)
        assert sent_to_tracker(server) == []


@every_kind
@pytest.mark.parametrize("error", [ValueError("odd"), UnicodeError("odd"), LookupError("odd"), RecursionError()])
def test_an_error_that_nobody_foresaw_is_one_of_the_sign_in(
    kind: str, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The libraries below may raise anything while they read an answer."""

    def fail(*_: Any, **__: Any) -> None:
        raise error

    with RawServer(answering(given(GOOD))) as server:
        read, write = calls(kind, server.url)
        monkeypatch.setattr(requests.Session, "post", fail)
        for call in (write, read):
            with pytest.raises(Authentication, match="cannot be read"):
                call()
        assert sent_to_tracker(server) == []


# --- how long a token serves -----------------------------------------------------------------------------------


@every_kind
@pytest.mark.parametrize("life", [30, 59, 60, 61])
def test_a_token_of_a_short_life_serves_more_than_one_request(kind: str, life: int) -> None:
    """It is fetched again at half of its life."""
    with RawServer(answering(given(GOOD, life))) as server:
        read, _ = calls(kind, server.url)
        for _ in range(4):
            read()
        assert [asked.path for asked in server.asked].count(TOKEN_PATH) == 1


@pytest.mark.parametrize(("life", "after"), [(1, 0.5), (60, 30), (120, 60), (180, 120), (1800, 1740)])
def test_a_token_is_renewed_before_it_ends(life: float, after: float) -> None:
    """A minute before, or at half of a short life."""
    assert renewed_after(timedelta(seconds=life)) == timedelta(seconds=after)


# --- a write whose token is refused ----------------------------------------------------------------------------


def refusing_once(server: Any, method: str) -> None:
    """Answer the first such request with 401 although it was applied, as a gateway may."""
    left = [1]

    def after(sent: Request, reply: Reply) -> None:
        if left and sent.method == method:
            left.pop()
            reply.status, reply.body = 401, b'{"error": {"message": "User Not Authenticated"}}'

    server.after.append(after)


OAUTH = ServiceNowAuth("oauth-client-credentials", OAUTH_CLIENT.client_id, OAUTH_CLIENT.secret)


@pytest.mark.parametrize("kind", [WriteKind.WORK_NOTE, WriteKind.FIELDS])
def test_a_patch_answered_with_401_is_looked_up_before_it_is_sent_again(kind: WriteKind) -> None:
    """A note that a gateway let through all the same is there once; the next attempt has a new token."""
    with servicenow.source_harness(auth=OAUTH, children=(), state_field="u_capa_sync_state") as sn:
        sn.tracker.set_property(CLIENT_CREDENTIALS, "true")
        issue = sn.insert(short_description="one")
        fields = {"u_capa_sync_state": "warning"} if kind is WriteKind.FIELDS else {}
        wanted = servicenow.write(kind, issue, fields=fields, notifies=True)
        refusing_once(sn.server, "PATCH")
        with pytest.raises(Authentication):
            sn.writer.deliver(wanted, "")
        assert [exchange.method for exchange in sn.sent()].count("PATCH") == 1
        sn.writer.deliver(wanted, "")
        assert [exchange.path for exchange in sn.writes()] == ["/oauth_token.do"]
        notes = sn.tracker.rows("sys_journal_field", f"element_id={issue}^element=work_notes")
        assert len(notes) == (1 if kind is WriteKind.WORK_NOTE else 0)
        row = sn.tracker.find("sn_grc_issue", issue) or {}
        assert row.get("u_capa_sync_state", "") == fields.get("u_capa_sync_state", "")


def test_a_read_answered_with_401_is_sent_again_with_a_new_token() -> None:
    """A token that was revoked is replaced once, without an error."""
    with servicenow.source_harness(auth=OAUTH, children=()) as sn:
        sn.tracker.set_property(CLIENT_CREDENTIALS, "true")
        refusing_once(sn.server, "GET")
        assert sn.source.identify().me.aliases == ("capa_sync",)
        with suppress(SourceError):
            sn.source.identify()
        assert sum(exchange.path == "/oauth_token.do" for exchange in sn.sent()) == 2
