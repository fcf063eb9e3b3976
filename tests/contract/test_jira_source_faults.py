"""Faults of a network, a proxy, an overloaded or a changed Jira are recognised and named; no bad answer counts."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

import pytest

from capa_sync.errors import Authentication, BadAnswer, Fatal, NotBefore, Retryable
from capa_sync.model.to_do import to_do
from capa_sync.sources.jira.options import JiraAuth, JiraOptions
from capa_sync.sources.jira.reader import JiraSource
from tests.contract.jira_source_harness import Harness, Mirror, harness, populate, shapes

FACES = ("cloud", "datacenter")
both_faces = pytest.mark.parametrize("face", FACES)


def backfilled(face: str, **options: Any) -> Harness:
    """Return a harness with ten tickets on pages of four, read once."""
    it = harness(face, page_size=4, batch=4, **options)
    populate(it.tracker, 10)
    return it


@both_faces
@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "rate_limit", "reason": "jira-burst-based", "retry_after": 1},
        {"kind": "rate_limit", "retry_after": 1.5},
        {"kind": "rate_limit", "retry_after": "2026-03-01T09:00:20+00:00"},
        {"kind": "rate_limit"},
        {"kind": "answer", "status": 500},
        {"kind": "proxy_error", "status": 502},
        {"kind": "answer", "status": 503, "headers": {"Retry-After": "2"}},
        {"kind": "answer", "status": 504},
        {"kind": "drop_before"},
        {"kind": "drop_after"},
        {"kind": "truncate_closed"},
    ],
)
def test_a_passing_fault_of_any_request_only_delays(face: str, fault: dict[str, Any]) -> None:
    """Every second request fails once; the mirror is complete all the same."""
    options = dict(fault)
    kind = options.pop("kind")
    with backfilled(face) as it:
        for after in range(0, 40, 2):
            it.server.faults.add(kind, times=1, after=after, **options)
        it.cycle()
        assert shapes(it.mirror) == it.truth()
        assert it.source.retry.waits


@both_faces
@pytest.mark.parametrize("retry_after", [3700, "2026-03-01T11:00:00+00:00"])
def test_a_limit_over_a_minute_is_handed_to_the_daemon(face: str, retry_after: Any) -> None:
    """No worker sleeps an hour: the instant is raised to the caller, and the cursor stays where it was."""
    with backfilled(face) as it:
        it.cycle(pages=1)
        cursor = it.mirror.cursor
        it.server.faults.add("rate_limit", ("POST", "search"), times=None, retry_after=retry_after)
        with pytest.raises(NotBefore) as caught:
            it.cycle()
        assert caught.value.until - it.clock.now() > timedelta(minutes=58)
        assert it.mirror.cursor == cursor


@both_faces
@pytest.mark.parametrize(
    ("kind", "options", "words"),
    [
        ("html", {}, "sign-in page"),
        ("answer", {"status": 200, "answer": "<html>busy</html>"}, "proxy or a maintenance page"),
        ("truncate", {}, "cut short"),
        (
            "answer",
            {"status": 200, "headers": {"Content-Type": "application/json"}, "answer": "[]"},
            "no list of issues",
        ),
        ("answer", {"status": 302, "headers": {"Location": "https://sso.example.com"}}, "elsewhere"),
    ],
)
def test_an_answer_that_is_none_is_refused_in_one_line(
    face: str, kind: str, options: dict[str, Any], words: str
) -> None:
    """HTML with 200, cut JSON, another shape, a redirect: the page is refused and the cursor untouched."""
    with backfilled(face) as it:
        it.cycle(pages=1)
        cursor = it.mirror.cursor
        it.server.faults.add(kind, ("POST", "search"), times=None, **options)
        with pytest.raises(BadAnswer, match=words) as caught:
            it.cycle()
        assert "\n" not in str(caught.value)
        assert it.mirror.cursor == cursor
        it.server.faults.clear()
        it.cycle()
        assert shapes(it.mirror) == it.truth()


@both_faces
def test_a_wrong_token_is_one_clear_line(face: str) -> None:
    """The Authentication error says what to do, and holds no secret."""
    auth = (
        JiraAuth("basic", "wrong-secret", "capa-sync@example.com")
        if face == "cloud"
        else JiraAuth("pat", "wrong-secret")
    )
    with harness(face, auth=auth) as it:
        with pytest.raises(Authentication, match="sign-in") as caught:
            it.source.identify()
        assert "a token may have expired" in to_do(caught.value)
        assert "wrong-secret" not in f"{caught.value} {caught.value.__context__!r} {it.options()!r}"


@both_faces
def test_no_permission_and_a_wrong_query_are_named(face: str) -> None:
    """403 says which right is missing; a refused query is quoted with Jira's own words."""
    with harness(face) as it:
        it.server.faults.add("answer", ("GET", "field"), times=None, status=403, answer='{"errorMessages": []}')
        with pytest.raises(Fatal, match="not permitted"):
            it.source.identify()
    with harness(face, query="project = NOPE") as it, pytest.raises(Fatal, match=r"project = NOPE.*does not exist"):
        it.source.identify()


@both_faces
def test_a_server_that_is_not_there_is_retryable(face: str) -> None:
    """A refused connection is retried and then reported."""
    auth = JiraAuth("pat", "x")
    options = JiraOptions("jira", "http://127.0.0.1:1", "project = CAPA", auth, is_instant=True)
    with harness(face) as it, pytest.raises(Retryable, match="cannot be reached"):
        JiraSource(options, it.clock, it.stop, Mirror()).identify()


@both_faces
def test_an_address_that_is_no_jira_is_named(face: str) -> None:
    """404 for serverInfo asks whether the address is right."""
    with harness(face, mount="/jira") as it:
        it.cycle()
        options = JiraOptions("jira", it.server.url.removesuffix("/jira"), "project = CAPA", it.options().auth)
        with pytest.raises(Fatal, match="404") as caught:
            JiraSource(options, it.clock, it.stop, Mirror()).identify()
        assert "is the address that of a Jira?" in caught.value.do


@both_faces
def test_a_lost_sign_in_never_counts_as_an_empty_tracker(face: str) -> None:
    """Neither a poll nor a sweep nor a census believes fewer rows with 200 for an anonymous account."""
    with backfilled(face) as it:
        it.cycle()
        cursor = it.mirror.cursor
        it.tracker.settings.anonymous_allowed = True
        it.tracker.settings.ignores_sign_in = True
        for act in (it.cycle, lambda: it.cycle(full=True), it.source.take_census):
            with pytest.raises(Authentication):
                act()
        it.restart()
        with pytest.raises(Authentication):
            it.cycle()
        assert it.mirror.cursor.state["mark"] == cursor.state["mark"]


@both_faces
def test_a_poll_without_the_last_known_ticket_asks_who_we_are(face: str) -> None:
    """The newest ticket was deleted: its absence is believed only after `myself`, and once."""
    with backfilled(face) as it:
        it.cycle()
        newest = max(it.tracker.state.issues.values(), key=lambda issue: issue.updated or 0).key
        it.tracker.as_user("ann" if face == "datacenter" else "acc-ann").delete(newest)
        first = it.exchanges(it.cycle)
        assert "myself" in [entry.path.rpartition("/")[2] for entry in first]
        it.tracker.clock.advance(timedelta(minutes=30))
        it.cycle()
        assert len(it.exchanges(it.cycle)) == 1


def test_a_page_token_that_repeats_is_refused() -> None:
    """A search whose token repeats ends with one clear line."""
    with (
        backfilled("cloud", settings={"repeat_token_from": 2}) as it,
        pytest.raises(BadAnswer, match="same page token"),
    ):
        it.cycle()


def test_an_empty_page_with_a_token_is_read_past() -> None:
    """An empty page that is not the last does not end the search."""
    with backfilled("cloud", settings={"empty_page_at": 2}) as it:
        it.cycle()
        assert shapes(it.mirror) == it.truth()


@both_faces
@pytest.mark.parametrize("settings", [{"short_pages": 1}, {"short_pages": 3}, {"serve_lists_in_two_pages": True}])
def test_short_pages_are_no_end(face: str, settings: dict[str, Any]) -> None:
    """A tracker may return fewer rows than requested at any time."""
    with backfilled(face, settings=settings) as it:
        it.cycle()
        assert shapes(it.mirror) == it.truth()
        census = it.source.take_census()
        assert len(census.ids) == 10


def test_a_page_with_a_wrong_length_is_refused() -> None:
    """Data Center promises four rows and returns three."""
    with backfilled("datacenter", settings={"withhold_rows": 1}) as it, pytest.raises(BadAnswer, match="promises"):
        it.cycle()


def test_a_removed_interface_is_named() -> None:
    """A Cloud configured as a Data Center answers 410: one line says what to set."""
    with harness("cloud", api="datacenter") as it, pytest.raises(Fatal, match="removed"):
        it.cycle()


def test_the_product_is_detected_and_can_be_set() -> None:
    """`auto` reads serverInfo; where a proxy hides it, the setting decides."""
    with harness("cloud") as it:
        it.tracker.load([{"kind": "site", "serverInfo": {"deploymentType": "Server"}}])
        with pytest.raises(Fatal):
            it.cycle()
    with harness("cloud", api="cloud") as it:
        it.tracker.load([{"kind": "site", "serverInfo": {"deploymentType": "Server"}}])
        populate(it.tracker, 3)
        it.cycle()
        assert shapes(it.mirror) == it.truth()


@both_faces
def test_a_path_in_front_of_the_api_is_kept(face: str) -> None:
    """Context paths and the api.atlassian.com prefix work for every request."""
    with backfilled(face, mount="/ex/jira/11223344-a1b2") as it:
        it.cycle()
        assert shapes(it.mirror) == it.truth()
        assert all(entry.request.target.startswith("/ex/jira/") for entry in it.server.requests)


@both_faces
def test_a_stop_ends_a_wait_at_once(face: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that waits for a limit waits for nothing but the stop event."""
    with harness(face, is_instant=False) as it:
        it.server.faults.add("rate_limit", times=None, retry_after=50)
        waits: list[float] = []

        def stopped_while_waiting(seconds: float) -> bool:
            waits.append(seconds)
            it.stop.set()
            return True

        monkeypatch.setattr(it.stop, "wait", stopped_while_waiting)
        with pytest.raises(Retryable, match="stopped"):
            it.cycle()
        assert len(waits) == 1
        assert waits[0] >= 50


@both_faces
def test_bodies_and_headers_reach_no_log(face: str, caplog: pytest.LogCaptureFixture) -> None:
    """At the lowest log level we log no secret and no ticket text."""
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.DEBUG, logger="capa_sync.sources")  # a verb that ran before may have raised it
    with backfilled(face) as it:
        it.server.faults.add("answer", ("POST", "search"), times=2, status=500, answer="secret ticket text")
        it.cycle()
    said = "\n".join(record.getMessage() for record in caplog.records)
    assert "sent again" in said
    for word in ("sandbox-token", "secret ticket text", "Because 3", "Authorization"):
        assert word not in said


def test_oauth_client_credentials_renew_their_token() -> None:
    """A bearer token is fetched once, used for all requests, and renewed before it ends."""
    from capa_sync.sandbox.http import SandboxServer

    with harness("cloud") as it:
        populate(it.tracker, 3)
        token = '{"access_token": "sandbox-token", "expires_in": 3600, "token_type": "Bearer"}'
        with SandboxServer(it.tracker) as giver:
            headers = {"Content-Type": "application/json"}
            giver.faults.add(
                "answer", ("POST", "/oauth/token"), times=None, status=200, headers=headers, answer=token
            )
            auth = JiraAuth("oauth-client-credentials", "client-secret", "client", f"{giver.url}/oauth/token")
            options = JiraOptions("jira", it.server.url, "project = CAPA", auth, is_instant=True)
            clock = _Movable(it.clock.now())
            source = JiraSource(options, clock, it.stop, it.mirror)
            source.identify()
            assert len(giver.requests) == 1
            clock.instant += timedelta(minutes=59, seconds=30)
            source.identify()
            assert len(giver.requests) == 2
            assert b"grant_type=client_credentials" in giver.requests[0].body


class _Movable:
    def __init__(self, instant: Any) -> None:
        self.instant = instant

    def now(self) -> Any:
        """Return the instant that was set."""
        return self.instant


@both_faces
def test_the_environment_s_proxy_is_honoured(face: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy that the environment names is used, unless it excepts the host; read when a source is opened."""
    for name in ("http_proxy", "no_proxy", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "")
    with backfilled(face) as it:
        with pytest.raises((Retryable, Fatal)):
            it.cycle()
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        it.restart()
        it.cycle()
        assert shapes(it.mirror) == it.truth()
