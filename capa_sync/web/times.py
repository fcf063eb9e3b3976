"""Instants and days as people read them, in the zone of the organisation; the exact instant is shown on hover."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from functools import cached_property
from zoneinfo import ZoneInfo

from markupsafe import Markup

from capa_sync.model.days import day_words, late_words, value_words
from capa_sync.model.waiver import end_of, last_day

_DAY = len("2026-03-02")
_MARK = Markup('<time datetime="{0}" title="{1}">{2}</time>')


@dataclass(frozen=True)
class PageTimes:
    """The present instant and the zone of one request."""

    now: datetime
    timezone: str

    @cached_property
    def zone(self) -> ZoneInfo:
        """Return the zone in which times are shown."""
        return ZoneInfo(self.timezone)

    @cached_property
    def today(self) -> date:
        """Return the day that it is there now."""
        return self.now.astimezone(self.zone).date()

    def day(self, value: str | None) -> Markup:
        """Return a date, or the day of an instant: `2 Mar 2026`."""
        return self._marked(value, lambda at: day_words(at))

    def last_day(self, end: str | None) -> str:
        """Return the last day before the instant at which something ends, such as a waiver: `2026-12-31`."""
        at = self._read(end)
        return f"{last_day(at, self.timezone)}" if at is not None else ""

    def value(self, text: str) -> str:
        """Return the value of a tracker's field as people read it."""
        return value_words(text, self.timezone)

    def moment(self, value: str | None) -> Markup:
        """Return an instant with its minute: `2 Mar 2026, 09:12`; a date alone stays a date."""
        return self._marked(value, lambda at: f"{day_words(at)}, {at:%H:%M}")

    def late(self, value: str | None) -> str:
        """Return how a due date lies to today: `today`, `in 3 days`, `12 days late`.

        Days are counted as `days_late` of `v_register` counts them: whole ones since the end of the due date.
        """
        due = self._read(value)
        if value is None or due is None:
            return ""
        end = end_of(due.date(), self.timezone) if len(value) == _DAY else due
        if late := late_words(end, self.now):
            return late
        days = (due.date() - self.today).days
        return {0: "today", 1: "tomorrow"}.get(days, f"in {days} days")

    def start(self, day: date) -> str:
        """Return the instant at which a day begins in the zone, in the form of the views."""
        begun = datetime.combine(day, time(), self.zone).astimezone(UTC)
        return f"{begun:%Y-%m-%dT%H:%M:%S}Z"

    def _read(self, value: str | None) -> datetime | None:
        if not value:
            return None
        try:
            if len(value) == _DAY:
                return datetime.combine(date.fromisoformat(value), time(), self.zone)
            return instant(value).astimezone(self.zone)
        except ValueError:
            return None

    def _marked(self, value: str | None, form: Callable[[datetime], str]) -> Markup:
        at = self._read(value)
        if value is None or at is None:
            return Markup("")
        if len(value) == _DAY:
            return _MARK.format(value, f"{at:%A}", day_words(at))
        return _MARK.format(value, f"{at:%A} {at.isoformat(' ', 'seconds')} ({self.timezone})", form(at))


def instant(value: str) -> datetime:
    """Return the instant of a view's text. Raises ValueError when it is none."""
    return datetime.fromisoformat(value)


def month_of(text: str) -> tuple[date, date] | None:
    """Return the first day of a month `YYYY-MM` and of the next one; None for another text."""
    try:
        first = date.fromisoformat(f"{text}-01")
        return first, date(first.year + first.month // 12, first.month % 12 + 1, 1)
    except ValueError:
        return None
