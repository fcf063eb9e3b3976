"""The numbers of the management review beside SQL over the same records: a second way to count them."""

from __future__ import annotations

import random
import sqlite3
from datetime import datetime, timedelta

import pytest

from capa_sync.model.review import ReviewRecord
from capa_sync.register.review_figures import figures, flow, share
from tests.unit.register.test_review import PERIOD, record

_TABLES = """CREATE TABLE record (name, side, begun, implemented, first_due, due);
    CREATE TABLE move (name, at, ended)"""
_MONTH = """SELECT
    (SELECT COUNT(*) FROM lived WHERE begun < :start AND NOT (SELECT COALESCE(MAX(ended), 0) FROM (
        SELECT ended FROM move m WHERE m.name = lived.name AND m.at < :start ORDER BY m.at DESC LIMIT 1))),
    (SELECT COUNT(*) FROM lived WHERE begun >= :start AND begun < :end),
    (SELECT COUNT(*) FROM move WHERE NOT ended AND at >= :start AND at < :end),
    (SELECT COUNT(*) FROM move WHERE ended AND at >= :start AND at < :end)"""
_OPEN = """begun <= :at AND NOT (SELECT COALESCE(MAX(ended), 0) FROM (
    SELECT ended FROM move m WHERE m.name = kept.name AND m.at <= :at ORDER BY m.at DESC LIMIT 1))"""
_RATES = {
    "On-time rate": """WITH closed AS (SELECT first_due, (SELECT CASE WHEN ended THEN at END FROM move m
            WHERE m.name = kept.name AND m.at <= :at ORDER BY m.at DESC LIMIT 1) AS closed FROM kept)
        SELECT SUM(closed < first_due), COUNT(*) FROM closed
        WHERE closed BETWEEN :start AND :at AND first_due IS NOT NULL""",
    "Implemented on time": """SELECT SUM(implemented < first_due), COUNT(*) FROM kept
        WHERE implemented BETWEEN :start AND :at AND first_due IS NOT NULL""",
    "Overdue rate": f"""SELECT SUM(due <= :at AND (implemented IS NULL OR implemented > :at)), COUNT(*) FROM kept
        WHERE {_OPEN}""",  # noqa: S608
    "Reopen rate": """SELECT SUM(NOT ended), SUM(ended) FROM move JOIN kept USING (name)
        WHERE at BETWEEN :start AND :at""",
}
_IMPLEMENT = f"""WITH taken AS (
        SELECT MAX(0, CAST(julianday(date(implemented)) - julianday(date(begun)) AS INTEGER)) AS days
        FROM kept WHERE implemented BETWEEN :start AND :at),
    ranked AS (SELECT days, ROW_NUMBER() OVER (ORDER BY days) AS place, COUNT(*) OVER () AS n FROM taken)
    SELECT AVG(days) FILTER (WHERE place IN ((n + 1) / 2, (n + 2) / 2)),
        MAX(days) FILTER (WHERE place = (9 * n + 9) / 10), MAX(n),
        (SELECT COUNT(*) FROM kept WHERE implemented IS NULL AND {_OPEN}),
        (SELECT CAST(julianday(date(:at)) - julianday(date(MIN(begun))) AS INTEGER) FROM kept
            WHERE implemented IS NULL AND {_OPEN})
    FROM ranked"""  # noqa: S608


def lives(seed: int) -> list[ReviewRecord]:
    """Return records whose dates and moves are drawn, some of them before, between and after one another."""
    drawn, found = random.Random(seed), []  # noqa: S311 - no secret
    for number in range(120):
        begun = PERIOD.start + timedelta(hours=drawn.randrange(-2_000, 17_000))
        after = [begun + timedelta(hours=hours) for hours in sorted(drawn.sample(range(1, 6_000), 4))]
        ended, again, implemented, due = after
        moves = [(at, at == ended) for at in (ended, again)[: drawn.randrange(3)] if at <= PERIOD.at]
        implemented_at = implemented if drawn.random() < 0.5 and implemented <= PERIOD.at else None
        dates = {"due": due if drawn.random() < 0.8 else None, "implemented": implemented_at}
        dates["first_due"] = begun + timedelta(hours=drawn.randrange(5_000)) if dates["due"] else None
        found.append(record(number, begun, moves=tuple(moves), side=drawn.random() < 0.1, **dates))
    return found


def database(records: list[ReviewRecord]) -> sqlite3.Connection:
    """Return a database of these records; `kept` are those that count in the figures."""
    found = sqlite3.connect(":memory:")
    found.executescript(_TABLES)
    for own in records:
        dates = (text(own.begun), text(own.implemented), text(own.first_due), text(own.due))
        found.execute("INSERT INTO record VALUES (?,?,?,?,?,?)", (own.name, own.side, *dates))
        found.executemany("INSERT INTO move VALUES (?,?,?)", [(own.name, text(at), ended) for at, ended in own.moves])
    found.executescript(
        "CREATE VIEW lived AS SELECT * FROM record; CREATE VIEW kept AS SELECT * FROM record WHERE NOT side"
    )
    return found


def text(at: datetime | None) -> str | None:
    """Return an instant as a text that sorts like it."""
    return None if at is None else at.strftime("%Y-%m-%d %H:%M:%S.%f")


@pytest.mark.parametrize("seed", range(5))
def test_the_numbers_of_the_review_are_those_of_sql(seed: int) -> None:
    """The flow of each of twelve months, the rates, and median, p90 and rest of a time."""
    records = lives(seed)
    register, period = database(records), {"start": text(PERIOD.start), "at": text(PERIOD.at)}
    shown = {name: value for name, value, _ in figures(records, PERIOD)}
    for name, sql in _RATES.items():
        part, whole = register.execute(sql, period).fetchone()
        assert shown[name] == share(part, whole), name
    median, most, count, waiting, oldest = register.execute(_IMPLEMENT, period).fetchone()
    expected = f"median {median:g}, p90 {most} days (n={count}); {waiting} not yet, the oldest {oldest} days"
    assert shown["Time to implement (MTTR)"] == expected
    months = flow(records, PERIOD)
    for place, (name, *numbers, open_at_end) in enumerate(months):
        edges = {"start": f"{name}-01 00:00:00.000000", "end": text(PERIOD.at)}
        if place + 1 < len(months):
            edges["end"] = f"{months[place + 1][0]}-01 00:00:00.000000"
            assert open_at_end == months[place + 1][1]
        assert tuple(numbers) == register.execute(_MONTH, edges).fetchone(), name
