"""Lengths, sizes and rates as people write them: `60s`, `24h`, `5bd`, `16MB`, `10/s`."""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import Any

from capa_sync.model.settings import Days

_DURATION = re.compile(r"([0-9]{1,9})\s*(s|m|h|d)")
_PERIOD = re.compile(r"([0-9]{1,2}(?=\s*y)|[0-9]{1,5}(?=\s*d))\s*(y|d)")
_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
LONGEST = timedelta(days=3_660)
"""Ten years."""
MOST_CODES = 60
_DAYS = re.compile(r"([0-9]{1,4})\s*(d|bd)")
_RATE = re.compile(r"(\d{1,6})\s*/\s*(s|min|h)")
_SIZE = re.compile(r"(\d{1,4})\s*MB")
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,39}")
_LISTEN = re.compile(r"[^\s:]+:\d{1,5}")
_HEADER = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,79}")
_HOLIDAY_YEARS = range(2000, 2051)


def parse_duration(text: Any) -> timedelta:
    """Turn `90s`, `30m`, `24h` or `7d` into a timedelta. Raises ValueError with the allowed forms."""
    if isinstance(text, timedelta):
        return text
    match = _DURATION.fullmatch(text.strip()) if isinstance(text, str) else None
    if match is None:
        raise ValueError("a length is a number and a unit: 60s, 30m, 24h or 7d")
    length = timedelta(seconds=int(match[1]) * _UNITS[match[2]])
    if length > LONGEST:
        raise ValueError(f"a length is at most {LONGEST.days}d")
    return length


def parse_period(text: Any) -> timedelta:
    """Turn `6y` or `2190d` into a timedelta; so many years are as long as they can be, with each leap day.

    Raises ValueError with the allowed forms.
    """
    if isinstance(text, timedelta):
        return text
    match = _PERIOD.fullmatch(text.strip()) if isinstance(text, str) else None
    if match is None:
        raise ValueError("a time of retention is a number of years or days: 6y or 2190d")
    return timedelta(days=-(-int(match[1]) * 1461 // 4) if match[2] == "y" else int(match[1]))


def parse_days(text: Any) -> Days:
    """Turn `5bd` (business days) or `30d` (calendar days) into Days. Raises ValueError with the allowed forms."""
    if isinstance(text, Days):
        return text
    match = _DAYS.fullmatch(text.strip()) if isinstance(text, str) else None
    if match is None:
        raise ValueError("a deadline is a number of days: 5bd for business days, 30d for calendar days")
    return Days(int(match[1]), match[2] == "bd")


def parse_calendar_days(text: Any) -> int:
    """Turn `365d` into a number of days. Raises ValueError with the allowed form."""
    if isinstance(text, int) and not isinstance(text, bool):
        return text
    match = _DAYS.fullmatch(text.strip()) if isinstance(text, str) else None
    if match is None or match[2] == "bd":
        raise ValueError("a period is a number of calendar days: 365d")
    return int(match[1])


def days_text(days: Days) -> str:
    """Return the text of a length, as `parse_days` reads it."""
    return f"{days.count}{'bd' if days.business else 'd'}"


def source_name(text: str) -> str:
    """Check the name of a source. Raises ValueError with the allowed characters."""
    if _NAME.fullmatch(text) is None:
        raise ValueError("a source's name is made of small letters, digits, - and _, and begins with a letter")
    return text


def listen_address(text: str) -> str:
    """Check `ADDRESS:PORT`. Raises ValueError with an example."""
    if _LISTEN.fullmatch(text) is None:
        raise ValueError("write address and port, as in 127.0.0.1:8765")
    return text


def listen_or_off(text: str) -> str:
    """Check `ADDRESS:PORT`, or "" for no listener. Raises ValueError with an example."""
    return listen_address(text) if text else ""


def header_name(text: str) -> str:
    """Check the name of an HTTP header. Raises ValueError with an example."""
    if _HEADER.fullmatch(text) is None:
        raise ValueError("write the name of a header, as in X-Forwarded-User")
    return text


def parse_rate(text: Any) -> str:
    """Check `10/s`, `300/min` or `5000/h` and return it without blanks. Raises ValueError with the allowed forms."""
    match = _RATE.fullmatch(text.strip()) if isinstance(text, str) else None
    if match is None or int(match[1]) == 0:
        raise ValueError("a request budget is a number per second, minute or hour: 10/s, 300/min or 5000/h")
    return f"{match[1]}/{match[2]}"


def parse_size(text: Any) -> int:
    """Turn `16MB` into bytes; a megabyte has 1,048,576. Raises ValueError with the allowed form."""
    if isinstance(text, int) and not isinstance(text, bool):
        return text
    match = _SIZE.fullmatch(text.strip()) if isinstance(text, str) else None
    if match is None:
        raise ValueError("a size is a number of megabytes: 16MB")
    return int(match[1]) * 1_048_576


def parse_holidays(entries: list[str | date]) -> frozenset[date]:
    """Turn country or region codes (`GB-ENG`, `DE`) and single dates into dates, for the years 2000 to 2050.

    Raises ValueError with the entry that is neither.
    """
    import holidays as holiday_calendars  # this loads the calendars of all countries: 80 ms

    codes = list(dict.fromkeys(str(entry) for entry in entries if not isinstance(entry, date)))
    if len([code for code in codes if _day(code) is None]) > MOST_CODES:
        raise ValueError(f"more than {MOST_CODES} country and region codes are no one's holidays")
    days = {entry for entry in entries if isinstance(entry, date)}
    for entry in codes:
        day = _day(entry)
        if day is not None:
            days.add(day)
            continue
        country, _, region = entry.partition("-")
        try:
            days.update(holiday_calendars.country_holidays(country, subdiv=region or None, years=_HOLIDAY_YEARS))
        except (NotImplementedError, AttributeError, TypeError, ValueError):
            raise ValueError(f"'{entry[:40]}' is no country or region code (GB-ENG, DE, US-CA) and no date") from None
    return frozenset(days)


def _day(text: str) -> date | None:
    """Return the date of `2026-12-24`, the form of a date in quotes or in a variable; None for a code."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
