"""Every form in which a tracker says when it accepts the next request."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from capa_sync.sources.wish import LONGEST_WISH, wish_of

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
UNIX = int(NOW.timestamp())


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "7"}, 7),
        ({"Retry-After": "1.5"}, 1.5),
        ({"Retry-After": "5400"}, 5400),
        ({"Retry-After": "Tue, 24 Nov 2026 12:00:30 GMT"}, 30),
        ({"Retry-After": "Tue, 24 Nov 2026 13:30:00 GMT"}, 5400),
        ({"Retry-After": "Tue, 24 Nov 2026 11:00:00 GMT"}, None),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "-3"}, None),
        ({}, None),
        ({"X-RateLimit-Reset": "2026-11-24T13:00Z"}, 3600),
        ({"X-RateLimit-Reset": "2026-11-24T14:00:00.000+0100"}, 3600),
        ({"X-RateLimit-Reset": "2026-11-24T13:00:00"}, 3600),
        ({"X-RateLimit-Reset": str(UNIX + 3600)}, 3600),
        ({"X-RateLimit-Reset": str((UNIX + 3600) * 1000)}, 3600),
        ({"X-RateLimit-Reset": "45"}, 45),
        ({"X-RateLimit-Reset": "2026-11-24T11:00Z"}, None),
        ({"X-RateLimit-Reset": "tomorrow"}, None),
        ({"Retry-After": "7", "X-RateLimit-Reset": "2026-11-24T13:00Z"}, 7),
        ({"RateLimit": '"burst";r=0;t=12, "quota";r=800;t=3000'}, 12),
        ({"RateLimit": '"burst";r=0;t=12,"quota";r=0;t=3000'}, 3000),
        ({"RateLimit": '"burst";r=5;t=12'}, None),
        ({"Retry-After": "0", "X-RateLimit-Interval-Seconds": "5"}, 5),
        ({"Retry-After": "0"}, None),
    ],
)
def test_a_wish_is_read_in_every_form(headers: dict[str, str], seconds: float | None) -> None:
    """Past, zero or unreadable values are no wish; Retry-After wins over a header that only names a reset."""
    assert wish_of(429, headers, NOW) == (None if seconds is None else timedelta(seconds=seconds))


@pytest.mark.parametrize("skew", [-600, 600])
def test_dates_are_read_by_the_trackers_own_clock(skew: int) -> None:
    """A tracker ten minutes ahead or behind is neither asked too early nor left alone for too long."""
    headers = {"Date": "Tue, 24 Nov 2026 12:00:00 GMT", "Retry-After": "Tue, 24 Nov 2026 12:02:00 GMT"}
    assert wish_of(429, headers, NOW + timedelta(seconds=skew)) == timedelta(minutes=2)


@pytest.mark.parametrize(
    "headers",
    [
        {"Retry-After": "99999999999"},
        {"Retry-After": "Fri, 24 Nov 2099 12:00:00 GMT"},
        {"X-RateLimit-Reset": "2099-01-01T00:00Z"},
        {"X-RateLimit-Reset": "99999999999999999"},
    ],
)
def test_one_wrong_header_silences_no_source_for_years(headers: dict[str, str]) -> None:
    """A wish for more than a week is cut to a week, or ignored."""
    assert wish_of(429, headers, NOW) in (LONGEST_WISH, None)


def test_the_rate_headers_count_for_429_alone() -> None:
    """Jira sends its limits with every answer; a 503 without Retry-After names no time."""
    assert wish_of(503, {"X-RateLimit-Reset": "2026-11-24T13:00Z"}, NOW) is None
    assert wish_of(503, {"Retry-After": "90"}, NOW) == timedelta(seconds=90)
