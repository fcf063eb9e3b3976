"""The sandbox's HTTP server: faults, log, hooks, clock and control interface, over real sockets."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import pytest
import requests

from capa_sync.sandbox.clock import SandboxClock
from capa_sync.sandbox.http import Reply, Request, SandboxServer, Tracker

START = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)


@dataclass
class _SandboxSettings:
    page: int = 100


class _Counter(Tracker):
    """A tracker that counts its POSTs."""

    def __init__(self) -> None:
        self.clock = SandboxClock(START, ticking=False)
        self.settings = _SandboxSettings()
        self.count = 0

    def handle(self, request: Request) -> Reply:
        """Count a POST; raise an error on /crash."""
        if request.path == "/crash":
            raise RuntimeError("broken")
        self.count += request.method == "POST"
        if request.method == "DELETE":
            return Reply(204)
        return Reply(200, {"count": self.count, "path": request.path, "query": request.query})


@pytest.fixture
def server() -> Iterator[SandboxServer]:
    """Run a server that stores answers."""
    with SandboxServer(_Counter(), keeps_answers=True) as running:
        yield running


@pytest.fixture
def web() -> Iterator[requests.Session]:
    """Return one keep-alive session."""
    with requests.Session() as session:
        yield session


def count_of(server: SandboxServer) -> int:
    """Return how many POSTs were applied."""
    assert isinstance(server.tracker, _Counter)
    return server.tracker.count


def test_requests_are_logged_without_secrets(server: SandboxServer, web: requests.Session) -> None:
    """The log has method, decoded path, query, body, status and answer; it does not have the password."""
    web.post(server.url + "/a%20b?x=1&x=2", json={"k": 1}, auth=("me", "secret")).raise_for_status()

    entry = server.requests[0]

    assert (entry.method, entry.path, entry.query, entry.status) == ("POST", "/a b", {"x": ["1", "2"]}, 200)
    assert entry.request.json() == {"k": 1}
    assert entry.answer is not None
    assert b'"count":1' in entry.answer
    assert entry.request.header("Authorization") == "Basic ***"


def test_one_connection_serves_many_requests(server: SandboxServer, web: requests.Session) -> None:
    """Keep-alive survives an empty 204 answer."""
    assert [web.get(server.url).status_code, web.delete(server.url).status_code] == [200, 204]
    assert web.get(server.url).json()["count"] == 0


def test_a_dropped_request_is_not_applied(server: SandboxServer, web: requests.Session) -> None:
    """drop_before cuts the connection before the tracker sees the request."""
    server.faults.add("drop_before", ("POST", "^/x"))

    with pytest.raises(requests.ConnectionError):
        web.post(server.url + "/x")

    assert (count_of(server), server.requests[0].status) == (0, 0)


def test_a_lost_answer_leaves_the_request_applied(server: SandboxServer, web: requests.Session) -> None:
    """drop_after applies the request and cuts the connection."""
    server.faults.add("drop_after", ("POST", ""))

    with pytest.raises(requests.ConnectionError):
        web.post(server.url + "/x")

    assert count_of(server) == 1


def test_a_500_after_the_fact_leaves_the_request_applied(server: SandboxServer, web: requests.Session) -> None:
    """status_after answers 500 although the request was applied."""
    server.faults.add("status_after")

    assert (web.post(server.url).status_code, count_of(server)) == (500, 1)


def test_a_fault_counts_its_matches(server: SandboxServer, web: requests.Session) -> None:
    """`after` lets requests pass first and `times` ends the fault."""
    server.faults.add("answer", ("GET", "/p"), status=503, after=1, times=2)

    assert [web.get(server.url + "/p").status_code for _ in range(4)] == [200, 503, 503, 200]


@pytest.mark.parametrize(
    ("wait", "header"),
    [(7, "7"), (1.5, "1.5"), (None, None), (START + timedelta(hours=2), "Sun, 01 Mar 2026 11:00:00 GMT")],
)
def test_rate_limits_say_when_in_every_form(
    server: SandboxServer, web: requests.Session, wait: object, header: str | None
) -> None:
    """Retry-After is sent as seconds, as an HTTP date, or not at all, together with the reason."""
    server.faults.add("rate_limit", reason="jira-burst-based", retry_after=wait)

    answer = web.get(server.url)

    assert (answer.status_code, answer.headers.get("Retry-After")) == (429, header)
    assert answer.headers["RateLimit-Reason"] == "jira-burst-based"


def test_truncated_json_with_a_matching_length_breaks_only_the_json(
    server: SandboxServer, web: requests.Session
) -> None:
    """The transfer is complete and the JSON is cut."""
    server.faults.add("truncate")

    answer = web.get(server.url)

    assert answer.status_code == 200
    with pytest.raises(requests.exceptions.JSONDecodeError):
        answer.json()


def test_a_transfer_that_is_closed_early_is_a_separate_error(server: SandboxServer, web: requests.Session) -> None:
    """The full length is announced and the connection is closed halfway."""
    server.faults.add("truncate_closed")

    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        web.get(server.url)


def test_pages_of_a_proxy_or_a_sign_in_are_html(server: SandboxServer, web: requests.Session) -> None:
    """HTML arrives with 200 or with a proxy's 502."""
    server.faults.add("html")
    server.faults.add("proxy_error")

    first, second = web.get(server.url), web.get(server.url)

    assert (first.status_code, second.status_code) == (200, 502)
    assert all("text/html" in answer.headers["Content-Type"] for answer in (first, second))


def test_an_error_inside_a_200_is_json(server: SandboxServer, web: requests.Session) -> None:
    """A canned answer that looks like JSON is sent as JSON."""
    server.faults.add("answer", status=200, answer='{"error": "no"}')

    answer = web.get(server.url)

    assert (answer.status_code, answer.json()) == (200, {"error": "no"})
    assert answer.headers["Content-Type"] == "application/json"


def test_latency_and_delay_slow_answers_down(server: SandboxServer, web: requests.Session) -> None:
    """Latency applies to all answers, a delay to its matches."""
    server.faults.latency = 0.05
    server.faults.add("delay", seconds=0.1)

    begun = time.perf_counter()
    web.get(server.url)
    slow = time.perf_counter()
    web.get(server.url)

    assert slow - begun >= 0.15
    assert time.perf_counter() - slow >= 0.05
    assert server.faults.pending() == []


def test_hooks_see_a_request_before_and_after_it_is_applied(server: SandboxServer, web: requests.Session) -> None:
    """The before hook runs when nothing is applied yet, the after hook gets the reply."""
    seen: list[object] = []
    server.before.append(lambda _request: seen.append(count_of(server)))
    server.after.append(lambda _request, reply: seen.append((count_of(server), reply.status)))

    web.post(server.url)

    assert seen == [0, (1, 200)]


def test_a_crash_of_the_tracker_is_kept_and_answered(server: SandboxServer, web: requests.Session) -> None:
    """A bug of the sandbox answers 500 and stays visible to the test."""
    assert web.get(server.url + "/crash").status_code == 500
    assert [str(error) for error in server.crashes] == ["broken"]


def test_the_control_interface_sets_faults_clock_and_settings(server: SandboxServer, web: requests.Session) -> None:
    """Another process can plan a fault, move the clock, change a setting and read the log."""
    control = server.url + "/_sandbox/"
    web.post(control + "faults", json={"kind": "answer", "status": 401, "path": "/q"})
    web.post(control + "clock", json={"advance_s": 3600})
    web.post(control + "knobs", json={"page": 5})

    refused = web.get(server.url + "/q")
    logged = web.get(control + "requests").json()["requests"]

    assert refused.status_code == 401
    assert parsedate_to_datetime(refused.headers["Date"]) == START + timedelta(hours=1)
    assert [(e["path"], e["status"], e["fault"]) for e in logged] == [("/q", 401, "answer")]
    assert web.get(control + "knobs").json() == {"page": 5}
    assert web.post(control + "knobs", json={"pages": 5}).status_code == 400
    assert web.post(control + "faults", json={"kind": "nonsense"}).status_code == 400


def test_a_mounted_server_answers_only_below_its_path() -> None:
    """The context path is removed before the tracker sees the request."""
    with SandboxServer(_Counter(), mount="/jira") as server, requests.Session() as web:
        assert web.get(server.url + "/x").json()["path"] == "/x"
        assert web.get(server.url.removesuffix("/jira") + "/x").json()["path"] == "/outside"


def test_the_clock_ticks_freezes_and_jumps() -> None:
    """A frozen clock stands still; a ticking clock runs on from its set instant; a naive instant is refused."""
    clock = SandboxClock(START, ticking=False)
    assert (clock.now(), clock.advance(timedelta(days=1))) == (START, START + timedelta(days=1))

    clock.resume()
    clock.set(START)
    time.sleep(0.02)

    assert START < clock.now() < START + timedelta(seconds=5)
    with pytest.raises(ValueError, match="aware"):
        clock.set(START.replace(tzinfo=None))
