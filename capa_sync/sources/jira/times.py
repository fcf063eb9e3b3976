"""Jira's instants: ISO text with any offset, epoch seconds or epoch milliseconds; pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

from capa_sync.sources.instants import is_plausible

_ZONED = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?:Z|[+-]\d\d:?\d\d)")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECONDS_END = 100_000_000_000
"""Epoch numbers below this are seconds (until the year 5138), the others milliseconds (since 1973)."""
_MILLISECOND = timedelta(milliseconds=1)


def read_instant(value: Any) -> datetime:
    """Return the aware UTC instant. Raises ValueError for anything else, or an instant outside 1990-2200.

    `changelog/bulkfetch` is documented with both ISO text and numbers (docs/jira.md 3), so all forms are accepted.
    """
    try:
        instant = _from_text(value) if isinstance(value, str) and not value.isdigit() else _from_number(int(value))
    except (OverflowError, TypeError) as error:
        raise ValueError(f"{value!r} is no instant") from error
    if not is_plausible(instant):
        raise ValueError(f"{value!r} is outside the years 1990 to 2200")
    return instant


def _from_text(text: str) -> datetime:
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is UTC:  # most texts end in +0000
        return instant
    if instant.tzinfo is None:
        raise ValueError(f"{text!r} has no offset")
    return instant.astimezone(UTC)


def _from_number(number: int) -> datetime:
    return _EPOCH + (timedelta(seconds=number) if number < _SECONDS_END else number * _MILLISECOND)


def epoch_ms(instant: datetime) -> int:
    """Return milliseconds since 1970, rounded down."""
    return (instant - _EPOCH) // _MILLISECOND


def from_epoch_ms(ms: int) -> datetime:
    """Return the instant of so many milliseconds since 1970."""
    return _EPOCH + ms * _MILLISECOND


def in_utc(text: str) -> str:
    """Convert an instant with an offset to UTC, so that the API user's profile zone does not affect values."""
    if not _ZONED.fullmatch(text):
        return text
    try:
        return datetime.fromisoformat(text).astimezone(UTC).isoformat().replace("+00:00", "Z")
    except (ValueError, OverflowError):  # it only looks like an instant
        return text
