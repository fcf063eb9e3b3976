"""Counts the figures of each month over all records; pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import date

from capa_sync.model.monthly import MonthFigures, RecordDays, StepDays

MONTHS_KEPT = 120
"""Months that are counted, up to the present one; earlier records are in what was open when they begin."""
_NO_STEP = StepDays()


def month_figures(lives: Sequence[RecordDays], today: date) -> list[MonthFigures]:
    """Return the figures of each month since the first record, none without a record.

    For each month, open at the end of the one before + opened - ended = open at the end. A record that was reopened
    is open until its last end; what is dated after `today` is in no month.
    """
    last = _month_of(today.toordinal())
    begun = Counter(_months(life.begun for life in lives))
    if not begun:
        return []
    first = max(min(begun), last - MONTHS_KEPT + 1)
    ended = _by_month((life.begun, life.ended) for life in lives)
    corrected = _by_month((life.begun, life.corrected) for life in lives)
    caused = _by_month((life.begun, life.caused) for life in lives)
    implemented = _by_month((life.begun, life.implemented) for life in lives)
    due = Counter(_months(life.implemented for life in lives if life.is_on_time is not None))
    on_time = Counter(_months(life.implemented for life in lives if life.is_on_time))
    open_now = sum(count for month, count in begun.items() if month < first)
    open_now -= sum(len(days) for month, days in ended.items() if month < first)
    figures = []
    for month in range(first, last + 1):
        open_now += begun[month] - len(ended.get(month, ()))
        figures.append(
            MonthFigures(
                f"{month // 12:04d}-{month % 12 + 1:02d}",
                begun[month],
                open_now,
                _step(corrected.get(month)),
                _step(caused.get(month)),
                _step(implemented.get(month)),
                _step(ended.get(month)),
                due[month],
                on_time[month],
            )
        )
    return figures


def _months(days: Iterable[int | None]) -> Iterable[int]:
    return (_month_of(day) for day in days if day is not None)


def _by_month(pairs: Iterable[tuple[int, int | None]]) -> dict[int, list[int]]:
    """Return month -> days from the beginning to the step; 0 where the step is dated before the beginning."""
    found = defaultdict[int, list[int]](list)
    for begun, reached in pairs:
        if reached is not None:
            found[_month_of(reached)].append(max(0, reached - begun))
    return found


def _step(days: list[int] | None) -> StepDays:
    if not days:
        return _NO_STEP
    days.sort()
    return StepDays(len(days), days[-(-len(days) // 2) - 1], days[-(-9 * len(days) // 10) - 1])


def _month_of(day: int) -> int:
    """Return the number of a day's month: twelve for each year."""
    known = _MONTH_OF.get(day)
    if known is None:
        there = date.fromordinal(day)
        known = _MONTH_OF[day] = there.year * 12 + there.month - 1
    return known


_MONTH_OF: dict[int, int] = {}
"""Day -> month; a register has some thousand days and many records on each."""
