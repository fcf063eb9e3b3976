"""When digests are due, and when nothing is sent."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

import pytest

from capa_sync.digest import last_due, next_due, period_of, quiet_until
from capa_sync.model.digest import DigestKind, DigestOptions

ZONE = ZoneInfo("Europe/Berlin")
OPTIONS = DigestOptions(quiet=(time(19), time(7)), timezone=ZONE.key, holidays=frozenset({date(2026, 4, 6)}))


def at(text: str) -> datetime:
    """Return the instant of a local time."""
    return datetime.fromisoformat(text).replace(tzinfo=ZONE).astimezone(UTC)


@pytest.mark.parametrize(
    ("kind", "now", "due", "then"),
    [
        ("lead", "2026-03-02T08:00", "2026-03-02T08:00", "2026-03-09T08:00"),
        ("lead", "2026-03-02T07:59", "2026-02-23T08:00", "2026-03-02T08:00"),
        ("lead", "2026-03-31T12:00", "2026-03-30T08:00", "2026-04-07T08:00"),  # Easter Monday: a day later
        ("lead", "2026-04-07T07:30", "2026-03-30T08:00", "2026-04-07T08:00"),
        ("owner", "2026-03-06T08:01", "2026-03-06T08:00", "2026-03-09T08:00"),  # Friday; next on Monday
        ("owner", "2026-03-09T07:30", "2026-03-06T08:00", "2026-03-09T08:00"),
        ("manager", "2026-04-05T23:00", "2026-04-03T08:00", "2026-04-07T08:00"),
    ],
)
def test_a_digest_is_due_at_its_local_time_on_a_day_of_sending(kind: str, now: str, due: str, then: str) -> None:
    """The lead's on its weekday, the others on every business day; summer time and holidays count."""
    assert last_due(DigestKind(kind), OPTIONS, at(now)) == at(due)
    assert next_due(DigestKind(kind), OPTIONS, at(now)) == at(then)
    assert period_of(OPTIONS, at(due)).isoformat() == due[:10]


@pytest.mark.parametrize(
    ("now", "until"),
    [
        ("2026-03-03T07:00", None),
        ("2026-03-03T18:59", None),
        ("2026-03-03T19:00", "2026-03-04T07:00"),
        ("2026-03-04T06:59", "2026-03-04T07:00"),
        ("2026-03-06T20:00", "2026-03-09T07:00"),  # Friday evening: until Monday
        ("2026-04-03T20:00", "2026-04-07T07:00"),  # before Easter Monday, over the change to summer time
        ("2026-03-07T12:00", "2026-03-09T07:00"),
    ],
)
def test_quiet_time_ends_on_the_next_business_day_after_quiet_hours(now: str, until: str | None) -> None:
    """Quiet hours over midnight, weekends and holidays follow each other without a gap."""
    assert quiet_until(OPTIONS, at(now)) == (at(until) if until else None)


def test_weekends_and_quiet_hours_can_be_switched_off() -> None:
    """Then something may be sent at any time, and the lead's day may be a Sunday."""
    always = replace(OPTIONS, quiet=None, weekends=True, day=6)
    assert quiet_until(always, at("2026-03-08T03:00")) is None
    assert last_due(DigestKind.LEAD, always, at("2026-03-08T09:00")) == at("2026-03-08T08:00")
    noon = replace(OPTIONS, quiet=(time(12), time(13)))
    assert quiet_until(noon, at("2026-03-03T12:30")) == at("2026-03-03T13:00")
