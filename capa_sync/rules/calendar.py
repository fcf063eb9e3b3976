"""Local days, business days, deadlines and pauses in one time zone; every instant in and out is aware UTC."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from capa_sync.model.record import Pause
from capa_sync.model.settings import Days

_ONE_DAY = timedelta(days=1)


class Calendar:
    """The days of an organisation: its time zone and its holidays.

    All arithmetic uses wall-clock time: a day ends at 24:00 also when the clock changes.
    """

    def __init__(self, timezone: str, holidays: frozenset[date]) -> None:
        self._zone = ZoneInfo(timezone)
        self._holidays = holidays
        self._starts: dict[date, datetime] = {}
        self._deadlines: dict[tuple[date, int, bool], datetime] = {}
        self._days_after: dict[tuple[date, int], datetime] = {}

    def local(self, instant: datetime) -> datetime:
        """Return the instant in the organisation's zone."""
        return instant.astimezone(self._zone)

    def local_date(self, value: date | datetime) -> date:
        """Return the local date of an instant; a date is returned unchanged."""
        return value.astimezone(self._zone).date() if isinstance(value, datetime) else value

    def start_of(self, day: date) -> datetime:
        """Return the instant at which a local day starts."""
        start = self._starts.get(day)
        if start is None:
            start = datetime(day.year, day.month, day.day, tzinfo=self._zone).astimezone(UTC)
            self._starts[day] = start
        return start

    def end_of(self, value: date | datetime) -> datetime:
        """Return the instant at which a deadline ends: 24:00 local for a date, the instant itself otherwise."""
        return value if isinstance(value, datetime) else self.start_of(value + _ONE_DAY)

    def at(self, wall: datetime) -> datetime:
        """Return the instant of a naive local wall-clock time."""
        return wall.replace(tzinfo=self._zone).astimezone(UTC)

    def is_business_day(self, day: date) -> bool:
        """Return whether a date is Monday to Friday and not a holiday."""
        return day.weekday() < 5 and day not in self._holidays

    def add_days(self, instant: datetime, count: int) -> datetime:
        """Return the same wall-clock time `count` days later."""
        return self.at(self.local(instant).replace(tzinfo=None) + timedelta(days=count))

    def days_after(self, value: date | datetime, count: int) -> datetime:
        """Return when `count` calendar days have passed since the end of a date, or since an instant."""
        if isinstance(value, datetime):
            return self.add_days(value, count) if count else value
        found = self._days_after.get((value, count))
        if found is None:
            end = self.start_of(value + _ONE_DAY)
            found = self._days_after[value, count] = self.add_days(end, count) if count else end
        return found

    def deadline(self, start: date | datetime, length: Days, pauses: Sequence[Pause] = ()) -> datetime | None:
        """Return the end (24:00) of the last day of a length that starts on the day after `start`.

        A day at whose end the record was on hold does not count. None while the record is on hold.
        """
        day, counted = self.local_date(start), 0
        if not pauses:
            return self._unpaused(day, length)
        while counted < length.count:
            day += _ONE_DAY
            if length.business and not self.is_business_day(day):
                continue
            paused = held(pauses, self.start_of(day + _ONE_DAY))
            if paused is not None and paused.end is None:
                return None
            counted += paused is None
        return self.start_of(day + _ONE_DAY)

    def _unpaused(self, day: date, length: Days) -> datetime:
        key = (day, length.count, length.business)
        end = self._deadlines.get(key)
        if end is None:
            last, left = day, length.count
            while left:
                last += _ONE_DAY
                left -= not length.business or self.is_business_day(last)
            end = self._deadlines[key] = self.start_of(last + _ONE_DAY)
        return end

    def elapsed(self, start: datetime, count: int, pauses: Sequence[Pause] = ()) -> datetime | None:
        """Return when `count` calendar days have passed since `start`.

        A day at whose end the record was on hold does not count. With count 0: the first instant from `start` on at
        which the record is not on hold. None while the record is on hold.
        """
        if not pauses:
            return self.add_days(start, count) if count else start
        if not count:
            pause = next((p for p in pauses if p.start <= start and (p.end is None or start < p.end)), None)
            return start if pause is None else pause.end
        ticks, counted, moment = 0, 0, start
        while counted < count:
            ticks += 1
            moment = self.add_days(start, ticks)
            paused = held(pauses, moment)
            if paused is not None and paused.end is None:
                return None
            counted += paused is None
        return moment


def held(pauses: Sequence[Pause], tick: datetime) -> Pause | None:
    """Return the pause that covers the end `tick` of a day: it began before `tick` and did not end before it."""
    return next((p for p in pauses if p.start < tick and (p.end is None or tick <= p.end)), None)


@lru_cache(maxsize=32)
def calendar_for(timezone: str, holidays: frozenset[date]) -> Calendar:
    """Return the calendar of a time zone and its holidays; equal arguments share one calendar and its cache."""
    return Calendar(timezone, holidays)
