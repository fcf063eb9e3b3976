"""Selects one page of rows for a resolved query: by an index if one fits, else by testing every row."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from capa_sync.model.light import light
from capa_sync.sandbox.servicenow.filter import Filter, FilterPart, SortKey, to_number
from capa_sync.sandbox.servicenow.query import QueryCondition
from capa_sync.sandbox.servicenow.store import EQUAL, SORTED, StoredRow, View, above, below

_SORT_COST = 4
"""Cost of a row that must be sorted afterwards, relative to a row that comes in order."""


@light
class Window:
    """The requested part of the matches."""

    offset: int = 0
    limit: int = 10_000
    counts: bool = True
    unstable_ties: bool = True


@light
class Selection:
    """One page, before row ACLs apply.

    Attributes:
        total: the number of all matches; None if the caller wants no count.
        has_more: whether there is a match after this page.
    """

    rows: list[StoredRow]
    total: int | None
    has_more: bool


@dataclass(slots=True)
class _Source:
    """One way to find the matches: the rows to test, and the conditions that the choice of rows does not cover."""

    size: int
    rows: Callable[[], Iterable[StoredRow]]
    rest: list[FilterPart]
    is_ordered: bool = False

    @property
    def cost(self) -> int:
        return self.size if self.is_ordered else self.size * _SORT_COST


def select(view: View, wanted: Filter, window: Window) -> Selection:
    """Select a page. Without a unique last sort key, the order of equal rows differs from page to page."""
    if wanted.matches_nothing:
        return Selection([], 0 if window.counts else None, has_more=False)
    source = min(_sources(view, wanted), key=lambda s: (s.cost, not s.is_ordered))
    matches = _matching(source)
    if not source.is_ordered and wanted.sort_keys:
        matches = iter(_sorted(list(matches), wanted.sort_keys, window))
    skipped = sum(1 for _ in islice(matches, window.offset))
    rows = list(islice(matches, window.limit))
    return _finish(rows, skipped, matches, source, window)


def _finish(
    rows: list[StoredRow], skipped: int, left: Iterator[StoredRow], source: _Source, window: Window
) -> Selection:
    if not window.counts:
        return Selection(rows, None, has_more=next(left, None) is not None)
    total = source.size if not source.rest else skipped + len(rows) + sum(1 for _ in left)
    return Selection(rows, total, has_more=total > skipped + len(rows))


def count(view: View, wanted: Filter) -> int:
    """Return how many rows match."""
    selection = select(view, wanted, Window(limit=0))
    return selection.total or 0


def matching_rows(view: View, wanted: Filter) -> Iterator[StoredRow]:
    """Return all matches, in no guaranteed order."""
    if wanted.matches_nothing:
        return iter(())
    return _matching(min(_sources(view, wanted), key=lambda s: s.size))


def _matching(source: _Source) -> Iterator[StoredRow]:
    rows = iter(source.rows())
    if not source.rest:
        return rows
    if len(source.rest) == 1:
        return filter(source.rest[0].test, rows)
    tests = [part.test for part in source.rest]
    return (row for row in rows if all(test(row) for test in tests))


def _sources(view: View, wanted: Filter) -> Iterator[_Source]:
    parts = wanted.branches[0] if len(wanted.branches) == 1 else [FilterPart(wanted.accepts)]
    yield _Source(len(view.rows), lambda: view, parts, is_ordered=not wanted.sort_keys)
    yield from _equality_sources(view, parts)
    mentioned = {part.condition.field for part in parts if part.condition is not None}
    mentioned.update(key.field for key in wanted.sort_keys)
    for column in SORTED:
        if column in mentioned:
            yield _span_source(view, column, parts, wanted.sort_keys)


def _equality_sources(view: View, parts: Sequence[FilterPart]) -> Iterator[_Source]:
    for part in parts:
        condition = part.condition
        if condition is None or not (condition.field == "sys_id" or condition.field in EQUAL):
            continue
        if condition.operator not in ("=", "IN"):
            continue
        values = condition.value.split(",") if condition.operator == "IN" else [condition.value]
        rows = [row for value in dict.fromkeys(values) for row in view.with_value(condition.field, value)]
        yield _Source(len(rows), lambda rows=rows: rows, [p for p in parts if p is not part])  # type: ignore[misc]


def _span_source(view: View, column: str, parts: Sequence[FilterPart], sort_keys: Sequence[SortKey]) -> _Source:
    index_range = _IndexRange()
    for part in parts:
        if part.condition is not None and part.condition.field == column:
            index_range.narrow(part, part.condition)
    if index_range.fixed is not None and column != "sys_id":
        for part in parts:
            if part.condition is not None and part.condition.field == "sys_id" and part.condition.operator == ">":
                index_range.low = max(index_range.low or below(""), (index_range.fixed, part.condition.value))
                index_range.used.append(part)
    start, stop = view.span(column, index_range.low, index_range.high)
    direction = _direction(column, sort_keys, is_fixed=index_range.fixed is not None)
    keys = view.keys(column)

    def rows() -> Iterator[StoredRow]:
        places = range(start, stop) if direction >= 0 else range(stop - 1, start - 1, -1)
        return (view.rows[keys[place][1]] for place in places)

    rest = [part for part in parts if not any(part is used for used in index_range.used)]
    return _Source(stop - start, rows, rest, is_ordered=direction != 0)


class _IndexRange:
    """The range of a sorted index that satisfies a set of conditions."""

    def __init__(self) -> None:
        self.low: tuple[str, str] | None = None
        self.high: tuple[str, str] | None = None
        self.fixed: str | None = None
        self.used: list[FilterPart] = []

    def narrow(self, part: FilterPart, condition: QueryCondition) -> None:
        value, operator = condition.value, condition.operator
        if not value or operator not in ("=", ">", ">=", "<", "<="):
            return
        low = {"=": below(value), ">": above(value), ">=": below(value)}.get(operator)
        high = {"=": above(value), "<": below(value), "<=": above(value)}.get(operator)
        if low is None:
            low = above("")  # an empty column satisfies no comparison
        self.low = low if self.low is None else max(self.low, low)
        if high is not None:
            self.high = high if self.high is None else min(self.high, high)
        if operator == "=":
            self.fixed = value
        self.used.append(part)


def _direction(column: str, sort_keys: Sequence[SortKey], *, is_fixed: bool) -> int:
    """Return 1 if the index has the wanted order, -1 if it has the reverse order, else 0."""
    fields = [key.field for key in sort_keys]
    if is_fixed and fields[:1] == [column]:
        fields = fields[1:]
    orders = [["sys_id"]] if column == "sys_id" or is_fixed else []
    orders.append([column, "sys_id"])
    if not sort_keys or fields not in orders:
        return 0
    directions = {key.descending for key in sort_keys if not (is_fixed and key.field == column)}
    return {frozenset({False}): 1, frozenset({True}): -1}.get(frozenset(directions), 0)


def _sorted(rows: list[StoredRow], sort_keys: Sequence[SortKey], window: Window) -> list[StoredRow]:
    if not any(key.field == "sys_id" for key in sort_keys) and window.unstable_ties:
        salt = f"{window.offset}/{window.limit}"
        rows.sort(key=lambda row: zlib.crc32((row.sys_id + salt).encode()))
    for key in reversed(sort_keys):
        rows.sort(key=_sort_value(key), reverse=key.descending)
    return rows


def _sort_value(key: SortKey) -> Callable[[StoredRow], Any]:
    if not key.is_numeric:
        return key.get

    def number(row: StoredRow) -> float:
        value = to_number(key.get(row))
        return float("-inf") if value is None else value

    return number
