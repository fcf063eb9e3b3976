"""Days, business days, deadlines and pauses in local time."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from capa_sync.model.record import Pause
from capa_sync.model.settings import Days, JudgeOptions
from capa_sync.rules.calendar import Calendar
from capa_sync.rules.profiles import deadline_length

LONDON = Calendar("Europe/London", frozenset({date(2025, 5, 5)}))


def utc(text: str) -> datetime:
    """Return an instant written in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_a_date_ends_at_24_local() -> None:
    """A date-only deadline ends at local midnight, which in summer is 23:00 UTC."""
    assert LONDON.end_of(date(2025, 6, 30)) == utc("2025-06-30 23:00")
    assert LONDON.end_of(date(2025, 12, 30)) == utc("2025-12-31 00:00")


def test_an_instant_is_its_own_end() -> None:
    """A deadline with a time ends at that instant."""
    assert LONDON.end_of(utc("2025-06-30 15:00")) == utc("2025-06-30 15:00")


def test_business_days_leave_out_weekends_and_holidays() -> None:
    """Two business days after Friday 2 May end on Wednesday, since Monday was a holiday."""
    assert LONDON.deadline(date(2025, 5, 2), Days(2, business=True)) == utc("2025-05-07 23:00")


def test_calendar_days_count_whole_days_after_the_first() -> None:
    """Thirty days from the morning of 1 March end at 24:00 on 31 March, across the change to summer time."""
    assert LONDON.deadline(utc("2025-03-01 09:00"), Days(30)) == utc("2025-03-31 23:00")


@pytest.mark.parametrize(
    ("start", "days", "end"),
    [("2025-03-29 12:00", 1, "2025-03-30 11:00"), ("2025-10-25 11:00", 1, "2025-10-26 12:00")],
)
def test_a_day_later_is_the_same_wall_clock_time(start: str, days: int, end: str) -> None:
    """A day has 23 hours when the clock goes forward and 25 when it goes back."""
    assert LONDON.add_days(utc(start), days) == utc(end)


def test_a_midnight_that_does_not_exist_still_ends_the_day() -> None:
    """Where summer time begins at midnight, the day starts at the first instant that exists."""
    havana = Calendar("America/Havana", frozenset())
    assert havana.start_of(date(2025, 3, 9)) == utc("2025-03-09 05:00")


def test_days_on_hold_do_not_count() -> None:
    """A hold over three midnights moves the end of a deadline by three days."""
    pause = Pause(utc("2025-06-02 10:00"), utc("2025-06-05 10:00"))
    assert LONDON.deadline(date(2025, 6, 1), Days(10), [pause]) == utc("2025-06-14 23:00")
    assert LONDON.elapsed(LONDON.end_of(date(2025, 6, 1)), 10, [pause]) == utc("2025-06-14 23:00")


def test_a_hold_within_a_day_changes_nothing() -> None:
    """A hold that begins and ends on one day is no day on hold."""
    pause = Pause(utc("2025-06-02 10:00"), utc("2025-06-02 16:00"))
    assert LONDON.deadline(date(2025, 6, 1), Days(2), [pause]) == LONDON.deadline(date(2025, 6, 1), Days(2))


def test_a_hold_that_lasts_stops_the_clock() -> None:
    """While on hold nothing falls due, unless it was due before the hold began."""
    pause = Pause(utc("2025-06-05 10:00"), None)
    assert LONDON.deadline(date(2025, 6, 1), Days(10), [pause]) is None
    assert LONDON.elapsed(utc("2025-06-01 23:00"), 10, [pause]) is None
    assert LONDON.elapsed(utc("2025-06-01 23:00"), 2, [pause]) == utc("2025-06-03 23:00")


def test_overdue_by_nothing_waits_for_the_end_of_a_hold() -> None:
    """A due date that ends during a hold is late once the hold is over."""
    over, lasting = Pause(utc("2025-06-01 10:00"), utc("2025-06-05 10:00")), Pause(utc("2025-06-01 10:00"), None)
    assert LONDON.elapsed(utc("2025-06-01 23:00"), 0, [over]) == utc("2025-06-05 10:00")
    assert LONDON.elapsed(utc("2025-06-01 23:00"), 0, [lasting]) is None
    assert LONDON.elapsed(utc("2025-06-06 23:00"), 0, [over]) == utc("2025-06-06 23:00")


def test_an_ungraded_record_has_minors_time_and_ofi_that_of_an_observation() -> None:
    """The table of the settings is read by grade, as the contract says."""
    options = JudgeOptions()
    assert deadline_length(options, "contain", "") == Days(10, business=True)
    assert deadline_length(options, "contain", "ofi") == Days(20, business=True)


def test_the_light_profile_gives_half_as_much_again_unless_the_settings_say_otherwise() -> None:
    """Defaults are lengthened and rounded up; a number that an organisation has set itself stays."""
    light = JudgeOptions(profile="light")
    assert deadline_length(light, "contain", "major") == Days(8, business=True)
    own = JudgeOptions(profile="light", deadlines={"contain": {"major": Days(3)}})
    assert deadline_length(own, "contain", "major") == Days(3)


@pytest.mark.parametrize("count", [0, 1, 3])
@pytest.mark.parametrize(
    "value", [date(2011, 12, 28), date(2025, 4, 24), utc("2011-12-29T23:30"), utc("2025-04-24T21:30")]
)
@pytest.mark.parametrize("zone", ["Pacific/Apia", "Africa/Cairo", "UTC"])
def test_days_after_a_date_are_counted_from_its_end(value: date | datetime, count: int, zone: str) -> None:
    """They are those that have elapsed, also where a day (Apia) or a midnight (Cairo) does not exist."""
    calendar = Calendar(zone, frozenset())
    for _known in range(2):
        assert calendar.days_after(value, count) == calendar.elapsed(calendar.end_of(value), count)
