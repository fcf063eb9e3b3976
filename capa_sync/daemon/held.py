"""Plans that a brake or a mode holds back: known by their sums, so that a poll need not look at each of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from capa_sync.writeback import TicketPlan


class _Held(NamedTuple):
    """Does the plan write, does it notify."""

    writes: bool
    notifies: bool


class HeldBack:
    """What was planned on tickets of one source and may not be put, by ticket id.

    Kept in memory alone: a new process plans every ticket anew that may need a write.

    Attributes:
        cause: the brake or mode that holds. writing, notifying: how many of the plans write, and notify.
    """

    def __init__(self) -> None:
        self._plans: dict[str, _Held] = {}
        self.cause = ""
        self.writing = 0
        self.notifying = 0

    def __contains__(self, ticket_id: object) -> bool:
        return ticket_id in self._plans

    def __iter__(self) -> Iterator[str]:
        return iter(self._plans)

    def __len__(self) -> int:
        return len(self._plans)

    def keep(self, plans: Mapping[str, TicketPlan], cause: str) -> None:
        """Add plans to those held; all are held by `cause` now."""
        self.cause = cause
        for ticket_id, plan in plans.items():
            self.drop(ticket_id)
            self._plans[ticket_id] = _Held(bool(plan.writes), plan.notifies)
            self.writing += bool(plan.writes)
            self.notifying += plan.notifies

    def drop(self, ticket_id: str) -> None:
        """Forget a ticket's plan: there is news of it."""
        plan = self._plans.pop(ticket_id, None)
        if plan is not None:
            self.writing -= plan.writes
            self.notifying -= plan.notifies

    def take_all(self) -> list[str]:
        """Hold nothing any more; return ids of the tickets that were held."""
        found = list(self._plans)
        self._plans.clear()
        self.writing = self.notifying = 0
        return found
