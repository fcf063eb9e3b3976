"""Days and instants as options take them; one at the edge of the calendar is the user's mistake."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from capa_sync.cli.days import day_of, instant_of
from capa_sync.errors import UserError

EDGES = ("0001-01-01", "1899-12-31", "2201-01-01", "9999-12-31")


@pytest.mark.parametrize("day", EDGES)
def test_a_day_at_the_edge_of_the_calendar_is_refused_with_the_years_that_are_taken(day: str) -> None:
    """No zone can turn such a day into an instant that does not exist."""
    for zone in ("Asia/Tokyo", "America/New_York", "Europe/London"):
        with pytest.raises(
            UserError, match=r"--as-of takes no day of the year .*; write one of the years 1900 to 2200"
        ):
            instant_of("--as-of", day, ZoneInfo(zone))
    with pytest.raises(UserError, match="--from takes no day of the year"):
        day_of("--from", day)


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "June", "2026-02-30", ""])
def test_what_is_no_instant_or_one_that_utc_does_not_have_is_refused(text: str) -> None:
    """An offset may lead over the edge, too."""
    with pytest.raises(UserError, match="--as-of takes"):
        instant_of("--as-of", text, UTC)


def test_a_day_means_its_last_moment_in_the_zone() -> None:
    """The first and the last year that are taken have instants in every zone."""
    tokyo = ZoneInfo("Asia/Tokyo")
    assert instant_of("--as-of", "2026-06-15", tokyo) == datetime(2026, 6, 15, 14, 59, 59, 999_999, UTC)
    assert instant_of("--as-of", "2026-06-15T09:00Z", tokyo) == datetime(2026, 6, 15, 9, tzinfo=UTC)
    assert instant_of("--as-of", "1900-01-01", tokyo).year == 1900
    assert instant_of("--as-of", "2200-12-31", ZoneInfo("America/New_York")).year == 2201
