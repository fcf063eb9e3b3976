"""The figures of the months: they reconcile, and equal what is counted record by record."""

from __future__ import annotations

from datetime import date

from hypothesis import given, settings
from hypothesis import strategies as st

from capa_sync.model.monthly import MonthFigures, RecordDays, StepDays
from capa_sync.register import month_figures
from capa_sync.register.monthly import MONTHS_KEPT

TODAY = date(2026, 3, 2)
_LAST = TODAY.toordinal()


@st.composite
def lives(draw: st.DrawFn) -> RecordDays:
    """Return a record that began within thirteen years, with steps that may be dated before it."""
    begun = draw(st.integers(_LAST - 13 * 365, _LAST))
    reached = st.none() | st.integers(begun - 5, _LAST)
    implemented = draw(reached)
    is_on_time = None if implemented is None else draw(st.none() | st.booleans())
    return RecordDays(
        begun, draw(st.none() | st.integers(begun, _LAST)), draw(reached), draw(reached), implemented, is_on_time
    )


def in_month(day: int | None, month: str) -> bool:
    """Return whether a day lies in a month."""
    return day is not None and f"{date.fromordinal(day):%Y-%m}" == month


@settings(max_examples=50, deadline=None)
@given(st.lists(lives(), min_size=1, max_size=40))
def test_each_month_equals_a_count_over_all_records(records: list[RecordDays]) -> None:
    """Also where records began before the first month that is kept; the months have no gap, and reconcile."""
    figures = month_figures(records, TODAY)
    assert figures[-1].month == "2026-03"
    assert len(figures) <= MONTHS_KEPT
    for month in figures:
        following = date.fromisoformat(f"{month.month}-28").toordinal() + 4
        end = date.fromordinal(following).replace(day=1).toordinal()
        assert month.opened == sum(in_month(life.begun, month.month) for life in records)
        assert month.ended.records == sum(in_month(life.ended, month.month) for life in records)
        is_open = [life.begun < end and (life.ended is None or life.ended >= end) for life in records]
        assert month.open_end == sum(is_open)
        done = [life for life in records if in_month(life.implemented, month.month)]
        assert month.implemented.records == len(done)
        assert month.due == sum(life.is_on_time is not None for life in done)
        assert month.on_time == sum(life.is_on_time is True for life in done)
        for step, found in (("corrected", month.corrected), ("caused", month.caused)):
            reached = [
                (life.begun, getattr(life, step)) for life in records if in_month(getattr(life, step), month.month)
            ]
            days = sorted(max(0, day - begun) for begun, day in reached)
            assert found.records == len(days)
            for share, shown in ((0.5, found.median), (0.9, found.p90)):
                assert shown is None if not days else sum(day <= (shown or 0) for day in days) >= share * len(days)
                assert shown is None or sum(day < shown for day in days) < share * len(days)


def test_a_life_across_months_counts_where_it_happened() -> None:
    """Computed by hand: found in December, corrected after nine days, its cause after 23, ended after 52."""
    days = [date(2025, 12, 20), date(2026, 2, 10), date(2025, 12, 29), date(2026, 1, 12)]
    begun, ended, corrected, caused = (day.toordinal() for day in days)
    life = RecordDays(begun, ended, corrected, caused, None, None)
    never = StepDays()
    assert month_figures([life], TODAY) == [
        MonthFigures("2025-12", 1, 1, StepDays(1, 9, 9), never, never, never, 0, 0),
        MonthFigures("2026-01", 0, 1, never, StepDays(1, 23, 23), never, never, 0, 0),
        MonthFigures("2026-02", 0, 0, never, never, never, StepDays(1, 52, 52), 0, 0),
        MonthFigures("2026-03", 0, 0, never, never, never, never, 0, 0),
    ]


def test_no_record_has_no_month() -> None:
    """An empty register has nothing to count."""
    assert month_figures([], TODAY) == []
