"""From "so many working days ago" to instants, in the office hours of the stories' company."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from capa_sync.sandbox.stories.script import Day

OFFICE = ZoneInfo("Europe/London")
_OPENS = time(9)
_SATURDAY = 5


class WorkingDays:
    """Counts working days (Monday to Friday) back and forth from one instant."""

    def __init__(self, now: datetime) -> None:
        self._today = now.astimezone(OFFICE).date()

    def day(self, day: Day) -> date:
        """The date of a day; `Day(0)` is today, or the last working day before a weekend's today."""
        found, left = self._today, abs(day.ago)
        step = timedelta(days=-1 if day.ago >= 0 else 1)
        while left or found.weekday() >= _SATURDAY:
            found += step
            left -= found.weekday() < _SATURDAY and left > 0
        return found

    def at(self, ago: int, minute: int) -> datetime:
        """The instant so many minutes after the office opened on a day, aware UTC."""
        opened = datetime.combine(self.day(Day(ago)), _OPENS, OFFICE)
        return opened.astimezone(UTC) + timedelta(minutes=minute)
