"""Every form of rate limit over real HTTP: the client waits itself, or raises an error that says until when."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from typing import Any

import pytest

from capa_sync.errors import NotBefore, SourceError
from capa_sync.sandbox.faults import FaultPlan
from tests.contract.jira_source_harness import harness as jira_harness
from tests.unit.sources.servicenow.source_harness import source_harness as servicenow_harness

FACES = ("cloud", "datacenter", "servicenow")


@contextmanager
def signing_in(face: str) -> Iterator[tuple[Any, FaultPlan, list[float], Any]]:
    """Yield a source that can identify itself: (source, faults, waits spent so far, clock)."""
    with ExitStack() as stack:
        if face == "servicenow":
            source_harness = stack.enter_context(servicenow_harness(children=(), waits_are_instant=True))
            policy = source_harness.source.client._policy  # type: ignore[attr-defined]
            yield source_harness.source, source_harness.server.faults, policy.waits, source_harness.tracker.clock
        else:
            harness = stack.enter_context(jira_harness(face))
            yield harness.source, harness.server.faults, harness.source.retry.waits, harness.clock


SHORT: list[dict[str, Any]] = [
    {"retry_after": 7},
    {"retry_after": 7.0, "reason": "jira-burst-based"},
    {"retry_after": "7.0", "reason": "jira-quota-tenant-based"},
    {"headers": {"X-RateLimit-Reset": "7"}},
    {"headers": {"RateLimit": '"burst";r=0;t=7'}, "reason": "jira-something-new"},
    {"retry_after": 0, "headers": {"X-RateLimit-Interval-Seconds": "7", "X-RateLimit-FillRate": "1"}},
]


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize("form", SHORT)
def test_a_short_wait_is_kept_and_the_read_succeeds(face: str, form: dict[str, Any]) -> None:
    """The next request is sent no earlier than asked, and not much later."""
    with signing_in(face) as (source, faults, waits, _clock):
        faults.add("rate_limit", **form)
        source.identify()
        assert len(waits) == 1
        assert 7 <= waits[0] <= 7 * 1.3


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize("status", [429, 503])
def test_a_date_is_kept_as_well(face: str, status: int) -> None:
    """An HTTP date is compared with the tracker's clock, whatever our own clock shows."""
    with signing_in(face) as (source, faults, waits, clock):
        at = clock.now().replace(microsecond=0) + timedelta(seconds=40)
        faults.add("answer", status=status, headers={"Retry-After": f"{at:%a, %d %b %Y %H:%M:%S} GMT"})
        source.identify()
        assert 36 <= waits[0] <= 42 * 1.3


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize(
    "form", [{}, {"retry_after": 0}, {"headers": {"Retry-After": "soon"}}, {"reason": "jira-burst-based"}]
)
def test_without_a_usable_wait_time_the_waits_grow(face: str, form: dict[str, Any]) -> None:
    """After a bare 429 of a gateway, or a wait of 0, requests follow after about 2, 4 and 8 seconds."""
    with signing_in(face) as (source, faults, waits, _clock):
        faults.add("rate_limit", times=3, **form)
        source.identify()
        assert [0.7 * base <= wait <= 1.3 * base for base, wait in zip((2, 4, 8), waits, strict=True)] == [True] * 3


LONG: list[dict[str, Any]] = [
    {"retry_after": 4000},
    {"retry_after": 4000.0},
    {"headers": {"X-RateLimit-Reset": "4000"}},
    {"headers": {"RateLimit": '"quota";r=0;t=4000'}},
    {"status": 503, "headers": {"Retry-After": "4000"}},
]


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize("form", LONG)
def test_a_wait_of_over_an_hour_is_raised_at_once(face: str, form: dict[str, Any]) -> None:
    """No thread sleeps for it, and nothing is sent again."""
    with signing_in(face) as (source, faults, waits, clock):
        faults.add("answer" if "status" in form else "rate_limit", times=None, **form)
        with pytest.raises(NotBefore) as caught:
            source.identify()
        left = caught.value.until - clock.now()
        assert timedelta(seconds=3990) < left <= timedelta(seconds=4001)
        assert waits == []


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize("form", ["{:%Y-%m-%dT%H:%MZ}", "{:%Y-%m-%dT%H:%M:%S.000+0000}", "unix", "date"])
def test_an_instant_over_an_hour_ahead_is_raised(face: str, form: str) -> None:
    """The forms are Jira's ISO instant, ServiceNow's Unix seconds, and an HTTP date."""
    with signing_in(face) as (source, faults, _waits, clock):
        at = clock.now().replace(second=0, microsecond=0) + timedelta(hours=2)
        if form == "date":
            faults.add("rate_limit", times=None, retry_after=at)
        else:
            value = str(int(at.timestamp())) if form == "unix" else form.format(at)
            faults.add("rate_limit", times=None, headers={"X-RateLimit-Reset": value})
        with pytest.raises(NotBefore) as caught:
            source.identify()
        assert abs(caught.value.until - at) < timedelta(seconds=5)


@pytest.mark.parametrize(
    ("reason", "scope"),
    [
        ("jira-burst-based", "endpoint"),
        ("jira-per-issue-on-write", "ticket"),
        ("jira-quota-global-based", "all"),
        ("jira-quota-tenant-based", "all"),
        ("jira-something-new", "all"),
        (None, "all"),
    ],
)
@pytest.mark.parametrize("wait", [20, 4000])
def test_the_reason_decides_what_must_wait_however_long(reason: str | None, scope: str, wait: int) -> None:
    """An unknown reason limits everything of the source."""
    with signing_in("cloud") as (source, faults, _waits, _clock):
        faults.add("rate_limit", times=None, reason=reason, retry_after=wait)
        with pytest.raises(SourceError) as caught:
            source.identify()
        assert caught.value.scope == scope  # type: ignore[attr-defined]


def test_a_limit_on_an_oauth_sign_in_is_kept_too() -> None:
    """The token endpoint has limits of its own."""
    from capa_sync.sources.servicenow.options import ServiceNowAuth

    with servicenow_harness(
        children=(), auth=ServiceNowAuth("oauth-client-credentials", "id", "secret")
    ) as source_harness:
        source_harness.server.faults.add("rate_limit", ("POST", "oauth_token"), times=None, retry_after=4000)
        with pytest.raises(NotBefore):
            source_harness.source.identify()
