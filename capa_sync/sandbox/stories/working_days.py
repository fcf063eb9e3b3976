"""Converts working days before now to dates and instants, in the office hours of the stories' company."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from capa_sync.sandbox.stories.script import Day

OFFICE = ZoneInfo("Europe/London")
_OPENS = time(9)
_SATURDAY = 5


class WorkingDays:
    """Counts working days (Monday to Friday) backward and forward from one instant."""

    def __init__(self, now: datetime) -> None:
        self._today = now.astimezone(OFFICE).date()

    def day(self, day: Day) -> date:
        """Return the date of a day; `Day(0)` is today, or on a weekend the last working day before it."""
        found, left = self._today, abs(day.ago)
        step = timedelta(days=-1 if day.ago >= 0 else 1)
        while left or found.weekday() >= _SATURDAY:
            found += step
            left -= found.weekday() < _SATURDAY and left > 0
        return found

    def at(self, ago: int, minute: int) -> datetime:
        """Return the aware UTC instant that is the given number of minutes after 09:00 on a day."""
        opened = datetime.combine(self.day(Day(ago)), _OPENS, OFFICE)
        return opened.astimezone(UTC) + timedelta(minutes=minute)
