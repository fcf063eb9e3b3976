"""How long a tracker asks us to wait: all forms of Retry-After, X-RateLimit-Reset and RateLimit headers; pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from capa_sync.sources.instants import is_plausible

LONGEST_WISH = timedelta(days=1)
"""A longer wait is cut: one wrong header must not stop a source for years, and a right one is told again."""
_FIRST_EPOCH = 10**9
"""Smaller numbers in X-RateLimit-Reset are seconds from now, as proxies send them."""
_SPENT = re.compile(r"(?:^|;)\s*r=0\s*(?:;|$)")
_LEFT = re.compile(r"(?:^|;)\s*t=(\d{1,9})\s*(?:;|$)")


def wish_of(status: int, headers: Mapping[str, str], now: datetime) -> timedelta | None:
    """Return how long the tracker asks us to wait; None when it names no future time.

    Dates are compared with the tracker's own clock, in its Date header. A wait of zero, which Data Center's token
    bucket names while tokens remain, does not count: the caller then chooses the wait.

    Args:
        status: HTTP status of the answer; the rate headers count only for 429.
        headers: of the answer; read by their usual spelling.
        now: our own instant, for answers without a date.
    """
    date = read_http_date(headers.get("Date")) or now
    wish = parse_retry_after(headers.get("Retry-After"), date)
    if wish is None and status == 429:
        wish = _reset(headers.get("X-RateLimit-Reset"), date) or _left(headers.get("RateLimit"))
    if not wish and status == 429:
        wish = _seconds(headers.get("X-RateLimit-Interval-Seconds"))
    return min(wish, LONGEST_WISH) if wish else None


def parse_retry_after(value: str | None, now: datetime) -> timedelta | None:
    """Read a `Retry-After` header: seconds, also with a fraction, or an HTTP date; None when absent or unreadable."""
    text = (value or "").strip()
    found = _seconds(text)
    if found is None and text and not text.startswith("-"):
        instant = read_http_date(text)
        found = max(timedelta(0), instant - now) if instant is not None else None
    return found


def _seconds(value: str | None) -> timedelta | None:
    try:
        seconds = float((value or "").strip())
    except ValueError:
        return None
    if not 0 <= seconds < float("inf"):
        return None
    return timedelta(seconds=min(seconds, LONGEST_WISH.total_seconds()))


def read_http_date(value: str | None) -> datetime | None:
    """Read a `Date` header or its like as an instant in UTC; None when absent, unreadable or not plausible."""
    try:
        instant = parsedate_to_datetime(value or "")
        instant = instant.astimezone(UTC) if instant.tzinfo else instant.replace(tzinfo=UTC)
    except (ValueError, TypeError, OverflowError, IndexError):  # `email` raises each of them, for years of 20 digits
        return None
    return instant if is_plausible(instant) else None


def _reset(value: str | None, now: datetime) -> timedelta | None:
    """Read Jira's X-RateLimit-Reset (ISO 8601) or ServiceNow's (Unix seconds, docs/servicenow.md 6)."""
    text = (value or "").strip()
    try:
        if not text.isdigit():
            instant = datetime.fromisoformat(text)
            aware = instant if instant.tzinfo else instant.replace(tzinfo=UTC)
        elif int(text) < _FIRST_EPOCH:
            return timedelta(seconds=int(text))
        else:
            number = int(text)
            aware = datetime.fromtimestamp(number / 1000 if number >= _FIRST_EPOCH * 1000 else number, UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return max(timedelta(0), aware - now)


def _left(value: str | None) -> timedelta | None:
    """Read the list of `RateLimit` (docs/jira.md 7): the longest `t` of a policy with nothing left (`r=0`)."""
    found = [_LEFT.search(item) for item in (value or "").split(",") if _SPENT.search(item)]
    return max((timedelta(seconds=int(match[1])) for match in found if match), default=None)
