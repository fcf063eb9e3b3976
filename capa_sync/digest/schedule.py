"""When digests are due, and when nothing is sent."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from capa_sync.model.digest import DigestKind, DigestOptions

_DAY = timedelta(days=1)
_LOOK_BACK = 21
"""Days within which a scheduled instant is looked for: a week, and holidays that move it."""


def last_due(kind: DigestKind, options: DigestOptions, now: datetime) -> datetime:
    """Return the newest instant at or before `now` at which digests of this kind are scheduled.

    The lead's digest is due on its weekday, the others on every day; on a day without sending, on the next one.
    """
    today = _local(options, now).date()
    due = [
        found
        for back in range(_LOOK_BACK, -1, -1)
        for found in _due_on(kind, options, today - back * _DAY)
        if found <= now
    ]
    return max(due) if due else datetime.combine(today - _LOOK_BACK * _DAY, options.at, tzinfo=UTC)


def next_due(kind: DigestKind, options: DigestOptions, now: datetime) -> datetime:
    """Return the first instant after `now` at which digests of this kind are scheduled."""
    today = _local(options, now).date()
    due = (
        found
        for ahead in range(-_LOOK_BACK, 2 * _LOOK_BACK)
        for found in _due_on(kind, options, today + ahead * _DAY)
        if found > now
    )
    return min(due, default=now + 7 * _DAY)


def period_of(options: DigestOptions, due: datetime) -> date:
    """Return the period that begins at a scheduled instant: its local day."""
    return _local(options, due).date()


def quiet_until(options: DigestOptions, now: datetime) -> datetime | None:
    """Return the end of the quiet time in which `now` lies; None outside of quiet hours and days."""
    at = now
    for _step in range(2 * _LOOK_BACK):
        end = _quiet_end(options, at)
        if end is None:
            break
        at = end
    return at if at > now else None


def _due_on(kind: DigestKind, options: DigestOptions, day: date) -> Iterator[datetime]:
    """Yield the instant that is scheduled for this day, moved to the next day of sending."""
    if kind is DigestKind.LEAD and day.weekday() != options.day:
        return
    for _moved in range(_LOOK_BACK):
        if _is_open(options, day):
            break
        day += _DAY
    yield _instant(options, day, options.at)


def _quiet_end(options: DigestOptions, now: datetime) -> datetime | None:
    local = _local(options, now)
    if not _is_open(options, local.date()):
        return _instant(options, local.date() + _DAY, time(0))
    if options.quiet is None:
        return None
    begins, ends = options.quiet
    clock = local.time().replace(tzinfo=None)
    if begins <= ends:
        return _instant(options, local.date(), ends) if begins <= clock < ends else None
    if clock < ends:
        return _instant(options, local.date(), ends)
    return _instant(options, local.date() + _DAY, ends) if clock >= begins else None


def _is_open(options: DigestOptions, day: date) -> bool:
    return options.weekends or (day.weekday() < 5 and day not in options.holidays)


def _local(options: DigestOptions, now: datetime) -> datetime:
    return now.astimezone(ZoneInfo(options.timezone))


def _instant(options: DigestOptions, day: date, at: time) -> datetime:
    return datetime.combine(day, at, tzinfo=ZoneInfo(options.timezone)).astimezone(UTC)
