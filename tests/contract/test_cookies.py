"""Cookies that an answer sets never make a tracker refuse later requests for good, and useful ones are kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from capa_sync.errors import Authentication, SourceError, WriteRefused
from capa_sync.model.attachment import Attachment
from capa_sync.sources.cookies import MOST_BYTES, MOST_COOKIES
from tests.contract.raw_server import RECORD, Asked, RawServer, jira_client, table_client, whole

FILE = Attachment("a.txt", id="1")
Reading = Callable[[str], Callable[[], Any]]


def _file(url: str) -> Callable[[], Any]:
    downloads = jira_client(url).downloads()

    def fetched() -> None:
        problem = downloads.fetched(FILE, f"{url}/a", 1000).problem
        assert problem == ""

    return fetched


def _of_jira(ask: Callable[[Any], Any]) -> Reading:
    def reading(url: str) -> Callable[[], Any]:
        client = jira_client(url)
        return lambda: ask(client)

    return reading


def _of_instance(ask: Callable[[Any], Any]) -> Reading:
    def reading(url: str) -> Callable[[], Any]:
        client = table_client(url)
        return lambda: ask(client)

    return reading


READS: dict[str, Reading] = {
    "get": _of_jira(lambda client: client.get("issue/1")),
    "find": _of_jira(lambda client: client.find_shown("issue/1")),
    "search": _of_jira(lambda client: client.post("search", {})),
    "file": _file,
    "rows": _of_instance(lambda client: client.rows("incident", "", limit=1)),
    "one": _of_instance(lambda client: client.one("incident", RECORD, ("sys_id",))),
}
every_read = pytest.mark.parametrize("read", list(READS))
FOUND = '{"result": [{"sys_id": "' + RECORD + '"}]}'
ONE = '{"result": {"sys_id": "' + RECORD + '"}}'


def answer(asked: Asked, *headers: str) -> bytes:
    """An answer that every read understands."""
    return whole(200, ONE if RECORD in asked.path else FOUND, *headers)


def set_cookies(*values: str) -> list[str]:
    """Headers that set cookies of these values."""
    return [f"Set-Cookie: c{number}={value}; Path=/" for number, value in enumerate(values)]


FLOODS = {"large": ["x" * 900] * 10, "one": ["x" * 9000], "many": ["x"] * (MOST_COOKIES + 1)}


@every_read
@pytest.mark.parametrize("flood", list(FLOODS))
def test_cookies_beyond_the_bounds_are_not_sent(read: str, flood: str) -> None:
    """All of them are dropped, so that no header is too large."""
    headers = set_cookies(*FLOODS[flood])
    with RawServer(lambda asked: [answer(asked, *headers)]) as server:
        ask = READS[read](server.url)
        for _ in range(3):
            ask()
        assert [asked.cookies for asked in server.asked] == ["", "", ""]


@every_read
def test_new_cookies_in_each_answer_stay_within_the_bounds(read: str) -> None:
    """They grow from answer to answer, and begin anew when they are too many."""
    with RawServer(lambda _asked: []) as server:
        server.answer = lambda asked: [
            answer(asked, f"Set-Cookie: n{len(server.asked)}={'x' * 500}; Path=/"),
        ]
        ask = READS[read](server.url)
        for _ in range(25):
            ask()
        sizes = [len(asked.cookies) for asked in server.asked]
        assert MOST_BYTES / 2 < max(sizes) < 1.2 * MOST_BYTES
        assert len(sizes) == 25


@every_read
def test_a_cookie_that_a_load_balancer_sets_is_kept(read: str) -> None:
    """It leads to the same node again, and an instance opens no second session."""
    with RawServer(lambda asked: [answer(asked, *set_cookies("node1"))]) as server:
        ask = READS[read](server.url)
        for _ in range(3):
            ask()
        assert [asked.cookies for asked in server.asked] == ["", "c0=node1", "c0=node1"]


def picky(status: int) -> Callable[[Asked], Sequence[bytes]]:
    """Set a cookie, and refuse every request that carries it."""
    return lambda asked: [
        whole(status, '{"errorMessages": ["Bad cookie"]}') if asked.cookies else answer(asked, *set_cookies("odd"))
    ]


@every_read
@pytest.mark.parametrize("status", [400, 413, 431])
def test_a_read_whose_cookies_are_refused_is_sent_without_them(read: str, status: int) -> None:
    """It succeeds at once; no restart is needed."""
    with RawServer(picky(status)) as server:
        ask = READS[read](server.url)
        for _ in range(3):
            ask()
        assert [bool(asked.cookies) for asked in server.asked] == [False, True, False, True, False]


@pytest.mark.parametrize("read", [name for name in READS if name != "file"])
@pytest.mark.parametrize("status", [400, 413, 431])
def test_a_read_that_is_refused_without_cookies_is_not_repeated(read: str, status: int) -> None:
    """The refusal is about something else; after cookies it is repeated once, and then believed."""
    refusing = RawServer(lambda asked: [answer(asked, *set_cookies("odd"))])
    with refusing as server:
        ask = READS[read](server.url)
        ask()
        server.answer = lambda _asked: [whole(status, '{"errorMessages": ["Odd"]}')]
        for _ in range(2):
            with pytest.raises(SourceError):
                ask()
        assert [bool(asked.cookies) for asked in server.asked] == [False, True, False, False]


@pytest.mark.parametrize("read", [name for name in READS if name != "file"])
def test_a_lost_sign_in_is_not_repeated_and_drops_the_cookies(read: str) -> None:
    """A session that ended on the tracker's side is not asked for again; a Jira counts failed sign-ins."""
    with RawServer(picky(401)) as server:
        ask = READS[read](server.url)
        ask()
        with pytest.raises(Authentication):
            ask()
        ask()
        assert [bool(asked.cookies) for asked in server.asked] == [False, True, False]


@pytest.mark.parametrize("status", [400, 413, 431])
@pytest.mark.parametrize("kind", ["jira", "servicenow"])
def test_a_write_is_never_repeated_and_drops_the_cookies(kind: str, status: int) -> None:
    """It was refused; the next one is sent without them."""
    with RawServer(picky(status)) as server:
        if kind == "jira":
            jira = jira_client(server.url)
            jira.get("issue/1")

            def send() -> Any:
                return jira.write("PUT", "issue/1/comment/2", {"body": "x"})
        else:
            instance = table_client(server.url)
            instance.rows("incident", "", limit=1)

            def send() -> Any:
                return instance.patch("incident", RECORD, {"u_state": "warning"}, ("sys_id",))

        with pytest.raises(WriteRefused):
            send()
        send()
        assert [bool(asked.cookies) for asked in server.asked] == [False, True, False]
