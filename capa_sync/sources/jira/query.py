"""Combines the configured JQL with our own conditions; pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import timedelta

from capa_sync.sources.jira.times import from_epoch_ms

OLDEST_FIRST = "ORDER BY created ASC, key ASC"
"""The order of every sweep: `created` never changes, so no edit moves a ticket past the reader."""
NEWEST_FIRST = "ORDER BY created DESC, key DESC"
NEWEST_CHANGE_FIRST = "ORDER BY updated DESC, key DESC"
_EVERYTHING = "project is not EMPTY"  # Cloud refuses a query without any restriction
_PIECES = re.compile(r""""(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|\border\s+by\b""", re.IGNORECASE | re.DOTALL)


def without_order(jql: str) -> str:
    """Cut off an ORDER BY; words within quotes stay."""
    for piece in _PIECES.finditer(jql):
        if piece[0][0] not in "\"'":
            return jql[: piece.start()].strip()
    return jql.strip()


class ScopeQuery:
    """The query that defines the scope.

    Attributes:
        understands_epoch: dates are sent as epoch milliseconds, which are absolute; else as quoted minutes, which
            Jira reads in the time zone of the account's profile (docs/jira.md 2).
    """

    def __init__(self, jql: str) -> None:
        self.scope = without_order(jql) or _EVERYTHING
        self.understands_epoch = True

    def where(self, *conditions: str, order: str = OLDEST_FIRST) -> str:
        """Return the scope narrowed by conditions; empty ones are ignored."""
        return f"{' AND '.join([f'({self.scope})', *filter(None, conditions)])} {order}"

    def subtasks_born_since(self, ms: int | None) -> str:
        """Return a condition for sub-tasks of any project created since an instant; "" without an instant."""
        return f"issuetype in subTaskIssueTypes() AND {self.since('created', ms)}" if ms is not None else ""

    def since(self, field: str, ms: int | None) -> str:
        """Return a condition that a date field is not before an instant; never an upper bound."""
        if ms is None:
            return ""
        if self.understands_epoch:
            return f"{field} >= {ms}"
        # No zone is more than 12 hours behind UTC: this literal is early enough in every zone.
        early = from_epoch_ms(max(ms, 86_400_000)) - timedelta(hours=12)
        return f'{field} >= "{early:%Y-%m-%d %H:%M}"'


def not_ahead(field: str) -> str:
    """Return a condition that excludes future values, by the tracker's own clock and independent of zones.

    No other upper bound is ever sent: in a wrong zone or by our clock it would hide the newest changes.
    """
    return f"{field} <= now()"


def ids_condition(field: str, ids: Iterable[str]) -> str:
    """Return a condition that a field is one of some issue ids."""
    return f"{field} in ({', '.join(ids)})"
