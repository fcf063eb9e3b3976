"""The true order of a record's audit rows: one group for each update, also where many share one second.

A platform update writes one row for each changed column, all with its user, second and checkpoint; the checkpoint
counts the record's updates (docs/servicenow.md 3). Where it is missing, a column's rows of one second are chained
by their values, because each must start from the value that the previous one left.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Row = Mapping[str, Any]
_MOST_CHAINED = 1_000
_LONGEST = 19
"""Maximum digits of a platform counter."""


def in_true_order(rows: Iterable[Row]) -> list[list[Row]]:
    """Return the rows as updates, oldest first."""
    saved: dict[tuple[str, int], list[Row]] = {}
    for row in rows:
        saved.setdefault((row.get("sys_created_on") or "", _checkpoint(row)), []).append(row)
    updates: list[list[Row]] = []
    for moment in sorted(saved):
        entries = saved[moment]
        if len(entries) == 1:
            updates.append(entries)
        else:
            updates += _by_user(entries) if moment[1] >= 0 else _by_chain(entries)
    return updates


def _checkpoint(row: Row) -> int:
    text = row.get("record_checkpoint") or ""
    return int(text) if text.isdecimal() and len(text) < _LONGEST else -1


def _by_user(rows: Sequence[Row]) -> list[list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(str(row.get("user")), []).append(row)
    return list(found.values())


def _by_chain(rows: Sequence[Row]) -> list[list[Row]]:
    """Put the k-th change of each column by one user into that user's k-th update of this second."""
    columns: dict[str, list[Row]] = {}
    for row in rows:
        columns.setdefault(str(row.get("fieldname")), []).append(row)
    updates: dict[tuple[int, str], list[Row]] = {}
    for changes in columns.values():
        for place, row in enumerate(_chained(changes)):
            updates.setdefault((place, str(row.get("user"))), []).append(row)
    return [updates[key] for key in sorted(updates, key=lambda key: key[0])]


def _chained(changes: Sequence[Row]) -> list[Row]:
    """Order changes of one column so that each begins with the value that the previous one ended with."""
    if len(changes) > _MOST_CHAINED:
        return list(changes)  # made by a script in a loop; comparing all with all would take minutes
    left = list(changes)
    ends = [row.get("newvalue") for row in left]
    chain: list[Row] = []
    first = next((row for row in left if row.get("oldvalue") not in ends), left[0])
    while left:
        link = first if not chain else _next_link(left, chain[-1])
        left.remove(link)
        chain.append(link)
    return chain


def _next_link(left: Sequence[Row], before: Row) -> Row:
    return next((row for row in left if row.get("oldvalue") == before.get("newvalue")), left[0])
