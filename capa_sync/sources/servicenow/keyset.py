"""Reads a table page by page by key instead of by offset, and refuses rows that the query cannot have asked for.

There are two orders (docs/servicenow.md 2.3): by sys_id, which updates cannot disturb, and by (update time,
sys_id) as two queries without `^NQ`. An offset serves only to skip rows that access rules hide.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from capa_sync.errors import BadAnswer
from capa_sync.model.light import light
from capa_sync.sources.advance import Advance
from capa_sync.sources.servicenow.answers import TableAnswer
from capa_sync.sources.servicenow.cells import Row, value_of
from capa_sync.sources.servicenow.client import SYS_ID
from capa_sync.sources.servicenow.instants import PLATFORM_TIME
from capa_sync.sources.servicenow.query import condition, join, markers, meets


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A row's place in the order of change: its update time (UTC text, whole seconds), then its sys_id."""

    changed_at: str
    sys_id: str


class Fetch(Protocol):
    """Reads one page of one table."""

    def __call__(self, query: str, *, offset: int = 0, counted: bool = True) -> TableAnswer:
        """Read the page. Raises SourceError."""
        ...


@light
class KeysetPager:
    """Reads the pages of one table.

    Attributes:
        source, table: for errors. fetch: reads a page. base: a filter that each row must meet.
        column: holds the update time.
    """

    source: str
    table: str
    fetch: Fetch
    base: str = ""
    column: str = "sys_updated_on"

    def by_id(self, after: str) -> Iterator[TableAnswer]:
        """Yield pages of rows with a sys_id above `after`, in order.

        It ends with an empty page whose count says that nothing is left, or that comes twice: only this separates
        rows that access rules hide at the end from a wrong page.
        """
        offset, is_counted, is_doubted = 0, True, False
        advance = Advance(self.source, self.table)
        while True:
            query = join(self.base, condition("sys_id", ">", after) if after else "", "ORDERBYsys_id")
            # a count costs the instance a scan: done once for the progress bar, after hidden rows, and near the end
            answer = self.fetch(query, offset=offset, counted=is_counted)
            self._check(answer, partial(self._is_above, after), by_id=True)
            _noted(advance, answer)
            if answer.rows:
                after, offset, is_doubted = self.id_of(answer.rows[-1]), 0, False
                is_counted = len(answer.rows) < answer.limit
                yield answer
                continue
            is_counted = True
            if not answer.is_last_by_emptiness:
                offset, is_doubted = _step(answer), False
            elif answer.total == 0 or is_doubted:
                return
            else:
                is_doubted = True

    def by_change(self, after: Position | None, *, inclusive: bool = False) -> Iterator[TableAnswer]:
        """Yield pages of rows changed after a position, in the order of change, until nothing follows.

        Args:
            after: where to continue; None from the beginning.
            inclusive: the first page begins with the row at the position itself, when it still exists.
        """
        position, advance = after, Advance(self.source, self.table)
        while True:
            if position is not None:
                yield from self._ties(position, advance, inclusive=inclusive)
            inclusive = False
            answer = self._later(position, advance)
            if answer.rows:
                position = self.position_of(answer.rows[-1])
            yield answer
            if answer.is_end:
                return

    def _ties(self, at: Position, advance: Advance, *, inclusive: bool) -> Iterator[TableAnswer]:
        """Yield pages of rows with one update time, above one sys_id."""
        low, operator, offset = at.sys_id, ">=" if inclusive else ">", 0
        while True:
            same = condition(self.column, "=", at.changed_at)
            query = join(self.base, same, condition("sys_id", operator, low), "ORDERBYsys_id")
            answer = self._page(query, offset)
            self._check(answer, partial(self._is_tie, at.changed_at, low, operator))
            _noted(advance, answer)
            yield answer
            if answer.is_end:
                return
            offset = 0 if answer.rows else _step(answer)
            if answer.rows:
                low, operator = self.id_of(answer.rows[-1]), ">"

    def _later(self, position: Position | None, advance: Advance) -> TableAnswer:
        """Return the next page of later update times that has rows, or the page that ends the reading."""
        later = condition(self.column, ">", position.changed_at) if position else ""
        query, offset = join(self.base, later, f"ORDERBY{self.column}", "ORDERBYsys_id"), 0
        while True:
            answer = self._page(query, offset)
            self._check(answer, partial(self._is_later, position) if position else None)
            _noted(advance, answer)
            if answer.rows or answer.is_end:
                return answer
            offset = _step(answer)

    def _page(self, query: str, offset: int) -> TableAnswer:
        """Request a page, and an empty one that is not the end once more.

        Rows that access rules hide make such a page too, and are passed over; a page that was wrong once would make
        the position pass over changes that nothing reads later.
        """
        answer = self.fetch(query, offset=offset)
        return answer if answer.rows or answer.is_end else self.fetch(query, offset=offset)

    def _is_above(self, low: str, row: Row) -> bool:
        return self.id_of(row).lower() > low.lower()

    def _is_later(self, position: Position, row: Row) -> bool:
        return value_of(row, self.column) > position.changed_at

    def _is_tie(self, changed_at: str, low: str, operator: str, row: Row) -> bool:
        is_same = operator == ">=" and self.id_of(row).lower() == low.lower()
        return value_of(row, self.column) == changed_at and (is_same or self._is_above(low, row))

    def _check(self, answer: TableAnswer, holds: Callable[[Row], bool] | None, *, by_id: bool = False) -> None:
        """Refuse a page that has a row that the query excludes, or rows out of order (facts 0.1)."""
        allowed, before = markers(self.base), ("", "")
        for row in answer.rows:
            place = ("" if by_id else value_of(row, self.column), self.id_of(row).lower())
            if place <= before or (holds is not None and not holds(row)) or not _meets_all(row, allowed):
                raise self._ignored()
            before = place

    def _ignored(self) -> BadAnswer:
        return BadAnswer(
            self.source,
            f"{self.table}: the instance left out a part of the query or its order (an unknown column, or no "
            "query_range right on it); these rows are not believed",
        )

    def id_of(self, row: Row) -> str:
        """Return a row's sys_id. Raises BadAnswer when we may not read it."""
        found = value_of(row, "sys_id")
        if not SYS_ID.fullmatch(found):
            raise BadAnswer(self.source, f"{self.table}: a row came without a sys_id")
        return found

    def position_of(self, row: Row) -> Position:
        """Return a row's position. Raises BadAnswer when we may not read its update time."""
        changed_at = value_of(row, self.column)
        if not PLATFORM_TIME.fullmatch(changed_at):
            raise BadAnswer(
                self.source, f"{self.table}: a row came without {self.column}; we need the right to read it"
            )
        return Position(changed_at, self.id_of(row))


def _meets_all(row: Row, allowed: Mapping[str, frozenset[str]]) -> bool:
    for column, values in allowed.items():
        if column in row and (value := value_of(row, column)) not in values and not meets(value, values):
            return False
    return True


def _noted(advance: Advance, answer: TableAnswer) -> None:
    """Note a page; its rows are new, because they are above the last key, and the count is of those from there."""
    if not answer.rows:
        advance.skip(answer.offset, answer.limit, answer.total)
    else:
        advance.grow(len(answer.rows), None if answer.total is None else advance.rows + answer.total)


def _step(answer: TableAnswer) -> int:
    """Return the next offset past hidden rows, with a small overlap in case some of them were just deleted."""
    return answer.offset + max(1, answer.limit - answer.limit // 10)
