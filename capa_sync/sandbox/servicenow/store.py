"""The rows of the sandbox ServiceNow, with the sorted and equality indexes that make keyset pages fast."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator, Mapping, Sequence

from capa_sync.sandbox.servicenow.schema import Schema

SORTED = ("sys_id", "sys_updated_on", "sys_created_on")
"""Columns with a sorted index, which is built at the first query that can use it and then kept up to date."""
EQUAL = frozenset(
    {"documentkey", "element_id", "number", "issue", "problem", "parent", "u_capa", "name", "user_name"}
)
"""Columns with an equality index."""

_Key = tuple[str, str]
_LAST = "\U0010ffff"


class StoredRow(dict[str, str]):
    """One record: its non-empty columns and its class."""

    __slots__ = ("table",)

    def __init__(self, table: str, values: Mapping[str, str]) -> None:
        super().__init__((name, value) for name, value in values.items() if value != "")
        self.table = table

    @property
    def sys_id(self) -> str:
        """The record's id."""
        return self["sys_id"]


class View:
    """The rows that a query on one table sees: its own rows and those of the classes that extend it."""

    def __init__(self) -> None:
        self.rows: dict[str, StoredRow] = {}
        self._sorted: dict[str, list[_Key]] = {}
        self._equal: dict[str, dict[str, dict[str, None]]] = {}

    def __iter__(self) -> Iterator[StoredRow]:
        return iter(self.rows.values())

    def add(self, row: StoredRow) -> None:
        """Add a row."""
        self.rows[row.sys_id] = row
        for column, keys in self._sorted.items():
            insort(keys, _key(row, column))
        for column, groups in self._equal.items():
            groups.setdefault(row.get(column, ""), {})[row.sys_id] = None

    def remove(self, row: StoredRow) -> None:
        """Remove a row."""
        del self.rows[row.sys_id]
        for column, keys in self._sorted.items():
            del keys[bisect_left(keys, _key(row, column))]
        for column, groups in self._equal.items():
            del groups[row.get(column, "")][row.sys_id]

    def keys(self, column: str) -> Sequence[_Key]:
        """Return the sorted (value, sys_id) pairs of one of the SORTED columns."""
        if column not in self._sorted:
            self._sorted[column] = sorted(_key(row, column) for row in self.rows.values())
        return self._sorted[column]

    def span(self, column: str, low: _Key | None, high: _Key | None) -> tuple[int, int]:
        """Return the slice of `keys(column)` above `low` and not above `high`."""
        keys = self.keys(column)
        start = 0 if low is None else bisect_right(keys, low)
        stop = len(keys) if high is None else bisect_right(keys, high)
        return start, max(start, stop)

    def with_value(self, column: str, value: str) -> list[StoredRow]:
        """Return the rows whose EQUAL column (or sys_id) has exactly this value, in order of insertion."""
        if column == "sys_id":
            return [self.rows[value]] if value in self.rows else []
        if column not in self._equal:
            groups: dict[str, dict[str, None]] = {}
            for row in self.rows.values():
                groups.setdefault(row.get(column, ""), {})[row.sys_id] = None
            self._equal[column] = groups
        return [self.rows[sys_id] for sys_id in self._equal[column].get(value, ())]


def _key(row: StoredRow, column: str) -> _Key:
    return (row.get(column, ""), row.sys_id)


def above(value: str) -> _Key:
    """Return the bound above every row with this value."""
    return (value, _LAST)


def below(value: str) -> _Key:
    """Return the bound below every row with this value."""
    return (value, "")


class Store:
    """All rows of all tables. It is not thread-safe; the tracker holds one lock during each request."""

    def __init__(self, schema: Schema) -> None:
        self.schema = schema
        self._views: dict[str, View] = {}

    def view(self, table: str) -> View:
        """Return the rows that a query on this table sees."""
        return self._views.setdefault(table, View())

    def find(self, table: str, sys_id: str) -> StoredRow | None:
        """Return one row of this table's view by its id."""
        return self.view(table).rows.get(sys_id)

    def add(self, row: StoredRow) -> None:
        """Add a row to its class and all ancestors; a row of the same id is replaced."""
        lineage = self.schema.lineage(row.table)
        old = self.find(lineage[-1], row.sys_id)  # also if it has another class
        if old is not None:
            self.remove(old)
        for table in lineage:
            self.view(table).add(row)

    def remove(self, row: StoredRow) -> None:
        """Remove a row from all views."""
        for table in self.schema.lineage(row.table):
            self.view(table).remove(row)

    def change(self, row: StoredRow, values: Mapping[str, str], table: str | None = None) -> None:
        """Set columns of a row in place ("" empties a column); `table` reclassifies it.

        A row whose indexed columns change moves to the end of the order of insertion, which a query without ORDERBY
        returns: real instances guarantee no order there either.
        """
        views = [self.view(t) for t in self.schema.lineage(row.table)]
        moves = table is not None and table != row.table
        reindexed = moves or any(name in EQUAL or name in SORTED for name in values)
        if reindexed:
            for view in views:
                view.remove(row)
        for name, value in values.items():
            if value == "":
                row.pop(name, None)
            else:
                row[name] = value
        if moves and table is not None:
            row.table = table
        if reindexed:
            for name in self.schema.lineage(row.table):
                self.view(name).add(row)
