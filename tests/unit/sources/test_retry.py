"""The retry policy: what is sent again, when, and how long a worker waits."""

from __future__ import annotations

import logging
import threading
from datetime import UTC, datetime, timedelta

import pytest

from capa_sync.errors import BadAnswer, NotBefore, Retryable
from capa_sync.model.clock import ShiftedClock
from capa_sync.sources.budget import Budget, Rate
from capa_sync.sources.retry import Outage, RetryPolicy, overload
from capa_sync.sources.wish import parse_retry_after

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def policy(**options: object) -> RetryPolicy:
    """Return a policy that spends no time waiting, without jitter."""
    wanted = {"is_instant": True, "jitter": lambda: 1.0} | options
    return RetryPolicy("jira", ShiftedClock(NOW), wanted.pop("stop", threading.Event()), **wanted)


def failing(times: int, error: Exception | None = None) -> tuple[list[int], object]:
    """Return a send function that fails this many times and then returns its count."""
    calls: list[int] = []

    def send() -> int:
        calls.append(1)
        if len(calls) <= times:
            raise error or Retryable("jira", "no")
        return len(calls)

    return calls, send


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7),
        ("1.5", 1.5),
        ("0", 0),
        ("Tue, 24 Nov 2026 12:00:30 GMT", 30),
        ("Tue, 24 Nov 2026 11:00:00 GMT", 0),
        ("", None),
        (None, None),
        ("soon", None),
        ("-3", None),
        ("nan", None),
        ("inf", None),
    ],
)
def test_retry_after_is_read_in_every_form(value: str | None, seconds: float | None) -> None:
    """Seconds, fractions and HTTP dates become a wait; anything else becomes none, never an exception."""
    expected = None if seconds is None else timedelta(seconds=seconds)
    assert parse_retry_after(value, NOW) == expected


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_an_overloaded_tracker_is_asked_again(status: int) -> None:
    """Every status that says "not now" is Retryable and has the tracker's own wish."""
    error = overload("jira", status, {"Retry-After": "3"}, NOW, "GET search")
    assert isinstance(error, Retryable)
    assert error.retry_after == timedelta(seconds=3)


@pytest.mark.parametrize("status", [200, 400, 401, 403, 404, 409, 413])
def test_other_statuses_are_not_overload(status: int) -> None:
    """After a refusal the same request is not sent again."""
    assert overload("jira", status, {}, NOW, "x") is None


def test_a_wait_of_an_hour_is_left_to_the_daemon() -> None:
    """No worker sleeps longer than a minute: the error names the instant instead."""
    error = overload("snow", 429, {"Retry-After": "1847"}, NOW, "x")
    assert isinstance(error, NotBefore)
    assert error.until == NOW + timedelta(seconds=1847)


@pytest.mark.parametrize("reset", ["2026-11-24T13:00Z", str(int(NOW.timestamp()) + 3600)])
def test_a_429_without_retry_after_uses_the_reset_header(reset: str) -> None:
    """Jira gives an ISO instant, ServiceNow gives Unix seconds."""
    error = overload("jira", 429, {"X-RateLimit-Reset": reset}, NOW, "x")
    assert isinstance(error, NotBefore)
    assert error.until == NOW + timedelta(hours=1)


@pytest.mark.parametrize(
    ("reason", "scope"),
    [
        ("jira-burst-based", "endpoint"),
        ("jira-per-issue-on-write", "ticket"),
        ("jira-quota-tenant-based", "all"),
        ("", "all"),
    ],
)
def test_the_reason_of_a_429_says_what_must_wait(reason: str, scope: str) -> None:
    """An unknown reason pauses everything of that source."""
    error = overload("jira", 429, {"RateLimit-Reason": reason}, NOW, "x")
    assert isinstance(error, Retryable)
    assert error.scope == scope


def test_a_read_is_sent_again_until_it_succeeds() -> None:
    """Two failures and a success are one successful read; the waits double."""
    calls, send = failing(2)
    retry = policy()
    assert retry.read(send) == 3
    assert len(calls) == 3
    assert retry.waits == [2.0, 4.0]


def test_attempts_are_bounded() -> None:
    """The last error is raised when the attempts are used up."""
    calls, send = failing(99)
    with pytest.raises(Retryable):
        policy(attempts=3).read(send)
    assert len(calls) == 3


def test_total_time_is_bounded() -> None:
    """A wait that would end after the total is not started."""
    calls, send = failing(99, Retryable("jira", "no", timedelta(seconds=50)))
    with pytest.raises(Retryable):
        policy(total=timedelta(seconds=20)).read(send)
    assert len(calls) == 1


def test_the_trackers_wish_is_never_undercut() -> None:
    """Jitter may lengthen what Retry-After asked for, never shorten it."""
    _, send = failing(1, Retryable("jira", "no", timedelta(seconds=9)))
    retry = policy(jitter=lambda: 0.7)
    retry.read(send)
    assert retry.waits == [9.0]


@pytest.mark.parametrize("error", [BadAnswer("jira", "HTML"), NotBefore("jira", "later", NOW)])
def test_other_errors_are_not_retried(error: Exception) -> None:
    """A bad answer and a stored not-before are raised at once."""
    calls, send = failing(1, error)
    with pytest.raises(type(error)):
        policy().read(send)
    assert len(calls) == 1


class StoppedWhileWaiting(threading.Event):
    """A stop event that is set as soon as somebody waits for it."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        """Note the wait, and set the event."""
        self.waits.append(timeout or 0)
        self.set()
        return super().wait(timeout)


def test_a_wait_ends_when_we_stop() -> None:
    """A worker waits for nothing but the stop event, which ends the wait however long it is."""
    stop = StoppedWhileWaiting()
    _, send = failing(99, Retryable("jira", "no", timedelta(seconds=30)))
    with pytest.raises(Retryable, match="stopped"):
        policy(stop=stop, is_instant=False).read(send)
    assert stop.waits == [30]


def test_nothing_is_sent_once_we_stop() -> None:
    """A read that begins after the stop event sends no request."""
    stop = threading.Event()
    stop.set()
    calls, send = failing(0)
    with pytest.raises(Retryable, match="stopped"):
        policy(stop=stop).read(send)
    assert calls == []


def test_the_budget_lets_a_second_of_requests_through_and_then_paces() -> None:
    """Of 30 requests at 10/s, ten are sent at once and twenty at intervals of a tenth of a second."""
    now = [100.0]
    budget = Budget("jira", Rate.parse("10/s"), threading.Event(), monotonic=lambda: now[0], is_instant=True)
    waits = []
    for _ in range(30):
        before = budget.waited
        budget.take()
        waits.append(round(budget.waited - before, 6))
    assert waits[:10] == [0.0] * 10
    assert waits[10:] == [round(0.1 * n, 6) for n in range(1, 21)]
    now[0] += 60
    before = budget.waited
    budget.take()
    assert budget.waited == before


def test_a_budget_per_hour_allows_no_burst() -> None:
    """Slow budgets have one token only, so that a restart cannot spend an hour's requests at once."""
    budget = Budget("snow", Rate.parse("3600/h"), threading.Event(), monotonic=lambda: 0.0, is_instant=True)
    budget.take()
    budget.take()
    assert budget.waited == pytest.approx(1.0)


def test_a_wait_for_the_budget_ends_when_we_stop() -> None:
    """Shutdown does not wait for the next token."""
    stop = threading.Event()
    budget = Budget("snow", Rate.parse("1/h"), stop)
    budget.take()
    stop.set()
    with pytest.raises(Retryable, match="budget"):
        budget.take()


@pytest.mark.parametrize("text", ["", "10", "0/s", "10/day", "-1/s", "1.5/s"])
def test_a_wrong_budget_is_refused(text: str) -> None:
    """The message shows the allowed forms."""
    with pytest.raises(ValueError, match="10/s"):
        Rate.parse(text)


def test_the_first_failed_request_of_an_outage_is_one_line_with_what_happens_next(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Sessions of one source share it, and only a request that succeeds ends it."""
    caplog.set_level(logging.WARNING, logger="capa_sync.sources")  # a test before may have made it quiet
    outage = Outage()
    for _session in range(2):
        with pytest.raises(Retryable):
            policy(outage=outage).read(failing(99)[1])
    (line,) = [record.getMessage() for record in caplog.records]
    assert line.startswith('action=request_failed source=jira problem="no" next="sent again in 2 s, 4 times')
    assert policy(outage=outage).read(failing(0)[1]) == 1
    assert policy(outage=outage).read(failing(2)[1]) == 3
    assert len(caplog.records) == 2
