"""Headers may hold anything: reading them gives a value or nothing, and never an error."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capa_sync.sources.retry import overload
from capa_sync.sources.servicenow.answers import read_headers
from capa_sync.sources.wish import LONGEST_WISH, read_http_date, wish_of

NOW = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
NAMES = (
    "Date",
    "Retry-After",
    "X-RateLimit-Reset",
    "RateLimit",
    "X-RateLimit-Interval-Seconds",
    "X-Total-Count",
    "Link",
)
ODD = (
    "Mon, 01 Jan 99999999999999999999 00:00:00 GMT",
    "Mon, 01 Jan 0001 00:00:00 +2359",
    "Fri, 31 Dec 9999 23:59:59 -2359",
    "Mon, 01 Jan 2026 00:00:00 +99999999999999999999",
    "99999999999999999999-01-01T00:00:00Z",
    "9" * 5000,
    "-" + "9" * 5000,
    "1e999",
    "-1e999",
    "NaN",
    "Infinity",
    "²",
    "١٢٣",
    "0x10",
    "",
    "\x00",
    ",,;;r=0;t=999999999999999",
)
values = st.one_of(
    st.sampled_from(ODD), st.text(max_size=60), st.from_regex(r"[A-Z][a-z]{2}, \d{1,25} \w{3} \d{1,25} .*")
)


@given(headers=st.dictionaries(st.sampled_from(NAMES), values), status=st.sampled_from([200, 429, 500, 503, 504]))
def test_no_header_raises(headers: dict[str, str], status: int) -> None:
    """Neither a wish, nor a date, nor a count raises; a wish is bounded."""
    wish = wish_of(status, headers, NOW)
    assert wish is None or timedelta(0) < wish <= LONGEST_WISH
    overload("jira", status, headers, NOW, "GET x")
    total, _links, _next, at = read_headers(headers)
    assert total is None or 0 <= total < 10**18
    assert at is None or at.tzinfo is UTC


@pytest.mark.parametrize("value", [*ODD, None])
def test_an_odd_date_is_none(value: str | None) -> None:
    """A date is read completely or not at all."""
    found = read_http_date(value)
    assert found is None or found.tzinfo is UTC


@pytest.mark.parametrize("year", [1601, 1989, 2200, 9999])
def test_a_date_that_no_tracker_can_mean_is_none(year: int) -> None:
    """Nothing may count from an instant centuries away; those of the years between are read."""
    assert read_http_date(f"31 Dec {year} 23:59:59 GMT") is None
    assert read_http_date("01 Jan 1990 00:00:00 GMT") == datetime(1990, 1, 1, tzinfo=UTC)
    assert read_http_date("31 Dec 2199 23:59:59 GMT") is not None


def test_a_date_is_read_in_utc() -> None:
    """A date is converted from its zone, and counts as UTC without one."""
    assert read_http_date("Sun, 01 Mar 2026 10:00:00 +0100") == NOW
    assert read_http_date("Sun, 01 Mar 2026 09:00:00") == NOW
