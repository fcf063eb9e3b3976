"""Sums of the plans that a brake or the mode withholds, so that a poll need not make each plan again.

The plans themselves are not kept: their writes are in the outbox as withheld, and a plan that may go is made again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from capa_sync.daemon.plan_cache import CachedPlan


class _PlanSums(NamedTuple):
    """Whether the plan writes, and whether it notifies people."""

    writes: bool
    notifies: bool


class WithheldPlans:
    """What counts of the plans of one source's tickets that may not be put into the outbox, by ticket id.

    They are in memory only: a new process plans every ticket again that may need a write.

    Attributes:
        cause: the brake or mode that withholds them. writing, notifying: number of plans that write, and that notify.
    """

    def __init__(self) -> None:
        self._plans: dict[str, _PlanSums] = {}
        self.cause = ""
        self.writing = 0
        self.notifying = 0

    def __contains__(self, ticket_id: object) -> bool:
        return ticket_id in self._plans

    def __iter__(self) -> Iterator[str]:
        return iter(self._plans)

    def __len__(self) -> int:
        return len(self._plans)

    def writes_on(self, ticket_id: str) -> bool:
        """Return whether a withheld plan of this process writes on the ticket."""
        return ticket_id in self._plans and self._plans[ticket_id].writes

    def keep(self, plans: Mapping[str, CachedPlan], cause: str) -> None:
        """Add withheld plans; `cause` withholds all of them from now on."""
        self.cause = cause
        for ticket_id, plan in plans.items():
            self.drop(ticket_id)
            self._plans[ticket_id] = _PlanSums(bool(plan.writes), plan.notifies)
            self.writing += bool(plan.writes)
            self.notifying += plan.notifies

    def drop(self, ticket_id: str) -> None:
        """Remove a ticket's plan, because the ticket has changed."""
        plan = self._plans.pop(ticket_id, None)
        if plan is not None:
            self.writing -= plan.writes
            self.notifying -= plan.notifies

    def take_all(self) -> list[str]:
        """Remove all plans; return the ids of their tickets."""
        found = list(self._plans)
        self._plans.clear()
        self.writing = self.notifying = 0
        return found
