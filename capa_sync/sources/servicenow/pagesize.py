"""How many rows of a table to request: fewer where the instance gave up on a page, or where rows are large."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from functools import partial

from capa_sync.sources.servicenow.cells import Row, value_of
from capa_sync.sources.sizes import PageSize

SMALLEST_PAGE = 50
_GROW_AFTER = 20  # whole pages after which a halved page size is doubled again


class PageSizes:
    """The page sizes of one session, by table.

    Args:
        goal: bytes that a page should not exceed.
    """

    def __init__(self, goal: int) -> None:
        self._patience: dict[str, tuple[int, int]] = {}
        # polls find the newest row again and again: a large one is not tried again until it changes
        self._large: dict[str, str] = {}
        self._by_bytes: dict[tuple[str, tuple[str, ...]], PageSize] = defaultdict(partial(PageSize, goal))

    def of(self, table: str, fields: Sequence[str], limit: int) -> int:
        """Return how many rows to request, at most `limit`."""
        patient = min(limit, self._patience.get(table, (limit, 0))[0])
        return self._by_bytes[table, tuple(fields)].of(patient)

    @property
    def has_large_rows(self) -> bool:
        """Tell whether single rows were too large."""
        return bool(self._large)

    def note_large(self, rows: Sequence[Row]) -> None:
        """Note that each of these rows alone is larger than an answer may be."""
        self._large.update((value_of(row, "sys_id"), value_of(row, "sys_updated_on")) for row in rows)

    def are_large(self, rows: Sequence[Row]) -> bool:
        """Tell whether all of these rows are known as too large and have not changed since."""
        return all(self._large.get(value_of(row, "sys_id")) == value_of(row, "sys_updated_on") for row in rows)

    def given_up(self, table: str, asked: int) -> None:
        """Note that the instance gave up on a page of this size, or cut its answer short."""
        self._patience[table] = (max(SMALLEST_PAGE, asked // 2), 0)

    def too_large(self, table: str, fields: Sequence[str], asked: int) -> None:
        """Note that a page of this size was larger than an answer may be."""
        self._by_bytes[table, tuple(fields)].halve(asked)

    def came_whole(self, table: str, fields: Sequence[str], limit: int, rows: int, size: int) -> None:
        """Note a complete page: its number of rows and its bytes."""
        self._by_bytes[table, tuple(fields)].learn(rows, size)
        if table not in self._patience:
            return
        patient, good = self._patience[table]
        if good < _GROW_AFTER:
            self._patience[table] = (patient, good + 1)
        elif patient * 2 >= limit:
            del self._patience[table]
        else:
            self._patience[table] = (patient * 2, 0)
