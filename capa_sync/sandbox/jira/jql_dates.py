"""Date literals of JQL: dates are read in the viewer's profile zone to the minute, bare numbers are epoch ms."""

from __future__ import annotations

import re
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from capa_sync.sandbox.jira.errors import JiraError
from capa_sync.sandbox.jira.jql import Clause, Junction, Operand
from capa_sync.sandbox.jira.times import to_ms

_ABSOLUTE = re.compile(r"(\d{4})[-/](\d\d?)[-/](\d\d?)(?: (\d\d?):(\d\d))?")
_PERIOD = re.compile(r"[+-]?\s*(?:\d+\s*[wdhmMy]\s*)+")
_UNIT_MINUTES = {"m": 1, "h": 60, "d": 1440, "w": 10_080, "M": 43_200, "y": 525_600}
_ZERO = datetime(1970, 1, 1, tzinfo=UTC)


def date_ms(operand: Operand, field: str, zone: ZoneInfo, now: int, *, epoch: bool = True) -> int:
    """Return the epoch ms of a date operand.

    Args:
        operand: a literal or a function.
        field: the name of the field, for the error message.
        zone: the viewer's profile zone.
        now: the tracker's instant in epoch ms.
        epoch: whether bare epoch milliseconds are accepted.

    Raises:
        JiraError: 400, the operand is not a date.
    """
    text = operand.text.strip()
    if operand.is_function:
        return _function_ms(operand, zone, now)
    if re.fullmatch(r"-?\d+", text) and not operand.is_quoted and epoch:
        return int(text)
    found = _ABSOLUTE.fullmatch(text)
    if found:
        return _absolute_ms(found, zone, text, field)
    if _PERIOD.fullmatch(text):
        return now + _period_ms(text)
    raise _no_date(text, field)


def mentions_now(where: Clause | Junction | None) -> bool:
    """Whether the result depends on the current time: the query has a function or a period."""
    if isinstance(where, Junction):
        return any(mentions_now(part) for part in where.parts)
    return where is not None and any(
        operand.is_function or _PERIOD.fullmatch(operand.text) for operand in where.operands
    )


def _no_date(text: str, field: str) -> JiraError:
    message = (
        f"Date value '{text}' for field '{field}' is invalid. Valid formats include: 'yyyy/MM/dd HH:mm', "
        "'yyyy-MM-dd HH:mm', 'yyyy/MM/dd', 'yyyy-MM-dd', or a period format e.g. '-5d', '4w 2d'."
    )
    return JiraError(400, message)


def _absolute_ms(found: re.Match[str], zone: ZoneInfo, text: str, field: str) -> int:
    year, month, day, hour, minute = (int(part or 0) for part in found.groups())
    try:
        return to_ms(datetime(year, month, day, hour, minute, tzinfo=zone))
    except ValueError as error:
        raise _no_date(text, field) from error


def _period_ms(text: str) -> int:
    minutes = sum(int(count) * _UNIT_MINUTES[unit] for count, unit in re.findall(r"(\d+)\s*([wdhmMy])", text))
    return (-1 if text.startswith("-") else 1) * minutes * 60_000


def _function_ms(operand: Operand, zone: ZoneInfo, now: int) -> int:
    name = operand.text.lower()
    if name == "now":
        return now
    if name in ("startofday", "endofday"):
        today = (_ZERO + timedelta(milliseconds=now)).astimezone(zone).date()
        start = to_ms(datetime.combine(today, time(), tzinfo=zone))
        start += 86_399_999 if name == "endofday" else 0
        return start + (_period_ms(operand.arguments[0]) if operand.arguments else 0)
    raise no_function(operand.text)


def no_function(name: str) -> JiraError:
    """Return the 400 for a function that JQL does not have."""
    return JiraError(400, f"Unable to find JQL function '{name}()'.")
