"""Days and instants as people read them, and how late something is: the same words in every place."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from capa_sync.model.amounts import count_of
from capa_sync.model.patterns import EXACT_INSTANT

YEARS = range(1900, 2201)
"""Years of the days that are taken: people write 9999 and the like for "never", and the calendar ends with it."""


def day_words(day: date) -> str:
    """Return a day as people read it: `2 Mar 2026`."""
    return f"{day.day} {day:%b %Y}"


def moment_words(at: datetime, zone: str) -> str:
    """Return an instant to the second in a time zone (IANA name): `2 Mar 2026, 09:12:05`."""
    local = at.astimezone(ZoneInfo(zone))
    return f"{day_words(local)}, {local:%H:%M:%S}"


def utc_words(at: datetime) -> str:
    """Return an instant of any zone to the second in UTC, as lines of verbs have it: `2026-03-02 09:12:05Z`."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}Z"


def utc_words_or_never(at: datetime | None) -> str:
    """Return an instant as `utc_words` does, "never" for none."""
    return utc_words(at) if at is not None else "never"


def utc_minute_words(at: datetime) -> str:
    """Return an instant of any zone to the minute in UTC: `2026-03-02 09:12Z`."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M}Z"


def value_words(value: str, zone: str) -> str:
    """Return the value of a tracker's field: an instant as people read it in a time zone, any other as it is."""
    if not EXACT_INSTANT.fullmatch(value):
        return value
    try:
        return moment_words(datetime.fromisoformat(value), zone)
    except (ValueError, OverflowError):
        return value


def late_words(end: datetime, now: datetime) -> str:
    """Return how late something is that was due until an instant: `7 days late`; "" while that has not come.

    Days are whole ones since that instant, as `days_late` of `v_register` counts them.
    """
    return days_late_words((now - end) // timedelta(days=1)) if now >= end else ""


def days_late_words(days: int) -> str:
    """Return in words how many whole days something that is late is late."""
    return f"{count_of(days, 'day')} late" if days else "less than a day late"
