"""Trends: records opened, ended and open at each month's end, and how old the open ones are.

A month begins and ends at midnight in the zone of the organisation. A record that was reopened counts as open until
its last end.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from datetime import date
from itertools import accumulate
from typing import Any

from capa_sync.model.amounts import count_of
from capa_sync.web.asked import PageQuery, link
from capa_sync.web.chart import Chart, Point, bar_chart
from capa_sync.web.durations import on_time, step_times
from capa_sync.web.filters import AGES, BEGUN, ENDED_AT, IN_WORK, IS_DATED
from capa_sync.web.times import months_until

MONTHS = 13
"""The present month and the twelve before it."""
_SPANS = f"""SELECT {BEGUN} AS begun, {ENDED_AT} AS ended, corrected_at, implemented_at, due_at
    FROM v_register WHERE {IS_DATED}"""  # noqa: S608 - ours
_AGES = f"SELECT days_open FROM v_register WHERE {IN_WORK} AND days_open IS NOT NULL"  # noqa: S608
_UNDATED = f"SELECT COUNT(*) FROM v_register WHERE NOT ({IS_DATED})"  # noqa: S608


def trends(asked: PageQuery) -> dict[str, Any]:
    """Return the content of the page."""
    months = months_until(asked.times.today, MONTHS)
    spans = asked.rows(_SPANS)
    starts = [asked.times.start(month) for month in months]
    opened = _by_month(starts, [span["begun"] for span in spans])
    ended = _by_month(starts, [span["ended"] for span in spans if span["ended"]])
    open_end = list(accumulate(map(int.__sub__, opened, ended)))
    lines = [
        _month(month, *numbers)
        for month, *numbers in zip(months, opened[1:], ended[1:], open_end[1:], open_end, strict=False)
    ]
    ages = asked.rows(_AGES)
    return {
        "months": lines,
        "flow": _flow(lines),
        "stock": _stock(lines),
        "ages": _ages([row["days_open"] for row in ages]),
        "steps": step_times(spans, asked.times, months[0]),
        "on_time": on_time(spans, asked.times, months[0]),
        "since": f"{months[0]:%B %Y}",
        "open_records": len(ages),
        "undated": asked.value(_UNDATED),
        "records": len(spans),
    }


def _by_month(starts: Sequence[str], instants: Sequence[str]) -> list[int]:
    """Count instants before the first month, then in each month; the texts of instants sort like the instants."""
    counts = Counter(bisect_right(starts, at) for at in instants)
    return [counts[place] for place in range(len(starts) + 1)]


def _month(month: date, opened: int, ended: int, open_end: int, open_start: int) -> dict[str, Any]:
    name = f"{month:%Y-%m}"
    return {
        "name": f"{month:%b %Y}",
        "short": f"{month:%b %y}",
        "open_start": open_start,
        "opened": Point(opened, f"{month:%B %Y}: {count_of(opened, 'record')} opened", _rows("opened", name)),
        "ended": Point(ended, f"{month:%B %Y}: {count_of(ended, 'record')} ended", _rows("ended", name)),
        "open_end": Point(
            open_end, f"End of {month:%B %Y}: {count_of(open_end, 'record')} open", _rows("open_at", name)
        ),
    }


def _rows(filtered: str, value: str) -> str:
    return link("/records", **{filtered: value})


def _flow(lines: Sequence[dict[str, Any]]) -> Chart:
    series = [("first", [line["opened"] for line in lines]), ("second", [line["ended"] for line in lines])]
    return bar_chart([line["short"] for line in lines], series)


def _stock(lines: Sequence[dict[str, Any]]) -> Chart:
    return bar_chart([line["short"] for line in lines], [("first", [line["open_end"] for line in lines])])


def _ages(days: Sequence[int]) -> Chart:
    """Return the chart of how long the open records have been open."""
    points = [
        Point(found, f"{count_of(found, 'record')} open for {name} days", link("/records", age=name))
        for name, (least, most) in AGES.items()
        for found in [sum(least <= age <= most for age in days)]
    ]
    return bar_chart([f"{name} days".replace("over-", "over ") for name in AGES], [("first", points)])
