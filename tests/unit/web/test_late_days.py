"""How a due date lies to today, as the page says it: counted like `days_late` of the register."""

from __future__ import annotations

from datetime import datetime

import pytest

from capa_sync.web.times import PageTimes

NOW = datetime.fromisoformat("2026-11-28T10:00+00:00")


@pytest.mark.parametrize(
    ("due", "words"),
    [
        ("2026-12-04", "in 6 days"),
        ("2026-11-29", "tomorrow"),
        ("2026-11-28", "today"),
        ("2026-11-27", "less than a day late"),
        ("2026-11-26", "1 day late"),
        ("2026-11-20", "7 days late"),
        ("2026-11-20T09:00:00.000000Z", "8 days late"),
        ("2026-11-20T15:00:00.000000Z", "7 days late"),
        ("2026-11-28T08:00:00Z", "less than a day late"),
        ("2026-11-28T12:00:00Z", "today"),
        ("soon", ""),
        (None, ""),
    ],
)
def test_days_are_whole_ones_since_the_end_of_the_due_date(due: str | None, words: str) -> None:
    """A day ends at midnight in the organisation's zone; an instant ends when it is."""
    assert PageTimes(NOW, "Europe/Berlin").late(due) == words
