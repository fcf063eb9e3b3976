"""How long records take to be corrected, implemented and ended, and how many are implemented by their due date."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from capa_sync.web.asked import Row
from capa_sync.web.times import PageTimes

STEPS: tuple[tuple[str, str], ...] = (
    ("corrected_at", "corrected"),
    ("implemented_at", "all actions done"),
    ("ended", "ended"),
)
"""Column of a step -> its words."""


@dataclass(frozen=True, slots=True)
class StepTime:
    """How long records took from their beginning to one step, in days; only those that reached it in the period.

    Attributes:
        step: what was reached. records: how many reached it. median: half of them took no longer. most: nine of ten
            took no longer.
    """

    step: str
    records: int
    median: float
    most: int


@dataclass(frozen=True, slots=True)
class OnTime:
    """How many records with a due date had all actions done in the period, and how many of them by that date."""

    records: int
    on_time: int

    @property
    def share(self) -> int:
        """Return the share in whole percent."""
        return round(100 * self.on_time / self.records)


def step_times(rows: Sequence[Row], times: PageTimes, since: date) -> list[StepTime]:
    """Return the times to each step that was reached on `since` or later; a step that nobody reached is left out."""
    found = ((words, sorted(_days(rows, times, column, since))) for column, words in STEPS)
    return [
        StepTime(words, len(days), statistics.median(days), days[-(-9 * len(days) // 10) - 1])
        for words, days in found
        if days
    ]


def on_time(rows: Iterable[Row], times: PageTimes, since: date) -> OnTime:
    """Return how many records were implemented by the due date that they have now."""
    done = [
        done <= due
        for row in rows
        if (done := times.local_day(row["implemented_at"])) is not None
        and done >= since
        and (due := times.local_day(row["due_at"])) is not None
    ]
    return OnTime(len(done), sum(done))


def _days(rows: Iterable[Row], times: PageTimes, column: str, since: date) -> Iterator[int]:
    """Yield the days from the beginning of each record to a step; 0 where the step is dated before it."""
    for row in rows:
        begun, reached = times.local_day(row["begun"]), times.local_day(row[column])
        if begun is not None and reached is not None and reached >= since:
            yield max(0, (reached - begun).days)
