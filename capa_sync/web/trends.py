"""Trends: what the months show of records, of the time that steps take and of the checks; from `v_months`.

A month begins and ends at midnight in the zone of the organisation. A record that was reopened counts as open until
its last end.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from capa_sync.model.amounts import count_of, percent
from capa_sync.web.asked import PageQuery, Row, link
from capa_sync.web.chart import Chart, Point, bar_chart, line_chart
from capa_sync.web.filters import AGES, IN_WORK, IS_DATED

MONTHS = 13
"""The last month that was counted and the twelve before it."""
_MONTHS = "SELECT * FROM v_months ORDER BY month DESC LIMIT ?"
_AGES = f"""SELECT days_open AS days, COUNT(*) AS records FROM v_register
    WHERE {IN_WORK} AND days_open IS NOT NULL GROUP BY days_open"""  # noqa: S608 - ours
_UNDATED = f"SELECT COUNT(*) FROM v_register WHERE NOT ({IS_DATED})"  # noqa: S608
STEPS: tuple[tuple[str, str, str], ...] = (
    ("corrected", "corrected", "first"),
    ("caused", "cause filled", "second"),
    ("implemented", "all actions done", "third"),
    ("ended", "ended", "fourth"),
)
"""Column of a step, its words and the class of its line."""


def trends(asked: PageQuery) -> dict[str, Any]:
    """Return the content of the page."""
    rows = asked.rows(_MONTHS, (MONTHS,))[::-1]
    months = [_month(row, is_last=row is rows[-1]) for row in rows]
    ages = asked.rows(_AGES)
    return {
        "months": months,
        "flow": _bars(months, ("opened", "first"), ("ended", "second")),
        "stock": _bars(months, ("open_end", "first")),
        "ages": _ages(ages),
        "steps": _lines(months, [(f"days_{step}", series) for step, _, series in STEPS], unit=" d"),
        "step_names": [(step, words, series) for step, words, series in STEPS],
        "timely": _bars(months, ("on_time", "first"), ("late", "second")),
        "clear": _lines(months, [("clear", "first")], unit=" %", top=100),
        "has_checks": any(row["in_work"] for row in rows),
        "has_due": any(row["due"] for row in rows),
        "has_steps": any(row[step] for row in rows for step, _, _ in STEPS),
        "open_records": sum(row["records"] for row in ages),
        "undated": asked.value(_UNDATED),
    }


def _month(row: Row, *, is_last: bool) -> dict[str, Any]:
    """Return a month with a point for each figure."""
    name, first = row["month"], date.fromisoformat(f"{row['month']}-01")
    title, late = f"{first:%B %Y}", row["due"] - row["on_time"]

    def counted(number: int, says: str, filtered: str) -> Point:
        return Point(number, f"{title}: {count_of(number, 'record')} {says}", link("/records", **{filtered: name}))

    return {
        "name": f"{first:%b %Y}",
        "short": f"{first:%b %y}",
        "open_start": row["open_end"] - row["opened"] + row["ended"],
        "opened": counted(row["opened"], "opened", "opened"),
        "ended": counted(row["ended"], "ended", "ended"),
        "open_end": counted(row["open_end"], "open at its end", "open_at"),
        "corrected": counted(row["corrected"], "corrected", "corrected"),
        "caused": counted(row["caused"], "with the cause first filled", "caused"),
        "implemented": counted(row["implemented"], "with all actions done", "implemented"),
        "on_time": counted(row["on_time"], f"on time{_share(row['on_time'], row['due'])}", "on_time"),
        "late": counted(late, f"late{_share(late, row['due'])}", "late"),
        "share": percent(row["on_time"], row["due"]),
        "clear": _clear(row, title, is_last=is_last),
        "in_work": row["in_work"],
        "warned": row["warned"],
        **{f"days_{step}": _days(row, title, step, words) for step, words, _ in STEPS},
        **{f"most_{step}": row[f"{step}_p90"] for step, _, _ in STEPS},
    }


def _days(row: Row, title: str, step: str, words: str) -> Point | None:
    """Return how long half of the records that reached a step took for it, None without a record."""
    median, records = row[f"{step}_median"], row[step]
    if median is None:
        return None
    says = f"{title}: {count_of(records, 'record')} {words}, half of them within {count_of(median, 'day')}"
    return Point(median, says, link("/records", **{step: row["month"]}))


def _clear(row: Row, title: str, *, is_last: bool) -> Point | None:
    """Return the share of open records without an open warning, None where no reading counted it.

    Its rows are known for the present month alone: nobody can list what had a warning in the past.
    """
    if not row["in_work"]:
        return None
    clear = row["in_work"] - row["warned"]
    share = percent(clear, row["in_work"])
    says = f"{title}: {share} % of the open records without an open warning ({clear} of {row['in_work']})"
    rows = link("/records", state="open", warning="none") if is_last else link("/records", open_at=row["month"])
    return Point(share or 0, says, rows)


def _share(part: int, whole: int) -> str:
    return f" of {whole} with a due date ({percent(part, whole)} %)" if whole else ""


def _bars(months: Sequence[dict[str, Any]], *series: tuple[str, str]) -> Chart:
    """Return the bars of figures (name, class of the bars)."""
    return bar_chart(
        [month["short"] for month in months],
        [(shown, [month[name] for month in months]) for name, shown in series],
    )


def _lines(months: Sequence[dict[str, Any]], series: Sequence[tuple[str, str]], *, unit: str, top: int = 0) -> Chart:
    """Return the lines of figures (name, class of the line)."""
    return line_chart(
        [month["short"] for month in months],
        [(shown, [month[name] for month in months]) for name, shown in series],
        unit=unit,
        top=top,
    )


def _ages(rows: Sequence[Row]) -> Chart:
    """Return the chart of how long the open records have been open."""
    points = [
        Point(found, f"{count_of(found, 'record')} open for {name} days", link("/records", age=name))
        for name, (least, most) in AGES.items()
        for found in [sum(row["records"] for row in rows if least <= row["days"] <= most)]
    ]
    return bar_chart([f"{name} days".replace("over-", "over ") for name in AGES], [("first", points)])
