"""Reading a table whose pages never end: which empty pages are passed, and which are refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from capa_sync.errors import BadAnswer
from capa_sync.sources.servicenow.answers import TableAnswer
from capa_sync.sources.servicenow.instants import to_platform_time
from capa_sync.sources.servicenow.keyset import KeysetPager, Position

EARLY = "2026-01-01 00:00:00"
LIMIT = 20


def page(offset: int, rows: tuple[str, ...], total: int | None, *, has_next: bool = False) -> TableAnswer:
    """Return an answer with rows written as `sys_id update-time`."""
    pairs = (row.partition(" ")[::2] for row in rows)
    found = [{"sys_id": key, "sys_updated_on": changed} for key, changed in pairs]
    return TableAnswer(found, LIMIT, offset, total, has_links=True, has_next=has_next, at=None)


@dataclass
class Hiding:
    """An instance of which access rules hide all rows up to an offset: empty pages, with a count or a link."""

    total: int | None
    visible_from: float
    grows: bool = False
    requests: int = 0

    def __call__(self, query: str, *, offset: int = 0, counted: bool = True) -> TableAnswer:
        """Answer one request; the last row is the first one that is shown, and nothing is above it."""
        self.requests += 1
        total = None if self.total is None else self.total + (offset if self.grows else 0)
        if "k001" in query or f">{EARLY}" in query:
            return page(offset, (), 0)
        shown = (f"k001 {EARLY}",) if offset >= self.visible_from else ()
        return page(offset, shown, total, has_next=not shown)


WALKS: dict[str, Callable[[KeysetPager], Iterator[TableAnswer]]] = {
    "by id": lambda pager: pager.by_id(""),
    "by change": lambda pager: pager.by_change(None),
    "by change from a place": lambda pager: pager.by_change(Position(EARLY, "k000"), inclusive=True),
}


@pytest.mark.parametrize("walk", WALKS)
@pytest.mark.parametrize(
    ("total", "grows", "most"), [(None, False, 603), (10**18 - 1, False, 2), (50, True, 60), (10**8, True, 2)]
)
def test_empty_pages_without_end_are_refused(walk: str, total: int | None, grows: bool, most: int) -> None:
    """Without a count, with one that cannot be, and with one that always stays ahead."""
    instance = Hiding(total, float("inf"), grows=grows)
    with pytest.raises(BadAnswer, match=r"snow: issue: .*; pages without end are not read"):
        list(WALKS[walk](KeysetPager("snow", "issue", instance)))
    assert instance.requests <= most


@pytest.mark.parametrize("walk", list(WALKS)[:2])
@pytest.mark.parametrize(("total", "visible_from"), [(100_000, 99_000), (None, 5_000)])
def test_rows_behind_many_hidden_ones_are_read(walk: str, total: int | None, visible_from: int) -> None:
    """An empty page is no end: a hundred thousand hidden rows by their count, five thousand without one."""
    pages = list(WALKS[walk](KeysetPager("snow", "issue", Hiding(total, visible_from))))
    assert [row["sys_id"] for answer in pages for row in answer.rows] == ["k001"]


@pytest.mark.parametrize("walk", WALKS)
def test_a_table_that_grows_with_each_page_is_refused(walk: str) -> None:
    """Each page has a new row, and the count always says that one more follows."""
    made = iter(range(10_000))

    def growing(query: str, *, offset: int = 0, counted: bool = True) -> TableAnswer:
        if "sys_updated_on=" in query and walk == "by change":
            return page(offset, (), 0)
        number = next(made)
        at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=number)
        row = f"k{number + 1:04} {EARLY if walk.endswith('place') else to_platform_time(at)}"
        return page(offset, (row,), 2, has_next=True)

    with pytest.raises(BadAnswer, match="it grows with each page that is read"):
        list(WALKS[walk](KeysetPager("snow", "issue", growing)))
    assert next(made) < 300
