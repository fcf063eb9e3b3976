"""Parses encoded queries (`sysparm_query`) to conditions, independently of any table."""

from __future__ import annotations

import re

from capa_sync.model.light import light

RANGE_OPERATORS = frozenset({">", ">=", "<", "<=", "STARTSWITH", "ENDSWITH", "LIKE", "NOT LIKE", "BETWEEN"})
"""Operators that need the `query_range` right on the column (docs/servicenow.md 0.1)."""

_OPERATORS = (
    "!=|>=|<=|=|>|<|NOT IN|IN|NOT LIKE|DOES NOT CONTAIN|LIKE|CONTAINS|STARTSWITH|ENDSWITH|"
    "ISNOTEMPTY|ISEMPTY|ANYTHING|BETWEEN"
)
_CONDITION = re.compile(rf"([a-z0-9_]+(?:\.[a-z0-9_]+)*)({_OPERATORS})(.*)", re.DOTALL)
_SPELLINGS = {"CONTAINS": "LIKE", "DOES NOT CONTAIN": "NOT LIKE"}


@light
class QueryCondition:
    """One condition: a column or dotted path, an operator, and the literal as given."""

    field: str
    operator: str
    value: str

    def __str__(self) -> str:
        return f"{self.field}{self.operator}{self.value}"


@light
class Order:
    """One `ORDERBY` or `ORDERBYDESC`."""

    field: str
    descending: bool = False


AnyOf = tuple[QueryCondition | None, ...]
"""Alternatives joined by `^OR`; None stands for a part that the platform cannot parse."""
AllOf = tuple[AnyOf, ...]


@light
class EncodedQuery:
    """A parsed query.

    Attributes:
        branches: filters joined by `^NQ`; each has groups joined by `^`.
        orders: sort keys, most important first.
        unreadable: the parts that are not a condition, as given.
    """

    branches: tuple[AllOf, ...] = ((),)
    orders: tuple[Order, ...] = ()
    unreadable: tuple[str, ...] = ()


def parse_query(text: str) -> EncodedQuery:
    """Parse an encoded query; never raises, since the platform refuses none.

    `^NQ` binds loosest, then `^`; `^ORx` adds an alternative to the condition before it. A caret in a value
    cannot be escaped.
    """
    parser = _QueryParser()
    for part in text.split("^"):
        parser.take(part)
    return EncodedQuery(
        tuple(tuple(tuple(group) for group in branch) for branch in parser.branches),
        tuple(parser.orders),
        tuple(parser.unreadable),
    )


class _QueryParser:
    """Collects the parts of one query."""

    def __init__(self) -> None:
        self.branches: list[list[list[QueryCondition | None]]] = [[]]
        self.orders: list[Order] = []
        self.unreadable: list[str] = []

    def take(self, part: str) -> None:
        if part.startswith("ORDERBYDESC"):
            self.orders.append(Order(part.removeprefix("ORDERBYDESC"), descending=True))
        elif part.startswith("ORDERBY"):
            self.orders.append(Order(part.removeprefix("ORDERBY")))
        elif part.startswith("NQ"):
            self.branches.append([])
            self._add(part.removeprefix("NQ"), is_alternative=False)
        elif part.startswith("OR"):
            self._add(part.removeprefix("OR"), is_alternative=True)
        elif part not in ("", "EQ") and not part.startswith("GROUPBY"):
            self._add(part, is_alternative=False)

    def _add(self, part: str, *, is_alternative: bool) -> None:
        if not part:
            return
        condition = parse_condition(part)
        if condition is None:
            self.unreadable.append(part)
        branch = self.branches[-1]
        if is_alternative and branch:
            branch[-1].append(condition)
        else:
            branch.append([condition])


def parse_condition(part: str) -> QueryCondition | None:
    """Parse one condition; return None if the text is not one."""
    match = _CONDITION.fullmatch(part)
    if match is None:
        return None
    field, operator, value = match.groups()
    return QueryCondition(field, _SPELLINGS.get(operator, operator), value)
