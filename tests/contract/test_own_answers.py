"""An answer belongs to its own request: interim answers before it and bytes after it are no answer to another."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from capa_sync.errors import (
    Authentication,
    BadAnswer,
    DeliveryUnknown,
    Retryable,
    SourceError,
    WriteRefused,
)
from capa_sync.model.attachment import Attachment
from capa_sync.model.write import PROPERTY_KEY
from capa_sync.sources.answer_heads import MOST_INTERIM, OwnAnswers
from capa_sync.sources.jira.client import JiraClient
from capa_sync.sources.jira.options import JiraAuth
from capa_sync.sources.servicenow.options import ServiceNowAuth
from capa_sync.sources.transport import Limits
from tests.contract.raw_server import RECORD, Asked, RawServer, interim, jira_client, table_client, whole

SKIPPED = (100, 102, 103, 199)
REFUSED = whole(403, '{"errorMessages": ["You may not"]}')
LABELS = {"update": {"labels": [{"add": "capa-warning"}]}}
COMMENT = {"body": "x", "properties": [{"key": PROPERTY_KEY, "value": {"a": 1}}]}
WRITES: dict[str, tuple[str, str, Any]] = {
    "new-comment": ("POST", "issue/1/comment", COMMENT),
    "comment": ("PUT", "issue/1/comment/2", {"body": "x"}),
    "comment-gone": ("DELETE", "issue/1/comment/2", None),
    "labels": ("PUT", "issue/1", LABELS),
    "property": ("PUT", f"issue/1/properties/{PROPERTY_KEY}", {"a": 1}),
    "property-gone": ("DELETE", f"issue/1/properties/{PROPERTY_KEY}", None),
}
every_write = pytest.mark.parametrize("write", list(WRITES))


def echo(asked: Asked) -> bytes:
    """An answer that says which path it answers."""
    return whole(200, json.dumps({"path": asked.path.partition("?")[0]}))


def is_read(asked: Asked) -> bool:
    """Whether a request is one of the reads after the spoilt answer."""
    return asked.method == "GET" and "own" in asked.path


def spoiling(pieces: Callable[[], Sequence[bytes]]) -> Callable[[Asked], Sequence[bytes]]:
    """Answer the reads of `check_own` rightly, and everything else with these pieces."""
    return lambda asked: [echo(asked)] if is_read(asked) else pieces()


def check_own(client: JiraClient) -> None:
    """Each read gets the answer to itself."""
    for number in range(3):
        assert client.get(f"issue/own{number}") == {"path": f"/rest/api/2/issue/own{number}"}


def sent(client: JiraClient, write: str) -> Any:
    """Send one of the writes."""
    method, path, body = WRITES[write]
    return client.write(method, path, body)


# --- interim answers -------------------------------------------------------------------------------------------


@every_write
@pytest.mark.parametrize("status", SKIPPED)
@pytest.mark.parametrize("is_late", [False, True])
def test_an_interim_answer_is_not_the_answer_to_a_write(write: str, status: int, is_late: bool) -> None:
    """The refusal that follows is; and no later answer is given to another request."""
    before = interim(status)
    with RawServer(spoiling(lambda: [before, REFUSED] if is_late else [before + REFUSED])) as server:
        client = jira_client(server.url)
        with pytest.raises(WriteRefused, match="You may not"):
            sent(client, write)
        check_own(client)


def test_many_interim_answers_are_left_out() -> None:
    """A long job may send one every few seconds."""
    with RawServer(lambda asked: [interim(102) * (MOST_INTERIM - 1), interim(103) + echo(asked)]) as server:
        check_own(jira_client(server.url))


@pytest.mark.parametrize("status", [100, 102, 103])
@pytest.mark.parametrize("follows", [REFUSED, whole(200, "{}"), b""], ids=["refused", "done", "nothing"])
def test_interim_answers_without_end_are_no_answer(status: int, follows: bytes) -> None:
    """A write is unknown, a read is refused, and the connection is given up."""
    flood = interim(status) * (MOST_INTERIM + 5)
    with RawServer(spoiling(lambda: [flood, follows])) as server:
        client = jira_client(server.url)
        with pytest.raises(DeliveryUnknown):
            sent(client, "comment")
        check_own(client)
        with pytest.raises(BadAnswer, match="without a final answer"):
            client.get("issue/1")
        check_own(client)


@every_write
def test_switching_protocols_is_no_answer(write: str) -> None:
    """What follows a 101 is no HTTP: nobody asked for it."""
    with RawServer(spoiling(lambda: [interim(101) + whole(200, '{"id": "7"}')])) as server:
        client = jira_client(server.url)
        with pytest.raises(DeliveryUnknown, match="101"):
            sent(client, write)
        check_own(client)
        for read in (client.get, client.find, client.find_shown):
            with pytest.raises(BadAnswer, match="101"):
                read("issue/1")
        with pytest.raises(BadAnswer, match="101"):
            client.post("search", {})
        check_own(client)


def test_an_interim_answer_alone_ends_with_the_deadline() -> None:
    """The time of a request is counted in total."""
    with RawServer(spoiling(lambda: [interim(103)])) as server:
        client = jira_client(server.url, limits=Limits(seconds=0.3))
        with pytest.raises(DeliveryUnknown, match="no answer in time"):
            sent(client, "labels")
        with pytest.raises(Retryable, match="no answer in time"):
            client.get("issue/1")
        check_own(client)


@pytest.mark.parametrize("status", SKIPPED)
def test_an_interim_answer_is_not_the_answer_to_a_patch(status: int) -> None:
    """Neither to a patch nor to a list of an instance."""
    rows = whole(200, '{"result": [{"sys_id": "1"}]}')
    answers = {"PATCH": whole(403, '{"error": {"message": "You may not"}}'), "GET": rows}
    with RawServer(lambda asked: [interim(status) + answers[asked.method]]) as server:
        client = table_client(server.url)
        with pytest.raises(WriteRefused, match="You may not"):
            client.patch("incident", RECORD, {"u_state": "warning"}, ("sys_id",))
        assert client.rows("incident", "", limit=1).rows == [{"sys_id": "1"}]


def test_switching_protocols_is_no_answer_of_an_instance() -> None:
    """A patch is unknown, a list is refused."""
    with RawServer(lambda _asked: [interim(101)]) as server:
        client = table_client(server.url)
        with pytest.raises(DeliveryUnknown, match="101"):
            client.patch("incident", RECORD, {"u_state": "warning"}, ("sys_id",))
        with pytest.raises(BadAnswer, match="101"):
            client.rows("incident", "", limit=1)
        with pytest.raises(BadAnswer, match="101"):
            client.one("incident", RECORD, ("sys_id",))


TOKEN = '{"access_token": "token-of-the-raw-server", "expires_in": 1800}'


def reads_with_token(url: str) -> list[Callable[[], Any]]:
    """A read of each kind that needs a token first."""
    jira = jira_client(
        url, auth=JiraAuth("oauth-client-credentials", "secret-of-the-raw-server", "client", f"{url}/token")
    )
    instance = table_client(
        url, auth=ServiceNowAuth("oauth-client-credentials", "client", "secret-of-the-raw-server")
    )
    return [lambda: jira.get("issue/1"), lambda: instance.rows("incident", "", limit=1)]


def test_a_token_comes_after_an_interim_answer() -> None:
    """Both kinds read the token that follows, and a token endpoint that ends with a 101 gives none."""
    token = interim(103) + whole(200, TOKEN)
    with RawServer(lambda asked: [token if asked.method == "POST" else whole(200, '{"result": []}')]) as server:
        for read in reads_with_token(server.url):
            read()
        server.answer = lambda _asked: [interim(101)]
        for read in reads_with_token(server.url):
            with pytest.raises(Authentication, match="101"):
                read()


def test_a_file_comes_after_an_interim_answer() -> None:
    """Its digest is that of the file; without a final answer it is not fetched."""
    file = Attachment("a.txt", 5, id="1")
    with RawServer(lambda _asked: [interim(103), whole(200, "words")]) as server:
        downloads = jira_client(server.url).downloads()
        assert downloads.fetched(file, f"{server.url}/a", 100).is_fetched
        server.answer = lambda _asked: [interim(101) + b"words"]
        assert "101" in downloads.fetched(file, f"{server.url}/a", 100).problem


# --- more, or less, than an answer -----------------------------------------------------------------------------

FORGED = whole(200, '{"path": "forged"}')
MORE: dict[str, list[bytes]] = {
    "two-at-once": [whole(200, "{}") + FORGED],
    "two-after-each-other": [whole(200, "{}"), FORGED],
    "longer-than-promised": [whole(200, "{}" + FORGED.decode(), promised=2)],
    "longer-and-late": [whole(200, "{}"), b"x" * 20_000],
    "long-and-longer": [whole(200, '{"a": "' + "x" * 50_000 + '"}') + FORGED],
    "body-of-a-204": [b"HTTP/1.1 204 None\r\nContent-Type: application/json\r\n\r\n" + FORGED],
    "chunks-and-more": [
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"2\r\n{}\r\n0\r\n\r\n" + FORGED
    ],
}


@pytest.mark.parametrize("way", list(MORE))
def test_what_follows_an_answer_is_no_answer_to_the_next_request(way: str) -> None:
    """The connection on which it came serves no other request."""
    with RawServer(spoiling(lambda: MORE[way])) as server:
        client = jira_client(server.url)
        sent(client, "labels")
        server.settle()
        check_own(client)
        (spoilt,) = {asked.connection for asked in server.asked if not is_read(asked)}
        assert spoilt not in {asked.connection for asked in server.asked if is_read(asked)}


def test_a_connection_without_anything_left_serves_on() -> None:
    """Connections are kept from request to request."""
    with RawServer(lambda asked: [echo(asked)]) as server:
        check_own(jira_client(server.url))
        assert {asked.connection for asked in server.asked} == {1}


def test_bytes_that_are_decrypted_already_make_a_connection_unfit() -> None:
    """The socket of a TLS connection shows nothing of them."""

    class Connected:
        """A connection that looks fit."""

        is_connected = True

    class Both(OwnAnswers, Connected):
        """It, with so many bytes that are decrypted and not read."""

        def __init__(self, waiting: int) -> None:
            self.sock = SimpleNamespace(pending=lambda: waiting)

    assert Both(0).is_connected
    assert not Both(3).is_connected


@every_write
@pytest.mark.parametrize("end", [[b""], []])
def test_an_answer_shorter_than_it_promises_is_unknown(write: str, end: list[bytes]) -> None:
    """Whether the connection ends or stays open: the write is looked up, a read is asked again."""
    with RawServer(spoiling(lambda: [whole(200, '{"id": "7"}', promised=100), *end])) as server:
        client = jira_client(server.url, limits=Limits(seconds=0.3))
        with pytest.raises(DeliveryUnknown):
            sent(client, write)
        with pytest.raises(SourceError):
            client.get("issue/1")
        check_own(client)
