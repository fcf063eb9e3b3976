"""Resolves encoded queries against tables; the platform drops unknown or forbidden parts without an error."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from capa_sync.model.light import light
from capa_sync.sandbox.servicenow.access import Caller, ServiceNowAccess
from capa_sync.sandbox.servicenow.query import (
    RANGE_OPERATORS,
    AllOf,
    AnyOf,
    EncodedQuery,
    Order,
    QueryCondition,
    parse_query,
)
from capa_sync.sandbox.servicenow.schema import INSTANT, NUMERIC, ColumnDef
from capa_sync.sandbox.servicenow.store import Store, StoredRow

INSTANT_FORMAT = "%Y-%m-%d %H:%M:%S"
_SCRIPT = re.compile(r"javascript:\s*gs\.(\w+)\((.*)\)\s*;?")
_ARGUMENT = re.compile(r"""['"]([^'"]*)['"]""")

Test = Callable[[StoredRow], bool]
Getter = Callable[[StoredRow], str]


@light
class FilterPart:
    """One conjunct: its test, and its condition if it is a single one on a column of the row itself."""

    test: Test
    condition: QueryCondition | None = None


@light
class SortKey:
    """One resolved sort key."""

    field: str
    descending: bool
    get: Getter
    is_numeric: bool


@dataclass(slots=True)
class Filter:
    """A query resolved against one table.

    Attributes:
        branches: alternative lists of conjuncts; an empty list matches every row.
        ignored: the dropped parts with their reasons; no answer shows them.
        matches_nothing: `glide.invalid_query.returns_no_rows` is set and a part is invalid.
    """

    branches: list[list[FilterPart]] = field(default_factory=list)
    sort_keys: list[SortKey] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)
    matches_nothing: bool = False

    def accepts(self, row: StoredRow) -> bool:
        """Whether a row satisfies the query."""
        if self.matches_nothing:
            return False
        return any(all(part.test(row) for part in branch) for branch in self.branches)


def resolve_query(text: str, table: str, store: Store, access: ServiceNowAccess, caller: Caller) -> Filter:
    """Resolve an encoded query for a caller."""
    return _Resolver(table, store, access, caller).resolve(parse_query(text))


class _Resolver:
    def __init__(self, table: str, store: Store, access: ServiceNowAccess, caller: Caller) -> None:
        self.table, self.store, self.access, self.caller = table, store, access, caller
        self.found = Filter()
        self.is_invalid = False

    def resolve(self, query: EncodedQuery) -> Filter:
        found = self.found
        for part in query.unreadable:
            self._drop(f"{part}: not a condition")
        found.branches = [self._branch(branch) for branch in query.branches]
        found.sort_keys = [key for order in query.orders if (key := self._sort_key(order)) is not None]
        found.matches_nothing = self.is_invalid and self.access.invalid_query_returns_no_rows()
        return found

    def _branch(self, branch: AllOf) -> list[FilterPart]:
        return [part for group in branch if (part := self._group(group)) is not None]

    def _group(self, group: AnyOf) -> FilterPart | None:
        parts = [part for c in group if c is not None and (part := self._condition(c)) is not None]
        if len(parts) <= 1:
            return parts[0] if parts else None
        tests = [part.test for part in parts]
        return FilterPart(lambda row: any(test(row) for test in tests))

    def _condition(self, condition: QueryCondition) -> FilterPart | None:
        resolved = self._follow_path(condition.field)
        if resolved is None or self.access.drops_conditions_on(self.table, condition.field):
            self._drop(f"{condition}: unknown field")
            return None
        get, column = resolved
        if condition.operator in RANGE_OPERATORS and self._lacks_range(condition.field, column):
            self._drop(f"{condition}: insufficient access for query_range", is_invalid=False)
            return None
        literal = self._literal(condition.value, column)
        if literal is None:
            self._drop(f"{condition}: script not understood")
            return None
        evaluated = QueryCondition(condition.field, condition.operator, literal)
        is_plain = "." not in condition.field and column.type not in NUMERIC
        return FilterPart(make_test(evaluated, get, column), evaluated if is_plain else None)

    def _sort_key(self, order: Order) -> SortKey | None:
        resolved = self._follow_path(order.field)
        if resolved is None or self.access.drops_conditions_on(self.table, order.field):
            self._drop(f"ORDERBY{order.field}: unknown field")
            return None
        get, column = resolved
        if self._lacks_range(order.field, column):
            self._drop(f"ORDERBY{order.field}: insufficient access for query_range", is_invalid=False)
            return None
        return SortKey(order.field, order.descending, get, column.type in NUMERIC)

    def _lacks_range(self, path: str, column: ColumnDef) -> bool:
        return self.access.denies_range(column.table if "." in path else self.table, column.name)

    def _drop(self, reason: str, *, is_invalid: bool = True) -> None:
        self.found.ignored.append(reason)
        self.is_invalid |= is_invalid

    def _follow_path(self, path: str) -> tuple[Getter, ColumnDef] | None:
        return follow_path(path, self.table, self.store)

    def _literal(self, value: str, column: ColumnDef) -> str | None:
        if "javascript:" in value:
            parts = [_run_script(part, self.caller) for part in value.split("@")]
            return None if None in parts else "@".join(filter(None, parts))
        if column.type == INSTANT and re.fullmatch(r"\d{4}-\d\d-\d\d", value):
            return f"{value} 00:00:00"
        return value


def follow_path(path: str, table: str, store: Store) -> tuple[Getter, ColumnDef] | None:
    """Resolve a dotted path from a table to a getter of its value and its last column; None if unknown."""
    first, _, rest = path.partition(".")
    column = store.schema.column(table, first)
    if column is None:
        return None
    if not rest:
        return (lambda row: row.get(first, "")), column
    if column.reference not in store.schema:
        return None
    target = column.reference
    further = follow_path(rest, target, store)
    if further is None:
        return None
    get_further, last = further

    def get(row: StoredRow) -> str:
        referenced = store.find(target, row.get(first, ""))
        return get_further(referenced) if referenced is not None else ""

    return get, last


def _run_script(text: str, caller: Caller) -> str | None:
    match = _SCRIPT.fullmatch(text.strip())
    if match is None:
        return None
    name, arguments = match.group(1), _ARGUMENT.findall(match.group(2))
    if name in ("getUserID", "getUserName"):
        return caller.sys_id if name == "getUserID" else caller.user_name
    if name == "dateGenerate" and len(arguments) == 2:
        return _generate_date(arguments[0], arguments[1], caller)
    return None


def _generate_date(day: str, time: str, caller: Caller) -> str | None:
    """Evaluate `gs.dateGenerate`: day and time in the session's zone become UTC (docs/servicenow.md 2.2)."""
    time = {"start": "00:00:00", "end": "23:59:59"}.get(time, time)
    try:
        local = datetime.fromisoformat(f"{day} {time}").replace(tzinfo=caller.zone)
    except ValueError:
        return None
    return local.astimezone(UTC).strftime(INSTANT_FORMAT)


def make_test(condition: QueryCondition, get: Getter, column: ColumnDef) -> Test:
    """Return the test of one evaluated condition. Text is compared case-sensitively (docs/servicenow.md 1.1)."""
    if condition.operator in _ON_SETS:
        return _ON_SETS[condition.operator](get, condition.value)
    if column.type in NUMERIC and condition.operator in _ORDER:
        return _numeric_test(condition, get)
    return _ON_TEXT[condition.operator](get, condition.value)


_ORDER: dict[str, Callable[[float, float], bool]] = {
    "=": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
}


def to_number(text: str) -> float | None:
    """Return the number in a text, None if it has none."""
    try:
        return float(text.replace(",", ""))
    except ValueError:
        return None


def _numeric_test(condition: QueryCondition, get: Getter) -> Test:
    literal, compare = to_number(condition.value), _ORDER[condition.operator]
    if literal is None:
        return _ON_TEXT[condition.operator](get, condition.value)

    def test(row: StoredRow) -> bool:
        value = to_number(get(row))
        return condition.operator == "!=" if value is None else compare(value, literal)

    return test


def _one_of(get: Getter, text: str) -> Test:
    wanted = frozenset(text.split(","))
    return lambda row: get(row) in wanted


def _none_of(get: Getter, text: str) -> Test:
    unwanted = frozenset(text.split(","))
    return lambda row: get(row) not in unwanted


def _between(get: Getter, text: str) -> Test:
    low, _, high = text.partition("@")
    return lambda row: low <= get(row) <= high


_ON_SETS: dict[str, Callable[[Getter, str], Test]] = {
    "IN": _one_of,
    "NOT IN": _none_of,
    "ISEMPTY": lambda get, _text: lambda row: not get(row),
    "ISNOTEMPTY": lambda get, _text: lambda row: bool(get(row)),
    "ANYTHING": lambda _get, _text: lambda _row: True,
    "BETWEEN": _between,
}


def _equals(get: Getter, text: str) -> Test:
    literal = "" if text == "NULL" else text
    return lambda row: get(row) == literal


def _differs(get: Getter, text: str) -> Test:
    literal = "" if text == "NULL" else text
    return lambda row: get(row) != literal


_ON_TEXT: dict[str, Callable[[Getter, str], Test]] = {
    "=": _equals,
    "!=": _differs,
    # an empty column is NULL in the database: no order comparison holds for it
    ">": lambda get, text: lambda row: get(row) > text,
    ">=": lambda get, text: lambda row: get(row) != "" and get(row) >= text,
    "<": lambda get, text: lambda row: "" != get(row) < text,
    "<=": lambda get, text: lambda row: "" != get(row) <= text,
    "LIKE": lambda get, text: lambda row: text in get(row),
    "NOT LIKE": lambda get, text: lambda row: text not in get(row),
    "STARTSWITH": lambda get, text: lambda row: get(row).startswith(text),
    "ENDSWITH": lambda get, text: lambda row: get(row).endswith(text),
}
