"""Instants of the sandbox Jira: stored as epoch milliseconds, shown in the viewer's profile zone."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_INSTANT = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d(?::\d\d(?:\.\d+)?)?)\s*(Z|[+-]\d\d:?\d\d(?::?\d\d)?)")


def to_ms(instant: datetime) -> int:
    """Return the epoch milliseconds of an aware instant, rounded down."""
    return (instant - _EPOCH) // timedelta(milliseconds=1)


def parse_ms(value: object) -> int | None:
    """Return epoch milliseconds for an ISO 8601 instant with offset, or a number in seconds or milliseconds."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return int(value if value > 1e11 else value * 1000)
    if not isinstance(value, str):
        return None
    found = _INSTANT.fullmatch(value.strip())
    if found is None:
        return None
    day, clock, offset = found.groups()
    return to_ms(datetime.fromisoformat(f"{day}T{clock}{'+00:00' if offset == 'Z' else offset}"))


@lru_cache(maxsize=64)
def zone_of(name: str) -> ZoneInfo:
    """Return the zone of an IANA name."""
    return ZoneInfo(name)


@lru_cache(maxsize=200_000)
def jira_instant(ms: int, zone: ZoneInfo) -> str:
    """Return an instant in Jira's form, `2026-03-01T09:00:00.000+0300`: the offset has no colon."""
    local = (_EPOCH + timedelta(milliseconds=ms)).astimezone(zone)
    text = local.isoformat(timespec="milliseconds")
    return text[:26] + text[27:29]


def iso(ms: int) -> str:
    """Return the instant in UTC with `Z`, for headers."""
    return (_EPOCH + timedelta(milliseconds=ms)).strftime("%Y-%m-%dT%H:%M:%SZ")
