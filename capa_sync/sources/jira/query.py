"""The configured JQL and the conditions that we add to it; pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import timedelta

from capa_sync.sources.jira.times import from_epoch_ms

OLDEST_FIRST = "ORDER BY created ASC, key ASC"
"""The order of every sweep: `created` never changes, so that no edit moves a ticket past the reader."""
NEWEST_FIRST = "ORDER BY created DESC, key DESC"
NEWEST_CHANGE_FIRST = "ORDER BY updated DESC, key DESC"
_EVERYTHING = "project is not EMPTY"  # Cloud refuses a query without any restriction
_PIECES = re.compile(r""""(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|\border\s+by\b""", re.IGNORECASE | re.DOTALL)


def without_order(jql: str) -> str:
    """Cut an ORDER BY off; the words within quotes stay."""
    for piece in _PIECES.finditer(jql):
        if piece[0][0] not in "\"'":
            return jql[: piece.start()].strip()
    return jql.strip()


class JqlQuery:
    """What is in scope.

    Attributes:
        understands_epoch: dates are sent as epoch milliseconds, which are absolute; else as quoted minutes, which
            Jira reads in the time zone of the account's profile (facts/jira.md 2).
    """

    def __init__(self, jql: str) -> None:
        self.scope = without_order(jql) or _EVERYTHING
        self.understands_epoch = True

    def where(self, *conditions: str, order: str = OLDEST_FIRST) -> str:
        """The scope narrowed by conditions; empty ones count for nothing."""
        return f"{' AND '.join([f'({self.scope})', *filter(None, conditions)])} {order}"

    def subtasks_born_since(self, ms: int | None) -> str:
        """A condition for sub-tasks of any project that were made since an instant; "" without one."""
        return f"issuetype in subTaskIssueTypes() AND {self.since('created', ms)}" if ms is not None else ""

    def since(self, field: str, ms: int | None) -> str:
        """A condition that a date field is not before an instant; never an upper bound."""
        if ms is None:
            return ""
        if self.understands_epoch:
            return f"{field} >= {ms}"
        # No zone is more than 12 hours behind UTC: this literal is early enough in whatever zone it is read.
        early = from_epoch_ms(max(ms, 86_400_000)) - timedelta(hours=12)
        return f'{field} >= "{early:%Y-%m-%d %H:%M}"'


def not_ahead(field: str) -> str:
    """A condition that leaves out stamps in the tracker's future, by the tracker's own clock and in no zone.

    No other upper bound is ever sent: one in a wrong zone or by our clock would hide what was just changed.
    """
    return f"{field} <= now()"


def ids_condition(field: str, ids: Iterable[str]) -> str:
    """A condition that a field is one of some issue ids."""
    return f"{field} in ({', '.join(ids)})"
