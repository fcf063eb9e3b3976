"""Encoded queries, written by us alone: the platform cannot escape a caret and drops what it cannot read.

Facts: docs/servicenow.md 0.1 (rejected parts are dropped and all rows are returned), 7.2 (pysnow's builder escapes
nothing), 2.3 (a base filter with `^NQ` breaks a keyset).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

_CONDITION = re.compile(r"([a-z][a-z0-9_]*(?:\.[a-z0-9_]+)*)(!=|>=|<=|=|>|<|[A-Z])")
_MARKER = re.compile(r"([a-z][a-z0-9_]*)(=|IN)([\w,-]+)", re.ASCII)
_FLAGS = {"1": "true", "0": "false"}
_SPACE = re.compile(r"[\r\n\t\x00-\x1f]")


def check_query(text: str) -> str | None:
    """Say in one sentence what is wrong with a base filter from the settings; None when it can be used."""
    if _SPACE.search(text):
        return "an encoded query must be one line without control characters"
    for part in text.split("^"):
        if part.startswith("NQ"):
            return "^NQ cannot be used: it would switch off the conditions that follow; write two sources instead"
        if part.startswith(("ORDERBY", "GROUPBY")):
            return f"{part[:7]} cannot be used: the order of reading is ours"
        if part not in ("", "EQ") and not _CONDITION.match(part.removeprefix("OR")):
            return (
                f"{part!r} is no condition of the form COLUMN OPERATOR VALUE; copy the query from the list's filter"
            )
    return None


def fields_of(text: str) -> tuple[str, ...]:
    """Return the first column of each condition, in order; the table must have them."""
    found = (_CONDITION.match(part.removeprefix("OR")) for part in text.split("^"))
    return tuple(dict.fromkeys(match[1].partition(".")[0] for match in found if match))


def literal(value: str) -> str:
    """Return a value that a condition can hold. Raises ValueError for a caret or a control character."""
    if "^" in value or _SPACE.search(value):
        message = f"{value[:40]!r} cannot stand in an encoded query"
        raise ValueError(message)
    return value


def condition(field: str, operator: str, value: str) -> str:
    """Write one condition."""
    return f"{field}{operator}{literal(value)}"


def one_of(field: str, values: Iterable[str]) -> str:
    """Write `fieldINa,b`; the values must not hold commas."""
    listed = [literal(value) for value in values]
    if any("," in value for value in listed):
        raise ValueError("a value with a comma cannot stand in a list")
    return f"{field}IN{','.join(listed)}"


def join(*parts: str) -> str:
    """Join filters that must all hold; empty ones are left out."""
    return "^".join(part.removesuffix("^EQ").strip("^") for part in parts if part.strip("^"))


def prefixed(base: str, reference: str) -> str:
    """Write a base filter for a child table, through its reference: `issue.active=true`."""
    parts = (part for part in base.split("^") if part not in ("", "EQ"))
    return "^".join(
        f"OR{reference}.{part.removeprefix('OR')}" if part.startswith("OR") else f"{reference}.{part}"
        for part in parts
    )


def markers(base: str) -> Mapping[str, frozenset[str]]:
    """Return column -> allowed values, for the conditions of a filter that can be checked on a row.

    These are plain equality and lists, without alternatives, dotted paths and scripts. A row that does not meet one
    was sent because the platform dropped that condition.
    """
    parts = base.split("^")
    found: dict[str, frozenset[str]] = {}
    for part, follower in zip(parts, [*parts[1:], ""], strict=True):
        match = _MARKER.fullmatch(part)
        if match and not part.startswith("OR") and not follower.startswith("OR"):
            values = match[3].split(",") if match[2] == "IN" else [match[3]]
            found[match[1]] = frozenset(map(_plain, values))
    return found


def meets(value: str, allowed: frozenset[str]) -> bool:
    """Tell whether a row's raw value satisfies a marker (the database compares without case)."""
    return _plain(value) in allowed


def _plain(value: str) -> str:
    return _FLAGS.get(value) or value.casefold()
