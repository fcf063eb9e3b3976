"""Days and instants as options of verbs take them."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, tzinfo

from capa_sync.errors import Problem, UserError
from capa_sync.model.days import YEARS
from capa_sync.model.near import day_hint

_DAY = len("2026-06-15")
_EXAMPLE = "write a day such as 2026-06-15"


def is_day(text: str) -> bool:
    """Return whether an option that takes both names a day, and no instant."""
    return len(text) == _DAY


def day_of(option: str, text: str) -> date:
    """Return the day of an option. Raises UserError for what is none, and for one outside of YEARS."""
    try:
        found = date.fromisoformat(text)
    except ValueError:
        what = f"{option} takes a day, not '{text[:40]}'"
        raise UserError([Problem("", 0, what, day_hint(text, _EXAMPLE))]) from None
    _check_year(option, found)
    return found


def instant_of(option: str, text: str, zone: tzinfo) -> datetime:
    """Return the instant of an option, in UTC; a day means its last moment in the zone. Raises UserError."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        hint = day_hint(text, f"{_EXAMPLE}, or an ISO 8601 instant")
        what = f"{option} takes a day or an instant, not '{text[:40]}'"
        raise UserError([Problem("", 0, what, hint)]) from None
    _check_year(option, found)
    if is_day(text):
        found = datetime.combine(found, time.max)
    return (found.replace(tzinfo=zone) if found.tzinfo is None else found).astimezone(UTC)


def _check_year(option: str, day: date) -> None:
    if day.year not in YEARS:
        what = f"{option} takes no day of the year {day.year}"
        raise UserError([Problem("", 0, what, f"write one of the years {YEARS[0]} to {YEARS[-1]}")])
